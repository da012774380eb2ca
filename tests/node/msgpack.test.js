// `parser: require('socket.io-msgpack-parser')`: the official client with the same parser, over each way of transport.
'use strict';

const assert = require('assert/strict');
const { test } = require('node:test');
const parser = require('socket.io-msgpack-parser');
const { serve, clientOf, join, pair, next, barrier, TRANSPORTS } = require('./harness');

for (const transports of TRANSPORTS) {
  const options = { transports, parser };

  test(`events and acks go there and back (${transports})`, async (t) => {
    const { io, port } = await serve(t, { parser });
    const { client, socket } = await pair(t, io, port, { ...options, auth: { token: 'ä' } });
    assert.deepEqual(socket.handshake.auth, { token: 'ä' });
    socket.on('echo', (...args) => socket.emit('echo', ...args));
    socket.on('ask', (...args) => args.pop()(...args));
    client.on('ask', (value, done) => done(value, Buffer.from([7])));
    const args = [1, -2, 1.5, 2 ** 40, 'ü'.repeat(300), null, true, [], { a: { b: [Buffer.from([0, 255]), Buffer.alloc(70000, 3)] } }];
    client.emit('echo', ...args);
    assert.deepEqual(await next(client, 'echo'), args);
    const answer = await new Promise((resolve) => client.emit('ask', ...args, (...given) => resolve(given)));
    assert.deepEqual(answer, args);
    assert.deepEqual(await socket.emitWithAck('ask', { x: Buffer.from([1]) }), { x: Buffer.from([1]) });
  });

  test(`a namespace refuses with data (${transports})`, async (t) => {
    const { io, port } = await serve(t, { parser });
    io.of('/private').use((socket, next) => next(Object.assign(new Error('no'), { data: { code: 7 } })));
    const client = clientOf(t, port, '/private', options);
    const [error] = await next(client, 'connect_error');
    assert.deepEqual([error.message, error.data], ['no', { code: 7 }]);
  });

  test(`a socket that is disconnected is told (${transports})`, async (t) => {
    const { io, port } = await serve(t, { parser });
    const { client, socket } = await pair(t, io, port, options);
    const left = next(client, 'disconnect');
    socket.disconnect();
    assert.equal((await left)[0], 'io server disconnect');
  });
}

test('a broadcast with binary reaches every transport, and its acks come back', async (t) => {
  const { io, port } = await serve(t, { parser });
  const clients = await Promise.all(TRANSPORTS.map((transports) => join(t, port, '/', { transports, parser })));
  clients.forEach((client, i) => client.on('news', (data, done) => done({ i, data })));
  const answers = await io.timeout(10000).emitWithAck('news', Buffer.from([1, 2]));
  assert.deepEqual(
    answers.sort((a, b) => a.i - b.i),
    clients.map((_, i) => ({ i, data: Buffer.from([1, 2]) })),
  );
});

test('a client comes back with what it missed', async (t) => {
  const { io, port } = await serve(t, { parser, connectionStateRecovery: {} });
  const { client, socket } = await pair(t, io, port, { parser, reconnection: true, reconnectionDelay: 1 });
  client.on('disconnect', () => io.emit('missed', Buffer.from([9])));
  io.emit('seen');
  await barrier(client);
  const missed = next(client, 'missed');
  const back = next(io, 'connection');
  client.io.engine.close();
  assert.deepEqual((await missed)[0], Buffer.from([9]));
  assert.deepEqual([(await back)[0].recovered, (await back)[0].id], [true, socket.id]);
});

test('a client with another parser is turned away', async (t) => {
  const { io, port } = await serve(t, { parser });
  const closed = new Promise((resolve) => io.engine.once('connection', (conn) => conn.once('close', resolve)));
  const client = clientOf(t, port);
  client.on('connect', () => assert.fail('it speaks JSON'));
  assert.equal(await closed, 'forced close');
});
