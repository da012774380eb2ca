// Connection state recovery: sockets that lost their connection come back as themselves, with what they missed.
'use strict';

const assert = require('assert/strict');
const { once } = require('events');
const { test } = require('node:test');
const { isOriginal, serve, pair, clientOf, join, next, barrier, handshake, TRANSPORTS } = require('./harness');

const RECOVERY = { connectionStateRecovery: {} };
// The client waits this many milliseconds before it comes back.
const RETURNING = { reconnection: true, reconnectionDelay: 10, reconnectionDelayMax: 10 };

/** A server that lets sockets come back, and a client of it that has seen an event, without which it has no offset. */
async function returning(t, options = {}, clientOptions = {}) {
  const served = await serve(t, { ...RECOVERY, ...options });
  const { client, socket } = await pair(t, served.io, served.port, { ...RETURNING, ...clientOptions });
  socket.emit('first');
  await barrier(client);
  return { ...served, client, socket };
}

/** Breaks the client's connection under it; resolves with its old socket's reason and its new socket. */
async function breakAndReturn(io, client, socket, meanwhile = () => {}) {
  const gone = next(socket, 'disconnect').then(([reason]) => {
    meanwhile();
    return reason;
  });
  const back = next(io, 'connection');
  const connected = next(client, 'connect');
  client.io.engine.close();
  const [reason, [again]] = await Promise.all([gone, back, connected]);
  return { reason, again };
}

/** Keeps this thread busy until the engine's has noticed the end of all connections, which this one then has yet to hear. */
function engineNotices(io) {
  const isTold = isOriginal || process.env.SORI_NO_TAKEOVER === '1';
  const deadline = Date.now() + 5000;
  while (!isTold && io.engine.metrics().connections > 0) {
    assert.ok(Date.now() < deadline, 'the engine does not notice');
  }
}

for (const transports of TRANSPORTS) {
  test(`a socket comes back with id, rooms, data and what it missed (${transports})`, async (t) => {
    const { io, client, socket } = await returning(t, {}, { transports });
    assert.equal(socket.recovered, false);
    socket.join(['a', 'b']);
    socket.leave('b');
    socket.data.user = { name: 'ann' };
    await barrier(client);
    const id = client.id;
    const atConnection = [];
    io.on('connection', (again) => atConnection.push([...again.rooms].sort()));
    const { reason, again } = await breakAndReturn(io, client, socket, () => {
      io.emit('to all', 1);
      io.to('a').emit('to a', Buffer.from([1, 2]));
      io.to('b').emit('to b');
      io.except('a').emit('to all but a');
      io.to(id).emit('to it');
      socket.emit('direct', { deep: [Buffer.from([3])] });
      socket.volatile.emit('volatile');
      io.timeout(50).emit('asking', () => {});
    });
    assert.equal(reason, 'transport close');
    assert.notEqual(again, socket);
    assert.equal(again.id, id);
    assert.equal(again.recovered, true);
    assert.deepEqual(again.data, { user: { name: 'ann' } });
    assert.deepEqual(atConnection, [[id, 'a'].sort()]);
    again.emit('then');
    await barrier(client);
    assert.equal(client.recovered, true);
    assert.equal(client.id, id);
    // The client is given offsets too, which it may show its listeners; the names and first arguments are ours.
    assert.deepEqual(
      client.received.map(([name, first]) => (typeof first === 'string' ? [name] : [name, first])),
      [['first'], ['to all', 1], ['to a', Buffer.from([1, 2])], ['to it'], ['direct', { deep: [Buffer.from([3])] }], ['then']],
    );
    assert.deepEqual([...io.sockets.sockets.values()], [again]);
  });
}

test('a socket comes back again and again', async (t) => {
  const { io, client, socket } = await returning(t);
  let current = socket;
  for (let round = 1; round <= 3; round++) {
    current.data.round = round;
    const { again } = await breakAndReturn(io, client, current, () => io.emit('missed', round));
    assert.equal(again.recovered, true);
    assert.equal(again.data.round, round);
    current = again;
  }
  await barrier(client);
  assert.deepEqual(
    client.received.map(([name, round]) => (name === 'missed' ? round : name)),
    ['first', 1, 2, 3],
  );
});

