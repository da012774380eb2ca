// Long polling by raw requests: what is answered, with which headers, and what is refused.
'use strict';

const assert = require('assert/strict');
const net = require('net');
const zlib = require('zlib');
const { once } = require('events');
const { test } = require('node:test');
const { isOriginal, serve, pair, next, raw, request, handshake, upgradeRequest, POLLING } = require('./harness');

const JSON_ERROR = (code, message) => `{"code":${code},"message":"${message}"}`;

test('a handshake opens a session', async (t) => {
  const { io, port } = await serve(t, { pingInterval: 1000, pingTimeout: 500, maxHttpBufferSize: 12345 });
  const opened = next(io.engine, 'connection');
  const { status, headers, body } = await request(port, POLLING);
  const [connection] = await opened;
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'text/plain; charset=UTF-8');
  assert.equal(headers['cache-control'], 'no-store');
  assert.equal(headers['content-length'], String(body.length));
  assert.equal(headers['set-cookie'], undefined);
  assert.equal(body, `0{"sid":"${connection.id}","upgrades":["websocket"],"pingInterval":1000,"pingTimeout":500,"maxPayload":12345}`);
  assert.match(connection.id, /^[\w-]{20}$/);
  assert.equal(connection.transport.name, 'polling');
  assert.equal(connection.request.url, POLLING);
});

