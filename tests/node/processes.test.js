// When a process with a server ends: by itself when nothing is left to do, at once when told to, never while it listens.
'use strict';

const assert = require('assert/strict');
const path = require('path');
const { spawn } = require('child_process');
const { once } = require('events');
const { Worker } = require('worker_threads');
const { test } = require('node:test');
const { io: connect } = require('socket.io-client');
const { isOriginal, next } = require('./harness');

const MODULE = isOriginal ? require.resolve('socket.io') : path.join(__dirname, '../../node-binding');
const START = `
  const http = require('http');
  const { Server } = require(${JSON.stringify(MODULE)});
`;
const LISTEN = `${START}
  const io = new Server(http.createServer().listen(0, '127.0.0.1', function () { console.log(this.address().port); }));
`;

/** A process that runs `script`; killed in the end, should it still be there. */
function run(t, script) {
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'], cwd: __dirname });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

async function portOf(child) {
  return Number((await once(child.stdout, 'data')).toString());
}

async function join(t, port) {
  const client = connect(`http://127.0.0.1:${port}`, { transports: ['websocket'], reconnection: false, forceNew: true });
  t.after(() => client.disconnect());
  await next(client, 'connect');
  return client;
}

for (const [what, script] of [
  ['a server that is attached to nothing', `${START} new Server();`],
  ['a server whose HTTP server never listens', `${START} new Server(http.createServer());`],
  ['a server that was closed', `${LISTEN} io.httpServer.once('listening', () => io.close());`],
  ['a server whose HTTP server alone was closed', `${LISTEN} io.httpServer.once('listening', () => io.httpServer.close());`],
]) {
  test(`${what} keeps no process alive`, async (t) => {
    const child = run(t, script);
    child.stdout.resume();
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  });
}

test('a server that listens keeps its process alive, with and without clients', async (t) => {
  const child = run(t, `${LISTEN} io.on('connection', (socket) => socket.on('ask', (done) => done()));`);
  const port = await portOf(child);
  for (let round = 0; round < 2; round++) {
    const client = await join(t, port);
    await client.emitWithAck('ask');
    client.disconnect();
  }
  assert.equal(child.exitCode, null);
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [null, 'SIGTERM']);
});

test('a process that exits with clients connected does so with its own code', async (t) => {
  const child = run(t, `${LISTEN} io.on('connection', (socket) => socket.on('exit', (code) => process.exit(code)));`);
  const client = await join(t, await portOf(child));
  const gone = next(client, 'disconnect');
  const ended = once(child, 'exit');
  client.emit('exit', 7);
  assert.deepEqual(await ended, [7, null]);
  assert.match((await gone)[0], /^transport (close|error)$/);
});

test('a process that closes on SIGTERM ends when its clients are gone', async (t) => {
  const child = run(t, `${LISTEN} process.on('SIGTERM', () => io.close());`);
  const client = await join(t, await portOf(child));
  const gone = next(client, 'disconnect');
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
  assert.equal((await gone)[0], 'transport close');
});

test('a worker thread ends when its server is closed', async (t) => {
  const worker = new Worker(`${LISTEN} require('worker_threads').parentPort.once('message', () => io.close());`, { eval: true, stdout: true });
  t.after(() => worker.terminate());
  const port = await portOf(worker);
  const client = await join(t, port);
  const gone = next(client, 'disconnect');
  const ended = once(worker, 'exit');
  worker.postMessage('close');
  assert.deepEqual(await ended, [0]);
  await gone;
});
