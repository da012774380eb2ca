// The module's shape, the constructors, and what a socket shows of its client.
'use strict';

const assert = require('assert/strict');
const http = require('http');
const path = require('path');
const { once } = require('events');
const { pathToFileURL } = require('url');
const { test } = require('node:test');
const { sori, isOriginal, serve, join, pair, next, request, POLLING, TRANSPORTS } = require('./harness');

test('the module is a function that makes a Server and carries the three classes', (t) => {
  const httpServer = http.createServer();
  const io = sori(httpServer);
  t.after(() => io.close());
  assert.ok(io instanceof sori.Server);
  assert.ok(io.sockets instanceof sori.Namespace);
  assert.equal(sori.Server.name, 'Server');
  assert.equal(sori.Namespace.name, 'Namespace');
  assert.equal(sori.Socket.name, 'Socket');
});

test('import gives the same by name', { skip: isOriginal }, async () => {
  const file = path.join(__dirname, '../../node-binding/index.mjs');
  const module = await import(pathToFileURL(file));
  assert.deepEqual(Object.keys(module).sort(), ['Namespace', 'Server', 'Socket', 'createAdapter', 'createShardedAdapter', 'createStreamsAdapter']);
  assert.equal(module.Server, sori.Server);
});

test('a Server on port 0 makes its own HTTP server, which answers 404', async (t) => {
  const io = new sori.Server(0);
  t.after(() => io.close());
  await once(io.httpServer, 'listening');
  const { port } = io.httpServer.address();
  const answer = await request(port, '/');
  assert.equal(answer.status, 404);
  const client = await join(t, port);
  assert.equal(client.connected, true);
});

test('a Server made of options alone can be attached later', async (t) => {
  const io = new sori.Server({ path: '/live' });
  const httpServer = http.createServer();
  assert.equal(io.attach(httpServer), io);
  httpServer.listen(0, '127.0.0.1');
  await once(httpServer, 'listening');
  t.after(() => io.close());
  const client = await join(t, httpServer.address().port, '/', { path: '/live' });
  assert.equal(client.connected, true);
});

test('options of the constructor win over those of attach', () => {
  const io = new sori.Server({ pingInterval: 1234 });
  const httpServer = http.createServer();
  io.attach(httpServer, { pingInterval: 99, pingTimeout: 77 });
  assert.equal(io.engine.opts.pingInterval, 1234);
  assert.equal(io.engine.opts.pingTimeout, 77);
  io.close();
});

test('attaching to an Express handler is refused with advice', () => {
  const io = new sori.Server();
  assert.throws(() => io.attach(() => {}), {
    message: 'You are trying to attach socket.io to an express request handler function. Please pass a http.Server instance.',
  });
});

test('path, serveClient and connectTimeout are both getters and setters', () => {
  const io = new sori.Server();
  assert.equal(io.path(), '/socket.io');
  assert.equal(io.path('/other/'), io);
  assert.equal(io.path(), '/other');
  assert.equal(io.serveClient(), true);
  assert.equal(io.serveClient(false), io);
  assert.equal(io.serveClient(), false);
  assert.equal(io.connectTimeout(), 45000);
  assert.equal(io.connectTimeout(10), io);
  assert.equal(io.connectTimeout(), 10);
});

test('reserved event names are refused on every level', async (t) => {
  const { io, port } = await serve(t);
  const { socket } = await pair(t, io, port);
  for (const name of ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener']) {
    const refusal = { message: `"${name}" is a reserved event name` };
    assert.throws(() => socket.emit(name), refusal);
    assert.throws(() => io.emit(name), refusal);
    assert.throws(() => io.of('/x').to('room').emit(name), refusal);
    assert.throws(() => socket.broadcast.emit(name), refusal);
  }
});

test('a parser or an adapter that is none is refused clearly', { skip: isOriginal }, () => {
  assert.throws(() => new sori.Server({ adapter: {} }), { name: 'TypeError', message: /"adapter" takes a class/ });
  assert.throws(() => new sori.Server().adapter('redis'), { name: 'TypeError', message: /"adapter" takes a class/ });
  assert.throws(() => new sori.Server({ parser: {} }), { name: 'TypeError', message: /two classes, Encoder and Decoder/ });
});

test('a bad engine option is a TypeError', { skip: isOriginal }, () => {
  assert.throws(() => new sori.Server(http.createServer(), { pingInterval: 'soon' }), TypeError);
});

