// Broadcasts: who receives, the operators that choose, and the calls that act on many sockets.
'use strict';

const assert = require('assert/strict');
const { test } = require('node:test');
const { sori, serve, pair, next, barrier, TRANSPORTS } = require('./harness');

/** Clients a, b and c: a in rooms x and y, b in x, c in none. */
async function three(t, options) {
  const { io, port } = await serve(t);
  const [a, b, c] = [await pair(t, io, port, options), await pair(t, io, port, options), await pair(t, io, port, options)];
  a.socket.join(['x', 'y']);
  b.socket.join('x');
  return { io, a, b, c };
}

/** What each client has received once everything under way has arrived. */
async function received(...pairs) {
  await Promise.all(pairs.map(({ client }) => barrier(client)));
  return pairs.map(({ client }) => client.received.map((event) => event.join(' ')));
}

for (const transports of TRANSPORTS) {
  test(`a broadcast reaches exactly its rooms (${transports})`, async (t) => {
    const { io, a, b, c } = await three(t, { transports });
    io.emit('all');
    io.to('x').emit('x');
    io.in('y').emit('y');
    io.to('x').to('y').emit('x or y');
    io.to(['x', 'y']).emit('list');
    io.to(c.socket.id).emit('by id');
    io.to('nobody').emit('nobody');
    io.except('x').emit('not x');
    io.to('x').except('y').emit('x not y');
    io.to('x').except([a.socket.id, b.socket.id]).emit('none');
    assert.deepEqual(await received(a, b, c), [
      ['all', 'x', 'y', 'x or y', 'list'],
      ['all', 'x', 'x or y', 'list', 'x not y'],
      ['all', 'by id', 'not x'],
    ]);
  });
}

test('a socket broadcasts to everybody but itself', async (t) => {
  const { a, b, c } = await three(t);
  a.socket.broadcast.emit('all');
  a.socket.to('x').emit('x');
  a.socket.in('y').emit('y');
  a.socket.broadcast.to('x').emit('broadcast x');
  a.socket.except('x').emit('not x');
  a.socket.local.emit('local');
  assert.deepEqual(await received(a, b, c), [[], ['all', 'x', 'broadcast x', 'local'], ['all', 'not x', 'local']]);
});

test('an empty list of rooms means everybody', async (t) => {
  const { io, a, b, c } = await three(t);
  io.to([]).emit('all');
  assert.deepEqual(await received(a, b, c), [['all'], ['all'], ['all']]);
});

test('operators are immutable', async (t) => {
  const { io, a, b, c } = await three(t);
  const x = io.to('x');
  const xNotY = x.except('y');
  const timed = x.timeout(10);
  const flagged = x.local.compress(false);
  assert.notEqual(xNotY, x);
  x.to(c.socket.id).emit('more');
  xNotY.emit('x not y');
  x.emit('x');
  flagged.emit('flagged');
  timed.emit('timed');
  assert.deepEqual(await received(a, b, c), [
    ['more', 'x', 'flagged', 'timed'],
    ['more', 'x not y', 'x', 'flagged', 'timed'],
    ['more'],
  ]);
});

test('broadcasts and direct emits keep the order of the calls', async (t) => {
  const { io, a } = await three(t);
  for (let i = 0; i < 100; i++) {
    if (i % 3 === 0) {
      a.socket.emit('n', i);
    } else {
      io.to(i % 3 === 1 ? 'x' : 'y').emit('n', i);
    }
  }
  const [events] = await received(a);
  assert.deepEqual(
    events,
    Array.from({ length: 100 }, (_, i) => `n ${i}`),
  );
});

test('emitting to the server before anybody came, or before it is attached, does nothing', async () => {
  const io = new sori.Server();
  assert.equal(io.emit('a'), true);
  assert.equal(io.to('r').emit('a'), true);
  io.socketsJoin('r');
  io.disconnectSockets();
  assert.deepEqual(await io.fetchSockets(), []);
  assert.deepEqual(await io.in('r').fetchSockets(), []);
});

test('fetchSockets gives the sockets themselves', async (t) => {
  const { io, a, b, c } = await three(t);
  const ids = async (operator) => (await operator.fetchSockets()).map((socket) => socket.id).sort();
  const of = (...pairs) => pairs.map(({ socket }) => socket.id).sort();
  assert.deepEqual(await ids(io), of(a, b, c));
  assert.deepEqual(await ids(io.in('x')), of(a, b));
  assert.deepEqual(await ids(io.in('x').except('y')), of(b));
  assert.deepEqual(await ids(io.except('x')), of(c));
  assert.deepEqual(await ids(a.socket.broadcast), of(b, c));
  assert.deepEqual(await ids(io.of('/other')), []);
  a.socket.data.name = 'Ann';
  const [found] = await io.in('y').fetchSockets();
  assert.equal(found.data.name, 'Ann');
  assert.deepEqual([...found.rooms].sort(), [a.socket.id, 'x', 'y'].sort());
  assert.equal(found.handshake.address, '127.0.0.1');
  assert.deepEqual(await io.in('x').allSockets(), new Set(of(a, b)));
});

test('socketsJoin and socketsLeave move all who are meant', async (t) => {
  const { io, a, b, c } = await three(t);
  io.in('x').socketsJoin(['z', 'w']);
  io.except('x').socketsJoin('v');
  io.in('y').socketsLeave('z');
  io.socketsJoin('everybody');
  io.in('x').socketsLeave(['w', 'x']);
  const rooms = ({ socket }) => [...socket.rooms].filter((room) => room !== socket.id).sort();
  assert.deepEqual([a, b, c].map(rooms), [['everybody', 'y'], ['everybody', 'z'], ['everybody', 'v']]);
  io.in('z').emit('z');
  assert.deepEqual(await received(a, b, c), [[], ['z'], []]);
});

test('disconnectSockets disconnects all who are meant', async (t) => {
  const { io, a, b, c } = await three(t);
  const reasons = [a, b].map(({ socket }) => next(socket, 'disconnect'));
  const told = [a, b].map(({ client }) => next(client, 'disconnect'));
  io.in('x').disconnectSockets();
  assert.deepEqual(
    (await Promise.all(reasons)).map(([reason]) => reason),
    ['server namespace disconnect', 'server namespace disconnect'],
  );
  assert.deepEqual(
    (await Promise.all(told)).map(([reason]) => reason),
    ['io server disconnect', 'io server disconnect'],
  );
  assert.deepEqual([...io.sockets.sockets.keys()], [c.socket.id]);
  assert.equal(io.engine.clientsCount, 3);
});

test('disconnectSockets(true) closes the connections too', async (t) => {
  const { io, a, b } = await three(t);
  const closed = [a, b].map(({ socket }) => next(socket.conn, 'close'));
  io.in('x').disconnectSockets(true);
  await Promise.all(closed);
  assert.equal(io.engine.clientsCount, 1);
});

test('a room found from a fetched socket works like one of its own', async (t) => {
  const { io, a, c } = await three(t);
  const [fetched] = await io.in(c.socket.id).fetchSockets();
  fetched.join('late');
  fetched.emit('direct', 1);
  io.to('late').emit('late');
  assert.deepEqual(await received(a, c), [[], ['direct 1', 'late']]);
  fetched.disconnect();
  assert.equal(io.sockets.sockets.has(c.socket.id), false);
});
