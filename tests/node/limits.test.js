// Limits that an application may set beyond socket.io's: of messages, of queues, of connections by address, of acks.
'use strict';

const assert = require('assert/strict');
const { test } = require('node:test');
const { sori, isOriginal, serve, clientOf, join, pair, next, barrier, raw, request, handshake, upgradeRequest, POLLING, TRANSPORTS } = require('./harness');

for (const transports of TRANSPORTS) {
  test(`a client over its rate limit is disconnected, the others go on (${transports})`, { skip: isOriginal }, async (t) => {
    const { io, port } = await serve(t, { rateLimit: { perSecond: 1, burst: 20 } });
    const good = await join(t, port, '/', { transports });
    const { client, socket } = await pair(t, io, port, { transports });
    let count = 0;
    socket.on('spam', () => {
      count += 1;
    });
    const gone = next(socket, 'disconnect');
    for (let i = 0; i < 50; i++) {
      client.emit('spam');
    }
    const [reason, description] = await gone;
    assert.equal(reason, 'transport error');
    assert.equal(description.message, 'too many messages');
    assert.ok(count > 0 && count < 20, `${count} events passed`);
    await barrier(good);
  });
}

test('a rate limit is a number of messages a second', { skip: isOriginal }, async (t) => {
  const { io, port } = await serve(t, { rateLimit: 5 });
  const { client, socket } = await pair(t, io, port);
  const gone = next(socket, 'disconnect');
  for (let i = 0; i < 6; i++) {
    client.emit('spam');
  }
  assert.equal((await gone)[1].message, 'too many messages');
  const bad = new sori.Server({ rateLimit: 0 });
  assert.throws(() => bad.attach(0), { name: 'TypeError', message: 'rateLimit.perSecond: 0 is no number of messages' });
});

for (const transports of TRANSPORTS) {
  test(`clients of one address have one rate limit, others go on (${transports})`, { skip: isOriginal }, async (t) => {
    const { io, port } = await serve(t, { rateLimitPerAddress: { perSecond: 1, burst: 60 }, addressOf: (req) => req.headers['x-client'] });
    const from = (address) => ({ transports, extraHeaders: { 'x-client': address } });
    const { client: first } = await pair(t, io, port, from('192.0.2.1'));
    const other = await join(t, port, '/', from('192.0.2.2'));
    const { client: second, socket } = await pair(t, io, port, from('192.0.2.1'));
    for (let i = 0; i < 20; i++) {
      first.emit('spam');
    }
    await barrier(first);
    const gone = next(socket, 'disconnect');
    for (let i = 0; i < 50; i++) {
      second.emit('spam');
    }
    const [reason, description] = await gone;
    assert.equal(reason, 'transport error');
    assert.equal(description.message, 'too many messages from this address');
    await barrier(other);
    assert.equal(first.connected, true);
  });
}

test('a rate limit by address is about the peer if nothing else is said', { skip: isOriginal }, async (t) => {
  const { io, port } = await serve(t, { rateLimitPerAddress: 5 });
  const { client, socket } = await pair(t, io, port);
  const gone = next(socket, 'disconnect');
  for (let i = 0; i < 6; i++) {
    client.emit('spam');
  }
  assert.equal((await gone)[1].message, 'too many messages from this address');
  const bad = new sori.Server({ rateLimitPerAddress: { perSecond: 10, burst: 0 } });
  assert.throws(() => bad.attach(0), { name: 'TypeError', message: 'rateLimitPerAddress.burst: 0 is no number of messages' });
});

test('a slow reader is disconnected, or loses events where the application wants that', { skip: isOriginal }, async (t) => {
  const chunk = 'x'.repeat(100000);
  for (const overflow of ['close', 'drop']) {
    const { io, port } = await serve(t, { maxQueuedBytes: 1e6, overflow });
    const { client, socket } = await pair(t, io, port);
    const stream = client.io.engine.transport.ws._socket;
    stream.pause();
    let gone = null;
    socket.on('disconnect', (reason) => {
      gone = reason;
    });
    const sent = 300;
    for (let i = 0; i < sent; i++) {
      socket.emit('chunk', i, chunk);
      // Each in a turn of its own: what is queued in one turn counts only if it cannot be written.
      await new Promise(setImmediate);
    }
    if (overflow === 'close') {
      while (gone === null) {
        await new Promise(setImmediate);
      }
      assert.equal(gone, 'transport error');
      stream.destroy();
      continue;
    }
    assert.equal(gone, null);
    stream.resume();
    await barrier(client);
    const numbers = client.received.map(([, i]) => i);
    assert.ok(numbers.length > 0 && numbers.length < sent, `${numbers.length} of ${sent} arrived`);
    assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b));
  }
  assert.throws(() => new sori.Server({ overflow: 'panic' }).attach(0), TypeError);
});

