// A Node server that knows nothing of tracing: node front.js URL. Calls URL by http.request, with or without an agent
// that keeps connections, and by fetch.
const http = require('http');
const { setTimeout: sleep } = require('timers/promises');

const upstream = process.argv[2];
const agent = new http.Agent({ keepAlive: true });

function get(path, options = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(upstream + path, options, (answer) => {
      let body = '';
      answer.on('data', (piece) => { body += piece; });
      answer.on('end', () => resolve(body));
    });
    request.on('error', reject);
    request.end(options.body);
  });
}

const routes = {
  quick: async () => 'quick',
  call: (rest) => get(rest),
  kept: (rest) => get(rest, { agent }),
  post: (rest) => get(rest, { method: 'POST', body: 'x'.repeat(1000) }),
  fetch: async (rest) => (await fetch(upstream + rest)).text(),
  both: async (rest) => (await Promise.all([get(rest + '/1'), get(rest + '/2')])).join(),
  chain: async (rest) => (await get(rest + '/1')) + (await get(rest + '/2')),
  later: async (rest) => { await sleep(30); return get(rest); },
  fail: async () => { throw new Error('on purpose'); },
};

const server = http.createServer(async (request, response) => {
  const [, name, ...rest] = request.url.split('/');
  let size = 0;
  for await (const piece of request) size += piece.length;
  if (name === 'length') return response.end(String(size));
  try {
    response.end(await routes[name]('/' + rest.join('/')));
  } catch (error) {
    response.statusCode = 500;
    response.end(error.code || error.message);
  }
});
server.listen(0, '127.0.0.1', () => console.log('listening on ' + server.address().port));
process.on('SIGTERM', () => process.exit(0));
