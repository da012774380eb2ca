// WebTransport: sessions that the application brings, direct and as an upgrade from polling.
'use strict';

const assert = require('assert/strict');
const { after, test } = require('node:test');
const parser = require('socket.io-parser');
const { serve, clientOf, join, next, handshake, request, isOriginal, barrier, POLLING } = require('./harness');
const { sessionPair, dial, installClient } = require('./sessions');
const { Server: EngineServer, transports } = isOriginal ? require('engine.io') : require('../../node-binding/engine');

// Behind a real session is a socket that keeps the process going.
const alive = setInterval(() => {}, 1000);
after(() => clearInterval(alive));

const ALL = ['polling', 'websocket', 'webtransport'];

/** A server, and clients of socket.io that reach it by WebTransport. */
async function serveSessions(t, options) {
  const { io, port } = await serve(t, options);
  installClient(t, () => io.engine);
  return { io, port };
}

const isOver = (session) => session.closed.then(() => true);

// With a parser that the engine does not know packets are made in JavaScript.
class Encoder extends parser.Encoder {}
class Decoder extends parser.Decoder {}
const MAKERS = [
  { maker: 'the engine', options: {} },
  { maker: 'JavaScript', options: { parser: { Encoder, Decoder } } },
];
for (const { maker, options } of MAKERS) {
  test(`a client that comes by WebTransport has all that others have, with packets of ${maker}`, async (t) => {
    const { io, port } = await serveSessions(t, options);
    const connected = next(io, 'connection');
    const client = await join(t, port, '/', { transports: ['webtransport'] });
    const [socket] = await connected;
    socket.on('sum', (bytes, text, done) => done(Buffer.concat([bytes, Buffer.from(text)])));
    assert.deepEqual(await client.emitWithAck('sum', Buffer.of(1, 2), 'ä'.repeat(70_000)), Buffer.concat([Buffer.of(1, 2), Buffer.from('ä'.repeat(70_000))]));
    socket.join('room');
    io.to('room').emit('hello', { bytes: Buffer.of(3) });
    await barrier(client);
    assert.deepEqual(client.received, [['hello', { bytes: Buffer.of(3) }]]);
    assert.equal(socket.conn.transport.name, 'webtransport');
    assert.equal(socket.conn.protocol, 4);
    assert.equal(io.engine.clientsCount, 1);
  });
}

test('such a client came without a request', async (t) => {
  const { io, port } = await serveSessions(t);
  const connected = next(io, 'connection');
  await join(t, port, '/', { transports: ['webtransport'], auth: { token: 'abc' } });
  const [socket] = await connected;
  const { headers, secure, xdomain, url, query, auth } = socket.handshake;
  assert.deepEqual({ headers, secure, xdomain, url, query, auth }, { headers: {}, secure: true, xdomain: false, url: undefined, query: {}, auth: { token: 'abc' } });
  assert.equal(socket.request, null);
  assert.equal(socket.conn.request, null);
  // socket.io does not ask the session.
  assert.equal(socket.handshake.address, isOriginal ? undefined : '192.0.2.7');
});

test('clients are offered what the server has', async (t) => {
  const offers = [
    [undefined, ['websocket']],
    [ALL, ['websocket', 'webtransport']],
    [['polling', 'webtransport'], ['webtransport']],
    [['polling'], []],
  ];
  for (const [transports, upgrades] of offers) {
    const { port } = await serve(t, transports && { transports });
    const { body } = await request(port, POLLING);
    assert.deepEqual(JSON.parse(body.slice(1)).upgrades, upgrades);
  }
});

test('a polling client upgrades, and what it sends and is sent keeps its order', async (t) => {
  const { io, port } = await serveSessions(t, { transports: ALL });
  const heard = [];
  const upgrading = [];
  io.engine.on('connection', (connection) => {
    connection.on('upgrading', ({ name }) => upgrading.push(name));
    connection.on('upgrade', ({ name }) => upgrading.push(name));
  });
  io.on('connection', (socket) => {
    for (let i = 0; i < 50; i++) {
      socket.emit('count', i);
    }
    socket.on('count', (i) => heard.push(i));
  });
  const client = clientOf(t, port, '/', { transports: ['polling', 'webtransport'] });
  const upgraded = next(client.io.engine, 'upgrade');
  for (let i = 0; i < 50; i++) {
    client.emit('count', i);
  }
  const [{ name }] = await upgraded;
  assert.equal(name, 'webtransport');
  await barrier(client);
  const inOrder = Array.from({ length: 50 }, (_, i) => i);
  assert.deepEqual(heard, inOrder);
  assert.deepEqual(client.received, inOrder.map((i) => ['count', i]));
  assert.deepEqual(upgrading, ['webtransport', 'webtransport']);
  const [socket] = await io.fetchSockets();
  assert.equal(socket.handshake.query.transport, 'polling');
});

