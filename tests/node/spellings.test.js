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

test('socket.onevent wrapped, as catch-alls were written before onAny', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const heard = [];
  const { onevent } = socket;
  socket.onevent = function (packet) {
    const { type, nsp, id, data } = packet;
    heard.push({ type, nsp, hasId: typeof id === 'number', data: [...data] });
    onevent.call(this, packet);
    packet.data = ['*', ...data];
    packet.id = undefined;
    onevent.call(this, packet);
  };
  socket.onAny((event) => heard.push(`any ${event}`));
  socket.on('*', (event, ...args) => heard.push(['*', event, ...args.filter((arg) => typeof arg !== 'function')]));
  socket.on('sum', (a, b, done) => done(a + b));
  assert.equal(await client.emitWithAck('sum', 1, 2), 3);
  const told = next(socket, '*');
  client.emit('bytes', Buffer.from([1]));
  await told;
  assert.deepEqual(heard.slice(0, 3), [{ type: 2, nsp: '/', hasId: true, data: ['sum', 1, 2] }, 'any sum', 'any *']);
  assert.deepEqual(
    heard.filter((entry) => entry[0] === '*' || entry.data?.[0] === 'bytes'),
    [['*', 'sum', 1, 2], { type: 2, nsp: '/', hasId: false, data: ['bytes', Buffer.from([1])] }, ['*', 'bytes', Buffer.from([1])]],
  );
});

test('socket.onevent and socket.ack in the place of what they are', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  socket.on('question', () => assert.fail('the packet is not handed on'));
  socket.onevent = (packet) => socket.ack(packet.id)(packet.data[0]);
  assert.equal(await client.emitWithAck('question'), 'question');
  delete socket.onevent;
  socket.removeAllListeners('question');
  socket.on('question', (done) => done('as before'));
  assert.equal(await client.emitWithAck('question'), 'as before');
});

test('Socket.prototype.onevent wrapped holds for every socket', async (t) => {
  const { io, port } = await serve(t);
  const { Socket } = sori;
  const { onevent } = Socket.prototype;
  const heard = [];
  t.after(() => {
    Socket.prototype.onevent = onevent;
  });
  Socket.prototype.onevent = function (packet) {
    heard.push(packet.data[0]);
    return onevent.call(this, packet);
  };
  const { client, socket } = await pair(t, io, port);
  socket.on('question', (done) => done('heard'));
  assert.equal(await client.emitWithAck('question'), 'heard');
  assert.deepEqual(heard, ['question']);
});

test('io.sockets.connected, by id and as a whole', { skip: isOriginal }, async (t) => {
  const { io, port } = await serve(t);
  const { socket } = await pair(t, io, port);
  const second = await join(t, port);
  const { connected } = io.sockets;
  assert.equal(connected[socket.id], socket);
  assert.equal(connected.unknown, undefined);
  assert.equal(socket.id in connected, true);
  assert.deepEqual(Object.keys(connected), [socket.id, second.id]);
  assert.deepEqual(Object.values(io.of('/').connected).map(({ id }) => id), [socket.id, second.id]);
});

test('io.sockets.sockets[id], which is a Map all the same', { skip: isOriginal }, async (t) => {
  const { io, port } = await serve(t);
  const { socket } = await pair(t, io, port);
  const { sockets } = io.sockets;
  assert.equal(sockets[socket.id], socket);
  assert.equal(sockets.unknown, undefined);
  assert.ok(sockets instanceof Map);
  assert.equal(sockets.get(socket.id), socket);
  assert.equal(sockets.size, 1);
  assert.deepEqual([...sockets], [[socket.id, socket]]);
  assert.deepEqual([...new Map(sockets).keys()], [socket.id]);
  assert.deepEqual(Object.keys(sockets), []);
  assert.equal('unknown' in sockets, false);
  assert.equal(String(sockets), '[object Map]');
  assert.equal(await Promise.resolve(sockets), sockets);
  socket.disconnect();
  assert.equal(sockets[socket.id], undefined);
});

