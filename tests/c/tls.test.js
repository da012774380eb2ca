// tls.c as the real socket.io-client and Node's https see it. run.sh compiles it and names it.

'use strict';

const { after, before, test } = require('node:test');
const assert = require('node:assert');
const { once } = require('node:events');
const { spawn } = require('node:child_process');
const { createRequire } = require('node:module');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');

// The addon's own copy: the C tests install nothing.
const { io } = createRequire(path.join(__dirname, '../../node-binding/package.json'))('socket.io-client');

const file = (name) => path.join(__dirname, '../node/tls', name);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sori-c-'));
const unixSocket = path.join(folder, 'socket');
let server;
let url;

before(async () => {
  const names = ['cert.pem', 'key.pem', 'next-cert.pem', 'next-key.pem'].map(file);
  server = spawn(process.env.SORI_TLS, [...names, unixSocket], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = await once(server.stdout, 'data');
  url = `https://localhost:${Number(line)}`;
});

after(async () => {
  server.stdin.end();
  const [code] = await once(server, 'exit');
  fs.rmSync(folder, { recursive: true });
  assert.strictEqual(code, 0);
});

async function connect(transports, certificate) {
  const ca = fs.readFileSync(file(certificate));
  const client = io(url, { transports, ca, forceNew: true, reconnection: false });
  await new Promise((resolve, reject) => client.once('connect', resolve).once('connect_error', reject));
  return client;
}

async function echoes(client, text) {
  const echoed = once(client, 'echo');
  client.emit('any', text);
  assert.deepStrictEqual(await echoed, [text]);
}

for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
  test(`events go over TLS and back by ${transports.join(' and ')}`, async () => {
    const client = await connect(transports, 'cert.pem');
    await echoes(client, 'x'.repeat(100_000));
    client.close();
  });
}

test('a request on the Unix socket is answered', async () => {
  const request = http.get({ socketPath: unixSocket, path: '/socket.io/?EIO=4&transport=polling' });
  const [response] = await once(request, 'response');
  assert.strictEqual(response.statusCode, 200);
  response.resume();
});

test('another certificate counts for new connections', async () => {
  const before = await connect(['websocket'], 'cert.pem');
  server.stdin.write('\n');
  await once(server.stdout, 'data');
  await assert.rejects(connect(['websocket'], 'cert.pem'));
  const after = await connect(['websocket'], 'next-cert.pem');
  await echoes(before, 'old');
  await echoes(after, 'new');
  before.close();
  after.close();
});