test('a session that opens no stream in time is closed', async (t) => {
  const { io } = await serve(t, { upgradeTimeout: 50 });
  const { client, server } = sessionPair();
  io.engine.onWebTransportSession(server);
  await isOver(client);
  assert.equal(io.engine.clientsCount, 0);
});

// In engine.io that is an unhandled rejection.
test('a session on whose stream nothing is said in time is closed', { skip: isOriginal }, async (t) => {
  const { io } = await serve(t, { upgradeTimeout: 50 });
  const { client, server } = sessionPair();
  io.engine.onWebTransportSession(server);
  await client.createBidirectionalStream();
  await isOver(client);
  assert.equal(io.engine.clientsCount, 0);
});

test('a stream that begins with anything but an open packet ends its session', async (t) => {
  const { io, port } = await serve(t, { transports: ALL });
  const { sid } = await handshake(port);
  const beginnings = ['\x00', '\x016', '\x0220', '\x81\x30', '\x020{', '\x160{"sid":"11111111111"}', '\x140{"sid":"__proto__"}', '\x0a0{"sid":1}', '\x0d0{"sid":null}', '\xff\x00\x00\x00\x00\x40\x00\x00\x00'];
  for (const bytes of beginnings) {
    const { client, server } = sessionPair();
    io.engine.onWebTransportSession(server);
    const { writable } = await client.createBidirectionalStream();
    const writer = writable.getWriter();
    writer.closed.catch(() => {});
    writer.write(Buffer.from(bytes, 'latin1')).catch(() => {});
    await isOver(client);
  }
  assert.deepEqual(Object.keys(io.engine.clients), [sid]);
});

test('a stream may come in any pieces, and together', async (t) => {
  const { io } = await serve(t);
  for (const size of [1, 2, 3, 1000]) {
    const { client, server } = sessionPair();
    const connected = next(io.engine, 'connection');
    io.engine.onWebTransportSession(server);
    const { writable, readable } = await client.createBidirectionalStream();
    const reader = readable.getReader();
    const writer = writable.getWriter();
    const bytes = Buffer.from('\x010\x0240');
    for (let i = 0; i < bytes.length; i += size) {
      writer.write(bytes.subarray(i, i + size)).catch(() => {});
    }
    const [connection] = await connected;
    let answer = '';
    while (!answer.includes('40{"sid":"')) {
      const { value } = await reader.read();
      answer += Buffer.from(value).toString('latin1');
    }
    assert.equal(connection.transport.name, 'webtransport');
    client.close();
    await next(connection, 'close');
  }
});

test('a second candidate is closed and disturbs neither the first nor the connection', async (t) => {
  const { io, port } = await serve(t, { transports: ALL });
  const opened = next(io.engine, 'connection');
  const { sid } = await handshake(port);
  const [connection] = await opened;
  const first = `0${JSON.stringify({ sid })}`;
  const candidate = await dial(io.engine, { first, ...sessionPair() });
  candidate.send('ping', 'probe');
  assert.deepEqual(await candidate.next(), { type: 'pong', data: 'probe' });
  const late = await dial(io.engine, { first, ...sessionPair() });
  await isOver(late.session);
  const upgraded = next(connection, 'upgrade');
  candidate.send('upgrade');
  const [transport] = await upgraded;
  assert.equal(transport.name, 'webtransport');
  const third = await dial(io.engine, { first, ...sessionPair() });
  await isOver(third.session);
  assert.equal(connection.readyState, 'open');
});

// In socket.io the last packet gets lost.
test('the server closes a session behind its last packet', { skip: isOriginal }, async (t) => {
  const { io } = await serve(t);
  const opened = next(io.engine, 'connection');
  const { session, next: packet } = await dial(io.engine);
  const [connection] = await opened;
  assert.equal((await packet()).type, 'open');
  const closed = next(connection, 'close');
  connection.send('last words');
  connection.close();
  assert.deepEqual(await packet(), { type: 'message', data: 'last words' });
  await isOver(session);
  assert.deepEqual((await closed)[0], 'forced close');
});

// In socket.io a session that fails is an unhandled rejection, and the end of a stream nothing.
const LEAVINGS = [
  { leaving: 'closes its session', leave: ({ client }) => client.close() },
  { leaving: 'is gone', leave: ({ fail }) => fail(new Error('the network is gone')), isOurs: true },
  { leaving: 'ends its stream', leave: (_, { finish }) => finish(), isOurs: true },
];
for (const { leaving, leave, isOurs } of LEAVINGS) {
  test(`a client that ${leaving} has closed its connection`, { skip: isOriginal && isOurs }, async (t) => {
    const { io } = await serve(t);
    const pair = sessionPair();
    const opened = next(io.engine, 'connection');
    const client = await dial(io.engine, { first: '0', ...pair });
    const [connection] = await opened;
    const closed = next(connection, 'close');
    leave(pair, client);
    assert.equal((await closed)[0], 'transport close');
    assert.equal(io.engine.clientsCount, 0);
  });
}

