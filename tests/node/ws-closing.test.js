// How connections end: by either side's close, by a broken rule, by the loss of the stream.
'use strict';

const assert = require('assert/strict');
const { once } = require('events');
const { test } = require('node:test');
const { WebSocket, isOriginal, serve, clientOf, pair, next, record, frame, Peer } = require('./ws-harness');

const CLOSE = 0x88;

function closeFrame(code, reason = '') {
  return frame(CLOSE, Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]));
}

for (const [code, reason] of [[undefined, undefined], [1000, ''], [1000, 'all is well'], [1013, 'später'], [4999, 'x'.repeat(123)]]) {
  test(`both sides know the code ${code} and the reason "${String(reason).slice(0, 12)}" of whoever closes`, async (t) => {
    for (const closing of ['client', 'server']) {
      const context = await serve(t);
      const sides = await pair(t, context);
      const ends = Promise.all([once(sides.client, 'close'), once(sides.server, 'close')]);
      sides[closing].close(code, reason);
      assert.equal(sides[closing].readyState, WebSocket.CLOSING);
      for (const [seen, why] of await ends) {
        assert.deepEqual([seen, why.toString()], [code === undefined ? 1005 : code, reason || '']);
      }
      assert.deepEqual([sides.client.readyState, sides.server.readyState], [3, 3]);
    }
  });
}

test('codes and reasons that no close frame may carry are refused', async (t) => {
  const context = await serve(t);
  const { client } = await pair(t, context);
  for (const code of [999, 1004, 1005, 1006, 1015, 2999, 5000, '1000', NaN]) {
    assert.throws(() => client.close(code), { name: 'TypeError', message: 'First argument must be a valid error code number' });
  }
  assert.throws(() => client.close(1000, 'x'.repeat(124)), { name: 'RangeError', message: 'The message must not be greater than 123 bytes' });
  assert.throws(() => client.close(1000, new Uint16Array(2)), { name: 'TypeError', message: 'Second argument must be a string or a Uint8Array' });
  assert.equal(client.readyState, WebSocket.OPEN);
});

test('what was sent before the close arrives before it', async (t) => {
  const context = await serve(t);
  const { client, server } = await pair(t, context);
  const happened = record(client);
  const large = 'x'.repeat(3 << 20);
  server.send(large);
  server.send('last');
  server.close(1000);
  await once(client, 'close');
  assert.deepEqual(happened.map(([event, data]) => [event, data.length || data]), [['message', large.length], ['message', 4], ['close', 1000]]);
});

test('terminate() ends it at once, for both sides with 1006', async (t) => {
  const context = await serve(t);
  const { client, server } = await pair(t, context);
  const happened = [record(client), record(server)];
  const ends = Promise.all([once(client, 'close'), once(server, 'close')]);
  client.terminate();
  await ends;
  assert.deepEqual(happened, [[['close', 1006, '']], [['close', 1006, '']]]);
});

test('a peer that does not answer a close is given up after closeTimeout', async (t) => {
  const { wss, port } = await serve(t, { closeTimeout: 50 });
  const connected = once(wss, 'connection');
  const peer = new Peer(t, port);
  const [ws] = await connected;
  await peer.head();
  ws.close(1001);
  assert.equal((await peer.frame()).code, 1001);
  assert.equal((await once(ws, 'close'))[0], 1006);
});

test('a peer that ends its half without a close frame is lost, and still hears what was sent to it', async (t) => {
  const { wss, port } = await serve(t);
  const connected = once(wss, 'connection');
  const peer = new Peer(t, port);
  const [ws] = await connected;
  await peer.head();
  ws.on('message', (data) => ws.send(`answer to ${data}`));
  const closed = once(ws, 'close');
  peer.socket.write(frame(0x81, 'goodbye'));
  peer.socket.end();
  assert.equal((await peer.frame()).payload.toString(), 'answer to goodbye');
  assert.equal(await peer.frame(), null);
  assert.equal((await closed)[0], 1006);
});

test('a lost stream closes with 1006 and no error', async (t) => {
  const { wss, port } = await serve(t);
  const connected = once(wss, 'connection');
  const peer = new Peer(t, port);
  const [ws] = await connected;
  await peer.head();
  const happened = record(ws);
  peer.socket.resetAndDestroy();
  await once(ws, 'close');
  assert.deepEqual(happened, [['close', 1006, '']]);
});

