// `sori/engine`: the API of engine.io, for protocols of the application's own.
'use strict';

const test = require('node:test');
const assert = require('node:assert');
const http = require('http');
const { once } = require('events');
const { Socket: Client } = require('engine.io-client');
const WebSocket = require('ws');
const { isOriginal, next, request, TRANSPORTS } = require('./harness');
const { IN_ORDER, promptClient, heartbeatsOfLateThread } = require('./heartbeats');

const engineIo = isOriginal ? require('engine.io') : require('../../node-binding/engine');
const { Server, Socket, Transport, attach, listen } = engineIo;

/** An engine on a port of its own; it ends with the test. */
async function serve(t, options = {}) {
  const engine = listen(0, options);
  t.after(() => end(engine));
  await once(engine.httpServer, 'listening');
  return { engine, port: engine.httpServer.address().port };
}

function end(engine) {
  engine.close();
  engine.httpServer.close();
  engine.httpServer.closeAllConnections();
}

/** A client, and its socket on the server; upgraded if it is to be. */
async function meet(t, { engine, port }, transports) {
  const connected = next(engine, 'connection');
  const client = new Client(`ws://127.0.0.1:${port}`, { transports });
  client.binaryType = 'nodebuffer';
  t.after(() => client.close());
  const upgraded = transports.length > 1 ? next(client, 'upgrade') : null;
  const [[socket]] = await Promise.all([connected, next(client, 'open'), upgraded]);
  if (upgraded !== null && !socket.upgraded) {
    await next(socket, 'upgrade');
  }
  return { client, socket };
}

/** The next `count` messages of a client. */
function messages(client, count) {
  const received = [];
  return new Promise((resolve) => client.on('message', (message) => received.push(message) === count && resolve(received)));
}

test('the module has what engine.io has', () => {
  for (const name of ['Server', 'Socket', 'Transport', 'uServer', 'attach', 'listen']) {
    assert.strictEqual(typeof engineIo[name], 'function', name);
  }
  assert.strictEqual(engineIo.protocol, 4);
  assert.strictEqual(typeof engineIo.parser.encodePacket, 'function');
  assert.deepStrictEqual(engineIo.transports.polling.upgradesTo.slice(0, 1), ['websocket']);
  assert.strictEqual(Server.errors.UNKNOWN_SID, 1);
  assert.strictEqual(Server.errorMessages[1], 'Session ID unknown');
});

test('import gives the same', { skip: isOriginal }, async () => {
  const module = await import('../../node-binding/engine.mjs');
  assert.strictEqual(module.Server, Server);
  assert.strictEqual(module.attach, attach);
});

test('what other engines bring is refused with a sentence', { skip: isOriginal }, () => {
  assert.throws(() => new Server({ wsEngine: class {} }), { code: 'SORI_UNSUPPORTED', message: /"wsEngine" has no meaning here/ });
  assert.throws(() => new engineIo.uServer(), { code: 'SORI_UNSUPPORTED', message: /uWebSockets\.js/ });
});

test('a server that nobody uses costs no engine, and has no clients', () => {
  const engine = new Server();
  assert.deepStrictEqual([engine.clientsCount, Object.keys(engine.clients)], [0, []]);
  assert.deepStrictEqual(engine.upgrades('polling').slice(0, 1), ['websocket']);
  assert.strictEqual(engine.close(), engine);
});

test('other paths of its port are answered 501, and those of an existing server go on', async (t) => {
  const { port } = await serve(t);
  assert.strictEqual((await request(port, '/')).status, 501);
  assert.strictEqual((await request(port, '/engine.io/')).status, 400);
  const httpServer = http.createServer((req, res) => res.end('theirs')).listen(0, '127.0.0.1');
  await once(httpServer, 'listening');
  const first = attach(httpServer, { path: '/first', destroyUpgrade: false });
  const second = attach(httpServer, { path: '/second', destroyUpgrade: false });
  t.after(() => [first, second].forEach((engine) => engine.close()) || httpServer.close());
  const theirs = httpServer.address().port;
  assert.strictEqual((await request(theirs, '/x')).body, 'theirs');
  for (const [path, engine] of [
    ['/first', first],
    ['/second', second],
  ]) {
    const connected = next(engine, 'connection');
    const client = new Client(`ws://127.0.0.1:${theirs}`, { path, transports: ['websocket'] });
    t.after(() => client.close());
    await connected;
    assert.strictEqual(engine.clientsCount, 1);
  }
});

