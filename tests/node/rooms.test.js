// Rooms: joining, leaving, and who is where.
'use strict';

const assert = require('assert/strict');
const { test } = require('node:test');
const { serve, join, pair, next, barrier, TRANSPORTS } = require('./harness');

const sorted = (iterable) => [...iterable].sort();

test('a socket starts in the room of its own id', async (t) => {
  const { io, port } = await serve(t);
  const { socket } = await pair(t, io, port);
  assert.ok(socket.rooms instanceof Set);
  assert.deepEqual([...socket.rooms], [socket.id]);
});

test('joining and leaving take effect at once', async (t) => {
  const { io, port } = await serve(t);
  const { socket } = await pair(t, io, port);
  assert.equal(socket.join('a'), undefined);
  socket.join(['b', 'c', 'a']);
  assert.deepEqual(sorted(socket.rooms), sorted([socket.id, 'a', 'b', 'c']));
  assert.equal(socket.leave('b'), undefined);
  socket.leave('never joined');
  assert.deepEqual(sorted(socket.rooms), sorted([socket.id, 'a', 'c']));
});

test('room names may hold any character', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const names = ['', ' ', 'a,b', '"', '\\', '\x1e', '\x1f', '\u2028', '漢😀', '__proto__', 'constructor'];
  socket.join(names);
  assert.deepEqual(sorted(socket.rooms), sorted([socket.id, ...names]));
  for (const name of names) {
    io.to(name).emit('in', name);
  }
  await barrier(client);
  assert.deepEqual(
    client.received,
    names.map((name) => ['in', name]),
  );
});

for (const transports of TRANSPORTS) {
  test(`calls hold in the order in which they were made (${transports})`, async (t) => {
    const { io, port } = await serve(t);
    const { client, socket } = await pair(t, io, port, { transports });
    io.to('r').emit('too early');
    socket.join('r');
    io.to('r').emit('1');
    socket.emit('2');
    io.to('r').emit('3');
    socket.leave('r');
    io.to('r').emit('too late');
    socket.emit('4');
    await barrier(client);
    assert.deepEqual(client.received, [['1'], ['2'], ['3'], ['4']]);
  });
}

test('leaveAll empties the rooms, the own one too', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  socket.join('a');
  socket.leaveAll();
  assert.equal(socket.rooms.size, 0);
  io.to(socket.id).emit('gone');
  io.to('a').emit('gone');
  socket.emit('direct');
  await barrier(client);
  assert.deepEqual(client.received, [['direct']]);
});

test('rooms are still there in disconnecting and gone in disconnect', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  socket.join('a');
  const seen = [];
  socket.on('disconnecting', () => seen.push(sorted(socket.rooms)));
  socket.on('disconnect', () => seen.push(sorted(socket.rooms)));
  await barrier(client);
  const gone = next(socket, 'disconnect');
  client.disconnect();
  await gone;
  assert.deepEqual(seen, [sorted([socket.id, 'a']), []]);
  assert.equal(io.sockets.adapter.rooms.size, 0);
});

test('rooms are still there in disconnecting when the connection broke', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  socket.join('a');
  let rooms;
  socket.on('disconnecting', () => {
    rooms = sorted(socket.rooms);
  });
  await barrier(client);
  const gone = next(socket, 'disconnect');
  client.io.engine.close();
  await gone;
  assert.deepEqual(rooms, sorted([socket.id, 'a']));
});

test('a disconnecting listener can still say goodbye to the rooms', async (t) => {
  const { io, port } = await serve(t);
  const { client: leaving, socket } = await pair(t, io, port);
  const { client: staying, socket: other } = await pair(t, io, port);
  socket.join('r');
  other.join('r');
  socket.on('disconnecting', () => {
    for (const room of socket.rooms) {
      socket.to(room).emit('left', socket.id);
    }
  });
  await barrier(leaving);
  const told = next(staying, 'left');
  leaving.disconnect();
  assert.deepEqual(await told, [socket.id]);
});

test('joining after the disconnection does nothing', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const gone = next(socket, 'disconnect');
  client.disconnect();
  await gone;
  socket.join('a');
  socket.leave('a');
  assert.equal(socket.rooms.size, 0);
  assert.equal(io.sockets.adapter.rooms.size, 0);
});