test('io.sockets.adapter.rooms[name].length and .sockets', { skip: isOriginal }, async (t) => {
  const { io, port } = await serve(t);
  const { socket } = await pair(t, io, port);
  socket.join('room');
  const { rooms } = io.sockets.adapter;
  assert.equal(rooms.room.length, 1);
  assert.deepEqual(rooms.room.sockets, { [socket.id]: true });
  assert.equal(rooms.empty, undefined);
  assert.equal('room' in rooms, true);
  assert.equal('empty' in rooms, false);
  assert.deepEqual(Object.keys(rooms).sort(), ['room', socket.id].sort());
  // The Map of today is the same object.
  assert.ok(rooms instanceof Map);
  assert.deepEqual(rooms.get('room'), new Set([socket.id]));
  assert.equal(rooms.size, 2);
  assert.deepEqual([...rooms.keys()].sort(), ['room', socket.id].sort());
});

test('io.clients(callback), io.sockets.clients(callback) and io.in(room).clients(callback)', { skip: isOriginal }, async (t) => {
  const { io, port } = await serve(t);
  const { socket } = await pair(t, io, port);
  await join(t, port);
  socket.join('room');
  const idsOf = (list) => new Promise((resolve, reject) => list.clients((error, ids) => (error ? reject(error) : resolve(ids))));
  assert.equal((await idsOf(io)).length, 2);
  assert.equal((await idsOf(io.sockets)).length, 2);
  assert.equal((await idsOf(io.of('/'))).length, 2);
  assert.deepEqual(await idsOf(io.in('room')), [socket.id]);
  assert.throws(() => io.sockets.clients('room'), { message: 'sori: io.sockets.clients() is an old spelling; write await io.fetchSockets()' });
});

test('the flags json and binary(…) change nothing', { skip: isOriginal }, async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  socket.json.emit('a');
  socket.json.send('b');
  io.sockets.json.emit('c');
  io.json.to(socket.id).json.emit('d');
  socket.binary(false).emit('e');
  await barrier(client);
  assert.deepEqual(
    client.received.map(([event]) => event),
    ['a', 'message', 'c', 'd', 'e'],
  );
});

for (const [spelling, use, present] of [
  ["io.set('transports', …)", (io) => io.set('transports', ['websocket']), 'the option "transports"'],
  ["io.set('log level', …)", (io) => io.set('log level', 1), 'the environment variable DEBUG'],
  ["io.set('flash policy port', …)", (io) => io.set('flash policy port', 1), 'the option "flash policy port" of new Server(httpServer, options)'],
  ["io.set('authorization', …)", (io) => io.set('authorization', () => {}), 'io.use((socket, next) => …), or the option "allowRequest"'],
  ["io.enable('browser client minification')", (io) => io.enable('browser client minification'), 'nothing: /socket.io/socket.io.min.js is served'],
  ["io.disable('heartbeats')", (io) => io.disable('heartbeats'), 'the option "heartbeats"'],
  ['io.configure(…)', (io) => io.configure('production', () => {}), 'the options of new Server(httpServer, options)'],
  ['io.origins(…)', (io) => io.origins('*:*'), 'the option "cors": { origin: … }'],
  ["io.sockets.socket('x')", (io) => io.sockets.socket('x'), "io.to('x'), or io.sockets.sockets.get('x')"],
]) {
  test(`${spelling} names the present way`, { skip: isOriginal }, () => {
    const message = `sori: ${spelling} is an old spelling; write ${present}`;
    assert.throws(() => use(new sori.Server()), { code: 'SORI_OLD_SPELLING', message });
  });
}

test('socket.set and socket.get name the present way', { skip: isOriginal }, async (t) => {
  const { io, port } = await serve(t);
  const { socket } = await pair(t, io, port);
  const advice = (text) => ({ code: 'SORI_OLD_SPELLING', message: `sori: ${text}` });
  assert.throws(() => socket.set('name', 'Ann', () => {}), advice("socket.set('name', …) is an old spelling; write socket.data.name = …"));
  assert.throws(() => socket.get('name', () => {}), advice("socket.get('name', …) is an old spelling; write socket.data.name"));
});

test('socket.handshake.query has what the client put into its url', async (t) => {
  const { io, port } = await serve(t);
  const { socket } = await pair(t, io, port, { query: { token: 'abc', room: 'r 1' } });
  assert.equal(socket.handshake.query.token, 'abc');
  assert.equal(socket.handshake.query.room, 'r 1');
  assert.equal(socket.request._query.token, 'abc');
});
