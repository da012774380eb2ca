// The example `talk`, which talks to people, in each language: at a server of npm's ws.

'use strict';

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { createRequire } = require('node:module');
const path = require('node:path');
const readline = require('node:readline');
const { test } = require('node:test');

const { programs } = require('./program.js');

const root = path.join(__dirname, '../..');
const { WebSocketServer } = createRequire(path.join(root, 'tests/programs/package.json'))('ws');

for (const [language, [file, ...args]] of programs('talk')) {
  test(`talk in ${language}: sends what it reads, writes what it hears, and comes back`, async () => {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, path: '/feed' });
    await once(server, 'listening');
    const came = async () => (await once(server, 'connection'))[0];

    const first = came();
    const client = spawn(file, [...args, `ws://127.0.0.1:${server.address().port}/feed`], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(client, 'exit');
    const lines = readline.createInterface({ input: client.stdout })[Symbol.asyncIterator]();
    const hear = async () => (await lines.next()).value;
    try {
      const socket = await first;
      assert.strictEqual(await hear(), 'open');
      const said = once(socket, 'message');
      client.stdin.write('Grüß "dich" 소리\\\n');
      const [message, isBinary] = await said;
      assert.deepStrictEqual([`${message}`, isBinary], ['Grüß "dich" 소리\\', false]);
      socket.send('안녕');
      assert.strictEqual(await hear(), '안녕');
      socket.send(Buffer.alloc(7));
      assert.strictEqual(await hear(), '7 bytes');

      const second = came();
      socket.terminate();
      assert.strictEqual(await hear(), 'gone: 1006');
      const again = await second;
      assert.strictEqual(await hear(), 'open');
      // What it said last leaves before it does.
      const last = once(again, 'message');
      const gone = once(again, 'close');
      client.stdin.end('bye\n');
      assert.strictEqual(`${(await last)[0]}`, 'bye');
      assert.strictEqual((await gone)[0], 1000);
      assert.strictEqual(await hear(), 'gone: 1000');
      assert.deepStrictEqual(await ended, [0, null]);
    } finally {
      client.kill();
      server.close();
    }
  });
}
