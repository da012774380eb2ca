// Clients of Socket.IO 2 and 3, and polling by script tags. Most servers still meet them.
'use strict';

const { describe, it } = require('node:test');
const assert = require('node:assert/strict');
const { TRANSPORTS, next, raw, request, serve } = require('./harness');
const connect2 = require('socket.io-client-v2');
const { io: connect3 } = require('socket.io-client-v3');

const CLIENTS = [
  ['2.5', connect2, 3],
  ['3.1', connect3, 4],
];
const EIO3 = { allowEIO3: true };
const UPGRADE =
  'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

/** A client that has not connected yet. */
function clientOf(t, connect, port, path = '/', options = {}) {
  const client = connect(`http://127.0.0.1:${port}${path}`, { forceNew: true, reconnection: false, transports: ['websocket'], ...options });
  t.after(() => client.close());
  return client;
}

/** A connected client with its socket on the server. */
async function pair(t, io, connect, port, options) {
  const connected = next(io, 'connection');
  const client = clientOf(t, connect, port, '/', options);
  await next(client, 'connect');
  const [socket] = await connected;
  return { client, socket };
}

const get = (port, query) => request(port, `/socket.io/?${query}`);
const post = (port, query, body, type = 'text/plain') =>
  request(port, `/socket.io/?${query}`, { method: 'POST', body, headers: { 'Content-Type': type } });
const sidIn = (body) => /"sid\\?":\\?"([\w-]+)/.exec(body)[1];

for (const [version, connect, protocol] of CLIENTS) {
  for (const transports of TRANSPORTS) {
    describe(`socket.io-client ${version} over ${transports}`, () => {
      const options = { transports };

      it('knows its protocol, its id and its query', async (t) => {
        const { io, port } = await serve(t, EIO3);
        const { client, socket } = await pair(t, io, connect, port, { ...options, query: { token: 'a b' } });
        assert.equal(socket.conn.protocol, protocol);
        assert.equal(socket.id, client.id);
        assert.equal(socket.id === socket.conn.id, protocol === 3);
        assert.equal(socket.handshake.query.EIO, String(protocol));
        assert.equal(socket.handshake.query.token, 'a b');
        assert.deepEqual(socket.handshake.auth, {});
        assert.deepEqual([...socket.rooms], [socket.id]);
      });

      it('exchanges events and acks of text, Unicode and binary both ways', async (t) => {
        const { io, port } = await serve(t, EIO3);
        const { client, socket } = await pair(t, io, connect, port, options);
        socket.on('echo', (...args) => socket.emit('echo', ...args));
        socket.on('ask', (value, done) => done(value, Buffer.from([9])));
        for (const args of [
          [1, 'two', { three: null }],
          ['소리 🔊\u2028\n"'],
          [Buffer.from([0, 1, 255]), { deep: [Buffer.alloc(70000, 7)] }],
        ]) {
          const echoed = next(client, 'echo');
          client.emit('echo', ...args);
          assert.deepEqual((await echoed).map(plain), args.map(plain));
        }
        const answer = await new Promise((resolve) => client.emit('ask', 'x', (...args) => resolve(args)));
        assert.deepEqual(answer.map(plain), ['x', plain(Buffer.from([9]))]);
        client.on('ask', (value, done) => done([value, new Uint8Array([5]).buffer]));
        const [value, bytes] = await new Promise((resolve) => socket.emit('ask', Buffer.from([3]), resolve));
        assert.deepEqual([plain(value), plain(bytes)], [plain(Buffer.from([3])), plain(Buffer.from([5]))]);
      });

      it('joins a namespace and is refused in others', async (t) => {
        const { io, port } = await serve(t, EIO3);
        const error = Object.assign(new Error('not you'), { data: { code: 7 } });
        io.of('/data').use((socket, done) => done(error));
        io.of('/message').use((socket, done) => done(new Error('not you')));
        const connected = next(io.of('/chat'), 'connection');
        const path = protocol === 3 ? '/chat?token=x&list=1&list=2' : '/chat';
        const chat = clientOf(t, connect, port, path, options);
        await next(chat, 'connect');
        const [socket] = await connected;
        assert.equal(socket.id, chat.id);
        if (protocol === 3) {
          assert.equal(socket.id, `/chat#${socket.conn.id}`);
          assert.deepEqual({ ...socket.handshake.auth }, { token: 'x', list: '2' });
          assert.equal(Object.getPrototypeOf(socket.handshake.auth), null);
        }
        const told = async (name) => {
          const client = clientOf(t, connect, port, name, options);
          return (await next(client, protocol === 3 ? 'error' : 'connect_error'))[0];
        };
        if (protocol === 3) {
          assert.deepEqual(await told('/data'), { code: 7 });
          assert.equal(await told('/message'), 'not you');
          assert.deepEqual(await told('/none'), { message: 'Invalid namespace' });
        } else {
          assert.equal((await told('/message')).message, 'not you');
        }
      });

      it('is told of the end, and tells it', async (t) => {
        const { io, port } = await serve(t, EIO3);
        const first = await pair(t, io, connect, port, options);
        const left = next(first.socket, 'disconnect');
        first.client.close();
        const [reason] = await left;
        assert.ok(['client namespace disconnect', 'transport close'].includes(reason), reason);
        const second = await pair(t, io, connect, port, options);
        const gone = next(second.client, 'disconnect');
        second.socket.disconnect();
        assert.equal((await gone)[0], 'io server disconnect');
      });
    });
  }

  it(`socket.io-client ${version} upgrades while messages flow and loses none`, async (t) => {
    const { io, port } = await serve(t, EIO3);
    const { client, socket } = await pair(t, io, connect, port, { transports: ['polling', 'websocket'] });
    const upgraded = socket.conn.upgraded ? Promise.resolve() : next(socket.conn, 'upgrade');
    const received = [];
    socket.on('n', (n, bytes) => socket.emit('n', n, bytes));
    const done = new Promise((resolve) => {
      client.on('n', (n, bytes) => {
        assert.deepEqual(plain(bytes), plain(Buffer.from([n])));
        received.push(n);
        if (n === 199) {
          resolve();
        } else if (n % 10 === 9) {
          burst(n + 1);
        }
      });
    });
    const burst = (from) => {
      for (let n = from; n < from + 10; n++) {
        client.emit('n', n, Buffer.from([n]));
      }
    };
    burst(0);
    await done;
    assert.deepEqual(received, [...received.keys()]);
    await upgraded;
    assert.equal(socket.conn.transport.name, 'websocket');
  });
}

