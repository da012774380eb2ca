// `socket.conn` and `io.engine` as tools watch them: what arrives, what is sent, upgrades.
'use strict';

const assert = require('assert/strict');
const { test } = require('node:test');
const { sori, isOriginal, serve, clientOf, join, pair, next, barrier, handshake, request, TRANSPORTS } = require('./harness');
const { IN_ORDER, promptClient, heartbeatsOfLateThread } = require('./heartbeats');

/** The text messages among `packets` of a connection, without heartbeats and upgrades. */
function messages(packets) {
  return packets.filter(({ type }) => type === 'message').map(({ data }) => data);
}

for (const transports of TRANSPORTS) {
  test(`packet tells of each packet that arrives (${transports})`, async (t) => {
    const { io, port } = await serve(t);
    io.of('/chat');
    const packets = [];
    const data = [];
    io.engine.on('connection', (connection) => {
      connection.on('packet', (packet) => packets.push(packet));
      connection.on('data', (message) => data.push(message));
    });
    const { client, socket } = await pair(t, io, port, { transports, auth: { token: 1 } });
    client.on('ask', (done) => done('yes'));
    client.emit('text', 'é', { a: 1 });
    client.emit('bytes', Buffer.from([1, 2]));
    await socket.emitWithAck('ask');
    const chat = client.io.socket('/chat');
    await next(chat, 'connect');
    const gone = next(io.of('/chat').sockets.values().next().value, 'disconnect');
    chat.emit('hi');
    chat.disconnect();
    await gone;
    const expected = [
      '0{"token":1}',
      '2["text","é",{"a":1}]',
      '51-["bytes",{"_placeholder":true,"num":0}]',
      Buffer.from([1, 2]),
      '30["yes"]',
      '0/chat,',
      '2/chat,["hi"]',
      '1/chat,',
    ];
    assert.deepEqual(messages(packets), expected);
    assert.deepEqual(data, expected);
  });
}

test('packetCreate tells of each packet that is sent', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const packets = [];
  socket.conn.on('packetCreate', (packet) => packets.push(packet));
  socket.emit('text', 1);
  io.emit('all', Buffer.from([3]));
  await barrier(client);
  assert.deepEqual(messages(packets), ['2["text",1]', '51-["all",{"_placeholder":true,"num":0}]', Buffer.from([3]), '30[]']);
});

test('a connection that was watched and no longer is goes on', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const [first] = await Promise.all([next(socket.conn, 'packet'), barrier(client)]);
  assert.equal(first[0].type, 'message');
  await barrier(client);
  await barrier(client);
});

test('upgrading, then upgrade', async (t) => {
  const { io, port } = await serve(t);
  const steps = [];
  io.engine.on('connection', (connection) => {
    connection.on('upgrading', (transport) => steps.push(['upgrading', transport.name, connection.transport.name]));
    connection.on('upgrade', (transport) => steps.push(['upgrade', transport.name, connection.transport.name]));
  });
  const client = clientOf(t, port, '/', { transports: ['polling', 'websocket'] });
  await next(client, 'connect');
  const [connection] = Object.values(io.engine.clients);
  if (!connection.upgraded) {
    await next(connection, 'upgrade');
  }
  assert.deepEqual(steps, [
    ['upgrading', 'websocket', 'polling'],
    ['upgrade', 'websocket', 'websocket'],
  ]);
  assert.equal(connection.upgrading, false);
  assert.equal(connection.upgraded, true);
});

test('the client behind a socket lists its sockets', async (t) => {
  const { io, port } = await serve(t);
  io.of('/chat');
  const { client, socket } = await pair(t, io, port);
  await next(client.io.socket('/chat'), 'connect');
  const { client: shared } = socket;
  assert.equal(shared.conn, socket.conn);
  assert.equal(shared.request, socket.request);
  assert.equal(shared.id, socket.conn.id);
  assert.deepEqual([...shared.sockets.keys()].sort(), [socket.id, ...io.of('/chat').sockets.keys()].sort());
  assert.deepEqual([...shared.nsps.keys()], ['/', '/chat']);
});

test('the adapter’s methods act on the sockets they are given', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const other = await join(t, port);
  const { adapter } = io.sockets;
  adapter.addAll(socket.id, new Set(['a', 'b']));
  adapter.del(socket.id, 'b');
  assert.deepEqual([...socket.rooms].sort(), ['a', socket.id].sort());
  assert.deepEqual([...(await adapter.sockets(new Set(['a'])))], [socket.id]);
  assert.deepEqual([...adapter.socketRooms(socket.id)].sort(), ['a', socket.id].sort());
  const inA = { rooms: new Set(['a']), except: new Set(), flags: {} };
  adapter.broadcast({ type: 2, nsp: '/', data: ['to a', 1] }, inA);
  adapter.broadcast({ type: 2, nsp: '/', data: ['not to a'] }, { rooms: new Set(), except: new Set(['a']), flags: {} });
  await Promise.all([barrier(client), barrier(other)]);
  assert.deepEqual([client.received, other.received], [[['to a', 1]], [['not to a']]]);
  assert.deepEqual((await adapter.fetchSockets(inA)).map(({ id }) => id), [socket.id]);
  adapter.addSockets(inA, ['c']);
  assert.equal(socket.rooms.has('c'), true);
  adapter.delSockets(inA, ['c']);
  assert.equal(socket.rooms.has('c'), false);
  assert.equal(await adapter.serverCount(), 1);
  adapter.disconnectSockets(inA, false);
  assert.equal(socket.connected, false);
});

