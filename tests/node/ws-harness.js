// What the tests of `sori/ws` share: servers on free ports, clients, peers that write frames by hand, and ways to wait
// without sleeping. SORI_TEST_WS_MODULE names the module under test; `ws` proves the tests themselves right.
'use strict';

const http = require('http');
const net = require('net');
const { once } = require('events');

const moduleName = process.env.SORI_TEST_WS_MODULE || '../../node-binding/ws';
const WebSocket = require(moduleName);
const isOriginal = moduleName === 'ws';

// A file of tests that has not ended by then waits for something that never comes.
setTimeout(() => {
  console.error('the tests of this file take too long');
  process.exit(1);
}, 110000).unref();

/** A server of the module under test on an http.Server with a free port; both end with the test. */
async function serve(t, options = {}, httpServer = http.createServer()) {
  const wss = new WebSocket.WebSocketServer({ server: httpServer, ...options });
  const sockets = new Set();
  httpServer.on('connection', (socket) => sockets.add(socket));
  httpServer.listen(0, '127.0.0.1');
  await once(httpServer, 'listening');
  t.after(async () => {
    wss.close();
    wss.clients.forEach((ws) => ws.terminate());
    const closed = new Promise((resolve) => httpServer.close(resolve));
    httpServer.closeAllConnections();
    sockets.forEach((socket) => socket.destroy());
    await closed;
  });
  const { port } = httpServer.address();
  return { wss, httpServer, port, url: `ws://127.0.0.1:${port}` };
}

/** A client that may not be open yet; it is dropped with the test. */
function clientOf(t, url, ...args) {
  const ws = new WebSocket(url, ...args);
  t.after(() => {
    ws.on('error', () => {});
    ws.terminate();
  });
  return ws;
}

/** An open client and its WebSocket on the server. */
async function pair(t, { wss, url }, ...args) {
  const connected = once(wss, 'connection');
  const client = clientOf(t, url, ...args);
  const opened = once(client, 'open');
  const [server, request] = await connected;
  await opened;
  return { client, server, request };
}

/** The arguments of the next `event`. Unlike `once` of Node's events it does not mind an 'error' meanwhile. */
function next(emitter, event) {
  return new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));
}

/** Everything that happens to `ws` from now on, as [event, ...arguments]; text of messages and reasons as strings. */
function record(ws, events = ['message', 'ping', 'pong', 'error', 'close', 'drain']) {
  const happened = [];
  for (const event of events) {
    ws.on(event, (...args) => {
      happened.push([event, ...args.map((arg) => (Buffer.isBuffer(arg) ? arg.toString() : arg))]);
    });
  }
  return happened;
}

/** Arguments of the next `count` messages, as strings. */
function messages(ws, count) {
  return new Promise((resolve, reject) => {
    const got = [];
    ws.on('message', (data) => {
      got.push(data.toString());
      if (got.length === count) {
        resolve(got);
      }
    });
    ws.on('close', (code) => reject(new Error(`closed with ${code} after ${got.length} of ${count} messages`)));
  });
}

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** The text of an upgrade request; a header that is null is left out. */
function upgradeRequest(path = '/', headers = {}, method = 'GET') {
  const all = { Host: 'x', Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Key': KEY, 'Sec-WebSocket-Version': '13', ...headers };
  const lines = Object.entries(all)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** Sends `text` and gives all that comes back until the server closes. */
function exchange(t, port, text) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(text, 'latin1'));
    let answer = '';
    t.after(() => socket.destroy());
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

/** A client's frame (RFC 6455 §5.2), masked with zeros: `first` is its first byte. */
function frame(first, payload = '', mask = true) {
  const body = Buffer.from(payload);
  const bit = mask ? 0x80 : 0;
  const key = Buffer.alloc(mask ? 4 : 0);
  if (body.length < 126) {
    return Buffer.concat([Buffer.from([first, bit | body.length]), key, body]);
  }
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  return Buffer.concat([Buffer.from([first, bit | 126]), length, key, body]);
}

/** A peer by hand: writes bytes behind an upgrade, and reads the server's frames. */
class Peer {
  constructor(t, port, { path, headers, first = Buffer.alloc(0) } = {}) {
    this.bytes = Buffer.alloc(0);
    this.isEnded = false;
    this.look = () => {};
    this.socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => {
      this.socket.write(Buffer.concat([Buffer.from(upgradeRequest(path, headers)), first]));
    });
    t.after(() => this.socket.destroy());
    this.socket.on('data', (chunk) => {
      this.bytes = Buffer.concat([this.bytes, chunk]);
      this.look();
    });
    for (const event of ['end', 'close']) {
      this.socket.on(event, () => {
        this.isEnded = true;
        this.look();
      });
    }
    this.socket.on('error', () => {});
  }

  until(condition) {
    return new Promise((resolve) => {
      this.look = () => {
        const found = condition();
        if (found !== undefined) {
          this.look = () => {};
          resolve(found);
        }
      };
      this.look();
    });
  }

  /** The head of the server's answer. */
  head() {
    return this.until(() => {
      const end = this.bytes.indexOf('\r\n\r\n');
      if (end === -1) {
        return undefined;
      }
      const head = this.bytes.toString('latin1', 0, end);
      this.bytes = this.bytes.subarray(end + 4);
      return head;
    });
  }

  /** The server's next frame; null when it has ended the stream. */
  frame() {
    return this.until(() => {
      const { bytes } = this;
      const short = bytes.length < 2 ? 0 : bytes[1] & 0x7f;
      const start = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (bytes.length < start) {
        return this.isEnded ? null : undefined;
      }
      const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
      if (bytes.length < start + length) {
        return this.isEnded ? null : undefined;
      }
      this.bytes = bytes.subarray(start + length);
      const payload = bytes.subarray(start, start + length);
      const opcode = bytes[0] & 0xf;
      return { first: bytes[0], opcode, payload, code: opcode === 8 && length >= 2 ? payload.readUInt16BE(0) : undefined };
    });
  }
}

module.exports = { WebSocket, isOriginal, moduleName, KEY, serve, clientOf, pair, next, record, messages, upgradeRequest, exchange, frame, Peer };
