// What a Node program with async hooks of its own gets to see while it serves and calls: node hooks.js [early | late |
// storage | promises]. Nobody but the program and Node may be in it.
const http = require('http');
const hooks = require('async_hooks');
const { promiseHooks } = require('v8');

const how = process.argv[2];
const storage = new hooks.AsyncLocalStorage();
const seen = {};
const note = (what) => { seen[what] = (seen[what] || 0) + 1; };
let stop = () => {};

const ways = {
  late: () => {
    const hook = hooks.createHook({
      init: (id, type, trigger, resource) => {
        note(type);
        if (type !== 'PROMISE' && Reflect.ownKeys(resource).length > 20) note('large');
      },
      before: () => note('before'), after: () => note('after'), promiseResolve: () => note('resolve'),
    }).enable();
    stop = () => hook.disable();
  },
  promises: () => { stop = promiseHooks.createHook({ init: () => note('init'), settled: () => note('settled') }); },
};
if (how === 'early') ways.late();

const pause = () => new Promise((done) => setTimeout(done, 2));
// Where a hook is switched off while a request is open, Node goes on marking promises: so only without any.
const marks = () => !how && Reflect.ownKeys(Promise.resolve()).map(String).join();

async function handle(request, response) {
  await null;
  if (how === 'late' || how === 'promises') ways[how]();
  const before = marks();
  const got = await storage.run({ path: request.url }, async () => {
    await pause();
    await new Promise((done) => process.nextTick(done));
    return storage.getStore().path;
  });
  if (how === 'storage') storage.disable();
  await pause();
  stop();
  response.end(`${got} ${String(storage.getStore())} ${before}`);
}

const server = http.createServer(handle).listen(0, '127.0.0.1', async () => {
  for (let n = 0; n < 3; n++) {
    await new Promise((done) => http.get({ port: server.address().port, path: `/${n}` }, (answer) => {
      answer.on('data', (text) => console.log(String(text)));
      answer.on('end', done);
    }));
    await pause();
    if (how === 'early') ways.late();
  }
  console.log(JSON.stringify(Object.keys(seen).sort()), marks());
  server.close();
  process.exit(0);
});
