// What Node's http.Server and those who hold its sockets know of the WebSockets of Socket.IO, as with socket.io: they count
// until they end, and who destroys their sockets ends them.
'use strict';

const assert = require('assert/strict');
const net = require('net');
const { once } = require('events');
const { execFile } = require('child_process');
const path = require('path');
const { test } = require('node:test');
const { promisify } = require('util');
const { sori, isOriginal, serve, clientOf, join, pair, next, barrier, raw, upgradeRequest } = require('./harness');

const LIMIT = { timeout: 60000 };
// How a client comes to a WebSocket: at once, or from polling.
const WAYS = [['websocket'], ['polling', 'websocket']];

function connectionsOf(httpServer) {
  return promisify(httpServer.getConnections.bind(httpServer))();
}

/** Ends when the server has `count` connections. */
async function haveConnections(httpServer, count) {
  while ((await connectionsOf(httpServer)) !== count) {
    await new Promise(setImmediate);
  }
}

/** A client on a WebSocket, its socket, and Node's, which somebody held from the start. */
async function upgradedPair(t, { io, port, httpServer }, transports) {
  const nodeSockets = [];
  const remember = (_req, socket) => nodeSockets.push(socket);
  httpServer.on('upgrade', remember);
  const both = await pair(t, io, port, { transports });
  if (transports.length > 1) {
    await next(both.socket.conn, 'upgrade');
  }
  await barrier(both.client);
  httpServer.off('upgrade', remember);
  assert.equal(nodeSockets.length, 1);
  return { ...both, nodeSocket: nodeSockets[0] };
}

for (const transports of WAYS) {
  test(`an http.Server counts clients until they are gone (${transports})`, LIMIT, async (t) => {
    const context = await serve(t);
    const { httpServer } = context;
    const first = await upgradedPair(t, context, transports);
    const second = await upgradedPair(t, context, transports);
    // Of clients that polled, connections that are kept alive count as well.
    httpServer.closeIdleConnections();
    await haveConnections(httpServer, 2);
    const happened = [];
    const closed = new Promise((resolve) => httpServer.close(resolve)).then(() => happened.push('server'));
    first.client.disconnect();
    await next(first.socket, 'disconnect');
    await haveConnections(httpServer, 1);
    await barrier(second.client);
    happened.push('the last one speaks');
    second.client.disconnect();
    await closed;
    assert.deepEqual(happened, ['the last one speaks', 'server']);
  });

  test(`who remembered a client's socket ends it (${transports})`, LIMIT, async (t) => {
    const context = await serve(t);
    const { client, socket, nodeSocket } = await upgradedPair(t, context, transports);
    assert.equal(nodeSocket.destroyed, false);
    assert.equal(nodeSocket.writable, true);
    assert.ok(nodeSocket.bytesWritten > 0);
    const told = next(client, 'disconnect');
    const left = next(socket, 'disconnect');
    const closed = once(nodeSocket, 'close');
    nodeSocket.destroy();
    assert.equal(nodeSocket.destroyed, true);
    assert.equal((await left)[0], 'transport close');
    assert.match((await told)[0], /^transport (close|error)$/);
    assert.deepEqual(await closed, [false]);
    context.httpServer.closeIdleConnections();
    await haveConnections(context.httpServer, 0);
  });

  test(`end() on a client's socket leaves behind what was sent (${transports})`, LIMIT, async (t) => {
    const context = await serve(t);
    const { client, socket, nodeSocket } = await upgradedPair(t, context, transports);
    const left = next(socket, 'disconnect');
    socket.emit('last words');
    // Fed, or with ws, the message has to come to the socket first.
    await next(client, 'last words');
    nodeSocket.end();
    assert.equal((await left)[0], 'transport close');
  });

  test(`a client's socket closes once, when the client is gone (${transports})`, LIMIT, async (t) => {
    const context = await serve(t);
    const { client, socket, nodeSocket } = await upgradedPair(t, context, transports);
    let closed = 0;
    nodeSocket.on('close', () => {
      closed += 1;
    });
    const left = next(socket, 'disconnect');
    const over = once(nodeSocket, 'close');
    assert.equal(closed, 0);
    client.disconnect();
    await Promise.all([left, over]);
    await new Promise(setImmediate);
    assert.equal(closed, 1);
    assert.equal(nodeSocket.destroyed, true);
  });
}

