// `createWebSocketStream`: a WebSocket as a Duplex.
'use strict';

const assert = require('assert/strict');
const { randomBytes } = require('crypto');
const { once } = require('events');
const { pipeline, Readable, Writable } = require('stream');
const { promisify } = require('util');
const { test } = require('node:test');
const { WebSocket, serve, clientOf, pair, next, frame } = require('./ws-harness');

test('a stream piped through an echo comes back whole and closes cleanly', async (t) => {
  const { wss, url } = await serve(t);
  const ended = once(wss, 'connection').then(([ws]) => next(ws, 'close'));
  wss.on('connection', (ws) => {
    const stream = WebSocket.createWebSocketStream(ws);
    stream.pipe(stream);
  });
  const client = clientOf(t, url);
  const stream = WebSocket.createWebSocketStream(client, { highWaterMark: 4096 });
  const bytes = randomBytes(300000);
  const received = [];
  let length = 0;
  stream.on('data', (chunk) => {
    received.push(chunk);
    length += chunk.length;
    if (length === bytes.length) {
      stream.end();
    }
  });
  for (let at = 0; at < bytes.length; at += 10000) {
    stream.write(bytes.subarray(at, at + 10000));
  }
  await next(stream, 'close');
  assert.ok(Buffer.concat(received).equals(bytes));
  assert.equal((await ended)[0], 1005);
});

test('a reader that takes its time holds up the sender, and misses nothing', async (t) => {
  const context = await serve(t);
  const { client, server } = await pair(t, context);
  const stream = WebSocket.createWebSocketStream(client);
  const got = [];
  let wasPaused = false;
  const slow = new Writable({
    highWaterMark: 1,
    write(chunk, encoding, callback) {
      got.push(chunk);
      setImmediate(() => {
        wasPaused = wasPaused || client.isPaused;
        callback();
      });
    },
  });
  for (let i = 0; i < 200; i++) {
    server.send(Buffer.alloc(2000, i));
  }
  server.close();
  await promisify(pipeline)(stream, slow);
  assert.ok(wasPaused);
  const all = Buffer.concat(got);
  assert.equal(all.length, 400000);
  for (let i = 0; i < 200; i++) {
    assert.equal(all[i * 2000 + 1999], i % 256);
  }
});

test('text comes as strings in object mode', async (t) => {
  const context = await serve(t);
  const { client, server } = await pair(t, context);
  const stream = WebSocket.createWebSocketStream(client, { readableObjectMode: true });
  server.send('text');
  server.send(Buffer.from('bytes'));
  server.close();
  const got = [];
  for await (const chunk of stream) {
    got.push(chunk);
  }
  assert.deepEqual(got, ['text', Buffer.from('bytes')]);
});

test('destroying the stream drops the connection', async (t) => {
  const context = await serve(t);
  const { client, server } = await pair(t, context);
  const stream = WebSocket.createWebSocketStream(client);
  const error = new Error('enough');
  const ends = Promise.all([next(server, 'close'), next(stream, 'close'), next(stream, 'error')]);
  stream.destroy(error);
  const [[code], , [reported]] = await ends;
  assert.deepEqual([code, reported], [1006, error]);
});

test('an error of the connection is the stream’s', async (t) => {
  const context = await serve(t);
  const connected = once(context.wss, 'connection');
  const client = clientOf(t, context.url);
  const stream = WebSocket.createWebSocketStream(client);
  context.wss.on('connection', (ws) => ws._socket.write(frame(0x83, '', false)));
  const [[error]] = await Promise.all([next(stream, 'error'), connected]);
  assert.equal(error.code, 'WS_ERR_INVALID_OPCODE');
});

test('what is written before the opening leaves with it', async (t) => {
  const { wss, url } = await serve(t);
  const received = new Promise((resolve) => wss.on('connection', (ws) => ws.on('message', (data) => resolve(data.toString()))));
  const stream = WebSocket.createWebSocketStream(clientOf(t, url));
  Readable.from(['early']).pipe(stream, { end: false });
  assert.equal(await received, 'early');
});
