// The frameworks people use socket.io with: each serves its pages and its clients on one port, and the module `socket.io`
// they require is Sori.
'use strict';

const assert = require('assert/strict');
const path = require('path');
const { test } = require('node:test');
const { io: connect } = require('socket.io-client');
const { Server } = require('socket.io');

const RECIPES = [
  ['Express 4', () => require('./recipes/express')(require('express-4'))],
  ['Express 5', () => require('./recipes/express')(require('express-5'))],
  ['Fastify', () => require('./recipes/fastify')()],
  ['Koa', () => require('./recipes/koa')()],
  ['NestJS', async () => (await import('./recipes/nest.mjs')).default()],
];

function next(emitter, event) {
  return new Promise((resolve, reject) => {
    emitter.once(event, (...args) => resolve(args));
    if (event === 'connect') {
      emitter.once('connect_error', reject);
    }
  });
}

/** A connected client, which ends with the test. */
async function join(t, httpServer, transports) {
  const client = connect(`http://127.0.0.1:${httpServer.address().port}`, { transports, forceNew: true, reconnection: false, extraHeaders: { 'x-visitor': 'Ann' } });
  t.after(() => client.disconnect());
  await next(client, 'connect');
  return client;
}

for (const [name, start] of RECIPES) {
  for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
    test(`${name} (${transports})`, async (t) => {
      const { httpServer, io, close } = await start();
      t.after(() => httpServer.listening && close());
      assert.ok(io instanceof Server);
      const url = `http://127.0.0.1:${httpServer.address().port}`;
      const text = async (page) => (await fetch(`${url}${page}`, { headers: { connection: 'close' } })).text();
      assert.equal(await text('/'), 'page');
      const client = await join(t, httpServer, transports);
      assert.equal(await client.emitWithAck('whoami'), 'Ann');
      const told = next(client, 'announcement');
      assert.equal(await text('/announce?text=hello'), 'announced');
      assert.deepEqual(await told, ['hello']);
      assert.equal(await text('/'), 'page');
      const gone = next(client, 'disconnect');
      await close();
      await gone;
      assert.equal(httpServer.listening, false);
    });
  }
}

test('a gateway of NestJS answers with acks and events, and hears of who leaves', async (t) => {
  const { default: start } = await import('./recipes/nest.mjs');
  const { httpServer, io, gateway, close } = await start();
  t.after(close);
  assert.equal(gateway.started, io);
  const client = await join(t, httpServer, ['websocket']);
  const echoed = next(client, 'echoed');
  client.emit('echo', 'text');
  assert.deepEqual(await echoed, ['text']);
  const [socket] = io.sockets.sockets.values();
  const closed = next(socket.conn, 'close');
  client.disconnect();
  await closed;
  assert.equal(gateway.lastToLeave, 'Ann');
});

test('the module socket.io of the frameworks is Sori', () => {
  assert.equal(require.resolve('socket.io'), path.join(__dirname, '../../node-binding/index.js'));
});