test('one address may have so many connections and no more', { skip: isOriginal }, async (t) => {
  const { io, port } = await serve(t, { maxConnectionsPerAddress: 2 });
  const refused = [];
  io.engine.on('connection_error', ({ code, context }) => refused.push([code, context.name]));
  const first = await join(t, port);
  await join(t, port, '/', { transports: ['polling'] });
  const answer = await request(port, POLLING);
  assert.equal(answer.status, 429);
  assert.deepEqual(JSON.parse(answer.body), { code: 4, message: 'Too many connections from this address' });
  const upgrade = await raw(t, port, upgradeRequest('/socket.io/?EIO=4&transport=websocket'));
  assert.match(upgrade, /^HTTP\/1\.1 429 Too Many Requests\r\n/);
  assert.deepEqual(refused, [
    [4, 'TOO_MANY_FROM_ADDRESS'],
    [4, 'TOO_MANY_FROM_ADDRESS'],
  ]);
  const [socket] = io.sockets.sockets.values();
  const closed = next(socket.conn, 'close');
  first.disconnect();
  await closed;
  await join(t, port);
  assert.equal((await request(port, POLLING)).status, 429);
});

test('connections of one address that come all at once are counted, too', { skip: isOriginal }, async (t) => {
  const waiting = [];
  const { io, port } = await serve(t, { maxConnectionsPerAddress: 2, allowRequest: (req, done) => waiting.push(done) });
  const clients = Array.from({ length: 5 }, () => clientOf(t, port));
  const outcomes = Promise.all(
    clients.map((client) => Promise.race([next(client, 'connect').then(() => 'in', () => 'out'), next(client, 'disconnect').then(() => 'out')])),
  );
  while (waiting.length < 5) {
    await new Promise(setImmediate);
  }
  waiting.forEach((done) => done(null, true));
  assert.deepEqual((await outcomes).sort(), ['in', 'in', 'out', 'out', 'out']);
  assert.equal(io.engine.clientsCount, 2);
});

test('behind a proxy the application tells the address', { skip: isOriginal }, async (t) => {
  const { port } = await serve(t, { maxConnectionsPerAddress: 1, addressOf: (req) => req.headers['x-forwarded-for'] });
  await join(t, port, '/', { extraHeaders: { 'x-forwarded-for': '192.0.2.1' } });
  await join(t, port, '/', { extraHeaders: { 'x-forwarded-for': '192.0.2.2' } });
  const again = clientOf(t, port, '/', { extraHeaders: { 'x-forwarded-for': '192.0.2.1' } });
  await assert.rejects(next(again, 'connect'));
});

test('a payload over the limit is told with the limit', { skip: isOriginal }, async (t) => {
  const { io, port } = await serve(t, { maxHttpBufferSize: 1000 });
  const told = [];
  io.engine.on('payload_too_large', ({ req, connection, limit }) => told.push([req._query.transport, connection.id, limit]));
  const { client, socket } = await pair(t, io, port);
  const gone = next(socket, 'disconnect');
  client.emit('big', 'x'.repeat(1000));
  const [reason, description] = await gone;
  assert.equal(reason, 'transport error');
  assert.equal(description.message, 'Max payload size exceeded: a message of the client is over maxHttpBufferSize (1000 bytes)');
  const { sid, send } = await handshake(port);
  assert.equal((await send('x'.repeat(1001))).status, 413);
  assert.deepEqual(told, [
    ['websocket', socket.conn.id, 1000],
    ['polling', sid, 1000],
  ]);
});

test('ackTimeout is the timeout of broadcasts and of emitWithAck that have none of their own', { skip: isOriginal }, async (t) => {
  const { io, port } = await serve(t, { ackTimeout: 200 });
  const { client, socket } = await pair(t, io, port);
  await join(t, port);
  client.on('late', (done) => setTimeout(done, 30, 'late'));
  const error = await io.emitWithAck('late').catch((failure) => failure);
  assert.equal(error.message, 'operation has timed out');
  assert.deepEqual(error.responses, ['late']);
  assert.equal(await socket.emitWithAck('late'), 'late');
  await assert.rejects(socket.emitWithAck('unknown'), { message: 'operation has timed out' });
  // A callback without timeout() has no error argument, and so waits for ever, as in socket.io.
  assert.equal(await new Promise((resolve) => socket.emit('late', resolve)), 'late');
});

test('options given to attach count as well', { skip: isOriginal }, async (t) => {
  const { httpServer, port } = await serve(t, { path: '/other' });
  const io = new sori.Server();
  const reported = [];
  io.attach(httpServer, { ackTimeout: 50, onHandlerError: (error) => reported.push(error.message) });
  t.after(() => io.close());
  const { client, socket } = await pair(t, io, port);
  await assert.rejects(socket.emitWithAck('unknown'), { message: 'operation has timed out' });
  socket.on('fail', () => {
    throw new Error('reported');
  });
  client.emit('fail');
  socket.on('last', (done) => done());
  await client.emitWithAck('last');
  assert.deepEqual(reported, ['reported']);
});

test('emitWithAck of a fetched socket', async (t) => {
  const { io, port } = await serve(t);
  const client = await join(t, port);
  client.on('ask', (n, done) => done(n + 1));
  const [remote] = await io.fetchSockets();
  assert.equal(await remote.timeout(5000).emitWithAck('ask', 1), 2);
  const [local] = await io.local.fetchSockets();
  assert.equal(await local.timeout(5000).emitWithAck('ask', 2), 3);
});

test('an option that cannot be is refused with its name', { skip: isOriginal }, () => {
  for (const options of [{ ackTimeout: -1 }, { maxConnectionsPerAddress: 0 }, { onHandlerError: true }, { addressOf: 'x' }]) {
    assert.throws(() => new sori.Server(options), { name: 'TypeError', message: new RegExp(`"${Object.keys(options)[0]}"`) });
  }
});
