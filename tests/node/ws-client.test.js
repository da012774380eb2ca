// The client: what it asks for, where it is sent, what it accepts, and over which streams it speaks.
'use strict';

const assert = require('assert/strict');
const fs = require('fs');
const http = require('http');
const https = require('https');
const net = require('net');
const os = require('os');
const path = require('path');
const { createHash } = require('crypto');
const { once } = require('events');
const { test } = require('node:test');
const { WebSocket, serve, clientOf, pair, next, frame } = require('./ws-harness');

/** An http.Server whose `upgrade` is `answer(req, socket)`. */
async function upgrading(t, answer) {
  const server = http.createServer();
  const sockets = new Set();
  server.on('connection', (socket) => sockets.add(socket));
  server.on('upgrade', (req, socket) => answer(req, socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    sockets.forEach((socket) => socket.destroy());
    server.close();
  });
  return `ws://127.0.0.1:${server.address().port}`;
}

function accept(req, more = '') {
  const digest = createHash('sha1').update(`${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${digest}\r\n${more}\r\n`;
}

test('addresses and options that cannot work are refused at once', () => {
  const refused = [
    ['foo', undefined, 'SyntaxError', 'Invalid URL: foo'],
    ['ftp://x', undefined, 'SyntaxError', 'The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"'],
    ['ws+unix:', undefined, 'SyntaxError', "The URL's pathname is empty"],
    ['ws://x/#here', undefined, 'SyntaxError', 'The URL contains a fragment identifier'],
    ['ws://x', ['a', 'a'], 'SyntaxError', 'An invalid or duplicated subprotocol was specified'],
    ['ws://x', { protocolVersion: 7 }, 'RangeError', 'Unsupported protocol version: 7 (supported versions: 8, 13)'],
  ];
  for (const [address, second, name, message] of refused) {
    assert.throws(() => new WebSocket(address, second), { name, message });
  }
});

test('the request says what the options say', async (t) => {
  const context = await serve(t);
  const { request } = await pair(t, { ...context, url: `${context.url.replace('//', '//user:p%40ss@')}/path?q=1` }, ['a', 'b'], {
    origin: 'http://origin',
    headers: { 'X-Own': 'yes' },
    perMessageDeflate: { clientMaxWindowBits: 10, serverNoContextTakeover: true },
    finishRequest(req) {
      req.setHeader('X-Late', 'too');
      req.end();
    },
  });
  const { headers } = request;
  assert.equal(request.url, '/path?q=1');
  assert.equal(headers['sec-websocket-protocol'], 'a,b');
  assert.equal(headers['sec-websocket-version'], '13');
  assert.equal(headers['sec-websocket-extensions'], 'permessage-deflate; server_no_context_takeover; client_max_window_bits=10');
  assert.deepEqual([headers.origin, headers['x-own'], headers['x-late']], ['http://origin', 'yes', 'too']);
  assert.equal(headers.authorization, `Basic ${Buffer.from('user:p@ss').toString('base64')}`);
});

const WRONG_ANSWERS = [
  ['another protocol', (req) => accept(req).replace('websocket', 'h2c'), [], 'Invalid Upgrade header'],
  ['another key', (req) => accept(req).replace(/Accept: .*/, 'Accept: x'), [], 'Invalid Sec-WebSocket-Accept header'],
  ['a subprotocol unasked', (req) => accept(req, 'Sec-WebSocket-Protocol: a\r\n'), [], 'Server sent a subprotocol but none was requested'],
  ['another subprotocol', (req) => accept(req, 'Sec-WebSocket-Protocol: b\r\n'), ['a'], 'Server sent an invalid subprotocol'],
  ['no subprotocol', (req) => accept(req), ['a'], 'Server sent no subprotocol'],
  [
    'an unknown extension',
    (req) => accept(req, 'Sec-WebSocket-Extensions: foo\r\n'),
    [],
    'Server indicated an extension that was not requested',
  ],
  [
    'an impossible parameter',
    (req) => accept(req, 'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=20\r\n'),
    [],
    'Invalid Sec-WebSocket-Extensions header',
  ],
];

for (const [what, answer, protocols, message] of WRONG_ANSWERS) {
  test(`an answer with ${what} is refused`, async (t) => {
    const url = await upgrading(t, (req, socket) => socket.write(answer(req)));
    const client = clientOf(t, url, protocols);
    const happened = [];
    client.on('error', (error) => happened.push(error.message));
    await new Promise((resolve) => client.on('close', (code) => resolve(happened.push(code))));
    assert.deepEqual(happened, [message, 1006]);
  });
}

test('an extension that was not asked for is refused', async (t) => {
  const url = await upgrading(t, (req, socket) => socket.write(accept(req, 'Sec-WebSocket-Extensions: permessage-deflate\r\n')));
  const [error] = await next(clientOf(t, url, { perMessageDeflate: false }), 'error');
  assert.equal(error.message, 'Server sent a Sec-WebSocket-Extensions header but no extension was requested');
});

test('an answer that is no upgrade is an error, or the application’s', async (t) => {
  const url = await upgrading(t, (req, socket) => socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno'));
  const failing = clientOf(t, url);
  const [error] = await next(failing, 'error');
  assert.equal(error.message, 'Unexpected server response: 401');
  const asking = clientOf(t, url);
  const [, res] = await once(asking, 'unexpected-response');
  assert.equal(res.statusCode, 401);
  res.resume();
});

test('frames that come with the answer are told after `open`', async (t) => {
  const url = await upgrading(t, (req, socket) => {
    socket.write(Buffer.concat([Buffer.from(accept(req)), frame(0x81, 'hello', false), frame(0x88, Buffer.from([0x03, 0xe8]), false)]));
    socket.once('data', () => socket.end());
  });
  const client = clientOf(t, url);
  const happened = [];
  client.on('upgrade', (res) => happened.push(['upgrade', res.statusCode]));
  client.on('open', () => happened.push(['open']));
  client.on('message', (data) => happened.push(['message', data.toString()]));
  assert.equal((await next(client, 'close'))[0], 1000);
  assert.deepEqual(happened, [['upgrade', 101], ['open'], ['message', 'hello']]);
});

test('a server that masks is refused', async (t) => {
  const url = await upgrading(t, (req, socket) => socket.write(Buffer.concat([Buffer.from(accept(req)), frame(0x81, 'hello', true)])));
  const client = clientOf(t, url);
  const [error] = await next(client, 'error');
  assert.deepEqual([error.code, error.message], ['WS_ERR_UNEXPECTED_MASK', 'Invalid WebSocket frame: MASK must be clear']);
});

test('a handshake that takes too long is given up', async (t) => {
  const url = await upgrading(t, () => {});
  const client = clientOf(t, url, { handshakeTimeout: 30 });
  const [error] = await next(client, 'error');
  assert.equal(error.message, 'Opening handshake has timed out');
});

test('redirects are followed when asked for, without secrets to other hosts', async (t) => {
  const target = await serve(t);
  const url = await upgrading(t, (req, socket) => socket.end(`HTTP/1.1 302 Found\r\nLocation: ${target.url}/there\r\n\r\n`));
  const options = { followRedirects: true, headers: { Authorization: 'secret', Cookie: 'c=1', 'X-Own': 'yes' } };
  const { client, request } = await pair(t, { wss: target.wss, url }, options);
  assert.equal(client.url, `${target.url}/there`);
  assert.deepEqual([request.headers.authorization, request.headers.cookie, request.headers['x-own']], [undefined, undefined, 'yes']);

  const refusing = clientOf(t, url);
  const [error] = await next(refusing, 'error');
  assert.equal(error.message, 'Unexpected server response: 302');
  const url2 = await upgrading(t, (req, socket) => socket.end('HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n'));
  const turning = clientOf(t, url2, { followRedirects: true, maxRedirects: 2 });
  const [last] = await next(turning, 'error');
  assert.equal(last.message, 'Maximum redirects exceeded');
});

test('an agent makes the connection', async (t) => {
  const context = await serve(t);
  const agent = new http.Agent();
  const made = [];
  const { createConnection } = agent;
  agent.createConnection = function create(options, callback) {
    made.push(options.port);
    return createConnection.call(this, options, callback);
  };
  const { client, server } = await pair(t, context, { agent });
  assert.deepEqual(made.map(Number), [context.port]);
  const got = once(server, 'message');
  client.send('through the agent');
  assert.equal((await got)[0].toString(), 'through the agent');
});

test('TLS and pipes carry it as TCP does', async (t) => {
  const tlsOptions = {
    key: fs.readFileSync(path.join(__dirname, 'tls/key.pem')),
    cert: fs.readFileSync(path.join(__dirname, 'tls/cert.pem')),
  };
  const secure = await serve(t, { perMessageDeflate: true }, https.createServer(tlsOptions));
  const pipe = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'sori-')), 'socket');
  const local = new WebSocket.Server({ noServer: true });
  const httpServer = http.createServer().listen(pipe);
  await once(httpServer, 'listening');
  httpServer.on('upgrade', (req, socket, head) => local.handleUpgrade(req, socket, head, (ws) => local.emit('connection', ws, req)));
  t.after(() => httpServer.close());
  const ways = [
    [secure.wss, `wss://127.0.0.1:${secure.port}/path`, '/path'],
    [local, `ws+unix:${pipe}:/path?x=:`, '/path?x=:'],
  ];
  for (const [wss, url, asked] of ways) {
    const { client, server, request } = await pair(t, { wss, url }, { rejectUnauthorized: false });
    assert.equal(request.url, asked);
    server.on('message', (data, isBinary) => server.send(data, { binary: isBinary }));
    const large = Buffer.alloc(1 << 20, 'abcdefgh');
    const got = once(client, 'message');
    client.send(large);
    assert.ok((await got)[0].equals(large));
    const closed = Promise.all([once(client, 'close'), once(server, 'close')]);
    client.close(1000, 'bye');
    assert.deepEqual((await closed).map(([code, reason]) => [code, reason.toString()]), [[1000, 'bye'], [1000, 'bye']]);
  }
});

