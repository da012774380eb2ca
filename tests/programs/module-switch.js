// Preloaded into each program (`node --require`): says which modules `require('sori')` and `require('sori/ws')` give.
//
// SORI_TEST_MODULE is a package's name (`socket.io`: proof that a test asks for nothing that
// socket.io itself does not do, and `ws` in the place of `sori/ws`) or the path of a folder. Default: this repository's
// Node face.

'use strict';

const Module = require('node:module');
const path = require('node:path');

const wanted = process.env.SORI_TEST_MODULE || path.join(__dirname, '../../node-binding');
const resolved = require.resolve(wanted, { paths: [__dirname] });
const resolvedWs = wanted === 'socket.io' ? require.resolve('ws', { paths: [__dirname] }) : path.join(wanted, 'ws.js');

const resolveFilename = Module._resolveFilename;
Module._resolveFilename = function (request, ...rest) {
  if (request === 'sori/ws') return resolvedWs;
  return request === 'sori' ? resolved : resolveFilename.call(this, request, ...rest);
};

// `require('socket.io').listen(3000)` worked until socket.io 2; socket.io 4 has only the call itself.
if (wanted === 'socket.io') {
  const io = require(resolved);
  io.listen = (...args) => io(...args);
}