test('allSockets and clients by namespace and room', async (t) => {
  const { io, port } = await serve(t);
  const { socket } = await pair(t, io, port);
  await join(t, port);
  socket.join('room');
  assert.equal((await io.allSockets()).size, 2);
  assert.deepEqual([...(await io.in('room').allSockets())], [socket.id]);
});

test('parents of dynamic namespaces', async (t) => {
  const { io, port } = await serve(t);
  const parent = io.of(/^\/room-\d+$/);
  const made = next(io, 'new_namespace');
  parent.on('connection', (socket) => socket.emit('welcome', socket.nsp.name));
  assert.throws(() => parent.fetchSockets(), /not supported on parent namespaces/);
  const client = clientOf(t, port, '/room-7');
  assert.deepEqual(await next(client, 'welcome'), ['/room-7']);
  assert.equal((await made)[0].name, '/room-7');
  const told = next(client, 'all');
  parent.emit('all', 1);
  assert.deepEqual(await told, [1]);
  const child = io.of('/room-8');
  assert.equal(parent.children.has(child), true);
});

test('bind, onconnection and attachApp say what they take', { skip: isOriginal }, async (t) => {
  const { io } = await serve(t);
  assert.equal(io.bind(io.engine), io);
  assert.throws(() => io.bind({}), { name: 'TypeError', message: /takes an Engine\.IO server/ });
  assert.throws(() => new sori.Server().bind(io.engine), { name: 'TypeError', message: /not one of another Server/ });
  assert.throws(() => io.onconnection({}), { name: 'TypeError', message: /takes a connection/ });
  assert.throws(() => io.attachApp({}), { code: 'SORI_UNSUPPORTED', message: /use io\.listen\(port\), or io\.attach\(httpServer\)/ });
});

test('an operator shows its rooms, exceptions, flags and adapter', async (t) => {
  const { io, port } = await serve(t);
  const { socket } = await pair(t, io, port);
  const operator = socket.local.compress(false).to(['a', 'b']).except('c');
  operator.to('d').volatile.emit('x');
  assert.deepEqual(operator.rooms, new Set(['a', 'b']));
  assert.equal(operator.exceptRooms.has('c'), true);
  assert.deepEqual(operator.flags, { local: true, compress: false });
  assert.equal(operator.adapter, socket.nsp.adapter);
  assert.equal(operator.adapter.nsp, socket.nsp);
});

test('flush tells of the packets that are sent, then drain', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const { conn } = socket;
  const told = { connection: [], engine: [] };
  conn.on('flush', (packets) => told.connection.push(...messages(packets)));
  io.engine.on('flush', (connection, packets) => {
    assert.equal(connection, conn);
    told.engine.push(...messages(packets));
  });
  const drained = Promise.all([next(conn, 'drain'), next(io.engine, 'drain')]);
  socket.emit('text', 1);
  io.emit('all', Buffer.from([3]));
  const [, [who]] = await drained;
  assert.equal(who, conn);
  await barrier(client);
  const expected = ['2["text",1]', '51-["all",{"_placeholder":true,"num":0}]', Buffer.from([3]), '30[]'];
  assert.deepEqual(told, { connection: expected, engine: expected });
});

test('drain waits for a client that does not poll', async (t) => {
  const { io, port } = await serve(t);
  const connected = next(io, 'connection');
  const client = await handshake(port);
  await client.send('40');
  assert.match((await client.poll()).body, /^40/);
  const [socket] = await connected;
  const told = [];
  socket.conn.on('drain', () => told.push('drain'));
  socket.emit('news');
  // Another connection's whole life later nothing has left.
  const other = await join(t, port);
  await barrier(other);
  assert.deepEqual(told, []);
  socket.emit('more');
  await barrier(other);
  const drained = next(socket.conn, 'drain');
  assert.equal((await client.poll()).body, '42["news"]\x1e42["more"]');
  await drained;
  // Nothing waits any more: what is sent now leaves with the next poll, and is told of.
  const again = next(socket.conn, 'drain');
  socket.emit('last');
  assert.equal((await client.poll()).body, '42["last"]');
  await again;
});

