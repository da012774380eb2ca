// What the tests share: a server on a free port, clients that are closed in the end, and ways to wait without sleeping.
// SORI_TEST_MODULE names the module under test; `socket.io` proves the tests themselves right.
'use strict';

const http = require('http');
const net = require('net');
const { once } = require('events');
const { io: connect } = require('socket.io-client');

const moduleName = process.env.SORI_TEST_MODULE || '../../node-binding';
const sori = require(moduleName);
const isOriginal = moduleName === 'socket.io';

// A file of tests that has not ended by then waits for something that never comes.
setTimeout(() => {
  console.error('the tests of this file take too long');
  process.exit(1);
}, 120000).unref();

/** The ways a client can come in; scenarios that must not depend on them run over each. */
const TRANSPORTS = [['websocket'], ['polling'], ['polling', 'websocket']];

/** An HTTP server on a free port that answers 404, with a Server attached; both end with the test. */
async function serve(t, options = {}, httpServer = http.createServer(notFound)) {
  const io = new sori.Server(httpServer, options);
  io.on('connection', answerBarriers);
  const sockets = new Set();
  httpServer.on('connection', (socket) => sockets.add(socket));
  httpServer.listen(0, '127.0.0.1');
  await once(httpServer, 'listening');
  t.after(() => stop(io, httpServer, sockets));
  return { io, httpServer, port: httpServer.address().port };
}

// The HTTP server would wait for every connection, those of other tests' peers included.
async function stop(io, httpServer, sockets) {
  const closed = io.close();
  httpServer.closeAllConnections();
  sockets.forEach((socket) => socket.destroy());
  await closed;
}

function notFound(req, res) {
  res.writeHead(404);
  res.end();
}

/** A client of `path` that has not connected yet: listeners put on it now miss nothing. Its events are kept in `received`. */
function clientOf(t, port, path = '/', options = {}) {
  const client = connect(`${options.secure ? 'https' : 'http'}://127.0.0.1:${port}${path}`, {
    forceNew: true,
    reconnection: false,
    transports: ['websocket'],
    ...options,
  });
  client.received = [];
  client.onAny((...event) => client.received.push(event));
  t.after(() => client.disconnect());
  return client;
}

/** A connected client. */
async function join(t, port, path, options) {
  const client = clientOf(t, port, path, options);
  await next(client, 'connect');
  return client;
}

/** A connected client with its socket on the server. */
async function pair(t, io, port, options) {
  const connected = next(io, 'connection');
  const client = await join(t, port, '/', options);
  const [socket] = await connected;
  return { client, socket };
}

/** The arguments of the next `event`, whatever the emitter; a `connect_error` while waiting for `connect` fails. */
function next(emitter, event) {
  return new Promise((resolve, reject) => {
    emitter.once(event, (...args) => resolve(args));
    if (event === 'connect') {
      emitter.once('connect_error', reject);
    }
  });
}

/** Resolves when everything `client` sent before has been handled, and everything sent to it by then has arrived. */
function barrier(client) {
  return new Promise((resolve) => client.emit('barrier', resolve));
}

function answerBarriers(socket) {
  socket.on('barrier', (done) => done());
}

/**
 * Sends `text` to the port and gives all that comes back until the server closes or `until(answer)` is true.
 * `more` is sent once the answer holds an open packet.
 */
function raw(t, port, text, until = () => false, more = null) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(text, 'latin1'));
    let answer = '';
    t.after(() => socket.destroy());
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      answer += chunk;
      if (more !== null && answer.includes('0{"sid"')) {
        socket.write(more, 'latin1');
        more = null;
      }
      if (until(answer)) {
        resolve(answer);
        socket.destroy();
      }
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

/** An HTTP request; gives status, headers and body. */
function request(port, path, { method = 'GET', headers = {}, body, agent } = {}) {
  return new Promise((resolve, reject) => {
    const req = http.request({ host: '127.0.0.1', port, path, method, headers, agent }, (res) => {
      const chunks = [];
      res.on('data', (chunk) => chunks.push(chunk));
      res.on('end', () => {
        const bytes = Buffer.concat(chunks);
        resolve({ status: res.statusCode, headers: res.headers, body: bytes.toString(), bytes });
      });
    });
    req.on('error', reject);
    req.end(body);
  });
}

const POLLING = '/socket.io/?EIO=4&transport=polling';

/** A polling session by hand: `send(packets)`, `poll()`. */
async function handshake(port, query = '') {
  const { body } = await request(port, `${POLLING}${query}`);
  const { sid } = JSON.parse(body.slice(1));
  const path = `${POLLING}&sid=${sid}`;
  return {
    sid,
    path,
    send: (packets) => request(port, path, { method: 'POST', body: packets, headers: { 'content-type': 'text/plain;charset=UTF-8' } }),
    poll: () => request(port, path),
  };
}

/** The text of a WebSocket upgrade request. */
function upgradeRequest(path, headers = {}) {
  const all = {
    Host: 'x',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version': '13',
    ...headers,
  };
  const lines = Object.entries(all)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** A client's text frame (RFC 6455 §5.2), masked with zeros. */
function frame(text) {
  const payload = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

module.exports = {
  sori,
  isOriginal,
  TRANSPORTS,
  POLLING,
  serve,
  clientOf,
  join,
  pair,
  next,
  barrier,
  answerBarriers,
  raw,
  request,
  handshake,
  upgradeRequest,
  frame,
};