for (const transports of TRANSPORTS) {
  test(`messages go both ways and come to an end (${transports})`, async (t) => {
    const server = await serve(t);
    const { client, socket } = await meet(t, server, transports);
    assert.ok(socket instanceof Socket && socket.transport instanceof Transport);
    assert.strictEqual(socket.transport.name, transports.at(-1));
    assert.ok(server.engine.clients[client.id] === socket);
    socket.on('message', (message) => socket.write(message));
    const sent = ['a', 'ä\u2028', Buffer.from([0, 255])];
    const received = messages(client, sent.length);
    sent.forEach((message) => client.send(message));
    assert.deepStrictEqual(await received, sent);
    const { transport } = socket;
    const ends = [next(socket, 'close'), next(transport, 'close')];
    client.close();
    const [[reason]] = await Promise.all(ends);
    assert.strictEqual(reason, 'transport close');
    assert.deepStrictEqual([socket.readyState, transport.readyState, server.engine.clientsCount], ['closed', 'closed', 0]);
  });

  test(`what is sent is told of step by step (${transports})`, async (t) => {
    const server = await serve(t);
    const { client, socket } = await meet(t, server, transports);
    const steps = [];
    socket.on('packetCreate', ({ type, data, options }) => steps.push(['packetCreate', type, data, options.compress]));
    socket.on('flush', (packets) => steps.push(['flush', packets.length]));
    server.engine.on('flush', (which, packets) => steps.push(['engine flush', which === socket, packets.length]));
    const arrived = messages(client, 2);
    const drained = new Promise((resolve) => socket.on('drain', () => socket.writeBuffer.length === 0 && resolve()));
    const called = new Promise((resolve) => {
      socket.send('one', { compress: false }, (transport) => steps.push(['sent', transport === socket.transport]));
      socket.send('two', resolve);
    });
    assert.deepStrictEqual(await arrived, ['one', 'two']);
    await Promise.all([drained, called]);
    assert.deepStrictEqual(
      steps.filter(([step]) => step === 'packetCreate'),
      [
        ['packetCreate', 'message', 'one', false],
        ['packetCreate', 'message', 'two', true],
      ],
    );
    const at = (name) => steps.findIndex(([step]) => step === name);
    assert.ok(at('packetCreate') < at('flush') && at('flush') < at('engine flush') && at('engine flush') < at('sent'), JSON.stringify(steps));
    assert.deepStrictEqual(steps.find(([step]) => step === 'sent'), ['sent', true]);
    assert.strictEqual(socket.writeBuffer.length, 0);
  });
}

test('a message over polling is told with the request that brought it', async (t) => {
  const { socket, client } = await meet(t, await serve(t), ['polling']);
  const { transport } = socket;
  assert.ok(!transport.dataReq);
  for (const text of ['one', 'two']) {
    const told = new Promise((resolve) => socket.once('message', (message) => resolve([message, transport.dataReq])));
    client.send(text);
    const [message, req] = await told;
    assert.strictEqual(message, text);
    assert.strictEqual(req.method, 'POST');
    assert.strictEqual(req.headers['content-type'], 'text/plain;charset=UTF-8');
    await next(client, 'drain');
  }
  assert.ok(!transport.dataReq);
});

test('an upgrade is told of from its beginning', async (t) => {
  const { engine, port } = await serve(t);
  const connected = next(engine, 'connection');
  const client = new Client(`ws://127.0.0.1:${port}`);
  t.after(() => client.close());
  const [socket] = await connected;
  const polling = socket.transport;
  const [candidate] = await next(socket, 'upgrading');
  assert.deepStrictEqual([candidate.name, socket.upgrading, socket.upgraded, socket.transport === polling], ['websocket', true, false, true]);
  const [transport] = await next(socket, 'upgrade');
  assert.deepStrictEqual([transport === candidate, socket.transport === candidate, socket.upgrading, socket.upgraded], [true, true, false, true]);
  assert.strictEqual(polling.readyState, 'closed');
});

test('an upgrade is told of when the client has probed it, not when its WebSocket comes', async (t) => {
  const { engine, port } = await serve(t);
  const connected = next(engine, 'connection');
  const client = new Client(`ws://127.0.0.1:${port}`, { transports: ['polling'] });
  t.after(() => client.close());
  const [socket] = await connected;
  const steps = [];
  socket.on('upgrading', (candidate) => steps.push(candidate.name));
  const candidate = new WebSocket(`ws://127.0.0.1:${port}/engine.io/?EIO=4&transport=websocket&sid=${socket.id}`);
  t.after(() => candidate.terminate());
  await next(candidate, 'open');
  assert.deepStrictEqual([socket.upgrading, steps], [true, []]);
  const answered = next(candidate, 'message');
  const told = next(socket, 'upgrading');
  candidate.send('2probe');
  assert.strictEqual(String((await answered)[0]), '3probe');
  await told;
  assert.deepStrictEqual(steps, ['websocket']);
});

test('a client whose server closes between its probe and its upgrade learns it at once', async (t) => {
  const { engine, port } = await serve(t);
  const client = new Client(`ws://127.0.0.1:${port}`);
  t.after(() => client.close());
  const ended = next(client, 'close');
  client.on('upgrading', () => engine.close());
  assert.strictEqual((await ended)[0], 'transport close');
});

test('a candidate that does not finish its upgrade is closed, and polling goes on', async (t) => {
  const { engine, port } = await serve(t, { upgradeTimeout: 50 });
  const connected = next(engine, 'connection');
  const client = new Client(`ws://127.0.0.1:${port}`);
  t.after(() => client.close());
  client.on('upgrading', (transport) => {
    transport.send = () => {};
  });
  const [socket] = await connected;
  const [candidate] = await next(socket, 'upgrading');
  await next(candidate, 'close');
  assert.deepStrictEqual([socket.upgrading, socket.upgraded, socket.readyState, socket.transport.name], [false, false, 'open', 'polling']);
});

