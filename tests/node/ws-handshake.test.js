// The server's side of the handshake: who is refused with which words, who is asked, and what is answered.
'use strict';

const assert = require('assert/strict');
const http = require('http');
const { once } = require('events');
const { Duplex, PassThrough } = require('stream');
const { test } = require('node:test');
const { WebSocket, isOriginal, KEY, serve, clientOf, pair, upgradeRequest, exchange, frame, Peer } = require('./ws-harness');

const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

function refusal(status, text, body, extra = '') {
  return `HTTP/1.1 ${status} ${text}\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: ${body.length}\r\n${extra}\r\n${body}`;
}

const REFUSED = [
  ['another method', upgradeRequest('/', {}, 'POST'), 405, 'Method Not Allowed', 'Invalid HTTP method'],
  ['another protocol', upgradeRequest('/', { Upgrade: 'h2c' }), 400, 'Bad Request', 'Invalid Upgrade header'],
  ['no key', upgradeRequest('/', { 'Sec-WebSocket-Key': null }), 400, 'Bad Request', 'Missing or invalid Sec-WebSocket-Key header'],
  ['a short key', upgradeRequest('/', { 'Sec-WebSocket-Key': 'aaaa' }), 400, 'Bad Request', 'Missing or invalid Sec-WebSocket-Key header'],
  [
    'another version',
    upgradeRequest('/', { 'Sec-WebSocket-Version': '12' }),
    400,
    'Bad Request',
    'Missing or invalid Sec-WebSocket-Version header',
    'Sec-WebSocket-Version: 13, 8\r\n',
  ],
  ['another path', upgradeRequest('/other?x=/path'), 400, 'Bad Request', 'Bad Request'],
  ['a subprotocol twice', upgradeRequest('/path', { 'Sec-WebSocket-Protocol': 'a, a' }), 400, 'Bad Request', 'Invalid Sec-WebSocket-Protocol header'],
  [
    'an unknown parameter',
    upgradeRequest('/path', { 'Sec-WebSocket-Extensions': 'permessage-deflate; foo=1' }),
    400,
    'Bad Request',
    'Invalid or unacceptable Sec-WebSocket-Extensions header',
  ],
];

for (const [what, request, status, text, body, extra] of REFUSED) {
  test(`a request with ${what} is refused to the letter`, async (t) => {
    const { port } = await serve(t, { path: '/path', perMessageDeflate: true });
    assert.equal(await exchange(t, port, request), refusal(status, text, body, extra));
  });
}

