// Engine.IO messages as they are, where the engine does not speak Socket.IO; ids and first messages that the application
// chooses, in either case.
'use strict';

const test = require('node:test');
const assert = require('node:assert');
const { Socket: EngineClient } = require('engine.io-client');
const { isOriginal, serve, join, next, request, handshake, POLLING, TRANSPORTS } = require('./harness');

/** A server of messages that mean nothing to the engine. */
function serveRaw(t, options = {}) {
  return serve(t, { protocol: 'engine.io', ...options });
}

/** An engine.io client and its connection on the server, upgraded if it is to be. */
async function meet(t, { io, port }, transports) {
  const connected = next(io.engine, 'connection');
  const client = new EngineClient(`ws://127.0.0.1:${port}`, { path: '/socket.io', transports });
  client.binaryType = 'nodebuffer';
  t.after(() => client.close());
  const upgraded = transports.length > 1 ? next(client, 'upgrade') : null;
  const [connection] = await connected;
  await upgraded;
  return { client, connection };
}

for (const transports of TRANSPORTS) {
  test(`messages cross as they are over ${transports}`, { skip: isOriginal }, async (t) => {
    const server = await serveRaw(t);
    const { client, connection } = await meet(t, server, transports);
    connection.on('message', (message) => connection.send(message));
    const sent = ['0', '', '2["not","socket.io"]', 'ä\x1f\u2028"\\', Buffer.from([4, 0, 255]), Buffer.alloc(10000, 7), Buffer.alloc(0)];
    const received = [];
    const done = new Promise((resolve) => {
      // The client takes the empty text for none at all.
      client.on('message', (message = '') => received.push(message) === sent.length && resolve());
    });
    sent.forEach((message) => client.send(message));
    await done;
    assert.deepStrictEqual(received, sent);
  });

  test(`callbacks are called once messages are handed to ${transports}`, { skip: isOriginal }, async (t) => {
    const server = await serveRaw(t);
    const { client, connection } = await meet(t, server, transports);
    const order = [];
    client.on('message', (message) => order.push(message));
    const called = new Promise((resolve) => {
      connection.send('a', (transport) => order.push(transport.name));
      connection.send(Buffer.from('b'), {}, resolve);
    });
    await called;
    assert.ok(order.includes(transports.at(-1)));
    connection.send('end');
    while (!order.includes('end')) {
      await next(client, 'message');
    }
    assert.deepStrictEqual(
      order.filter((entry) => !transports.includes(entry)),
      ['a', Buffer.from('b'), 'end'],
    );
  });
}

test('a buffer may be written to right after it was sent', { skip: isOriginal }, async (t) => {
  const server = await serveRaw(t);
  const { client, connection } = await meet(t, server, ['websocket']);
  for (const size of [10, 100000]) {
    const bytes = Buffer.alloc(size, 1);
    const received = next(client, 'message');
    connection.send(bytes);
    bytes.fill(2);
    assert.deepStrictEqual((await received)[0], Buffer.alloc(size, 1));
  }
});

test('the heartbeat of a client is told', { skip: isOriginal }, async (t) => {
  const server = await serveRaw(t, { pingInterval: 20 });
  const { connection } = await meet(t, server, ['websocket']);
  const [packet] = await next(connection, 'packet');
  assert.deepStrictEqual(packet, { type: 'pong' });
  await next(connection, 'heartbeat');
});

test('a client that has gone is sent nothing, and its callbacks are forgotten', { skip: isOriginal }, async (t) => {
  const server = await serveRaw(t);
  const { connection } = await meet(t, server, ['polling']);
  connection.close(true);
  const closed = next(connection, 'close');
  connection.send('x', () => assert.fail('it was not sent'));
  assert.deepStrictEqual((await closed)[0], 'forced close');
  connection.send('y', () => assert.fail('it was not sent'));
});

for (const transports of TRANSPORTS) {
  test(`the application chooses the id of a session over ${transports}`, async (t) => {
    const { io, port } = await serve(t);
    let count = 0;
    io.engine.generateId = (req) => {
      assert.strictEqual(typeof req.url, 'string');
      return Promise.resolve(`custom:${++count} ü`);
    };
    const client = await join(t, port, '/', { transports });
    assert.strictEqual(client.io.engine.id, 'custom:1 ü');
    const answer = new Promise((resolve) => io.once('connection', (socket) => resolve(socket.conn.id)));
    await join(t, port, '/', { transports });
    assert.strictEqual(await answer, 'custom:2 ü');
  });
}

test('a session whose id cannot be chosen is refused', async (t) => {
  const { io, port } = await serve(t);
  for (const generateId of [
    () => Promise.reject(new Error('no')),
    () => {
      throw new Error('no');
    },
  ]) {
    io.engine.generateId = generateId;
    const refused = next(io.engine, 'connection_error');
    const { status, body } = await request(port, POLLING);
    assert.deepStrictEqual([status, JSON.parse(body)], [400, { code: 3, message: 'Bad request' }]);
    assert.strictEqual((await refused)[0].context.name, 'ID_GENERATION_ERROR');
  }
});

test('an id in use is refused', { skip: isOriginal }, async (t) => {
  const { io, port } = await serve(t);
  io.engine.generateId = () => 'same';
  assert.strictEqual((await handshake(port)).sid, 'same');
  const { status, body } = await request(port, POLLING);
  assert.deepStrictEqual([status, JSON.parse(body)], [400, { code: 3, message: 'Bad request' }]);
});

test('the first message comes right behind the open packet', async (t) => {
  const { port } = await serve(t, { initialPacket: 'welcome' });
  const { body } = await request(port, POLLING);
  assert.strictEqual(body.split('\x1e')[1], '4welcome');
  const binary = await serve(t, { initialPacket: Buffer.from([1, 2, 3]) });
  const answer = await request(binary.port, POLLING);
  assert.strictEqual(answer.body.split('\x1e')[1], 'bAQID');
});
