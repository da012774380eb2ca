// How a server comes to an adapter, a parser or an engine of the application's, and what these may rely on.
'use strict';

const test = require('node:test');
const assert = require('node:assert');
const http = require('http');
const { once } = require('events');
const { Adapter } = require('socket.io-adapter');
const { sori, clientOf, join, next, pair, TRANSPORTS, barrier, answerBarriers } = require('../node/harness');
const { serve } = require('./nodes');
const parser = require('./packed-parser');

/** Remembers what it was asked for. */
class Remembering extends Adapter {
  constructor(nsp) {
    super(nsp);
    this.asked = [];
  }

  init() {
    this.asked.push('init');
  }

  broadcast(packet, options) {
    this.asked.push(['broadcast', packet.data, [...options.rooms], [...options.except], options.flags]);
    super.broadcast(packet, options);
  }
}

/** The options, and the two ways to call `adapter`: before and after the server is attached. */
const WAYS = {
  'as an option': (httpServer, adapter) => new sori.Server(httpServer, { adapter }),
  'before it is attached': (httpServer, adapter) => new sori.Server().adapter(adapter).attach(httpServer),
  'after it is attached': (httpServer, adapter) => new sori.Server(httpServer).adapter(adapter),
};

for (const [name, make] of Object.entries(WAYS)) {
  test(`an adapter is set ${name}, for namespaces made earlier and later`, async (t) => {
    const httpServer = http.createServer().listen(0, '127.0.0.1');
    await once(httpServer, 'listening');
    const io = make(httpServer, Remembering);
    t.after(() => io.close());
    const later = io.of('/later');
    assert.strictEqual(io.adapter(), Remembering);
    const { port } = httpServer.address();
    const { client, socket } = await pair(t, io, port);
    socket.join('room');
    const heard = next(client, 'x');
    io.to('room').except('other').volatile.emit('x', 1);
    await heard;
    for (const nsp of [io.of('/'), later]) {
      assert.ok(nsp.adapter instanceof Remembering);
      assert.strictEqual(nsp.adapter.asked[0], 'init');
    }
    assert.deepStrictEqual(io.of('/').adapter.asked[1], ['broadcast', ['x', 1], ['room'], ['other'], { volatile: true }]);
    assert.strictEqual(socket.rooms, io.of('/').adapter.sids.get(socket.id));
  });
}

test('middlewares and listeners of the engine stay when an adapter is set after it is attached', async (t) => {
  const { io, port } = await serve(t, 'sori', {});
  const seen = [];
  io.engine.use((req, res, proceed) => {
    seen.push('middleware');
    proceed();
  });
  io.engine.on('connection', () => seen.push('connection'));
  io.of('/').on('connection', () => seen.push('socket'));
  io.adapter(Adapter);
  await join(t, port);
  assert.deepStrictEqual(seen, ['middleware', 'connection', 'socket']);
});

test('a function without `new` may make the adapter', async (t) => {
  const { io, port } = await serve(t, 'sori', { adapter: (nsp) => new Remembering(nsp) });
  await join(t, port);
  assert.ok(io.of('/').adapter instanceof Remembering);
});

for (const transports of TRANSPORTS) {
  test(`an adapter that comes after the first clients has them come anew (${transports})`, async (t) => {
    const { io, port } = await serve(t, 'sori', {});
    let isHeld = false;
    io.use((socket, proceed) => (isHeld ? socket.conn.once('close', () => proceed()) : proceed()));
    const { client, socket } = await pair(t, io, port, { transports, reconnection: true, reconnectionDelay: 10 });
    isHeld = true;
    const waiting = clientOf(t, port, '/', { transports });
    await next(io.engine, 'connection');
    const warned = once(process, 'warning');
    const ended = next(socket, 'disconnect');
    const left = next(client, 'disconnect');
    const back = next(io, 'connection');
    io.adapter(Adapter);
    isHeld = false;
    assert.strictEqual((await ended)[0], 'forced server close');
    assert.match((await left)[0], /^transport (close|error)$/);
    assert.strictEqual((await warned)[0].code, 'SORI_LATE_ADAPTER');
    const [again] = await back;
    assert.notStrictEqual(again.id, socket.id);
    assert.ok(again.rooms === io.of('/').adapter.sids.get(again.id));
    assert.deepStrictEqual([...io.of('/').sockets.keys()], [again.id]);
    const heard = next(client, 'x');
    io.emit('x', 1);
    assert.deepStrictEqual(await heard, [1]);
    assert.strictEqual(waiting.connected, false);
  });
}