test('a candidate for an upgrade whose socket is destroyed leaves its client to polling', LIMIT, async (t) => {
  const { io, port, httpServer } = await serve(t);
  const { client, socket } = await pair(t, io, port, { transports: ['polling'], upgrade: false });
  const path = `/socket.io/?EIO=4&transport=websocket&sid=${client.io.engine.id}`;
  const upgrading = once(httpServer, 'upgrade');
  const answer = raw(t, port, upgradeRequest(path));
  const [, candidate] = await upgrading;
  await new Promise((resolve) => setTimeout(resolve, 20));
  candidate.destroy();
  assert.match(await answer, /^HTTP\/1.1 101 /);
  await barrier(client);
  assert.equal(socket.conn.transport.name, 'polling');
  httpServer.closeIdleConnections();
});

test('a socket that is destroyed as soon as it was upgraded takes its client along', LIMIT, async (t) => {
  const { port, httpServer } = await serve(t);
  httpServer.on('upgrade', (_req, socket) => setImmediate(() => socket.destroy()));
  const client = clientOf(t, port);
  await Promise.race([next(client, 'disconnect'), next(client, 'connect_error')]);
  await haveConnections(httpServer, 0);
});

test('io.close() calls back when the http.Server has closed', LIMIT, async (t) => {
  const context = await serve(t);
  const { client } = await upgradedPair(t, context, ['websocket']);
  const order = [];
  context.httpServer.on('close', () => order.push('server'));
  const told = next(client, 'disconnect');
  await new Promise((resolve) => context.io.close(resolve));
  order.push('callback');
  await told;
  assert.deepEqual(order, ['server', 'callback']);
  assert.equal(await connectionsOf(context.httpServer), 0);
});

test('a shutdown that destroys the sockets it remembers comes to its end', LIMIT, async (t) => {
  const context = await serve(t);
  const { httpServer } = context;
  const sockets = new Set();
  httpServer.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const clients = [];
  for (const transports of [...WAYS, ['polling']]) {
    clients.push(await join(t, context.port, '/', { transports }));
  }
  const idle = net.connect(context.port, '127.0.0.1');
  t.after(() => idle.destroy());
  idle.on('error', () => {});
  await once(httpServer, 'connection');
  const told = Promise.all(clients.slice(0, 2).map((client) => next(client, 'disconnect')));
  const closed = new Promise((resolve) => httpServer.close(resolve));
  sockets.forEach((socket) => socket.destroy());
  await closed;
  await told;
  assert.equal(sockets.size, 0);
});

test('a refused and a malformed upgrade do not go on counting', LIMIT, async (t) => {
  const { port, httpServer } = await serve(t, { allowRequest: (req, done) => done(null, !req.url.includes('no')) });
  await raw(t, port, upgradeRequest('/socket.io/?EIO=4&transport=websocket&no'));
  await raw(t, port, upgradeRequest('/socket.io/?EIO=4&transport=websocket&sid=nobody'));
  await raw(t, port, upgradeRequest('/socket.io/?EIO=4&transport=websocket', { 'Sec-WebSocket-Key': 'short' }));
  await haveConnections(httpServer, 0);
});

test('what another server of the same http.Server has taken is left alone', LIMIT, async (t) => {
  const context = await serve(t, { destroyUpgradeTimeout: 20 });
  const other = new sori.Server(context.httpServer, { path: '/other', destroyUpgradeTimeout: 20 });
  other.on('connection', (socket) => socket.on('ask', (done) => done('still here')));
  const client = await join(t, context.port, '/', { path: '/other' });
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(await client.emitWithAck('ask'), 'still here');
  client.disconnect();
  other.close();
});

test('a process whose http.Server was closed goes on for its clients, and ends with the last', LIMIT, async () => {
  const script = path.join(__dirname, 'fixtures/closed-server.js');
  const env = { ...process.env, SORI_TEST_MODULE: isOriginal ? 'socket.io' : require.resolve('../../node-binding') };
  const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 30000, env });
  assert.equal(stdout, 'closing\nanswered\nclosed\n');
});