test('the head of an answer is written byte by byte as expected', async (t) => {
  const { port } = await serve(t);
  const answer = await raw(t, port, `GET ${POLLING} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  const head = answer.slice(0, answer.indexOf('\r\n\r\n')).replace(/Date: .*/, 'Date');
  assert.deepEqual(head.split('\r\n'), [
    'HTTP/1.1 200 OK',
    'Content-Type: text/plain; charset=UTF-8',
    'Content-Length: 118',
    'cache-control: no-store',
    'Date',
    'Connection: close',
  ]);
});

test('upgrades are offered only where they are allowed', async (t) => {
  for (const options of [{ allowUpgrades: false }, { transports: ['polling'] }]) {
    const { port } = await serve(t, options);
    const { body } = await request(port, POLLING);
    assert.deepEqual(JSON.parse(body.slice(1)).upgrades, []);
  }
});

test('a conversation by hand: connect, event, ack, binary', async (t) => {
  const { io, port } = await serve(t);
  io.on('connection', (socket) => {
    socket.on('m', (...args) => socket.emit('m', ...args));
    socket.on('a', (done) => done(1));
  });
  const { send, poll } = await handshake(port);
  const posted = await send('40');
  assert.deepEqual([posted.status, posted.headers['content-type'], posted.body], [200, 'text/html', 'ok']);
  const connect = await poll();
  assert.match(connect.body, /^40\{"sid":"[\w-]{20}"\}$/);
  await send('42["m",1]\x1e4212["a"]\x1e451-["m",{"_placeholder":true,"num":0}]\x1ebAQID');
  assert.equal((await poll()).body, '42["m",1]\x1e4312[1]\x1e451-["m",{"_placeholder":true,"num":0}]\x1ebAQID');
});

test('a poll waits until there is something to say', async (t) => {
  const { io, port } = await serve(t);
  const { send, poll } = await handshake(port);
  const connected = next(io, 'connection');
  await send('40');
  await poll();
  const [socket] = await connected;
  const pending = poll();
  socket.emit('late', 'é');
  assert.equal((await pending).body, '42["late","é"]');
});

test('an answer given to a POST wakes the pending poll', async (t) => {
  const { io, port } = await serve(t);
  io.on('connection', (socket) => socket.on('ask', (done) => done('yes')));
  const { send, poll } = await handshake(port);
  await send('40');
  await poll();
  const pending = poll();
  await send('420["ask"]');
  assert.equal((await pending).body, '430["yes"]');
});

test('requests that do not fit are refused with their code', async (t) => {
  const { io, port } = await serve(t);
  const seen = [];
  io.engine.on('connection_error', ({ req, code, message, context }) => seen.push([req.method, code, message, context]));
  const { sid } = await handshake(port);
  const answers = [];
  for (const [method, path] of [
    ['GET', '/socket.io/?EIO=4'],
    ['GET', '/socket.io/?EIO=4&transport=abc'],
    ['GET', '/socket.io/?EIO=4&transport=constructor'],
    ['GET', `${POLLING}&sid=nope`],
    ['POST', POLLING],
    ['OPTIONS', POLLING],
    ['GET', '/socket.io/?EIO=4&transport=websocket'],
    ['GET', `/socket.io/?EIO=4&transport=websocket&sid=${sid}`],
    ['GET', '/socket.io/?EIO=3&transport=polling'],
    ['GET', '/socket.io/?transport=polling'],
    ['GET', `/socket.io/?EIO=3&transport=polling&sid=${sid}`],
  ]) {
    const { status, headers, body } = await request(port, path, { method });
    assert.equal(headers['content-type'], 'application/json');
    answers.push([status, body]);
  }
  assert.deepEqual(answers, [
    [400, JSON_ERROR(0, 'Transport unknown')],
    [400, JSON_ERROR(0, 'Transport unknown')],
    [400, JSON_ERROR(0, 'Transport unknown')],
    [400, JSON_ERROR(1, 'Session ID unknown')],
    [400, JSON_ERROR(2, 'Bad handshake method')],
    [400, JSON_ERROR(2, 'Bad handshake method')],
    [400, JSON_ERROR(3, 'Bad request')],
    [400, JSON_ERROR(3, 'Bad request')],
    [400, JSON_ERROR(5, 'Unsupported protocol version')],
    [400, JSON_ERROR(5, 'Unsupported protocol version')],
    [400, JSON_ERROR(3, 'Bad request')],
  ]);
  assert.deepEqual(seen, [
    ['GET', 0, 'Transport unknown', { transport: undefined }],
    ['GET', 0, 'Transport unknown', { transport: 'abc' }],
    ['GET', 0, 'Transport unknown', { transport: 'constructor' }],
    ['GET', 1, 'Session ID unknown', { sid: 'nope' }],
    ['POST', 2, 'Bad handshake method', { method: 'POST' }],
    ['OPTIONS', 2, 'Bad handshake method', { method: 'OPTIONS' }],
    ['GET', 3, 'Bad request', { name: 'TRANSPORT_HANDSHAKE_ERROR' }],
    ['GET', 3, 'Bad request', { name: 'TRANSPORT_MISMATCH', transport: 'websocket', previousTransport: 'polling' }],
    ['GET', 5, 'Unsupported protocol version', { protocol: 3 }],
    ['GET', 5, 'Unsupported protocol version', { protocol: 3 }],
    ['GET', 3, 'Bad request', { name: 'PROTOCOL_MISMATCH', protocol: 3, previousProtocol: 4 }],
  ]);
});

test('other methods on a session get 500 and leave it alone', async (t) => {
  const { port } = await serve(t);
  const { path, send } = await handshake(port);
  const answer = await request(port, path, { method: 'PUT', body: 'x' });
  assert.deepEqual([answer.status, answer.body], [500, '']);
  assert.equal((await send('40')).status, 200);
});

test('a POST over the limit gets 413 and leaves the session alone', async (t) => {
  const { port } = await serve(t, { maxHttpBufferSize: 100 });
  const { send } = await handshake(port);
  const refused = await send(`4${'x'.repeat(100)}`);
  assert.deepEqual([refused.status, refused.body], [413, '']);
  assert.equal((await send('40')).status, 200);
  assert.equal((await send(`42["${'x'.repeat(94)}"]`)).status, 200);
});

test('a POST of octets ends the session', async (t) => {
  const { io, port } = await serve(t);
  const opened = next(io.engine, 'connection');
  const { path } = await handshake(port);
  const [connection] = await opened;
  const closed = next(connection, 'close');
  const { status, body } = await request(port, path, { method: 'POST', body: '4x', headers: { 'content-type': 'application/octet-stream' } });
  assert.deepEqual([status, body], [400, '']);
  assert.equal((await closed)[0], 'transport error');
});

test('a second poll while one is pending ends the session', async (t) => {
  const { io, port } = await serve(t);
  const { send, poll } = await handshake(port);
  const connected = next(io, 'connection');
  await send('40');
  await poll();
  const [socket] = await connected;
  const closed = next(socket, 'disconnect');
  const answers = await Promise.all([poll(), poll()]);
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 400]);
  assert.equal((await closed)[0], 'transport error');
});

test('a close packet ends the session', async (t) => {
  const { io, port } = await serve(t);
  const opened = next(io.engine, 'connection');
  const { send, poll } = await handshake(port);
  const [connection] = await opened;
  const closed = next(connection, 'close');
  assert.equal((await send('1')).status, 200);
  assert.equal((await closed)[0], 'transport close');
  assert.equal((await poll()).body, JSON_ERROR(1, 'Session ID unknown'));
});

test('Internet Explorer is told to leave the text alone', async (t) => {
  const { port } = await serve(t);
  for (const agent of ['Mozilla/5.0 ;MSIE 9', 'Mozilla/5.0 Trident/7.0']) {
    const { headers } = await request(port, POLLING, { headers: { 'user-agent': agent } });
    assert.equal(headers['x-xss-protection'], '0');
  }
});

test('initial_headers and headers listeners add to the answers', async (t) => {
  const { io, port } = await serve(t);
  io.engine.on('initial_headers', (headers, req) => {
    headers['x-initial'] = req.method;
    headers['set-cookie'] = 'mine=1';
  });
  io.engine.on('headers', (headers, req) => {
    headers['x-every'] = String(Boolean(req._query.sid));
  });
  const first = await request(port, POLLING);
  assert.deepEqual([first.headers['x-initial'], first.headers['x-every'], first.headers['set-cookie']], ['GET', 'false', ['mine=1']]);
  const { send } = await handshake(port);
  const second = await send('40');
  assert.deepEqual([second.headers['x-initial'], second.headers['x-every']], [undefined, 'true']);
});

test('a cookie carries the session id when asked for', async (t) => {
  for (const [cookie, expected] of [
    [true, /^io=([\w-]{20}); Path=\/; HttpOnly; SameSite=Lax$/],
    [{ name: 'test', httpOnly: false, sameSite: 'strict', maxAge: 60 }, /^test=([\w-]{20}); Max-Age=60; Path=\/; SameSite=Strict$/],
  ]) {
    const { port } = await serve(t, { cookie });
    const { headers, body } = await request(port, POLLING);
    const [line] = headers['set-cookie'];
    assert.equal(line.match(expected)[1], JSON.parse(body.slice(1)).sid);
  }
});

test('CORS headers are on answers, errors and preflights', async (t) => {
  const { port } = await serve(t, { cors: { origin: 'https://a.example', credentials: true } });
  const headers = { origin: 'https://a.example' };
  for (const path of [POLLING, `${POLLING}&sid=nope`, '/socket.io/socket.io.js']) {
    const answer = await request(port, path, { headers });
    assert.equal(answer.headers['access-control-allow-origin'], 'https://a.example');
    assert.equal(answer.headers['access-control-allow-credentials'], 'true');
    assert.equal(answer.headers.vary, 'Origin');
  }
  const preflight = await request(port, POLLING, { method: 'OPTIONS', headers: { ...headers, 'access-control-request-method': 'POST' } });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers['access-control-allow-methods'], 'GET,HEAD,PUT,PATCH,POST,DELETE');
});

test('allowRequest decides about handshakes alone', async (t) => {
  const asked = [];
  const { io, port } = await serve(t, {
    allowRequest: (req, done) => {
      asked.push(req.url);
      const token = new URLSearchParams(req.url.split('?')[1]).get('token');
      setImmediate(() => (token === 'good' ? done(null, true) : done(token === null ? null : 'no way', false)));
    },
  });
  const errors = [];
  io.engine.on('connection_error', ({ code, context }) => errors.push([code, context]));
  const refused = await request(port, `${POLLING}&token=bad`);
  assert.deepEqual([refused.status, refused.body], [403, JSON_ERROR(4, 'no way')]);
  const bare = await request(port, POLLING);
  assert.deepEqual([bare.status, bare.body], [403, JSON_ERROR(4, 'Forbidden')]);
  const { send } = await handshake(port, '&token=good');
  assert.equal((await send('40')).status, 200);
  assert.equal(asked.length, 3);
  assert.deepEqual(errors, [
    [4, { message: 'no way' }],
    [4, { message: null }],
  ]);
});

test('long answers are compressed when the client can read that', async (t) => {
  const { io, port } = await serve(t, { httpCompression: { threshold: 100 } });
  io.on('connection', (socket) => socket.emit('long', 'x'.repeat(1000)));
  for (const [encoding, decode] of [
    ['gzip', zlib.gunzipSync],
    ['deflate', zlib.inflateSync],
  ]) {
    const { path, send, poll } = await handshake(port);
    await send('40');
    const answer = await request(port, path, { headers: { 'accept-encoding': encoding } });
    assert.equal(answer.headers['content-encoding'], encoding);
    assert.match(decode(answer.bytes).toString(), /^40\{.*\}\x1e42\["long","x{1000}"\]$/);
    const pending = poll();
    for (const socket of io.sockets.sockets.values()) {
      socket.emit('short');
    }
    assert.equal((await pending).headers['content-encoding'], undefined);
  }
});

/** The end of a session while `work(path)` is done; its sockets hear the same as the connection. */
async function endOf(t, work) {
  const { io, port } = await serve(t);
  const opened = next(io.engine, 'connection');
  const { path, send, poll } = await handshake(port);
  const [connection] = await opened;
  const joined = next(io, 'connection');
  await send('40');
  const [socket] = await joined;
  await poll();
  const heard = next(socket, 'disconnect');
  const closed = next(connection, 'close');
  await work(path, port);
  const [reason, description] = await closed;
  assert.deepEqual(await heard, [reason, description]);
  return { reason, type: description.type, message: description.message };
}

/** Sends the head of a POST and part of its body; gives the socket. */
function beginPost(t, port, path) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n42`, () => resolve(socket));
    });
    t.after(() => socket.destroy());
  });
}

