// What Node's http.Server and those who hold its sockets know of WebSockets, as with ws: they count until they end, and
// who destroys their sockets ends them.
'use strict';

const assert = require('assert/strict');
const http = require('http');
const net = require('net');
const { once } = require('events');
const { test } = require('node:test');
const { promisify } = require('util');
const { WebSocket, serve, clientOf, pair, next, Peer } = require('./ws-harness');

const LIMIT = { timeout: 60000 };

function connectionsOf(httpServer) {
  return promisify(httpServer.getConnections.bind(httpServer))();
}

/** A pair through which a message has gone: what Node and the module do with an upgraded socket is done by then. */
async function settledPair(t, context, ...args) {
  const both = await pair(t, context, ...args);
  both.server.send('hello');
  await next(both.client, 'message');
  return both;
}

/** The http.Server's next connection. */
async function accepted(httpServer) {
  const [socket] = await once(httpServer, 'connection');
  return socket;
}

test('an http.Server counts WebSockets among its connections until they are over', LIMIT, async (t) => {
  const context = await serve(t);
  const { httpServer, url } = context;
  const { client, server } = await settledPair(t, context);
  const other = await settledPair(t, context);
  assert.equal(await connectionsOf(httpServer), 2);

  httpServer.maxConnections = 2;
  const refused = clientOf(t, url);
  assert.match((await next(refused, 'error'))[0].message, /socket hang up|ECONNRESET/);

  const happened = [];
  const closed = new Promise((resolve) => httpServer.close(resolve)).then(() => happened.push('server'));
  client.close();
  await next(server, 'close');
  assert.equal(await connectionsOf(httpServer), 1);
  other.client.send('still here');
  await next(other.server, 'message');
  happened.push('the last one speaks');
  other.client.close();
  await closed;
  assert.deepEqual(happened, ['the last one speaks', 'server']);
});

test('a place that a WebSocket leaves is free for the next one', LIMIT, async (t) => {
  const context = await serve(t);
  context.httpServer.maxConnections = 1;
  for (let i = 0; i < 3; i++) {
    const { client, server } = await settledPair(t, context);
    const gone = next(server, 'close');
    client.terminate();
    await gone;
  }
  assert.equal(await connectionsOf(context.httpServer), 0);
});

test('a server with a port of its own is closed when its last client is gone', LIMIT, async (t) => {
  const wss = new WebSocket.Server({ port: 0, host: '127.0.0.1', clientTracking: false });
  await once(wss, 'listening');
  const { client, server } = await pair(t, { wss, url: `ws://127.0.0.1:${wss.address().port}` });
  const happened = [];
  server.on('message', (data) => happened.push(String(data)));
  const closed = new Promise((resolve) => wss.close(resolve)).then(() => happened.push('server'));
  client.send('still here');
  await next(server, 'message');
  client.close();
  await closed;
  assert.deepEqual(happened, ['still here', 'server']);
});

for (const name of ['destroy', 'destroySoon', 'resetAndDestroy']) {
  test(`who remembered a socket ends its WebSocket by ${name}()`, LIMIT, async (t) => {
    const context = await serve(t);
    const coming = accepted(context.httpServer);
    const { client, server } = await settledPair(t, context);
    const socket = await coming;
    assert.equal(socket.destroyed, false);
    assert.equal(socket.writable, true);
    assert.equal(socket.readyState, 'open');
    const happened = [];
    socket.on('close', (hadError) => happened.push(['socket', hadError]));
    server.on('close', (code) => happened.push(['server', code]));
    client.on('error', () => {});
    const told = next(client, 'close');
    const over = next(server, 'close');
    socket[name]();
    if (name !== 'destroySoon') {
      assert.equal(socket.destroyed, true);
    }
    assert.equal((await told)[0], 1006);
    await over;
    assert.deepEqual(happened, [['socket', false], ['server', 1006]]);
    assert.equal(socket.destroyed, true);
    assert.equal(await connectionsOf(context.httpServer), 0);
  });
}

// Of byte feed the messages have to come back from the engine first.
const isFed = process.env.SORI_NO_TAKEOVER === '1';