test('the adapter shows rooms and sids like Maps', async (t) => {
  const { io, port } = await serve(t);
  const { socket: a } = await pair(t, io, port);
  const { socket: b } = await pair(t, io, port);
  a.join(['x', 'y']);
  b.join('x');
  const { rooms, sids } = io.of('/').adapter;
  assert.deepEqual(sorted(rooms.keys()), sorted([a.id, b.id, 'x', 'y']));
  assert.equal(rooms.size, 4);
  assert.deepEqual(sorted(rooms.get('x')), sorted([a.id, b.id]));
  assert.deepEqual([...rooms.get('y')], [a.id]);
  assert.equal(rooms.get('z'), undefined);
  assert.equal(rooms.has('x'), true);
  assert.equal(rooms.has('z'), false);
  assert.equal(rooms.has(b.id), true);
  assert.deepEqual(sorted(sids.keys()), sorted([a.id, b.id]));
  assert.deepEqual(sorted(sids.get(a.id)), sorted([a.id, 'x', 'y']));
  assert.equal(sids.has('nobody'), false);
  const listed = [];
  rooms.forEach((members, room) => listed.push([room, members.size]));
  assert.deepEqual(listed.sort(), [...rooms].map(([room, members]) => [room, members.size]).sort());
  assert.deepEqual(sorted(await io.of('/').adapter.sockets(new Set(['x']))), sorted([a.id, b.id]));
  assert.deepEqual(sorted(io.of('/').adapter.socketRooms(b.id)), sorted([b.id, 'x']));
});

test('the adapter tells when rooms are made, joined, left and dropped', async (t) => {
  const { io, port } = await serve(t);
  const seen = [];
  for (const event of ['create-room', 'join-room', 'leave-room', 'delete-room']) {
    io.of('/').adapter.on(event, (room, id) => seen.push(id === undefined ? [event, room] : [event, room, id]));
  }
  const { client, socket } = await pair(t, io, port);
  socket.join('a');
  socket.join('a');
  socket.leave('a');
  socket.leave('a');
  await barrier(client);
  const gone = next(socket, 'disconnect');
  client.disconnect();
  await gone;
  const { id } = socket;
  assert.deepEqual(seen, [
    ['create-room', id],
    ['join-room', id, id],
    ['create-room', 'a'],
    ['join-room', 'a', id],
    ['leave-room', 'a', id],
    ['delete-room', 'a'],
    ['leave-room', id, id],
    ['delete-room', id],
  ]);
});

test('rooms of one namespace are none of another', async (t) => {
  const { io, port } = await serve(t);
  io.of('/other').on('connection', (socket) => socket.join('r'));
  const { client, socket } = await pair(t, io, port);
  const other = await join(t, port, '/other');
  socket.join('r');
  io.to('r').emit('main');
  const arrived = next(other, 'other');
  io.of('/other').to('r').emit('other');
  await arrived;
  await barrier(client);
  assert.deepEqual(client.received, [['main']]);
  assert.deepEqual(other.received, [['other']]);
  assert.equal(io.of('/other').adapter.rooms.get('r').size, 1);
});

test('a room may be named by a number', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const other = await pair(t, io, port);
  const { adapter } = io.of('/');
  socket.join(7);
  other.socket.join([7, 8]);
  assert.equal(socket.rooms.has(7), true);
  assert.equal(socket.rooms.has(8), false);
  assert.deepEqual(new Set([...other.socket.rooms].map(String)), new Set([other.socket.id, '7', '8']));
  assert.equal(adapter.rooms.has(7), true);
  assert.equal(adapter.rooms.has(9), false);
  assert.deepEqual(adapter.rooms.get(7), new Set([socket.id, other.socket.id]));
  assert.equal(adapter.rooms.get(9), undefined);
  assert.equal(adapter.sids.get(socket.id).has(7), true);
  assert.deepEqual(await adapter.sockets(new Set([8])), new Set([other.socket.id]));
  assert.equal(adapter.socketRooms(socket.id).has(7), true);
  const [remote] = await io.in(8).fetchSockets();
  assert.equal(remote.rooms.has(7), true);
  const heard = next(client, 'x');
  io.to(7).except(8).emit('x');
  await heard;
  other.socket.leave(7);
  assert.equal(other.socket.rooms.has(7), false);
  assert.equal(adapter.rooms.get(7).size, 1);
  await barrier(other.client);
  assert.deepEqual(other.client.received, []);
});