test('the socket can be reset, written to and ended after it was taken over', async (t) => {
  const { wss, port } = await serve(t);
  const open = async () => {
    const connected = once(wss, 'connection');
    const peer = new Peer(t, port);
    const [ws] = await connected;
    await peer.head();
    ws.send('first');
    assert.equal((await peer.frame()).payload.toString(), 'first');
    return [peer, ws];
  };
  const [peer, ws] = await open();
  ws._socket.write(Buffer.from([0x81, 0x03, 0x72, 0x61, 0x77]));
  assert.equal((await peer.frame()).payload.toString(), 'raw');
  ws._socket.end();
  assert.equal(await peer.frame(), null);

  const [other, doomed] = await open();
  const failed = next(other.socket, 'error');
  const closed = next(doomed, 'close');
  doomed._socket.resetAndDestroy();
  assert.equal((await failed)[0].code, 'ECONNRESET');
  assert.equal((await closed)[0], 1006);
});

test('an answer behind an await leaves before that to the close frame which came with the question', { skip: isOriginal }, async (t) => {
  const { wss, port } = await serve(t);
  wss.on('connection', (ws) => {
    ws.on('message', async (data) => {
      for (const piece of ['answer', 'to', data]) {
        await null;
        ws.send(String(piece));
      }
    });
  });
  const peer = new Peer(t, port, { first: Buffer.concat([frame(0x81, 'question'), closeFrame(1000)]) });
  await peer.head();
  for (const piece of ['answer', 'to', 'question']) {
    assert.equal(String((await peer.frame()).payload), piece);
  }
  assert.equal((await peer.frame()).code, 1000);
});

test('an application that ends its half of the stream hears the peer until that ends its own', async (t) => {
  const { wss, port } = await serve(t);
  const connected = once(wss, 'connection');
  const peer = new Peer(t, port);
  const [ws] = await connected;
  await peer.head();
  const heard = record(ws);
  ws._socket.end();
  assert.equal(await peer.frame(), null);
  const closed = once(ws, 'close');
  peer.socket.write(Buffer.concat([frame(0x81, 'still'), frame(0x81, 'here')]));
  peer.socket.end();
  assert.equal((await closed)[0], 1006);
  assert.deepEqual(heard, [['message', 'still', false], ['message', 'here', false], ['close', 1006, '']]);
});