test('a socket that left, or was disconnected, is not the same when it connects again', async (t) => {
  const { io, client, socket } = await returning(t, {}, { reconnection: false });
  for (const [leave, emitter] of [
    [() => client.disconnect(), socket],
    [() => [...io.sockets.sockets.values()][0].disconnect(), client],
  ]) {
    const [current] = io.sockets.sockets.values();
    current.join('room');
    current.data.secret = 1;
    const told = next(emitter, 'disconnect');
    leave();
    await told;
    const connected = next(io, 'connection');
    client.connect();
    const [again] = await connected;
    assert.equal(again.recovered, false);
    assert.notEqual(again.id, current.id);
    assert.deepEqual([...again.rooms], [again.id]);
    assert.deepEqual(again.data, {});
    again.emit('offset');
    await barrier(client);
  }
});

test('a socket that is away too long is a new one', async (t) => {
  const { io, client, socket } = await returning(t, { connectionStateRecovery: { maxDisconnectionDuration: 1 } }, { reconnectionDelay: 100 });
  socket.data.old = true;
  const { again } = await breakAndReturn(io, client, socket);
  assert.equal(again.recovered, false);
  assert.notEqual(again.id, socket.id);
  assert.deepEqual(again.data, {});
});

test('data that disconnecting listeners write is restored, what was emitted to a lost socket is missed', async (t) => {
  const { io, client, socket } = await returning(t);
  socket.on('disconnecting', () => {
    socket.data = { last: 'words' };
  });
  socket.on('disconnect', () => {
    socket.emit('after the end');
    socket.data.later = true;
  });
  const { again } = await breakAndReturn(io, client, socket);
  assert.deepEqual(again.data, { last: 'words', later: true });
  socket.emit('by the old object');
  await barrier(client);
  assert.deepEqual(
    client.received.map(([name]) => name),
    ['first', 'after the end', 'by the old object'],
  );
});

test('middlewares are skipped for who comes back, unless they are wanted', async (t) => {
  for (const skipMiddlewares of [true, false]) {
    const { io, client, socket } = await returning(t, { connectionStateRecovery: { skipMiddlewares } });
    const seen = [];
    socket.data.name = 'ann';
    io.use((incoming, done) => {
      seen.push([incoming.recovered, incoming.data.name]);
      setImmediate(done);
    });
    const { again } = await breakAndReturn(io, client, socket);
    assert.equal(again.recovered, true);
    assert.deepEqual(seen, skipMiddlewares ? [] : [[true, 'ann']]);
  }
});

test('a middleware may refuse who comes back, who can then try again', async (t) => {
  const { io, client, socket } = await returning(t, { connectionStateRecovery: { skipMiddlewares: false } });
  socket.data.name = 'ann';
  let tries = 0;
  io.use((incoming, done) => done(++tries === 1 ? new Error('not now') : undefined));
  const refused = next(client, 'connect_error');
  client.io.engine.close();
  assert.equal((await refused)[0].message, 'not now');
  const back = next(io, 'connection');
  client.connect();
  const [again] = await back;
  assert.equal(again.recovered, true);
  assert.equal(again.data.name, 'ann');
  assert.equal(again.id, socket.id);
});

test('two that claim to be one socket: the first is it, the other is new', { skip: isOriginal }, async (t) => {
  const { io, port, client, socket } = await returning(t, {}, { reconnection: false });
  socket.join('room');
  await barrier(client);
  const gone = next(socket, 'disconnect');
  const auth = { pid: client._pid, offset: client._lastOffset };
  client.io.engine.close();
  await gone;
  const sessions = [await handshake(port), await handshake(port)];
  const sockets = [];
  for (const { send } of sessions) {
    const connected = next(io, 'connection');
    await send(`40${JSON.stringify(auth)}`);
    const [again] = await connected;
    sockets.push([again.recovered, again.id === socket.id, again.rooms.has('room'), again.rooms.has(again.id)]);
  }
  assert.deepEqual(sockets, [
    [true, true, true, true],
    [false, false, false, true],
  ]);
});

