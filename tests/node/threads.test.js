// The engine's threads: the servers of a process share them, and they end with the last server.
'use strict';

const assert = require('assert/strict');
const fs = require('fs');
const { once } = require('events');
const { Worker } = require('worker_threads');
const { test } = require('node:test');
const { io: connect } = require('socket.io-client');
const { clientOf, isOriginal, join, next, serve, sori } = require('./harness');
const engineIo = require('../../node-binding/engine');
const { WebSocketServer, WebSocket } = require('../../node-binding/ws');

const TASKS = '/proc/self/task';
const options = { skip: isOriginal || !fs.existsSync(TASKS) };

/** How many IO threads the process has. */
function ioThreads() {
  const names = fs.readdirSync(TASKS).map((task) => {
    try {
      return fs.readFileSync(`${TASKS}/${task}/comm`, 'utf8');
    } catch {
      // The thread has ended since the folder was read.
      return '';
    }
  });
  return names.filter((name) => name.startsWith('sori-')).length;
}

/** Ends when the process has `count` of them. */
async function haveThreads(count) {
  while (ioThreads() !== count) {
    await new Promise(setImmediate);
  }
}

/** An open plain WebSocket of the same HTTP server. */
async function plain(t, port) {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/plain`);
  t.after(() => ws.terminate());
  await once(ws, 'open');
  return ws;
}

async function expectEcho(ws) {
  ws.send('hello');
  const [message] = await once(ws, 'message');
  assert.equal(String(message), 'hello');
}

// The first test of the file: it counts from none. The engine of `sori/ws`, once started, lasts as long as the process.
test('servers that want as many threads share them, and one that is closed leaves the others theirs', options, async (t) => {
  const { io, port, httpServer } = await serve(t, { shards: 2 });
  assert.equal(ioThreads(), 2);
  const second = new sori.Server(httpServer, { path: '/second', shards: 2 });
  const third = engineIo.attach(httpServer, { path: '/third', shards: 2 });
  assert.equal(ioThreads(), 2);
  const other = new sori.Server(httpServer, { path: '/other', shards: 3 });
  assert.equal(ioThreads(), 5);
  other.engine.close();
  await haveThreads(2);
  second.on('connection', (socket) => socket.on('ask', (done) => done('second')));
  const client = await join(t, port, '/', { path: '/second' });
  third.close();
  io.engine.close();
  assert.equal(await client.emitWithAck('ask'), 'second');
  assert.equal(ioThreads(), 2);
  client.disconnect();
  second.engine.close();
  await haveThreads(0);
});

test('`sori` and `sori/ws` on one HTTP server have the threads of one, and either outlives the other', options, async (t) => {
  const { io, port, httpServer } = await serve(t);
  const alone = ioThreads();
  const wss = new WebSocketServer({ noServer: true });
  wss.on('connection', (ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })));
  httpServer.on('upgrade', (req, socket, head) => {
    if (req.url === '/plain') {
      wss.handleUpgrade(req, socket, head, (ws) => wss.emit('connection', ws, req));
    }
  });
  io.on('connection', (socket) => socket.on('ask', (done) => done('socket.io')));
  const client = clientOf(t, port);
  await next(client, 'connect');
  const ws = await plain(t, port);
  await expectEcho(ws);
  assert.equal(await client.emitWithAck('ask'), 'socket.io');
  assert.equal(ioThreads(), alone);
  ws.terminate();
  assert.equal(await client.emitWithAck('ask'), 'socket.io');
  const staying = await plain(t, port);
  const left = next(client, 'disconnect');
  io.engine.close();
  await left;
  await expectEcho(staying);
  assert.equal(ioThreads(), alone);
});

test('a Worker has threads of its own, which end with it', options, async (t) => {
  const { io, port } = await serve(t);
  io.on('connection', (socket) => socket.on('ask', (done) => done('here')));
  const client = await join(t, port);
  const before = ioThreads();
  const worker = new Worker(require.resolve('./fixtures/worker.js'));
  const [workerPort] = await once(worker, 'message');
  assert.ok(ioThreads() > before);
  const there = connect(`http://127.0.0.1:${workerPort}`, { transports: ['websocket'], reconnection: false, forceNew: true });
  t.after(() => there.disconnect());
  assert.equal(await there.emitWithAck('ask', 20), 21);
  await worker.terminate();
  await haveThreads(before);
  assert.equal(await client.emitWithAck('ask'), 'here');
});
