// The example `client`, which talks to people, in each language: at a chat that npm's socket.io serves.

'use strict';

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const http = require('node:http');
const { createRequire } = require('node:module');
const path = require('node:path');
const readline = require('node:readline');
const { test } = require('node:test');

const { programs } = require('./program.js');

const root = path.join(__dirname, '../..');
const { Server } = createRequire(path.join(root, 'tests/programs/package.json'))('socket.io');

for (const [language, [file, ...args]] of programs('client')) {
  test(`client in ${language}: says what it reads, writes what it hears, and comes back`, async () => {
    const io = new Server(http.createServer());
    io.httpServer.listen(0, '127.0.0.1');
    await once(io.httpServer, 'listening');
    const entries = [];
    io.on('connection', (socket) => {
      socket.on('enter', (room, answer) => {
        entries.push(room);
        answer(true);
      });
    });
    const came = async () => (await once(io, 'connection'))[0];

    const first = came();
    const url = `http://127.0.0.1:${io.httpServer.address().port}`;
    const client = spawn(file, [...args, url, 'tea'], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(client, 'exit');
    const lines = readline.createInterface({ input: client.stdout })[Symbol.asyncIterator]();
    const hear = async () => (await lines.next()).value;
    try {
      const socket = await first;
      assert.strictEqual(await hear(), 'in tea');
      const said = once(socket, 'say');
      client.stdin.write('Grüß "dich" 소리\\\n');
      assert.deepStrictEqual(await said, ['Grüß "dich" 소리\\']);
      socket.emit('said', 'ann', { n: [1] });
      assert.match(await hear(), /ann.*\{"n":\[1\]\}/);

      const second = came();
      socket.conn.close();
      assert.strictEqual(await hear(), 'gone: transport close');
      const again = await second;
      assert.strictEqual(await hear(), 'in tea');
      assert.deepStrictEqual(entries, ['tea', 'tea']);
      const gone = once(again, 'disconnect');
      // Without a last word: socket.io drops an event that comes together with the end.
      client.stdin.end();
      assert.strictEqual((await gone)[0], 'client namespace disconnect');
      assert.deepStrictEqual(await ended, [0, null]);
    } finally {
      client.kill();
      io.close();
    }
  });
}