test('who was disconnected while its connection broke does not get its rooms back', { skip: isOriginal }, async (t) => {
  const { io, port, client, socket } = await returning(t, {}, { reconnection: false });
  socket.join('secret');
  await barrier(client);
  const auth = { pid: client._pid, offset: client._lastOffset };
  const ended = next(socket.conn, 'close');
  const { ws } = client.io.engine.transport;
  const closed = once(ws, 'close');
  ws.terminate();
  await closed;
  engineNotices(io);
  socket.disconnect();
  await ended;
  const { send } = await handshake(port);
  const connected = next(io, 'connection');
  await send(`40${JSON.stringify(auth)}`);
  const [again] = await connected;
  assert.equal(again.recovered, false);
  assert.notEqual(again.id, socket.id);
  assert.deepEqual([...again.rooms], [again.id]);
});

test('room events tell of rooms that come back', async (t) => {
  const { io, client, socket } = await returning(t);
  socket.join('a');
  await barrier(client);
  const { adapter } = io.sockets;
  const events = [];
  for (const event of ['create-room', 'join-room', 'leave-room', 'delete-room']) {
    adapter.on(event, (room) => events.push(`${event} ${room === socket.id ? 'own' : room}`));
  }
  await breakAndReturn(io, client, socket);
  // All of the end, then all of the return.
  assert.match(events[4], /^(create|join)-room/);
  const end = ['leave-room a', 'delete-room a', 'leave-room own', 'delete-room own'];
  const start = ['create-room a', 'join-room a', 'create-room own', 'join-room own'];
  assert.deepEqual(events.sort(), [...end, ...start].sort());
});

test('dynamic namespaces remember their sockets too', async (t) => {
  const { io, port } = await serve(t, RECOVERY);
  const parent = io.of(/^\/dynamic-\d+$/);
  parent.on('connection', (socket) => socket.on('barrier', (done) => done()));
  const connected = next(parent, 'connection');
  const client = clientOf(t, port, '/dynamic-1', RETURNING);
  const [socket] = await connected;
  socket.data.n = 1;
  socket.emit('first');
  await next(client, 'first');
  const { again } = await breakAndReturn(io.of('/dynamic-1'), client, socket, () => io.of('/dynamic-1').emit('missed'));
  assert.equal(again.recovered, true);
  assert.deepEqual(again.data, { n: 1 });
  await barrier(client);
  assert.deepEqual(
    client.received.map(([name]) => name),
    ['first', 'missed'],
  );
});

test('without the option nobody comes back and events carry nothing more', async (t) => {
  const { io, port } = await serve(t);
  const client = await join(t, port, '/', RETURNING);
  const [socket] = io.sockets.sockets.values();
  socket.emit('first', 1);
  await barrier(client);
  assert.deepEqual(client.received, [['first', 1]]);
  const { again } = await breakAndReturn(io, client, socket, () => io.emit('missed'));
  assert.equal(again.recovered, false);
  assert.notEqual(again.id, socket.id);
  await barrier(client);
  assert.deepEqual(client.received, [['first', 1]]);
});

test('what is emitted while the engine already knows of the end is missed, too', async (t) => {
  const { io, client, socket } = await returning(t);
  const { ws } = client.io.engine.transport;
  const back = next(io, 'connection');
  ws.terminate();
  await once(ws, 'close');
  engineNotices(io);
  assert.equal(socket.connected, true);
  socket.emit('in the gap');
  io.emit('to all');
  assert.equal((await back)[0].recovered, true);
  await barrier(client);
  assert.deepEqual(
    client.received.map(([name]) => name),
    ['first', 'in the gap', 'to all'],
  );
});