test('end() on a remembered socket leaves behind what was sent', { ...LIMIT, skip: isFed }, async (t) => {
  const context = await serve(t);
  const coming = accepted(context.httpServer);
  const peer = new Peer(t, context.port);
  const [server] = await once(context.wss, 'connection');
  const socket = await coming;
  await peer.head();
  peer.socket.once('end', () => peer.socket.end());
  const over = next(server, 'close');
  server.send('last words');
  await new Promise(setImmediate);
  socket.end();
  assert.equal(String((await peer.frame()).payload), 'last words');
  assert.equal(await peer.frame(), null);
  assert.equal((await over)[0], 1006);
});

test('a remembered socket closes once when its WebSocket does, and before it', LIMIT, async (t) => {
  const context = await serve(t);
  const happened = [];
  context.httpServer.on('connection', (socket) => socket.on('close', () => happened.push('socket')));
  const { client, server } = await settledPair(t, context);
  assert.deepEqual(happened, []);
  server.on('close', () => happened.push('WebSocket'));
  const gone = next(server, 'close');
  client.close();
  await gone;
  await new Promise(setImmediate);
  assert.deepEqual(happened, ['socket', 'WebSocket']);
});

test('a socket that nobody listened to knows that it is destroyed, and tells those who ask from then on', LIMIT, async (t) => {
  const context = await serve(t);
  const coming = accepted(context.httpServer);
  const first = await settledPair(t, context);
  const socket = await coming;
  const over = next(first.server, 'close');
  first.client.close();
  await over;
  assert.equal(socket.destroyed, true);
  assert.equal(socket.writable, false);
  assert.equal(socket.readyState, 'closed');
  // Nobody is counted twice for it.
  socket.destroy();
  await settledPair(t, context);
  assert.equal(await connectionsOf(context.httpServer), 1);
});

test('who begins to listen to a socket late hears of its end all the same', LIMIT, async (t) => {
  const context = await serve(t);
  const { client, request } = await settledPair(t, context);
  const gone = once(request.socket, 'close');
  client.terminate();
  assert.deepEqual(await gone, [false]);
});

test('a socket of a WebSocket tells addresses, before and after', LIMIT, async (t) => {
  const context = await serve(t);
  const { client, server, request } = await settledPair(t, context);
  const { socket } = request;
  assert.equal(socket.remoteAddress, '127.0.0.1');
  assert.equal(socket.remoteFamily, 'IPv4');
  assert.equal(socket.localPort, context.port);
  assert.ok(socket.bytesWritten > 0);
  assert.ok(socket.bytesRead > 0);
  const gone = next(server, 'close');
  client.close();
  await gone;
  assert.equal(socket.remoteAddress, '127.0.0.1');
});

test('the timeout of a socket is no reason to end a WebSocket that speaks', LIMIT, async (t) => {
  const httpServer = http.createServer();
  httpServer.timeout = 40;
  const context = await serve(t, {}, httpServer);
  const { client, server } = await settledPair(t, context);
  server.on('message', (data) => server.send(data));
  const until = Date.now() + 200;
  while (Date.now() < until) {
    client.send('and on');
    await next(client, 'message');
  }
  assert.equal(server.readyState, WebSocket.OPEN);
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
  for (let i = 0; i < 3; i++) {
    clients.push((await settledPair(t, context)).client);
  }
  // One that has sent nothing.
  const idle = net.connect(context.port, '127.0.0.1');
  t.after(() => idle.destroy());
  idle.on('error', () => {});
  await once(httpServer, 'connection');
  assert.equal(sockets.size, 4);
  const told = Promise.all(clients.map((client) => next(client, 'close')));
  const closed = new Promise((resolve) => httpServer.close(resolve));
  sockets.forEach((socket) => socket.destroy());
  await closed;
  assert.deepEqual((await told).map(([code]) => code), [1006, 1006, 1006]);
  assert.equal(sockets.size, 0);
});

test('closeAllConnections() leaves WebSockets alone', LIMIT, async (t) => {
  const context = await serve(t);
  const { client, server } = await settledPair(t, context);
  context.httpServer.closeIdleConnections();
  context.httpServer.closeAllConnections();
  client.send('still here');
  assert.equal(String((await next(server, 'message'))[0]), 'still here');
});

test('another listener of upgrades that destroys the socket ends the WebSocket', LIMIT, async (t) => {
  const context = await serve(t);
  context.httpServer.on('upgrade', (_req, socket) => setImmediate(() => socket.destroy()));
  const client = clientOf(t, context.url);
  client.on('error', () => {});
  assert.equal((await next(client, 'close'))[0], 1006);
});
