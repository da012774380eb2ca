// examples/c/chat.c as the real socket.io-client sees it, over each transport. run.sh compiles it and names it.

'use strict';

const { after, before, test } = require('node:test');
const assert = require('node:assert');
const { once } = require('node:events');
const { spawn } = require('node:child_process');
const { createRequire } = require('node:module');
const path = require('node:path');

// The addon's own copy: the C tests install nothing.
const { io } = createRequire(path.join(__dirname, '../../node-binding/package.json'))('socket.io-client');

let chat;
let url;

before(async () => {
  chat = spawn(process.env.SORI_CHAT, ['0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(chat.stdout, 'data');
  url = /^chat on (http:\S+)/.exec(line)[1];
});

after(async () => {
  if (chat.exitCode === null && chat.signalCode === null) {
    chat.kill('SIGTERM');
    await once(chat, 'exit');
  }
  assert.strictEqual(chat.exitCode, 0, 'the chat ends well when it is told to stop');
});

for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
  test(`people hear each other over ${transports.join(' and ')}`, async () => {
    const [ann, bob] = await Promise.all([connect(transports), connect(transports)]);
    assert.strictEqual(await ann.emitWithAck('enter', 'tea'), true);
    const entered = once(ann, 'entered');
    assert.strictEqual(await bob.emitWithAck('enter', 'tea'), true);
    assert.deepStrictEqual(await entered, [bob.id]);

    const heard = Promise.all([once(ann, 'said'), once(bob, 'said')]);
    ann.emit('say', 'Grüß dich, 소리 "so"', { n: [1] });
    const expected = [ann.id, 'Grüß dich, 소리 "so"', { n: [1] }];
    assert.deepStrictEqual(await heard, [expected, expected]);

    assert.strictEqual(await bob.emitWithAck('enter', 'a\\b'), false);
    const left = once(ann, 'left');
    const { id } = bob;
    bob.disconnect();
    assert.deepStrictEqual(await left, [id]);
    ann.disconnect();
  });
}

test('rooms hear nothing of one another', async () => {
  const [ann, bob] = await Promise.all([connect(['websocket']), connect(['websocket'])]);
  await ann.emitWithAck('enter', 'tea');
  await bob.emitWithAck('enter', 'music');
  bob.on('said', () => assert.fail('bob hears the other room'));
  const heard = once(ann, 'said');
  ann.emit('say');
  assert.deepStrictEqual(await heard, [ann.id]);
  // Behind whatever the server may have sent bob before.
  await bob.emitWithAck('enter', 'music');
  ann.disconnect();
  bob.disconnect();
});

async function connect(transports) {
  const socket = io(url, { transports, forceNew: true, reconnection: false });
  await Promise.race([
    once(socket, 'connect'),
    once(socket, 'connect_error').then(([error]) => Promise.reject(error)),
  ]);
  return socket;
}