describe('beside clients of today', () => {
  it('one broadcast reaches every protocol and transport once', async (t) => {
    const { io, port } = await serve(t, EIO3);
    const clients = [];
    for (const [, connect] of [...CLIENTS, ['4', require('socket.io-client').io]]) {
      for (const transports of TRANSPORTS) {
        const { client, socket } = await pair(t, io, connect, port, { transports });
        socket.join('room');
        clients.push(client);
      }
    }
    const heard = clients.map((client) => next(client, 'news'));
    io.to('room').emit('news', 'text', Buffer.from([1, 2, 3]));
    for (const [text, bytes] of await Promise.all(heard)) {
      assert.deepEqual([text, plain(bytes)], ['text', plain(Buffer.from([1, 2, 3]))]);
    }
    const responses = await io.timeout(5000).to('nobody').emitWithAck('ask');
    assert.deepEqual(responses, []);
    clients.forEach((client) => client.on('ask', (done) => done('yes')));
    assert.deepEqual(await io.timeout(5000).to('room').emitWithAck('ask'), clients.map(() => 'yes'));
  });

  it('pings of the client keep it, and silence ends it', async (t) => {
    const { io, port } = await serve(t, { ...EIO3, pingInterval: 100, pingTimeout: 100 });
    const { client, socket } = await pair(t, io, connect2, port);
    const pong = () => next(client.io.engine, 'pong');
    await pong();
    await pong();
    await pong();
    assert.equal(socket.connected, true);
    const silent = next(io, 'connection');
    raw(t, port, `GET /socket.io/?EIO=3&transport=websocket HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`);
    const [peer] = await silent;
    assert.equal((await next(peer, 'disconnect'))[0], 'ping timeout');
  });

  it('old clients are refused unless they are allowed', async (t) => {
    const { io, port } = await serve(t);
    for (const transports of [['polling'], ['websocket']]) {
      const refused = next(io.engine, 'connection_error');
      const client = clientOf(t, connect2, port, '/', { transports });
      await next(client, 'connect_error');
      const [{ code, message, context }] = await refused;
      assert.deepEqual([code, message, context], [5, 'Unsupported protocol version', { protocol: 3 }]);
    }
  });

  it('a session is not served in another protocol', async (t) => {
    const { io, port } = await serve(t, EIO3);
    const sid = sidIn((await get(port, 'EIO=3&transport=polling')).body);
    const refused = next(io.engine, 'connection_error');
    const answer = await get(port, `EIO=4&transport=polling&sid=${sid}`);
    assert.deepEqual([answer.status, answer.body], [400, '{"code":3,"message":"Bad request"}']);
    const [{ context }] = await refused;
    assert.deepEqual(context, { name: 'PROTOCOL_MISMATCH', protocol: 4, previousProtocol: 3 });
  });
});