test('the answer names what was agreed on, in order', async (t) => {
  const { port } = await serve(t, { perMessageDeflate: true });
  const headers = {
    'Sec-WebSocket-Protocol': 'chat, superchat',
    'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits; server_max_window_bits=10',
  };
  assert.equal(
    await new Peer(t, port, { headers }).head(),
    [
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${ACCEPT}`,
      'Sec-WebSocket-Protocol: chat',
      'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10',
    ].join('\r\n'),
  );
});

test('`headers` listeners change the answer', async (t) => {
  const { wss, port } = await serve(t);
  wss.on('headers', (lines, req) => lines.push(`X-Path: ${req.url}`));
  assert.match(await new Peer(t, port, { path: '/a' }).head(), /\r\nX-Path: \/a$/);
});

test('`wsClientError` listeners own the socket of a bad request', async (t) => {
  const { wss, port } = await serve(t);
  wss.on('wsClientError', (error, socket, req) => socket.end(`HTTP/1.1 400 ${error.message}; ${req.url}\r\n\r\n`));
  const answer = await exchange(t, port, upgradeRequest('/x', { Upgrade: 'nothing' }));
  assert.equal(answer, 'HTTP/1.1 400 Invalid Upgrade header; /x\r\n\r\n');
});

test('a plain request is told to upgrade', async (t) => {
  const wss = new WebSocket.Server({ port: 0, host: '127.0.0.1' });
  t.after(() => wss.close());
  await once(wss, 'listening');
  const [res] = await once(http.get({ port: wss.address().port, host: '127.0.0.1' }), 'response');
  res.resume();
  assert.deepEqual([res.statusCode, res.headers['content-type']], [426, 'text/plain']);
});

test('verifyClient decides at once or later, with words of its own', async (t) => {
  const seen = [];
  const sync = await serve(t, { verifyClient: (info) => seen.push([info.origin, info.secure, info.req.url]) === 0 });
  const request = upgradeRequest('/v', { Origin: 'http://there' });
  assert.equal(await exchange(t, sync.port, request), refusal(401, 'Unauthorized', 'Unauthorized'));
  assert.deepEqual(seen, [['http://there', false, '/v']]);

  const later = await serve(t, { verifyClient: (info, done) => setImmediate(done, info.req.url === '/in', 403, 'no', { 'X-Why': 'so' }) });
  assert.equal(await exchange(t, later.port, request), refusal(403, 'Forbidden', 'no', 'X-Why: so\r\n'));
  const { client } = await pair(t, { ...later, url: `${later.url}/in` });
  assert.equal(client.readyState, WebSocket.OPEN);
});

test('handleProtocols chooses among what is offered', async (t) => {
  const server = await serve(t, { handleProtocols: (offered, req) => (req.url === '/last' ? [...offered].pop() : false) });
  const chosen = await pair(t, { ...server, url: `${server.url}/last` }, ['a', 'b']);
  assert.deepEqual([chosen.client.protocol, chosen.server.protocol], ['b', 'b']);
  const head = await new Peer(t, server.port, { headers: { 'Sec-WebSocket-Protocol': 'a' } }).head();
  assert.doesNotMatch(head, /Sec-WebSocket-Protocol/);
});

test('exactly one way in must be chosen', () => {
  const message = 'One and only one of the "port", "server", or "noServer" options must be specified';
  for (const options of [{}, { port: 0, noServer: true }, { server: http.createServer(), port: 0 }]) {
    assert.throws(() => new WebSocket.Server(options), { name: 'TypeError', message });
  }
});

test('without a server, handleUpgrade takes any Duplex', async (t) => {
  const wss = new WebSocket.Server({ noServer: true });
  t.after(() => wss.close());
  assert.throws(() => wss.address(), /The server is operating in "noServer" mode/);
  const written = [];
  const socket = new Duplex({
    read() {},
    write(chunk, encoding, callback) {
      written.push(chunk);
      socket.emit('wrote');
      callback();
    },
  });
  const request = { method: 'GET', url: '/', socket, headers: { upgrade: 'websocket', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' } };
  const received = [];
  wss.handleUpgrade(request, socket, frame(0x81, 'behind the request'), (ws, req) => {
    assert.equal(req, request);
    ws.on('message', (data) => {
      received.push(data.toString());
      ws.send(`got ${data}`);
    });
  });
  socket.push(frame(0x81, 'later'));
  const answers = () => Buffer.concat(written).toString('latin1');
  while (!answers().includes('got later')) {
    await once(socket, 'wrote');
  }
  assert.deepEqual(received, ['behind the request', 'later']);
  assert.ok(answers().startsWith('HTTP/1.1 101 Switching Protocols\r\n'));
  const closed = once([...wss.clients][0], 'close');
  socket.push(null);
  assert.equal((await closed)[0], 1006);
});

test('a program makes both ends: a request of its own on the one, setSocket on the other', async (t) => {
  const wss = new WebSocket.Server({ noServer: true });
  t.after(() => wss.close());
  const ends = [new PassThrough(), new PassThrough()];
  const [here, there] = [Duplex.from({ readable: ends[0], writable: ends[1] }), Duplex.from({ readable: ends[1], writable: ends[0] })];
  // A number, as programs write it that make up requests.
  const request = { method: 'GET', url: '/', socket: here, headers: { upgrade: 'websocket', 'sec-websocket-key': KEY, 'sec-websocket-version': 13 } };
  const client = new WebSocket(null, undefined, {});
  const answered = once(there, 'data');
  const received = [];
  wss.handleUpgrade(request, here, Buffer.alloc(0), (ws) => {
    assert.equal(ws._isServer, true);
    ws.on('message', (data) => {
      received.push(String(data));
      ws.send(`got ${data}`);
    });
  });
  assert.match(String((await answered)[0]), /^HTTP\/1\.1 101 /);
  client._isServer = false;
  client.setSocket(there, Buffer.alloc(0), { maxPayload: 0 });
  client.send('masked');
  assert.equal(String((await once(client, 'message'))[0]), 'got masked');
  assert.deepEqual(received, ['masked']);
  const closed = once(client, 'close');
  client.close(1000);
  assert.equal((await closed)[0], 1000);
});

test('one socket is upgraded once', async (t) => {
  const { httpServer, wss, url } = await serve(t);
  const failed = new Promise((resolve) => {
    httpServer.on('upgrade', (req, socket, head) => {
      try {
        wss.handleUpgrade(req, socket, head, () => {});
      } catch (error) {
        resolve(error.message);
      }
    });
  });
  clientOf(t, url);
  assert.equal(
    await failed,
    'server.handleUpgrade() was called more than once with the same socket, possibly due to a misconfiguration',
  );
});

test('a WebSocket class of the application is used', async (t) => {
  class Custom extends WebSocket {
    hello() {
      this.send('hello');
    }
  }
  const context = await serve(t, { WebSocket: Custom });
  context.wss.on('connection', (ws) => ws.hello());
  const client = clientOf(t, context.url);
  assert.equal((await once(client, 'message'))[0].toString(), 'hello');
});

test('a closing server refuses, keeps its clients, and ends with the last', async (t) => {
  const context = await serve(t);
  const { wss, port } = context;
  const { client, server } = await pair(t, context);
  const happened = [];
  wss.on('close', () => happened.push('server'));
  server.on('close', () => happened.push(`client, ${wss.clients.size} left`));
  wss.close((error) => happened.push(error));
  context.httpServer.on('upgrade', (req, socket, head) => wss.handleUpgrade(req, socket, head, () => {}));
  assert.equal(await exchange(t, port, upgradeRequest()), refusal(503, 'Service Unavailable', 'Service Unavailable'));
  const closed = once(wss, 'close');
  client.close();
  await closed;
  assert.deepEqual(happened, ['client, 0 left', 'server', undefined]);
  const again = new Promise((resolve) => wss.close(resolve));
  assert.equal((await again).message, 'The server is not running');
});

test('without clientTracking there is no `clients`', async (t) => {
  const wss = new WebSocket.Server({ port: 0, host: '127.0.0.1', clientTracking: false });
  t.after(() => wss.close());
  await once(wss, 'listening');
  const connected = once(wss, 'connection');
  const client = clientOf(t, `ws://127.0.0.1:${wss.address().port}`);
  const [ws] = await connected;
  assert.equal(wss.clients, undefined);
  const closed = once(client, 'close');
  ws.close(1000);
  assert.equal((await closed)[0], 1000);
});

test('one address may have so many connections and no more', { skip: isOriginal }, async (t) => {
  const context = await serve(t, { maxConnectionsPerAddress: 2 });
  const { port } = context;
  const { client, server } = await pair(t, context);
  await pair(t, context);
  const refused = refusal(429, 'Too Many Requests', 'Too many connections from this address');
  assert.equal(await exchange(t, port, upgradeRequest('/')), refused);
  const closed = once(server, 'close');
  client.close();
  await closed;
  await pair(t, context);
  assert.equal(await exchange(t, port, upgradeRequest('/')), refused);
});

test('connections of one address that wait for verifyClient are counted when they come in', { skip: isOriginal }, async (t) => {
  const waiting = [];
  const context = await serve(t, { maxConnectionsPerAddress: 2, verifyClient: (info, done) => waiting.push(done) });
  const outcomes = Array.from({ length: 4 }, () => {
    const client = clientOf(t, context.url);
    return Promise.race([once(client, 'open').then(() => 101, () => 'failed'), once(client, 'unexpected-response').then(([, res]) => res.statusCode)]);
  });
  while (waiting.length < 4) {
    await new Promise(setImmediate);
  }
  waiting.forEach((done) => done(true));
  assert.deepEqual((await Promise.all(outcomes)).sort(), [101, 101, 429, 429]);
});

test('the application tells the address, and of IPv6 the first 64 bits count', { skip: isOriginal }, async (t) => {
  const context = await serve(t, { maxConnectionsPerAddress: 1, addressOf: (req) => req.headers['x-forwarded-for'] });
  const status = async (address) => {
    const headers = address === undefined ? {} : { 'X-Forwarded-For': address };
    const peer = new Peer(t, context.port, { headers });
    return Number(/^HTTP\/1\.1 (\d+)/.exec(await peer.head())[1]);
  };
  for (const [address, expected] of [
    ['192.0.2.1', 101],
    ['192.0.2.1:4711', 429],
    ['::ffff:192.0.2.1', 429],
    ['[::ffff:c000:201]:80', 429],
    ['192.0.2.2', 101],
    ['2001:db8::1', 101],
    ['[2001:db8:0:0:ffff::2]:443', 429],
    ['2001:db8:0:1::1', 101],
    ['fe80::1%eth0', 101],
    ['::1', 101],
    ['tenant a', 101],
    ['tenant a', 429],
    [undefined, 101],
    [undefined, 101],
  ]) {
    assert.deepEqual([address, await status(address)], [address, expected]);
  }
  for (const options of [{ maxConnectionsPerAddress: 0 }, { addressOf: 'x' }]) {
    assert.throws(() => new WebSocket.Server({ noServer: true, ...options }), TypeError);
  }
});