test('flush and drain of io.engine are told of connections from before and after, until nobody listens', async (t) => {
  const { io, port } = await serve(t);
  const before = await pair(t, io, port);
  const flushed = [];
  const onflush = (connection, packets) => flushed.push([connection, ...messages(packets)]);
  io.engine.on('flush', onflush);
  const after = await pair(t, io, port);
  flushed.length = 0;
  before.socket.emit('a');
  after.socket.emit('b');
  await Promise.all([next(before.client, 'a'), next(after.client, 'b')]);
  assert.deepEqual(flushed, [
    [before.socket.conn, '2["a"]'],
    [after.socket.conn, '2["b"]'],
  ]);
  io.engine.off('flush', onflush);
  before.socket.emit('c');
  after.socket.emit('c');
  await Promise.all([next(before.client, 'c'), next(after.client, 'c')]);
  assert.equal(flushed.length, 2);
});

for (const transports of [['websocket'], ['polling']]) {
  test(`heartbeat tells of the client’s pongs (${transports})`, async (t) => {
    const { io, port } = await serve(t, { pingInterval: 50 });
    const { socket } = await pair(t, io, port, { transports });
    const packets = [];
    socket.conn.on('packet', ({ type }) => packets.push(type));
    await next(socket.conn, 'heartbeat');
    await next(socket.conn, 'heartbeat');
    assert.deepEqual(packets, ['pong', 'pong']);
  });
}

for (const transports of [['websocket'], ['polling']]) {
  test(`a ping is told of when it is sent, with io.engine, too (${transports})`, async (t) => {
    const { io, port } = await serve(t, { pingInterval: 50 });
    const { socket } = await pair(t, io, port, { transports });
    const { conn } = socket;
    const steps = [];
    // A ping may be on its way already: the next comes only after its pong, and may come with it.
    await new Promise((resolve) => {
      conn.once('heartbeat', () => {
        conn.on('packetCreate', (packet) => steps.push(['packetCreate', packet]));
        conn.on('flush', ([{ type }]) => steps.push(['flush', type]));
        io.engine.on('flush', (which, [{ type }]) => steps.push(['engine flush', which === conn, type]));
        conn.on('drain', () => steps.push(['drain']));
        io.engine.on('drain', (which) => steps.push(['engine drain', which === conn]));
        conn.on('packet', ({ type }) => steps.push(['packet', type]));
        conn.once('heartbeat', resolve);
      });
    });
    assert.deepEqual(steps, [
      ['packetCreate', { type: 'ping', options: { compress: true } }],
      ['flush', 'ping'],
      ['engine flush', true, 'ping'],
      ['drain'],
      ['engine drain', true],
      ['packet', 'pong'],
    ]);
  });
}

for (const transports of [['websocket'], ['polling']]) {
  test(`a ping is told of before its pong, however late this thread is (${transports})`, async (t) => {
    const { io, port } = await serve(t, { pingInterval: 20 });
    const connected = next(io, 'connection');
    promptClient(t, { kind: 'socket.io', url: `http://127.0.0.1:${port}`, transports });
    const [{ conn }] = await connected;
    assert.deepEqual(await heartbeatsOfLateThread(conn), IN_ORDER);
  });
}

test('heartbeat tells of the pings of an EIO=3 client', async (t) => {
  const { io, port } = await serve(t, { allowEIO3: true });
  const connected = next(io, 'connection');
  const path = '/socket.io/?EIO=3&transport=polling';
  const { body } = await request(port, path);
  const { sid } = JSON.parse(body.slice(body.indexOf('{'), body.indexOf('}') + 1));
  const [socket] = await connected;
  const beaten = Promise.all([next(socket.conn, 'packet'), next(socket.conn, 'packetCreate'), next(socket.conn, 'heartbeat')]);
  await request(port, `${path}&sid=${sid}`, { method: 'POST', body: '1:2', headers: { 'content-type': 'text/plain;charset=UTF-8' } });
  const [[packet], [created]] = await beaten;
  assert.deepEqual([packet.type, created], ['ping', { type: 'pong', options: { compress: true } }]);
});

test('conn.send and conn.write put messages between the packets, and call back when they are on their way', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const created = [];
  socket.conn.on('packetCreate', (packet) => created.push(packet));
  socket.emit('first');
  const transport = await new Promise((resolve) => socket.conn.send('2["by hand",2]', { compress: true }, resolve));
  assert.equal(transport, socket.conn.transport);
  socket.conn.write('2["and again"]');
  await barrier(client);
  assert.deepEqual(client.received, [['first'], ['by hand', 2], ['and again']]);
  assert.deepEqual(messages(created), ['2["first"]', '2["by hand",2]', '2["and again"]', '30[]']);
});

test('socket.conn closes as an engine knows it: forced, whatever its sockets are told', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const other = await pair(t, io, port, { transports: ['polling'] });
  assert.equal(socket.conn.transport.supportsBinary, true);
  assert.equal(other.socket.conn.transport.supportsBinary, true);
  const broken = Promise.all([next(socket, 'disconnect'), next(socket.conn, 'close')]);
  client.io.engine.write('2{}');
  assert.deepEqual(await broken, [
    ['forced close', undefined],
    ['forced close', undefined],
  ]);
  const shut = Promise.all([next(other.socket, 'disconnect'), next(other.socket.conn, 'close')]);
  await io.close();
  assert.deepEqual(await shut, [
    ['server shutting down', undefined],
    ['forced close', undefined],
  ]);
});