for (const transports of TRANSPORTS) {
  test(`heartbeats are told of, each part when it happens (${transports})`, async (t) => {
    const server = await serve(t, { pingInterval: 50 });
    const { socket } = await meet(t, server, transports);
    const steps = [];
    // A ping may be on its way already: the next comes only after its pong, and may come with it.
    await new Promise((resolve) => {
      socket.once('heartbeat', () => {
        socket.on('packetCreate', (packet) => steps.push(['packetCreate', packet.type, packet.options.compress]));
        socket.on('flush', (packets) => steps.push(['flush', packets[0].type]));
        socket.on('drain', () => steps.push(['drain']));
        socket.on('packet', ({ type }) => steps.push(['packet', type]));
        socket.once('heartbeat', resolve);
      });
    });
    assert.deepStrictEqual(steps, [['packetCreate', 'ping', true], ['flush', 'ping'], ['drain'], ['packet', 'pong']]);
  });
}

for (const transports of [['websocket'], ['polling']]) {
  test(`a ping is told of before its pong, however late this thread is (${transports})`, async (t) => {
    const { engine, port } = await serve(t, { pingInterval: 20 });
    const connected = next(engine, 'connection');
    promptClient(t, { kind: 'engine.io', url: `ws://127.0.0.1:${port}`, transports });
    const [socket] = await connected;
    assert.deepStrictEqual(await heartbeatsOfLateThread(socket), IN_ORDER);
  });
}

test('close waits for what is queued, unless it is to be discarded', async (t) => {
  const server = await serve(t);
  const { client, socket } = await meet(t, server, ['polling']);
  const received = messages(client, 1);
  const ended = next(socket, 'close');
  socket.send('last');
  socket.close();
  assert.strictEqual(socket.readyState, 'closing');
  socket.send('too late', () => assert.fail('it was not sent'));
  assert.deepStrictEqual(await received, ['last']);
  assert.strictEqual((await ended)[0], 'forced close');
  const other = await meet(t, server, ['polling']);
  const discarded = next(other.socket, 'close');
  other.socket.close();
  other.socket.close(true);
  assert.strictEqual((await discarded)[0], 'forced close');
});

test('a client that polls no more times out, though the application closes it', async (t) => {
  const { engine, port } = await serve(t, { pingInterval: 100, pingTimeout: 100 });
  const connected = next(engine, 'connection');
  await request(port, '/engine.io/?EIO=4&transport=polling');
  const [socket] = await connected;
  const ended = next(socket, 'close');
  socket.close();
  assert.strictEqual(socket.readyState, 'closing');
  assert.deepStrictEqual(await ended, ['ping timeout', undefined]);
});

test('a message that is not to be compressed answers a poll as it is', async (t) => {
  const { engine, port } = await serve(t);
  engine.on('connection', (socket) => socket.send('x'.repeat(5000), { compress: engine.compresses }));
  const encodings = [];
  for (const compresses of [true, false]) {
    engine.compresses = compresses;
    const { body } = await request(port, '/engine.io/?EIO=4&transport=polling');
    const { sid } = JSON.parse(body.slice(1));
    const { headers } = await request(port, `/engine.io/?EIO=4&transport=polling&sid=${sid}`, { headers: { 'accept-encoding': 'gzip' } });
    encodings.push(headers['content-encoding']);
  }
  assert.deepStrictEqual(encodings, ['gzip', undefined]);
});

test('the application chooses ids and first messages, and hears of refusals', async (t) => {
  const { engine, port } = await serve(t, { initialPacket: 'welcome', cookie: true });
  engine.generateId = () => Promise.resolve('chosen');
  const { headers, body } = await request(port, '/engine.io/?EIO=4&transport=polling');
  assert.match(headers['set-cookie'][0], /^io=chosen; Path=\/; HttpOnly; SameSite=Lax$/);
  assert.match(body, /^0\{"sid":"chosen",.*\}\x1e4welcome$/);
  const refused = next(engine, 'connection_error');
  assert.strictEqual((await request(port, '/engine.io/?EIO=4&transport=polling&sid=nobody')).status, 400);
  const [{ code, message, context }] = await refused;
  assert.deepStrictEqual([code, message, context], [1, 'Session ID unknown', { sid: 'nobody' }]);
});

test('an HTTP server that is closed and listens again serves clients again', async (t) => {
  const server = await serve(t);
  const { httpServer } = server.engine;
  const { client } = await meet(t, server, ['websocket']);
  const ended = next(client, 'close');
  server.engine.close();
  await ended;
  const closed = once(httpServer, 'close');
  httpServer.close();
  httpServer.closeAllConnections();
  await closed;
  httpServer.listen(server.port);
  await once(httpServer, 'listening');
  const { socket } = await meet(t, server, ['websocket']);
  assert.strictEqual(socket.readyState, 'open');
  assert.strictEqual(server.engine.clientsCount, 1);
});
