// `packetCreate` of `socket.conn`: what is told of packets that are sent, to whom, and only while somebody listens.
'use strict';

const assert = require('assert/strict');
const { test } = require('node:test');
const { serve, pair, next, barrier } = require('./harness');

/** A connected socket in /chat with the packets its connection told of. */
async function watched(t) {
  const { io, port } = await serve(t);
  const { client } = await pair(t, io, port);
  const chat = io.of('/chat');
  const joined = next(chat, 'connection');
  const other = client.io.socket('/chat');
  const [socket] = await joined;
  await next(other, 'connect');
  const packets = [];
  const listener = ({ type, data, options }) => packets.push([type, data, options.compress]);
  socket.conn.on('packetCreate', listener);
  return { io, port, client, chat, other, socket, packets, listener };
}

test('events and acks are told with what becomes of them', async (t) => {
  const { io, chat, other, socket, packets } = await watched(t);
  const ids = () => packets.map(([, data]) => (typeof data === 'string' ? data.replace(/,\d+\[/, ',ID[') : data));
  socket.volatile.compress(false).emit('volatile', 1);
  socket.emit('plain', 'é');
  socket.compress(false).emit('plain');
  socket.emit('plain');
  chat.emit('all');
  chat.compress(false).to(socket.id).emit('room');
  chat.except(socket.id).emit('others');
  io.emit('main');
  assert.deepEqual(packets, [
    ['message', '2/chat,["volatile",1]', false],
    ['message', '2/chat,["plain","é"]', true],
    ['message', '2/chat,["plain"]', false],
    ['message', '2/chat,["plain"]', true],
    ['message', '2/chat,["all"]', true],
    ['message', '2/chat,["room"]', false],
    ['message', '2["main"]', true],
  ]);
  packets.length = 0;
  other.on('ask', (done) => done('answer'));
  assert.equal(await socket.timeout(5000).emitWithAck('ask'), 'answer');
  assert.deepEqual(await chat.timeout(5000).emitWithAck('ask'), ['answer']);
  const bytes = Buffer.from([1, 2]);
  socket.emit('binary', { deep: [bytes] });
  socket.on('question', (done) => done('yes', bytes));
  assert.deepEqual(await other.emitWithAck('question'), 'yes');
  const placeholder = '{"_placeholder":true,"num":0}';
  assert.deepEqual(ids(), [
    '2/chat,ID["ask"]',
    '2/chat,ID["ask"]',
    `51-/chat,["binary",{"deep":[${placeholder}]}]`,
    bytes,
    `61-/chat,ID["yes",${placeholder}]`,
    bytes,
  ]);
});

test('the same reaches the client, watched or not, and outgoing listeners hear of it', async (t) => {
  const { client, chat, other, socket, packets, listener } = await watched(t);
  const heard = [];
  socket.onAnyOutgoing((name) => heard.push(name));
  chat.on('connection', () => {});
  other.received = [];
  other.onAny((...event) => other.received.push(event));
  socket.emit('watched', 1);
  chat.emit('watched', 2);
  socket.conn.off('packetCreate', listener);
  socket.emit('unwatched', 3);
  chat.emit('unwatched', 4);
  await barrier(client);
  assert.deepEqual(
    other.received.map(([, n]) => n),
    [1, 2, 3, 4],
  );
  assert.equal(packets.length, 2);
  assert.deepEqual(heard, ['watched', 'watched', 'unwatched', 'unwatched']);
});

test('who listens as soon as the connection is open hears of all its sockets', async (t) => {
  const { io, port } = await serve(t);
  const packets = [];
  io.engine.on('connection', (connection) => {
    connection.on('packetCreate', ({ data }) => packets.push(data));
  });
  io.on('connection', (socket) => socket.emit('hello'));
  await pair(t, io, port);
  // Other packets than events and acks are the engine's own affair.
  assert.deepEqual(
    packets.filter((data) => typeof data === 'string' && data.startsWith('2')),
    ['2["hello"]'],
  );
});

test('a listener that is wanted once hears once', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  let count = 0;
  socket.conn.once('packetCreate', () => {
    count += 1;
  });
  socket.conn.prependOnceListener('packetCreate', () => {
    count += 10;
  });
  socket.emit('one');
  socket.emit('two');
  await barrier(client);
  assert.equal(count, 11);
  assert.deepEqual(client.received, [['one'], ['two']]);
});