test('a body that is cut off ends the session', async (t) => {
  const end = await endOf(t, async (path, port) => (await beginPost(t, port, path)).destroy());
  assert.deepEqual(end, { reason: 'transport error', type: 'TransportError', message: 'data request connection closed prematurely' });
});

test('two bodies at once end the session', async (t) => {
  const end = await endOf(t, async (path, port) => {
    const [first, second] = [await beginPost(t, port, path), await beginPost(t, port, path)];
    const [answer] = await Promise.race([once(first, 'data'), once(second, 'data')]);
    assert.match(answer.toString(), /^HTTP\/1.1 400 Bad Request\r\n/);
  });
  assert.deepEqual(end, { reason: 'transport error', type: 'TransportError', message: 'data request overlap from client' });
});

test('clients over the limit are refused until others go', { skip: isOriginal }, async (t) => {
  const { io, port } = await serve(t, { maxConnections: 2 });
  const errors = [];
  io.engine.on('connection_error', ({ code, message, context }) => errors.push([code, message, context]));
  const { client, socket } = await pair(t, io, port);
  await pair(t, io, port, { transports: ['polling'] });
  const refused = await request(port, POLLING);
  assert.deepEqual([refused.status, refused.body], [503, JSON_ERROR(4, 'Too many connections')]);
  const answer = await raw(t, port, upgradeRequest('/socket.io/?EIO=4&transport=websocket'));
  assert.match(answer, /^HTTP\/1.1 503 Service Unavailable\r\nConnection: close\r\n.*\r\n\r\nToo many connections$/s);
  const context = { name: 'TOO_MANY_CONNECTIONS', message: 'Too many connections' };
  assert.deepEqual(errors, [
    [4, 'Forbidden', context],
    [4, 'Forbidden', context],
  ]);
  const gone = next(socket.conn, 'close');
  client.disconnect();
  await gone;
  assert.equal((await request(port, POLLING)).status, 200);
});

test('other paths are not ours', async (t) => {
  const { port } = await serve(t);
  for (const path of ['/', '/socket.io?EIO=4&transport=polling', '/other/socket.io/?EIO=4&transport=polling']) {
    assert.equal((await request(port, path)).status, 404);
  }
});

test('without the trailing slash when asked', async (t) => {
  const { port } = await serve(t, { addTrailingSlash: false });
  assert.equal((await request(port, '/socket.io?EIO=4&transport=polling')).status, 200);
});
