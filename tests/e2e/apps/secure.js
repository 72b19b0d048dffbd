// A Node server that knows nothing of tracing, by plain HTTP and by HTTPS: node secure.js KEY CERT CA. What comes in by
// plain HTTP is asked of the other one, and what comes in there, later, of itself once more.
const fs = require('fs');
const http = require('http');
const https = require('https');
const { setTimeout: sleep } = require('timers/promises');

const [key, cert, ca] = process.argv.slice(2).map((path) => fs.readFileSync(path));
const agent = new https.Agent({ keepAlive: true, ca });
let base;

function get(path, options = {}) {
  return new Promise((resolve, reject) => {
    const request = https.request(base + path, { agent, ...options }, (answer) => {
      let body = '';
      answer.on('data', (piece) => { body += piece; });
      answer.on('end', () => resolve(body));
      answer.on('error', reject);
    });
    request.on('error', reject);
    if (options.timeout) request.on('timeout', () => request.destroy(Object.assign(new Error(), { code: 'gave up' })));
    request.end(options.body);
  });
}

const viaFetch = async (path, options) => (await fetch(base + path, options)).text();

// By plain HTTP: ways to ask the other one.
const ways = {
  call: (rest) => get(rest, { agent: new https.Agent({ ca }) }),
  kept: (rest) => get(rest),
  fetch: (rest) => viaFetch(rest),
  post: (rest) => get(rest, { method: 'POST', body: 'x'.repeat(100000) }),
  own: (rest) => get(rest, { headers: { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` } }),
  both: async (rest) => (await Promise.all([get(rest), viaFetch(rest)])).join(' '),
  impatient: (rest) => get(rest, { timeout: 50, agent: new https.Agent({ ca }) }),
  distrust: (rest) => get(rest, { agent: new https.Agent({ ca: [] }) }),
  visible: async (rest) => {
    const seen = await new Promise((resolve, reject) => {
      const request = https.get(base + rest, { agent: new https.Agent({ ca }) }, (answer) => {
        const { socket } = request;
        resolve([request.getHeaderNames(), request.eventNames(), socket.eventNames().map(String).sort(),
          socket.getProtocol(), Reflect.ownKeys(socket).length, request.socket.bytesWritten > 0]);
        answer.resume();
      }).on('error', reject);
    });
    return JSON.stringify(seen);
  },
};

// By HTTPS.
const deeds = {
  leaf: async () => 'leaf',
  nap: async (rest) => { await sleep(Math.random() * 20); return get(`/leaf${rest}`); },
  napfetch: async (rest) => { await sleep(Math.random() * 20); return viaFetch(`/leaf${rest}`); },
  fail: async (rest, response) => { response.statusCode = 503; return 'sorry'; },
  missing: async (rest, response) => { response.statusCode = 404; return 'nothing'; },
  cut: async (rest, response) => { response.socket.destroy(); return ''; },
  sleepy: async () => { await sleep(300); return 'late'; },
  stream: async (rest, response) => {
    for (let n = 0; n < 5; n++) { response.write('x'.repeat(30000)); await sleep(1); }
    return 'end';
  },
};

function handler(table) {
  return async (request, response) => {
    const [, name, ...rest] = request.url.split('/');
    let size = 0;
    for await (const piece of request) size += piece.length;
    try {
      const body = await table[name]('/' + rest.join('/'), response);
      response.end(`${body} ${size} ${request.url} ${request.headers.traceparent || ''}`);
    } catch (error) {
      response.end(`${error.cause?.code || error.code || error.message} ${request.url}`);
    }
  };
}

const back = https.createServer({ key, cert }, handler(deeds)).listen(0, '127.0.0.1', () => {
  base = `https://localhost:${back.address().port}`;
  console.log('secure at ' + back.address().port);
  const front = http.createServer(handler(ways)).listen(0, '127.0.0.1', () => {
    console.log('listening on ' + front.address().port);
  });
});
back.on('tlsClientError', () => {});
process.on('SIGTERM', () => process.exit(0));