describe('polling by script tags', () => {
  const FORM = 'application/x-www-form-urlencoded';

  for (const protocol of [3, 4]) {
    it(`goes both ways in protocol ${protocol}`, async (t) => {
      const { io, port } = await serve(t, { ...EIO3, cookie: true });
      io.on('connection', (socket) => socket.on('echo', (...args) => socket.emit('echo', ...args)));
      const framed = (text) => (protocol === 3 ? `${text.length}:${text}` : text);
      const body = (answer) => {
        assert.equal(answer.headers['content-type'], 'text/plain; charset=UTF-8');
        assert.ok(answer.body.startsWith('___eio[5]("') && answer.body.endsWith('");'), answer.body);
        return JSON.parse(answer.body.slice('___eio[5]('.length, -2));
      };
      const opened = await get(port, `EIO=${protocol}&transport=polling&j=5`);
      const sid = sidIn(body(opened));
      assert.match(opened.headers['set-cookie'][0], new RegExp(`^io=${sid};`));
      const query = `EIO=${protocol}&transport=polling&j=5&sid=${sid}`;
      if (protocol === 4) {
        await post(port, query, `d=${encodeURIComponent('40')}`, FORM);
      }
      assert.match(body(await get(port, query)), protocol === 3 ? /^2:40$/ : /^40\{"sid"/);
      const event = '42["echo","소리\u2028\\n"]';
      // As clients do: a form would change line ends.
      const sent = framed(event).replace(/\\n/g, '\\\\n');
      const answer = await post(port, query, `d=${encodeURIComponent(sent)}`, FORM);
      assert.deepEqual([answer.status, answer.body], [200, 'ok']);
      const polled = await get(port, query);
      assert.equal(body(polled), framed(event));
      assert.ok(polled.body.includes('\\u2028'));
    });
  }

  it('carries binary as base64', async (t) => {
    const { io, port } = await serve(t, EIO3);
    const connected = next(io, 'connection');
    const sid = sidIn((await get(port, 'EIO=3&transport=polling&j=0&b64=1')).body);
    const [socket] = await connected;
    const query = `EIO=3&transport=polling&j=0&sid=${sid}`;
    await get(port, query);
    socket.emit('b', Buffer.from([1, 2, 3]));
    const { body } = await get(port, query);
    assert.equal(body, '___eio[0]("39:451-[\\"b\\",{\\"_placeholder\\":true,\\"num\\":0}]6:b4AQID");');
  });
});

it('a refused WebSocket of an old client is told so behind its handshake', async (t) => {
  const { port } = await serve(t);
  const answer = await raw(t, port, `GET /socket.io/?transport=websocket HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`);
  assert.match(answer, /^HTTP\/1\.1 101 [^]*\r\n\r\nHTTP\/1\.1 400 Bad Request\r\n[^]*\r\n\r\nUnsupported protocol version$/);
});

/** Bytes, however a client's version gives them, as an array of numbers. */
function plain(value) {
  if (value instanceof ArrayBuffer) {
    return [...new Uint8Array(value)];
  }
  if (ArrayBuffer.isView(value)) {
    return [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
  }
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  }
  return value;
}
