// What happens when the application's own functions fail: as in socket.io, unless `onHandlerError` is given.
'use strict';

const assert = require('assert/strict');
const path = require('path');
const { execFile } = require('child_process');
const { test } = require('node:test');
const { isOriginal, serve, clientOf, join, pair, next, barrier } = require('./harness');

for (const [how, message] of [
  ['throws', 'thrown by a handler'],
  ['rejects', 'rejected by a handler'],
]) {
  test(`a handler that ${how} ends the process when nobody catches it`, async () => {
    const script = path.join(__dirname, 'fixtures/failing-handler.js');
    const { code, stderr } = await new Promise((resolve) => {
      execFile(process.execPath, [script, how], { timeout: 20000 }, (error, out, err) => resolve({ code: error && error.code, stderr: err }));
    });
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(message));
  });
}

/** A server whose handlers may fail; gives the list of what was reported. */
async function reporting(t) {
  const reports = [];
  const served = await serve(t, { onHandlerError: (error, where) => reports.push([error.message, where.event, ...where.args.filter((arg) => typeof arg === 'string')]) });
  return { ...served, reports };
}

test('with onHandlerError, errors of handlers are reported and the socket goes on', { skip: isOriginal }, async (t) => {
  const { io, port, reports } = await reporting(t);
  const { client, socket } = await pair(t, io, port);
  const seen = [];
  socket.on('sync', (text) => {
    throw new Error(`sync ${text}`);
  });
  socket.on('sync', (text) => seen.push(text));
  socket.on('async', async (text) => {
    throw new Error(`async ${text}`);
  });
  socket.once('once', async () => {
    throw new Error('once');
  });
  client.emit('sync', 'a');
  client.emit('async', 'b');
  client.emit('once');
  client.emit('once');
  await barrier(client);
  assert.deepEqual(reports, [
    ['sync a', 'sync', 'a'],
    ['async b', 'async', 'b'],
    ['once', 'once'],
  ]);
  assert.deepEqual(seen, ['a']);
  assert.equal(socket.connected, true);
});

test('with onHandlerError, errors at connecting and disconnecting are reported', { skip: isOriginal }, async (t) => {
  const { io, port, reports } = await reporting(t);
  io.on('connection', async (socket) => {
    socket.on('disconnecting', () => {
      throw new Error('disconnecting');
    });
    socket.on('disconnect', async () => {
      throw new Error('disconnect');
    });
    throw new Error('connection');
  });
  const { client, socket } = await pair(t, io, port);
  await barrier(client);
  const closed = next(socket.conn, 'close');
  client.disconnect();
  await closed;
  await new Promise(setImmediate);
  assert.deepEqual(reports, [
    ['connection', 'connection'],
    ['disconnecting', 'disconnecting', 'client namespace disconnect'],
    ['disconnect', 'disconnect', 'client namespace disconnect'],
  ]);
  assert.equal(io.sockets.sockets.size, 0);
});

test('with onHandlerError, a middleware that fails refuses the client without telling it why', { skip: isOriginal }, async (t) => {
  const { io, port, reports } = await reporting(t);
  io.of('/sync').use(() => {
    throw new Error('secret 1');
  });
  io.of('/async').use(async () => {
    throw new Error('secret 2');
  });
  for (const path of ['/sync', '/async']) {
    const client = clientOf(t, port, path);
    const error = await next(client, 'connect').catch((failure) => failure);
    assert.equal(error.message, 'internal error');
  }
  assert.deepEqual(reports, [
    ['secret 1', 'connection'],
    ['secret 2', 'connection'],
  ]);
});

test('with onHandlerError, errors of packet middlewares and catch-all listeners are reported', { skip: isOriginal }, async (t) => {
  const { io, port, reports } = await reporting(t);
  const { client, socket } = await pair(t, io, port);
  const seen = [];
  socket.onAny(async (event) => {
    if (event !== 'barrier') {
      throw new Error(`any ${event}`);
    }
  });
  socket.use(async ([event], done) => {
    if (event === 'stop') {
      throw new Error('middleware');
    }
    done();
  });
  socket.on('go', () => seen.push('go'));
  socket.on('stop', () => seen.push('stop'));
  client.emit('go');
  client.emit('stop');
  await barrier(client);
  assert.deepEqual(reports.sort(), [
    ['any go', 'go'],
    ['any stop', 'stop'],
    ['middleware', 'stop'],
  ]);
  assert.deepEqual(seen, ['go']);
});

test('what onHandlerError itself throws is an uncaught exception', { skip: isOriginal }, async (t) => {
  const { io, port } = await serve(t, {
    onHandlerError() {
      throw new Error('from onHandlerError');
    },
  });
  const client = await join(t, port);
  const [socket] = io.sockets.sockets.values();
  socket.on('fail', () => {
    throw new Error('fail');
  });
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const uncaught = next(process, 'uncaughtException');
  client.emit('fail');
  const [error] = await uncaught;
  listeners.forEach((listener) => process.on('uncaughtException', listener));
  assert.equal(error.message, 'from onHandlerError');
});
