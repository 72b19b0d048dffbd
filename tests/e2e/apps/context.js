// A Node server whose calls are made long after the request was read: node context.js URL [cluster | worker].
// Knows nothing of tracing.
const http = require('http');
const { EventEmitter } = require('events');
const { setTimeout: sleep } = require('timers/promises');

const upstream = process.argv[2];
const few = new http.Agent({ keepAlive: true, maxSockets: 4 });
const bus = new EventEmitter();

function get(path, options = {}) {
  return new Promise((resolve, reject) => {
    http.get(upstream + path, options, (answer) => {
      let body = '';
      answer.on('data', (piece) => { body += piece; });
      answer.on('end', () => resolve(body));
    }).on('error', reject);
  });
}

const viaFetch = async (path) => (await fetch(upstream + path)).text();
const some = () => sleep(Math.random() * 20);

const routes = {
  nap: async (rest) => { await some(); return get(rest); },
  fan: async (rest) => { await some(); return (await Promise.all([1, 2, 3].map((n) => get(`/${n}${rest}`)))).join(); },
  queue: async (rest) => (await Promise.all([1, 2].map((n) => get(`/${n}${rest}`, { agent: few })))).join(),
  fetch: async (rest) => { await some(); return viaFetch(rest); },
  name: async (rest) => { await some(); return get(rest, { host: 'localhost', agent: few }); },
  immediate: (rest) => new Promise((resolve) => setImmediate(() => process.nextTick(() => resolve(get(rest))))),
  event: async (rest) => {
    setTimeout(() => bus.emit('now'), 5);
    await new Promise((resolve) => bus.once('now', resolve));
    return get(rest);
  },
  chain: async (rest) => (await get(rest, { agent: few })) + (await some(), await viaFetch(rest)) + (await get(rest)),
};

async function handle(request, response) {
  const [, name, ...rest] = request.url.split('/');
  const path = '/' + rest.join('/');
  if (name === 'after') {
    response.end('after');
    await sleep(30);
    return get(path);
  }
  if (name === 'deep') {
    const down = (n) => { process.nextTick(() => {}); return down(n + 1) + 1; };
    try { down(0); } catch { /* the stack is used up */ }
  }
  if (name === 'patch') {
    const hooks = require('async_hooks');
    hooks.executionAsyncResource = hooks.executionAsyncId = () => { throw new Error('not ours'); };
  }
  response.end(String(routes[name] ? await routes[name](path) : process.pid));
}

function serve() {
  const server = http.createServer(handle);
  server.listen(0, '127.0.0.1', () => console.log('listening on ' + server.address().port));
}

const { Worker, isMainThread } = require('worker_threads');
const cluster = require('cluster');

if (process.argv[3] === 'cluster' && cluster.isPrimary) {
  cluster.fork();
  cluster.fork();
} else if (process.argv[3] === 'worker' && isMainThread) {
  new Worker(__filename, { argv: process.argv.slice(2) });
} else if (process.argv[3] === 'ticking') {
  setInterval(() => get('/tick').catch(() => {}), 5);
  serve();
} else {
  serve();
}
process.on('SIGTERM', () => process.exit(0));
