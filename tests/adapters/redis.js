// A Redis of the tests' own: it listens on a socket in a temporary folder, keeps nothing, and ends with the tests.
'use strict';

const { spawn } = require('child_process');
const { mkdtempSync, rmSync } = require('fs');
const { tmpdir } = require('os');
const path = require('path');
const { createClient } = require('redis');
const { atEnd } = require('./at-end');

const READY = /ready to accept connections/i;

/** Starts the server and gives a function that makes connected clients of it, with the path of its `socket`; all ends with `t`. `more` are its arguments. */
async function startRedis(t, more = []) {
  const folder = mkdtempSync(path.join(tmpdir(), 'sori-redis-'));
  const socket = path.join(folder, 'redis.sock');
  const start = () => spawn('redis-server', ['--port', '0', '--unixsocket', socket, '--dir', folder, '--save', '', '--appendonly', 'no', ...more]);
  let server = start();
  const clients = [];
  const kill = () => server.kill('SIGKILL');
  process.once('exit', kill);
  atEnd(t, async () => {
    process.off('exit', kill);
    await Promise.all(clients.map((client) => client.close()));
    await stop(server);
    rmSync(folder, { recursive: true });
  });
  await isReady(server);
  const connect = async () => {
    const client = createClient({ socket: { path: socket } });
    // The server's end is the tests' end.
    client.on('error', () => {});
    clients.push(client);
    await client.connect();
    return client;
  };
  connect.socket = socket;
  /** Lets it end at once, with what it holds. */
  connect.lose = async () => {
    await stop(server);
  };
  /** Begins anew, on the same socket. */
  connect.restart = async () => {
    server = start();
    await isReady(server);
  };
  return connect;
}

function isReady(server) {
  return new Promise((resolve, reject) => {
    let output = '';
    server.stdout.on('data', (chunk) => {
      output += chunk;
      if (READY.test(output)) {
        resolve();
      }
    });
    server.once('error', () => reject(new Error('redis-server is missing. Install it (Debian: apt-get install redis-server).')));
    server.once('exit', () => reject(new Error(`redis-server ended:\n${output}`)));
  });
}

function stop(server) {
  return new Promise((resolve) => {
    server.removeAllListeners('exit').once('exit', resolve);
    server.kill();
  });
}

module.exports = { startRedis };