for (const transports of TRANSPORTS) {
  test(`a socket describes its handshake (${transports})`, async (t) => {
    const { io, port } = await serve(t);
    const before = Date.now();
    const { client, socket } = await pair(t, io, port, {
      transports,
      auth: { token: 'secret' },
      query: { a: 'b&c', d: 'é' },
      extraHeaders: { 'x-custom': '7' },
    });
    const { handshake } = socket;
    assert.equal(handshake, socket.handshake);
    assert.deepEqual(handshake.auth, { token: 'secret' });
    assert.equal(handshake.query.a, 'b&c');
    assert.equal(handshake.query.d, 'é');
    assert.equal(handshake.query.EIO, '4');
    assert.equal(handshake.query.transport, transports[0]);
    assert.equal(handshake.headers['x-custom'], '7');
    assert.equal(handshake.address, '127.0.0.1');
    assert.equal(handshake.xdomain, false);
    assert.equal(handshake.secure, false);
    assert.ok(handshake.issued >= before && handshake.issued <= Date.now());
    assert.equal(Date.parse(handshake.time), Math.floor(handshake.issued / 1000) * 1000);
    assert.ok(handshake.url.startsWith('/socket.io/?'));
    assert.equal(socket.id, client.id);
    assert.match(socket.id, /^[\w-]{20}$/);
    assert.notEqual(socket.id, socket.conn.id);
    assert.equal(socket.conn.id, client.io.engine.id);
    assert.equal(socket.request.headers['x-custom'], '7');
    assert.equal(socket.request._query.a, 'b&c');
    assert.equal(socket.client.conn, socket.conn);
    assert.equal(socket.client.id, socket.conn.id);
    assert.equal(socket.nsp, io.sockets);
    assert.equal(socket.connected, true);
    assert.equal(socket.disconnected, false);
    assert.equal(socket.recovered, false);
    assert.deepEqual(socket.data, {});
    assert.equal(socket.conn.remoteAddress, '127.0.0.1');
    assert.equal(socket.conn.protocol, 4);
    assert.equal(socket.conn.readyState, 'open');
  });
}

test('without auth, handshake.auth is an empty object', async (t) => {
  const { io, port } = await serve(t);
  const { socket } = await pair(t, io, port);
  assert.deepEqual(socket.handshake.auth, {});
});

test('connect and connection both fire, in that order, with the socket already listed', async (t) => {
  const { io, port } = await serve(t);
  const seen = [];
  io.on('connect', (socket) => seen.push(['connect', socket.id, io.sockets.sockets.get(socket.id) === socket]));
  io.on('connection', (socket) => seen.push(['connection', socket.id, socket.connected]));
  const client = await join(t, port);
  assert.deepEqual(seen, [
    ['connect', client.id, true],
    ['connection', client.id, true],
  ]);
});

test('listeners put on the server are those of its main namespace', (t) => {
  const io = new sori.Server();
  const listener = () => {};
  io.once('connection', listener);
  assert.deepEqual(io.sockets.listeners('connection'), [listener]);
  io.removeListener('connection', listener);
  assert.equal(io.listenerCount('connection'), 0);
});

test('io.engine counts its clients', async (t) => {
  const { io, port } = await serve(t);
  assert.equal(io.engine.clientsCount, 0);
  const connected = next(io.engine, 'connection');
  const client = await join(t, port);
  const [connection] = await connected;
  assert.equal(io.engine.clientsCount, 1);
  const closed = next(connection, 'close');
  client.disconnect();
  await closed;
  assert.equal(io.engine.clientsCount, 0);
});

test('wsEngine is for WebSocket itself, or a warning says that it has no effect', { skip: isOriginal }, (t) => {
  const warn = t.mock.method(process, 'emitWarning', () => {});
  class WebSocketServer {}
  class Server {}
  for (const wsEngine of [require('../../node-binding/ws').Server, WebSocketServer, Server, 'ws', 'eiows', undefined]) {
    new sori.Server({ wsEngine });
  }
  assert.deepEqual(warn.mock.calls, []);
  class Counting extends WebSocketServer {}
  new sori.Server({ wsEngine: Counting });
  assert.equal(warn.mock.callCount(), 1);
  assert.deepEqual(warn.mock.calls[0].arguments, [
    'sori: the option "wsEngine" has no effect: Sori speaks WebSocket itself, and the class that was given is never used',
    { code: 'SORI_UNSUPPORTED_OPTION' },
  ]);
});

test('options come from the environment as text, and a single transport without an array', async (t) => {
  const { io, port } = await serve(t, { pingInterval: '1234', pingTimeout: '567', maxHttpBufferSize: '1e5', transports: 'polling', allowUpgrades: 1 });
  const { body } = await request(port, POLLING);
  const { sid, ...open } = JSON.parse(body.slice(1));
  assert.deepEqual(open, { upgrades: [], pingInterval: 1234, pingTimeout: 567, maxPayload: 100000 });
  assert.equal(io.engine.clientsCount, 1);
});

test('an option that is no number is refused by its name', { skip: isOriginal }, () => {
  for (const wrong of ['soon', '', null, NaN, {}]) {
    assert.throws(() => new sori.Server().attach(0, { pingTimeout: wrong }), { name: 'TypeError', message: 'sori: the option "pingTimeout" takes a number' });
  }
});
