// WebSocket upgrades: the answer by the byte, the refusals, and the change from polling.
'use strict';

const assert = require('assert/strict');
const net = require('net');
const { test } = require('node:test');
const { serve, clientOf, next, raw, request, handshake, upgradeRequest, frame, barrier } = require('./harness');

const WEBSOCKET = '/socket.io/?EIO=4&transport=websocket';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const REFUSAL = (text) => `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-type: text/html\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
const hasOpenPacket = (answer) => /"maxPayload":\d+\}$/.test(answer);

test('an upgrade is answered with 101 and the open packet', async (t) => {
  const { io, port } = await serve(t);
  const opened = next(io.engine, 'connection');
  const answer = await raw(t, port, upgradeRequest(WEBSOCKET), hasOpenPacket);
  const [connection] = await opened;
  const packet = `0{"sid":"${connection.id}","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`;
  assert.equal(
    answer,
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n\x81${String.fromCharCode(packet.length)}${packet}`,
  );
  assert.equal(connection.transport.name, 'websocket');
});

test('headers of cors, middlewares and listeners are in the answer', async (t) => {
  const { io, port } = await serve(t, { cors: { origin: 'https://a.example' }, cookie: true });
  io.engine.use((req, res, done) => {
    res.setHeader('x-used', '1');
    done();
  });
  io.engine.on('initial_headers', (headers) => {
    headers['x-initial'] = '1';
  });
  io.engine.on('headers', (headers) => {
    headers['x-every'] = '1';
  });
  const answer = await raw(t, port, upgradeRequest(WEBSOCKET, { Origin: 'https://a.example' }), hasOpenPacket);
  assert.deepEqual(answer.slice(0, answer.indexOf('\r\n\r\n')).split('\r\n').slice(3), [
    `Sec-WebSocket-Accept: ${ACCEPT}`,
    'Access-Control-Allow-Origin: https://a.example',
    'Vary: Origin',
    'x-used: 1',
    'x-initial: 1',
    'x-every: 1',
  ]);
});

test('the first subprotocol that is offered is taken', async (t) => {
  const { port } = await serve(t);
  const answer = await raw(t, port, upgradeRequest(WEBSOCKET, { 'Sec-WebSocket-Protocol': 'a, b' }), hasOpenPacket);
  assert.match(answer, /\r\nSec-WebSocket-Protocol: a\r\n/);
});

test('an offer to compress is declined', async (t) => {
  const { port } = await serve(t);
  const answer = await raw(t, port, upgradeRequest(WEBSOCKET, { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' }), hasOpenPacket);
  assert.doesNotMatch(answer, /Sec-WebSocket-Extensions/);
});

test('upgrades that do not fit are refused with their text', async (t) => {
  const { io, port } = await serve(t);
  const codes = [];
  io.engine.on('connection_error', ({ code, context }) => codes.push([code, context]));
  assert.equal(await raw(t, port, upgradeRequest('/socket.io/?EIO=4&transport=abc')), REFUSAL('Transport unknown'));
  assert.equal(await raw(t, port, upgradeRequest(`${WEBSOCKET}&sid=nope`)), REFUSAL('Session ID unknown'));
  assert.deepEqual(codes, [
    [0, { transport: 'abc' }],
    [1, { sid: 'nope' }],
  ]);
});

test('the unsupported version is noticed after the 101, as ever', async (t) => {
  const { port } = await serve(t);
  const answer = await raw(t, port, upgradeRequest('/socket.io/?EIO=3&transport=websocket'));
  assert.equal(
    answer,
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n${REFUSAL('Unsupported protocol version')}`,
  );
});

test('an upgrade that names polling is accepted and closed', async (t) => {
  const { port } = await serve(t);
  const answer = await raw(t, port, upgradeRequest('/socket.io/?EIO=4&transport=polling'), (text) => text.endsWith('\x88\x00'));
  assert.match(answer, /^HTTP\/1\.1 101 .*\r\n\r\n\x88\x00$/s);
});

test('allowRequest refuses with its message', async (t) => {
  const { port } = await serve(t, { allowRequest: (req, done) => setImmediate(done, 'no way', false) });
  assert.equal(await raw(t, port, upgradeRequest(WEBSOCKET)), REFUSAL('no way'));
});

test('what is no WebSocket handshake is refused as ws does', async (t) => {
  const { port } = await serve(t);
  const refusal = (text, extra = '') => `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: ${text.length}\r\n${extra}\r\n${text}`;
  for (const [headers, text, extra] of [
    [{ 'Sec-WebSocket-Key': 'x' }, 'Missing or invalid Sec-WebSocket-Key header'],
    [{ 'Sec-WebSocket-Key': null }, 'Missing or invalid Sec-WebSocket-Key header'],
    [{ 'Sec-WebSocket-Version': '7' }, 'Missing or invalid Sec-WebSocket-Version header', 'Sec-WebSocket-Version: 13, 8\r\n'],
    [{ Upgrade: 'h2c' }, 'Invalid Upgrade header'],
    [{ 'Sec-WebSocket-Protocol': 'a, a' }, 'Invalid Sec-WebSocket-Protocol header'],
    [{ 'Sec-WebSocket-Protocol': 'a b' }, 'Invalid Sec-WebSocket-Protocol header'],
  ]) {
    assert.equal(await raw(t, port, upgradeRequest(WEBSOCKET, headers)), refusal(text, extra), text);
  }
});

