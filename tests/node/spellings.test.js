// The oldest spellings of the API, as tutorials and books still have them.
'use strict';

const assert = require('assert/strict');
const http = require('http');
const { once } = require('events');
const { test } = require('node:test');
const { sori, isOriginal, serve, join, pair, next, barrier } = require('./harness');

test('require(…).listen(port)', { skip: isOriginal }, async (t) => {
  const io = sori.listen(0);
  t.after(() => io.close());
  assert.ok(io instanceof sori.Server);
  await once(io.httpServer, 'listening');
  const client = await join(t, io.httpServer.address().port);
  assert.equal(client.connected, true);
});

test('require(…).listen(httpServer)', { skip: isOriginal }, async (t) => {
  const httpServer = http.createServer().listen(0);
  const io = sori.listen(httpServer);
  t.after(() => io.close());
  await once(httpServer, 'listening');
  const client = await join(t, httpServer.address().port);
  assert.equal(client.connected, true);
});

test('require(…)(httpServer) and require(…)(port)', async (t) => {
  const httpServer = http.createServer().listen(0);
  await once(httpServer, 'listening');
  for (const io of [sori(httpServer), sori(0)]) {
    t.after(() => io.close());
    if (!io.httpServer.listening) {
      await once(io.httpServer, 'listening');
    }
    const client = await join(t, io.httpServer.address().port);
    assert.equal(client.connected, true);
  }
});

test('require(…)().listen(httpServer) and a port as text', async (t) => {
  const httpServer = http.createServer();
  const io = sori().listen(httpServer);
  t.after(() => io.close());
  httpServer.listen(0);
  await once(httpServer, 'listening');
  const client = await join(t, httpServer.address().port);
  assert.equal(client.connected, true);
  const other = sori('0');
  t.after(() => other.close());
  await once(other.httpServer, 'listening');
});

test('io.sockets.on("connection") and io.sockets.emit', async (t) => {
  const { io, port } = await serve(t);
  const connected = next(io.sockets, 'connection');
  const client = await join(t, port);
  const [socket] = await connected;
  assert.equal(socket.id, client.id);
  const told = next(client, 'news');
  io.sockets.emit('news', 1);
  assert.deepEqual(await told, [1]);
});

test('socket.broadcast.to(room).emit and io.sockets.in(room).emit', async (t) => {
  const { io, port } = await serve(t);
  const a = await pair(t, io, port);
  const b = await pair(t, io, port);
  a.socket.join('room');
  b.socket.join('room');
  a.socket.broadcast.to('room').emit('others');
  io.sockets.in('room').emit('all');
  await Promise.all([barrier(a.client), barrier(b.client)]);
  assert.deepEqual(a.client.received, [['all']]);
  assert.deepEqual(b.client.received, [['others'], ['all']]);
});

test('socket.join(room, callback) and socket.leave(room, callback)', { skip: isOriginal }, async (t) => {
  const { io, port } = await serve(t);
  const { socket } = await pair(t, io, port);
  const [joined] = await new Promise((resolve) => socket.join('room', (...args) => resolve(args)));
  assert.equal(joined, null);
  assert.equal(socket.rooms.has('room'), true);
  await new Promise((resolve) => socket.leave('room', resolve));
  assert.equal(socket.rooms.has('room'), false);
});

test('socket.handshake and socket.request as Express middlewares use them', async (t) => {
  const { io, port } = await serve(t);
  // The wrapper every tutorial on sessions has.
  const wrap = (middleware) => (socket, done) => middleware(socket.request, {}, done);
  io.use(
    wrap((req, res, done) => {
      req.user = req.headers['x-user'];
      done();
    }),
  );
  const { socket } = await pair(t, io, port, { extraHeaders: { 'x-user': 'Ann' } });
  assert.equal(socket.request.user, 'Ann');
});

test('properties of one’s own on the socket stay there', async (t) => {
  const { io, port } = await serve(t);
  io.on('connection', (socket) => {
    socket.username = 'Ann';
    socket.on('who', (done) => done(socket.username));
  });
  const client = await join(t, port);
  assert.equal(await client.emitWithAck('who'), 'Ann');
});
