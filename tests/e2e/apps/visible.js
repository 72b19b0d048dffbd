// What a Node program can see of itself while it has served and called: node visible.js
const http = require('http');
const util = require('util');

function tell(name, value) {
  console.log(name + ': ' + util.inspect(value, { depth: 4, breakLength: 200, maxArrayLength: null }));
}

const show = (request) => {
  tell('modules', Object.keys(require.cache).map((path) => path.split('/').pop()));
  tell('NODE_OPTIONS', process.env.NODE_OPTIONS);
  tell('execArgv', process.execArgv);
  tell('argv', process.argv.length);
  tell('globals', Reflect.ownKeys(globalThis).map(String));
  tell('process', Reflect.ownKeys(process).map(String));
  tell('listeners', process.eventNames());
  tell('timer', Reflect.ownKeys(setTimeout(() => {}, 1)).map(String));
  tell('socket', request.socket.eventNames().map(String).sort());
  tell('patched', [http.createServer, http.request, http.get, http.ClientRequest.prototype.onSocket, fetch,
    setTimeout, Promise.prototype.then].map((f) => f.toString().length));
  tell('stack', new Error('here').stack.replace(/\(.*\/|:\d+:\d+/g, ''));
};

const server = http.createServer((request, response) => {
  show(request);
  response.end('seen');
}).listen(0, '127.0.0.1', () => {
  const request = http.get({ port: server.address().port }, (answer) => {
    answer.resume().on('end', () => {
      server.close();
      if (process.argv[2] === 'throw') throw new TypeError('nobody catches it');
      if (process.argv[2] === 'reject') Promise.reject(new TypeError('nobody catches it'));
      if (process.argv[2] === 'exit') process.exitCode = 7;
    });
  });
  tell('request', Reflect.ownKeys(request).map(String));
});
process.on('warning', (warning) => tell('warning', warning.name));