const VIOLATIONS = [
  ['RSV2', frame(0xa1, 'x'), 1002, 'WS_ERR_UNEXPECTED_RSV_2_3', 'Invalid WebSocket frame: RSV2 and RSV3 must be clear'],
  ['RSV1 without compression', frame(0xc1, 'x'), 1002, 'WS_ERR_UNEXPECTED_RSV_1', 'Invalid WebSocket frame: RSV1 must be clear'],
  ['an unknown opcode', frame(0x83, 'x'), 1002, 'WS_ERR_INVALID_OPCODE', 'Invalid WebSocket frame: invalid opcode 3'],
  ['a continuation of nothing', frame(0x80, 'x'), 1002, 'WS_ERR_INVALID_OPCODE', 'Invalid WebSocket frame: invalid opcode 0'],
  [
    'a message within a message',
    Buffer.concat([frame(0x01, 'x'), frame(0x81, 'y')]),
    1002,
    'WS_ERR_INVALID_OPCODE',
    'Invalid WebSocket frame: invalid opcode 1',
  ],
  ['a ping in fragments', frame(0x09, 'x'), 1002, 'WS_ERR_EXPECTED_FIN', 'Invalid WebSocket frame: FIN must be set'],
  [
    'a long ping',
    frame(0x89, 'x'.repeat(126)),
    1002,
    'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH',
    'Invalid WebSocket frame: invalid payload length 126',
  ],
  ['no mask', frame(0x81, 'x', false), 1002, 'WS_ERR_EXPECTED_MASK', 'Invalid WebSocket frame: MASK must be set'],
  [
    'a length that no number holds',
    Buffer.from([0x82, 0xff, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    1009,
    'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH',
    'Unsupported WebSocket frame: payload length > 2^53 - 1',
  ],
  ['a message over maxPayload', frame(0x81, 'x'.repeat(1001)), 1009, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 'Max payload size exceeded'],
  [
    'fragments over maxPayload',
    Buffer.concat([frame(0x01, 'x'.repeat(600)), frame(0x80, 'x'.repeat(600))]),
    1009,
    'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
    'Max payload size exceeded',
  ],
  [
    'too many fragments',
    Buffer.concat([frame(0x01, ''), frame(0x00, ''), frame(0x00, ''), frame(0x00, '')]),
    1008,
    'WS_ERR_TOO_MANY_BUFFERED_PARTS',
    'Too many message fragments',
  ],
  ['text that is no UTF-8', frame(0x81, Buffer.from([0xce, 0xba, 0xe1])), 1007, 'WS_ERR_INVALID_UTF8', 'Invalid WebSocket frame: invalid UTF-8 sequence'],
  [
    'UTF-8 broken across fragments',
    Buffer.concat([frame(0x01, Buffer.from([0xf0, 0x9f])), frame(0x80, Buffer.from([0x98, 0x41]))]),
    1007,
    'WS_ERR_INVALID_UTF8',
    'Invalid WebSocket frame: invalid UTF-8 sequence',
  ],
  ['a close code that must not be sent', closeFrame(1006), 1002, 'WS_ERR_INVALID_CLOSE_CODE', 'Invalid WebSocket frame: invalid status code 1006'],
  ['a close frame of one byte', frame(CLOSE, 'x'), 1002, 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH', 'Invalid WebSocket frame: invalid payload length 1'],
  [
    'a close reason that is no UTF-8',
    frame(CLOSE, Buffer.from([0x03, 0xe8, 0xff])),
    1007,
    'WS_ERR_INVALID_UTF8',
    'Invalid WebSocket frame: invalid UTF-8 sequence',
  ],
];

for (const [what, bytes, closeCode, code, message] of VIOLATIONS) {
  test(`${what} is answered ${closeCode}, after what came before has been answered`, async (t) => {
    const { wss, port } = await serve(t, { maxPayload: 1000, maxFragments: 3 });
    const connected = once(wss, 'connection');
    const peer = new Peer(t, port);
    const [ws] = await connected;
    await peer.head();
    const happened = [];
    ws.on('message', (data) => ws.send(data, { binary: false }));
    ws.on('error', (error) => happened.push([error.code, error.message, error instanceof RangeError, ws.readyState]));
    ws.on('close', (seen) => happened.push(seen));
    const closed = next(ws, 'close');
    peer.socket.write(Buffer.concat([frame(0x81, 'fine'), bytes, frame(0x81, 'too late')]));
    assert.equal((await peer.frame()).payload.toString(), 'fine');
    assert.equal((await peer.frame()).code, closeCode);
    assert.equal(await peer.frame(), null);
    peer.socket.end();
    await closed;
    assert.deepEqual(happened, [[code, message, code !== 'WS_ERR_INVALID_UTF8', WebSocket.CLOSING], 1006]);
  });
}

test('compressed bytes that are no DEFLATE, and bombs, end the connection', async (t) => {
  const cases = [
    [Buffer.from([0x22, 0xfa, 0xec, 0x78]), 'Z_DATA_ERROR', 1007],
    [require('zlib').deflateRawSync(Buffer.alloc(1 << 20)), 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1009],
  ];
  for (const [bytes, code, closeCode] of cases) {
    const { wss, port } = await serve(t, { perMessageDeflate: true, maxPayload: 10000 });
    const connected = once(wss, 'connection');
    const peer = new Peer(t, port, { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } });
    const [ws] = await connected;
    await peer.head();
    const failed = once(ws, 'error');
    peer.socket.write(frame(0xc2, bytes));
    assert.equal((await failed)[0].code, code);
    assert.equal((await peer.frame()).code, closeCode);
  }
});

test('skipUTF8Validation lets text through as it is', async (t) => {
  const { wss, port } = await serve(t, { skipUTF8Validation: true });
  const connected = once(wss, 'connection');
  const peer = new Peer(t, port);
  const [ws] = await connected;
  const got = once(ws, 'message');
  peer.socket.write(frame(0x81, Buffer.from([0xff, 0x41])));
  const [data, isBinary] = await got;
  assert.deepEqual([[...data], isBinary], [[0xff, 0x41], false]);
});

test('an error that nobody listens for is thrown', async (t) => {
  const { wss, port } = await serve(t);
  const connected = once(wss, 'connection');
  const peer = new Peer(t, port);
  await connected;
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  t.after(() => listeners.forEach((listener) => process.on('uncaughtException', listener)));
  const thrown = new Promise((resolve) => process.once('uncaughtException', resolve));
  peer.socket.write(frame(0x83, 'x'));
  assert.equal((await thrown).code, 'WS_ERR_INVALID_OPCODE');
});

test('a client that is closed while it connects says so', async (t) => {
  const context = await serve(t);
  for (const end of ['close', 'terminate']) {
    const client = clientOf(t, context.url);
    const happened = [];
    client.on('error', (error) => happened.push(error.message));
    client.on('close', (code) => happened.push(code));
    client[end]();
    assert.equal(client.readyState, WebSocket.CLOSING);
    await next(client, 'close');
    assert.deepEqual(happened, ['WebSocket was closed before the connection was established', 1006]);
  }
});