test('generateMask and the mask option decide how frames are masked', async (t) => {
  const received = [];
  const url = await upgrading(t, (req, socket) => {
    socket.write(accept(req));
    socket.on('data', (chunk) => {
      received.push(chunk);
      socket.emit('more');
    });
    socket.on('more', () => {
      if (Buffer.concat(received).length >= 9 + 4) {
        socket.destroy();
      }
    });
  });
  const client = clientOf(t, url, { perMessageDeflate: false, generateMask: (key) => key.fill(7) });
  client.on('open', () => {
    client.send('abc');
    client.send('no', { mask: false });
  });
  await next(client, 'close');
  const masked = Buffer.from('abc').map((byte) => byte ^ 7);
  assert.deepEqual(Buffer.concat(received), Buffer.concat([Buffer.from([0x81, 0x83, 7, 7, 7, 7]), masked, Buffer.from([0x81, 0x02]), Buffer.from('no')]));
});

test('a server that cannot be reached is an error', async (t) => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  const client = clientOf(t, `ws://127.0.0.1:${port}`);
  const happened = [];
  client.on('error', (error) => happened.push(error.code));
  await new Promise((resolve) => client.on('close', (code) => resolve(happened.push(code))));
  assert.deepEqual(happened, ['ECONNREFUSED', 1006]);
});
