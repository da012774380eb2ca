// permessage-deflate, with npm ws as the client: what is agreed on, and that messages arrive whole whatever it is.
'use strict';

const assert = require('assert/strict');
const http = require('http');
const { test } = require('node:test');
const WebSocket = require('ws');
const { barrier, clientOf, isOriginal, next, pair, raw, serve, sori, upgradeRequest } = require('./harness');

const PATH = '/socket.io/?EIO=4&transport=websocket';

/** A client in `/` that speaks Engine.IO by hand; its packets are kept in `packets`. */
async function open(t, port, perMessageDeflate, headers) {
  const client = new WebSocket(`ws://127.0.0.1:${port}${PATH}`, { perMessageDeflate, headers });
  t.after(() => client.terminate());
  client.packets = [];
  client.on('message', (data) => client.packets.push(data.toString()));
  await next(client, 'open');
  client.send('40');
  await arrived(client, (packet) => packet.startsWith('40{'));
  return client;
}

/** The first packet that `isRight`. */
async function arrived(client, isRight) {
  for (;;) {
    const packet = client.packets.find(isRight);
    if (packet !== undefined) {
      return packet;
    }
    await next(client, 'message');
  }
}

function echo(io) {
  io.on('connection', (socket) => socket.on('echo', (...args) => socket.emit('echoed', ...args)));
}

const AGREEMENTS = [
  { server: true, client: true, agreed: 'permessage-deflate' },
  { server: {}, client: { serverNoContextTakeover: true }, agreed: 'permessage-deflate; server_no_context_takeover' },
  { server: { clientNoContextTakeover: true }, client: true, agreed: 'permessage-deflate; client_no_context_takeover' },
  { server: { serverMaxWindowBits: 10 }, client: true, agreed: 'permessage-deflate; server_max_window_bits=10' },
  { server: { clientMaxWindowBits: 11 }, client: true, agreed: 'permessage-deflate; client_max_window_bits=11' },
  {
    server: { serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 9, clientMaxWindowBits: 9 },
    client: true,
    agreed: 'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=9',
  },
  { server: false, client: true, agreed: '' },
  { server: true, client: false, agreed: '' },
];

for (const { server, client: offered, agreed } of AGREEMENTS) {
  test(`messages pass both ways: ${JSON.stringify(server)} and ${JSON.stringify(offered)}`, async (t) => {
    const { io, port } = await serve(t, { perMessageDeflate: server });
    echo(io);
    const client = await open(t, port, offered);
    const header = client.extensions === '' ? '' : WebSocket.extension.format({ 'permessage-deflate': [client._extensions['permessage-deflate'].params] });
    assert.deepEqual(header.split('; ').sort(), agreed.split('; ').sort());
    for (let round = 0; round < 3; round++) {
      const text = `${round} ${'to be repeated '.repeat(500)}`;
      client.send(`42${JSON.stringify(['echo', text, 'short'])}`);
      await arrived(client, (packet) => packet === `42${JSON.stringify(['echoed', text, 'short'])}`);
      io.emit('news', round, text);
      await arrived(client, (packet) => packet === `42${JSON.stringify(['news', round, text])}`);
    }
  });
}

test('what is under the threshold goes as it is', async (t) => {
  const { io, port } = await serve(t, { perMessageDeflate: { threshold: 200 } });
  const request = upgradeRequest(PATH, { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' });
  io.on('connection', (socket) => {
    socket.emit('long', 'x'.repeat(1000));
    socket.emit('short', 'x'.repeat(100));
  });
  const connect = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x34, 0x30]).toString('latin1');
  const answer = await raw(t, port, request, (text) => text.includes('"short"'), connect);
  assert.match(answer, /\r\nSec-WebSocket-Extensions: permessage-deflate\r\n/);
  assert.ok(!answer.includes('"long"'));
  const compressed = answer.indexOf('\xc1');
  assert.ok(compressed > 0 && answer.charCodeAt(compressed + 1) < 100);
});

test('an offer that cannot be read is refused', async (t) => {
  const { port } = await serve(t, { perMessageDeflate: true });
  const answer = await raw(t, port, upgradeRequest(PATH, { 'Sec-WebSocket-Extensions': 'permessage-deflate; what=1' }));
  const body = 'Invalid or unacceptable Sec-WebSocket-Extensions header';
  assert.equal(answer, `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
});

test('a message that inflates past the limit ends its connection', async (t) => {
  const { io, port } = await serve(t, { perMessageDeflate: true, maxHttpBufferSize: 10_000 });
  echo(io);
  const client = await open(t, port, true);
  client.send(`42["echo","${'x'.repeat(20_000)}"]`);
  const [code] = await next(client, 'close');
  assert.equal(code, 1009);
});

test('a broadcast reaches clients that compress and clients that do not', async (t) => {
  const { io, port } = await serve(t, { perMessageDeflate: true });
  const plain = await pair(t, io, port);
  const polling = await pair(t, io, port, { transports: ['polling'] });
  const clients = await Promise.all([true, { serverNoContextTakeover: true }, { serverMaxWindowBits: 10 }, false].map((offer) => open(t, port, offer)));
  for (let round = 0; round < 3; round++) {
    const text = `${round} ${'to everybody '.repeat(500)}`;
    io.emit('news', text);
    await barrier(plain.client);
    await barrier(polling.client);
    for (const client of clients) {
      await arrived(client, (packet) => packet === `42${JSON.stringify(['news', text])}`);
    }
    for (const { client } of [plain, polling]) {
      assert.deepEqual(client.received.at(-1), ['news', text]);
    }
  }
});

test('a client that upgrades from polling compresses from then on', async (t) => {
  const { io, port } = await serve(t, { perMessageDeflate: true });
  echo(io);
  const client = clientOf(t, port, '/', { transports: ['polling', 'websocket'], perMessageDeflate: { threshold: 10 } });
  const upgraded = new Promise((resolve) => client.io.on('open', () => client.io.engine.on('upgrade', resolve)));
  await next(client, 'connect');
  await upgraded;
  assert.match(client.io.engine.transport.ws.extensions, /permessage-deflate/);
  const text = 'compressed '.repeat(1000);
  client.emit('echo', text);
  assert.deepEqual(await next(client, 'echoed'), [text]);
});

test('an option that cannot work is told', { skip: isOriginal }, () => {
  assert.throws(() => new sori.Server(http.createServer(), { perMessageDeflate: { serverMaxWindowBits: 16 } }), /windows/);
});