test('an adapter that cannot start is told of, and the server goes on', async (t) => {
  const warned = once(process, 'warning');
  class Failing extends Adapter {
    async init() {
      throw new Error('no network');
    }
  }
  const { port } = await serve(t, 'sori', { adapter: Failing });
  const [warning] = await warned;
  assert.match(warning.message, /the adapter of \/ could not be started: no network/);
  await join(t, port);
});

for (const transports of TRANSPORTS) {
  test(`a parser of the application's own carries everything (${transports})`, async (t) => {
    const { io, port } = await serve(t, 'sori', { parser });
    io.on('connection', answerBarriers);
    io.of('/other').on('connection', (socket) => socket.emit('here'));
    const { client, socket } = await pair(t, io, port, { parser, transports });
    socket.on('echo', (...args) => args.pop()(...args));
    const bytes = Buffer.from([0, 1, 255]);
    assert.deepStrictEqual(await client.emitWithAck('echo', { deep: [bytes, 'ä'] }), { deep: [bytes, 'ä'] });
    assert.deepStrictEqual(client.io.encoder.constructor, parser.Encoder);
    await next(clientOf(t, port, '/other', { parser, transports }), 'here');
    io.emit('all', bytes);
    await barrier(client);
    assert.deepStrictEqual(client.received, [['all', bytes]]);
  });
}

test('a parser that extends socket.io-parser to write values of its own is not taken for it', async (t) => {
  const { Encoder, Decoder } = require('socket.io-parser');
  class Bigger extends Encoder {
    constructor() {
      super((key, value) => (typeof value === 'bigint' ? `${value}n` : value));
    }
  }
  const { io, port } = await serve(t, 'sori', { parser: { Encoder: Bigger, Decoder } });
  const { client, socket } = await pair(t, io, port);
  const heard = next(client, 'big');
  socket.emit('big', 12345678901234567890n);
  assert.deepStrictEqual(await heard, ['12345678901234567890n']);
});

test('what a parser cannot read ends the connection, as an error of its sockets', async (t) => {
  const { io, port } = await serve(t, 'sori', { parser });
  const { client, socket } = await pair(t, io, port, { parser });
  const failed = next(socket, 'error');
  const ended = next(socket, 'disconnect');
  client.io.engine.write('nonsense');
  assert.match((await failed)[0].message, /not a packed packet/);
  assert.strictEqual((await ended)[0], 'forced close');
});

test('a listener that throws at an invalid packet does not keep its connection open', async (t) => {
  const { io, port } = await serve(t, 'sori', { parser });
  const { client, socket } = await pair(t, io, port, { parser });
  const uncaught = new Promise((resolve) => process.setUncaughtExceptionCaptureCallback(resolve));
  t.after(() => process.setUncaughtExceptionCaptureCallback(null));
  socket.on('error', () => {
    throw new Error('of the application');
  });
  const ended = next(socket, 'disconnect');
  client.io.engine.write('nonsense');
  assert.strictEqual((await uncaught).message, 'of the application');
  assert.strictEqual((await ended)[0], 'forced close');
});

for (const [name, engineOf] of [
  ['sori/engine', () => require('../../node-binding/engine')],
  ['engine.io', () => require('engine.io')],
]) {
  test(`a server is bound to an engine of ${name}`, async (t) => {
    const httpServer = http.createServer().listen(0, '127.0.0.1');
    await once(httpServer, 'listening');
    const engine = engineOf().attach(httpServer, { path: '/socket.io' });
    const io = new sori.Server();
    io.bind(engine);
    assert.strictEqual(io.engine, engine);
    const { client, socket } = await pair(t, io, httpServer.address().port);
    t.after(() => {
      io.close();
      httpServer.close();
    });
    socket.on('sum', (a, b, done) => done(a + b));
    assert.strictEqual(await client.emitWithAck('sum', 1, 2), 3);
    assert.strictEqual(socket.conn.server, engine);
    const ended = next(socket, 'disconnect');
    client.disconnect();
    assert.strictEqual((await ended)[0], 'client namespace disconnect');
  });
}
