// The counters of an engine: of Socket.IO, of Engine.IO, and of plain WebSockets. None of the peers has them.
'use strict';

const assert = require('assert/strict');
const { test } = require('node:test');
const { isOriginal, serve, join, pair, barrier, next, request, POLLING, TRANSPORTS } = require('./harness');

const NAMES = [
  'connections',
  'opened',
  'refused',
  'received',
  'sent',
  'droppedVolatile',
  'droppedFull',
  'closedSlow',
  'paused',
  'namespaces',
  'recoverySockets',
  'recoveryPackets',
  'recoveryBytes',
];
// The engine's own listener and its own cluster, which Node has no use for: scraped, they are there for all languages alike.
const ELSEWHERE = /^sori_(http|cluster)_/;
const IDLE = Object.fromEntries(NAMES.map((name) => [name, 0]));

/** The samples of a scrape by name; every one has its help and its type. */
function parse(text) {
  const samples = [...text.matchAll(/^# HELP (\w+) .+\n# TYPE \1 (?:counter|gauge)\n\1 (\d+)\n/gm)];
  assert.equal(samples.map(([sample]) => sample).join(''), text);
  return Object.fromEntries(samples.map(([, name, value]) => [name, Number(value)]));
}

for (const transports of TRANSPORTS) {
  test(`a server counts its connections and messages (${transports})`, { skip: isOriginal }, async (t) => {
    const { io, port } = await serve(t, { maxConnections: 2 });
    assert.deepEqual(io.engine.metrics(), { ...IDLE, namespaces: 1 });
    const { client, socket } = await pair(t, io, port, { transports });
    const other = await join(t, port, '/', { transports });
    const before = io.engine.metrics();
    assert.deepEqual({ ...before, received: 0, sent: 0 }, { ...IDLE, connections: 2, opened: 2, namespaces: 1 });
    io.emit('to both');
    await barrier(client);
    await barrier(other);
    const after = io.engine.metrics();
    // Each barrier is a message there and one back.
    assert.deepEqual([after.received - before.received, after.sent - before.sent], [2, 4]);
    assert.equal((await request(port, POLLING)).status, 503);
    const closed = next(socket.conn, 'close');
    client.disconnect();
    await closed;
    const { connections, opened, refused } = io.engine.metrics();
    assert.deepEqual({ connections, opened, refused }, { connections: 1, opened: 2, refused: 1 });
    const scraped = parse(io.engine.prometheus());
    const others = Object.keys(scraped).filter((name) => ELSEWHERE.test(name));
    assert.equal(Object.keys(scraped).length, NAMES.length + others.length);
    assert.deepEqual(others.map((name) => scraped[name]), [0, 0, 0, 0, 0, 0]);
    assert.equal(scraped.sori_connections, 1);
    assert.equal(scraped.sori_connections_opened_total, 2);
    assert.equal(scraped.sori_connections_refused_total, 1);
    assert.equal(scraped.sori_messages_received_total, io.engine.metrics().received);
  });
}

test('an engine that is closed keeps its counters', { skip: isOriginal }, async (t) => {
  const { io, port } = await serve(t);
  await join(t, port);
  await io.close();
  assert.equal(io.engine.metrics().opened, 1);
});

test('sori/engine counts too, and nothing before it has started', { skip: isOriginal }, async (t) => {
  const { Server } = require('../../node-binding/engine');
  const engine = new Server();
  assert.deepEqual(engine.metrics(), IDLE);
  assert.equal(parse(engine.prometheus()).sori_connections, 0);
  assert.match(engine.prometheus({ server: 'chat' }), /\nsori_connections\{server="chat"\} 0\n/);
  const httpServer = require('http').createServer().listen(0);
  engine.attach(httpServer);
  t.after(() => httpServer.close());
  const answer = await request(httpServer.address().port, '/engine.io/?EIO=4&transport=polling');
  assert.equal(answer.status, 200);
  const { connections, sent } = engine.metrics();
  assert.deepEqual({ connections, sent }, { connections: 1, sent: 0 });
  engine.close();
});

test('sori/ws counts all of its WebSockets, those of clients among them', { skip: isOriginal }, async (t) => {
  const { WebSocket, WebSocketServer } = require('../../node-binding/ws');
  assert.deepEqual(WebSocketServer.metrics(), IDLE);
  const wss = new WebSocketServer({ port: 0 });
  t.after(() => wss.close());
  wss.on('connection', (ws) => ws.on('message', (message) => ws.send(message)));
  const client = new WebSocket(`ws://127.0.0.1:${wss.address().port}`);
  await next(client, 'open');
  const echoed = next(client, 'message');
  client.send('hello');
  await echoed;
  const { connections, opened, received, sent } = WebSocketServer.metrics();
  assert.deepEqual({ connections, opened, received, sent }, { connections: 2, opened: 2, received: 2, sent: 2 });
  const samples = (text) => text.split('\n').filter((line) => line.startsWith('sori_connections'));
  assert.deepEqual(samples(WebSocketServer.prometheus()).slice(0, 1), ['sori_connections{api="ws"} 2']);
  assert.equal(samples(WebSocketServer.prometheus({ host: '"a"' }))[0], 'sori_connections{api="ws",host="\\"a\\""} 2');
  const closed = next(client, 'close');
  client.close();
  await closed;
});