test('an upgrade on another path is ended when nobody claims it', async (t) => {
  const { port } = await serve(t, { destroyUpgradeTimeout: 20 });
  assert.equal(await raw(t, port, upgradeRequest('/other')), '');
});

test('an upgrade on another path may be somebody else’s', async (t) => {
  const { port, httpServer } = await serve(t, { destroyUpgradeTimeout: 20 });
  httpServer.on('upgrade', (req, socket) => {
    if (req.url === '/other') {
      socket.end('HTTP/1.1 101 Mine\r\n\r\n');
    }
  });
  const answer = await raw(t, port, upgradeRequest('/other'));
  assert.equal(answer, 'HTTP/1.1 101 Mine\r\n\r\n');
});

test('a polling session becomes a WebSocket one', async (t) => {
  const { io, port } = await serve(t);
  const connected = next(io, 'connection');
  const client = clientOf(t, port, '/', { transports: ['polling', 'websocket'] });
  const upgrade = new Promise((resolve) => client.io.engine.once('upgrade', resolve));
  const [socket] = await connected;
  assert.equal(socket.conn.transport.name, 'polling');
  assert.equal(socket.conn.upgraded, false);
  const [transport] = await next(socket.conn, 'upgrade');
  assert.equal(transport.name, 'websocket');
  assert.equal(socket.conn.transport.name, 'websocket');
  assert.equal(socket.conn.upgraded, true);
  assert.equal(socket.handshake.query.transport, 'polling');
  assert.equal((await upgrade).name, 'websocket');
  await barrier(client);
});

test('events sent all through an upgrade arrive once and in order, both ways', async (t) => {
  const { io, port } = await serve(t);
  const fromClient = [];
  io.on('connection', (socket) => socket.on('n', (n) => fromClient.push(n)));
  const connected = next(io, 'connection');
  const client = clientOf(t, port, '/', { transports: ['polling', 'websocket'] });
  let n = 0;
  let isUpgraded = false;
  client.io.engine.once('upgrade', () => {
    isUpgraded = true;
  });
  const [socket] = await connected;
  while (!isUpgraded || n < 300) {
    client.emit('n', n);
    socket.emit('n', n);
    n += 1;
    await new Promise(setImmediate);
  }
  await barrier(client);
  await barrier(client);
  const all = Array.from({ length: n }, (_, i) => i);
  assert.deepEqual(fromClient, all);
  assert.deepEqual(
    client.received.map(([, i]) => i),
    all,
  );
});

test('an upgrade by hand: probe, upgrade, and polling is over', async (t) => {
  const { io, port } = await serve(t);
  const connected = next(io, 'connection');
  const { sid, send, poll } = await handshake(port);
  await send('40');
  await poll();
  const [socket] = await connected;
  const pending = poll();
  const upgraded = next(socket.conn, 'upgrade');
  const peer = net.connect(port, '127.0.0.1');
  t.after(() => peer.destroy());
  let answer = '';
  const arrives = (text) => new Promise((resolve) => peer.on('data', () => answer.includes(text) && resolve()));
  peer.setEncoding('latin1').on('data', (chunk) => (answer += chunk));
  const accepted = arrives('\r\n\r\n');
  peer.write(upgradeRequest(`${WEBSOCKET}&sid=${sid}`));
  await accepted;
  const probed = arrives('3probe');
  peer.write(frame('2probe'));
  await probed;
  assert.equal((await pending).body, '6');
  peer.write(frame('5'));
  await upgraded;
  const told = arrives('42["hello"]');
  socket.emit('hello');
  await told;
  const { status, body } = await request(port, `/socket.io/?EIO=4&transport=polling&sid=${sid}`);
  assert.deepEqual([status, body], [400, '{"code":3,"message":"Bad request"}']);
});

test('a probe that is given up leaves the polling session as it was', async (t) => {
  const { io, port } = await serve(t);
  const connected = next(io, 'connection');
  const { sid, send, poll } = await handshake(port);
  await send('40');
  await poll();
  const [socket] = await connected;
  await raw(t, port, upgradeRequest(`${WEBSOCKET}&sid=${sid}`), (text) => text.includes('\r\n\r\n'));
  socket.emit('still here');
  assert.match((await poll()).body, /42\["still here"\]/);
  assert.equal(socket.conn.transport.name, 'polling');
});

test('a session takes one WebSocket: another, while it probes or afterwards, is accepted and closed', async (t) => {
  const { io, port } = await serve(t);
  const connected = next(io.engine, 'connection');
  const { sid } = await handshake(port);
  const [connection] = await connected;
  const upgrade = upgradeRequest(`${WEBSOCKET}&sid=${sid}`);
  const second = () => raw(t, port, upgrade, (text) => text.endsWith('\x88\x00'));
  const expected = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n\x88\x00`;
  const peer = net.connect(port, '127.0.0.1');
  t.after(() => peer.destroy());
  let answer = '';
  const arrives = (text) => new Promise((resolve) => peer.on('data', () => answer.includes(text) && resolve()));
  peer.setEncoding('latin1').on('data', (chunk) => (answer += chunk));
  const accepted = arrives('\r\n\r\n');
  peer.write(upgrade);
  await accepted;
  const probed = arrives('3probe');
  peer.write(frame('2probe'));
  await probed;
  assert.equal(await second(), expected);
  const upgraded = next(connection, 'upgrade');
  peer.write(frame('5'));
  await upgraded;
  assert.equal(await second(), expected);
  assert.equal(connection.readyState, 'open');
});
