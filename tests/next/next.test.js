// Next.js and Sori on one port: the page, clients over each transport, and the socket of Next's own hot reload.
'use strict';

const assert = require('assert/strict');
const http = require('http');
const path = require('path');
const { fork } = require('child_process');
const { once } = require('events');
const { test } = require('node:test');
const { io: connect } = require('socket.io-client');

test('Next.js and its clients share a port', async (t) => {
  const server = fork(path.join(__dirname, 'server.js'), { env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1' }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  t.after(() => server.kill());
  const [port] = await once(server, 'message');
  const page = await (await fetch(`http://127.0.0.1:${port}/`)).text();
  assert.match(page, /<h1>page<\/h1>/);
  for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
    const client = connect(`http://127.0.0.1:${port}`, { transports, forceNew: true, reconnection: false });
    await once(client, 'connect');
    assert.equal(await client.emitWithAck('echo', 'text'), 'text');
    client.disconnect();
  }
  const reload = http.get({
    port,
    host: '127.0.0.1',
    path: '/_next/hmr?id=test',
    headers: { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version': '13' },
  });
  const [res, socket] = await once(reload, 'upgrade');
  assert.equal(res.statusCode, 101);
  socket.destroy();
});