test('a client that answers no ping is closed', async (t) => {
  const { io } = await serve(t, { pingInterval: 20, pingTimeout: 30 });
  const closed = new Promise((resolve) => io.engine.once('connection', (connection) => connection.once('close', resolve)));
  const { session } = await dial(io.engine);
  assert.equal(await closed, 'ping timeout');
  await isOver(session);
});

test('closing the server closes its sessions', async (t) => {
  const { io } = await serve(t);
  const opened = next(io.engine, 'connection');
  const { session } = await dial(io.engine);
  await opened;
  await io.close();
  await isOver(session);
});

test('a server with middlewares takes no sessions', async (t) => {
  for (const options of [{ cors: { origin: '*' } }, {}]) {
    const { io } = await serve(t, options);
    if (!options.cors) {
      io.engine.use((req, res, done) => done());
    }
    const { client, server } = sessionPair();
    await io.engine.onWebTransportSession(server);
    await isOver(client);
  }
});

test('a message over the limit ends its connection and no other', async (t) => {
  const { io } = await serve(t, { maxHttpBufferSize: 1000 });
  const opened = next(io.engine, 'connection');
  const good = await dial(io.engine);
  await opened;
  const second = next(io.engine, 'connection');
  const bad = await dial(io.engine);
  const [connection] = await second;
  const closed = next(connection, 'close');
  bad.send('message', 'x'.repeat(1001));
  await isOver(bad.session);
  assert.notEqual((await closed)[0], undefined);
  good.send('message', '0');
  assert.equal((await good.next()).type, 'open');
  assert.match((await good.next()).data, /^0\{"sid"/);
});

test('a server that closes takes no session any more', { skip: isOriginal }, async (t) => {
  const { io } = await serve(t);
  await io.close();
  const { client, server } = sessionPair();
  await io.engine.onWebTransportSession(server);
  await isOver(client);
});

// engine.io keeps what a client does not take, and reads whatever comes.
test('a client that takes nothing is closed at the limit, and its stream is given no more than a window', { skip: isOriginal }, async (t) => {
  const { io } = await serve(t, { maxQueuedBytes: 1_000_000 });
  const opened = next(io.engine, 'connection');
  const { client, server } = sessionPair();
  let given = 0;
  client.createBidirectionalStream = async () => {
    const up = new TransformStream();
    const writable = new WritableStream({ write: (chunk) => new Promise(() => (given += chunk.length)) });
    server.streams.enqueue({ readable: up.readable, writable });
    return { readable: new ReadableStream(), writable: up.writable };
  };
  const slow = await dial(io.engine, { client, server });
  const [connection] = await opened;
  const closed = next(connection, 'close');
  for (let i = 0; i < 100; i++) {
    connection.send(Buffer.alloc(65_536));
  }
  const [reason] = await closed;
  assert.equal(reason, 'transport error');
  await isOver(slow.session);
  assert.ok(given <= 262_144, `${given} bytes`);
});

test('a client that sends without end is read no further than the application has come', { skip: isOriginal }, async (t) => {
  const engine = new EngineServer();
  t.after(() => engine.close());
  const message = Buffer.concat([Buffer.of(0x80 | 126, 0xff, 0xff), Buffer.alloc(0xffff)]);
  let pulled = 0;
  let handled = 0;
  let most = 0;
  const readable = new ReadableStream(
    {
      pull: (stream) => {
        most = Math.max(most, pulled - handled);
        stream.enqueue(pulled === 0 ? Buffer.from('\x010') : message);
        pulled += message.length;
      },
    },
    { highWaterMark: 0 },
  );
  const { client, server } = sessionPair();
  server.streams.enqueue({ readable, writable: new WritableStream() });
  engine.onWebTransportSession(server);
  const [connection] = await next(engine, 'connection');
  await new Promise((resolve) => {
    connection.on('data', ({ length }) => {
      handled += length;
      if (handled >= 10_000_000) {
        resolve();
      }
    });
  });
  client.close();
  assert.ok(most <= 524_288, `${most} bytes`);
});

test('sori/engine takes sessions as engine.io does', async (t) => {
  const engine = new EngineServer({ transports: ALL });
  t.after(() => engine.close());
  const { session, send, next: packet } = await dial(engine);
  const [socket] = await next(engine, 'connection');
  assert.equal((await packet()).type, 'open');
  const sent = [];
  for (const data of ['hello', Buffer.of(1, 2, 3)]) {
    const handedOver = new Promise((resolve) => socket.send(data, resolve));
    assert.deepEqual(await packet(), { type: 'message', data });
    sent.push((await handedOver).name);
    const heard = next(socket, 'data');
    send('message', data);
    assert.deepEqual(await heard, [data]);
  }
  assert.deepEqual(sent, ['webtransport', 'webtransport']);
  assert.ok(socket.transport instanceof transports.webtransport);
  assert.deepEqual(transports.polling.upgradesTo, ['websocket', 'webtransport']);
  assert.equal(socket.request, null);
  const closed = next(socket, 'close');
  session.close();
  assert.equal((await closed)[0], 'transport close');
});
