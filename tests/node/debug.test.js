// DEBUG=… tells what a server does, under socket.io's names.
'use strict';

const assert = require('assert/strict');
const path = require('path');
const { execFile } = require('child_process');
const { test } = require('node:test');

function run(debug) {
  const script = path.join(__dirname, 'fixtures/closes-and-ends.js');
  const env = { ...process.env, DEBUG: debug, DEBUG_COLORS: '0' };
  return new Promise((resolve) => {
    execFile(process.execPath, [script], { timeout: 20000, env }, (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr }));
  });
}

test('DEBUG=socket.io:*,engine* tells of connections, namespaces and sockets', async () => {
  const { code, stdout, stderr } = await run('socket.io:*,engine*');
  assert.deepEqual({ code, stdout }, { code: 0, stdout: 'closed\n' });
  for (const name of ['socket.io:server', 'socket.io:namespace', 'socket.io:socket', 'engine']) {
    assert.match(stderr, new RegExp(` ${name} `), name);
  }
});

test('without DEBUG nothing is said', async () => {
  assert.deepEqual(await run(''), { code: 0, stdout: 'closed\n', stderr: '' });
});
