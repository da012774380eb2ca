// The browser client's files, served beside the engine.
'use strict';

const assert = require('assert/strict');
const zlib = require('zlib');
const { test } = require('node:test');
const { serve, request } = require('./harness');
const { version } = require('socket.io-client/package.json');

const FILES = ['socket.io.js', 'socket.io.min.js', 'socket.io.esm.min.js', 'socket.io.msgpack.min.js'];

test('every file and its map is served with type and tag', async (t) => {
  const { port } = await serve(t);
  for (const name of FILES.flatMap((file) => [file, `${file}.map`])) {
    const { status, headers, body } = await request(port, `/socket.io/${name}`);
    assert.equal(status, 200, name);
    assert.equal(headers['content-type'], `application/${name.endsWith('.map') ? 'json' : 'javascript'}; charset=utf-8`);
    assert.equal(headers.etag, `"${version}"`);
    assert.equal(headers['cache-control'], 'public, max-age=0');
    assert.ok(body.length > 1000, name);
  }
});

test('a client that has the file is told so', async (t) => {
  const { port } = await serve(t);
  for (const tag of [`"${version}"`, `W/"${version}"`]) {
    const { status, body } = await request(port, '/socket.io/socket.io.js', { headers: { 'if-none-match': tag } });
    assert.deepEqual([status, body], [304, '']);
  }
  assert.equal((await request(port, '/socket.io/socket.io.js', { headers: { 'if-none-match': '"old"' } })).status, 200);
});

test('files are compressed as the client likes best', async (t) => {
  const { port } = await serve(t);
  const plain = await request(port, '/socket.io/socket.io.js');
  for (const [accept, encoding, decode] of [
    ['br', 'br', zlib.brotliDecompressSync],
    ['gzip', 'gzip', zlib.gunzipSync],
    ['deflate', 'deflate', zlib.inflateSync],
    ['gzip;q=0.5, br', 'br', zlib.brotliDecompressSync],
  ]) {
    const answer = await request(port, '/socket.io/socket.io.js', { headers: { 'accept-encoding': accept } });
    assert.equal(answer.headers['content-encoding'], encoding);
    assert.ok(decode(answer.bytes).equals(plain.bytes));
  }
});

test('a query behind the name does not matter; other names are not files', async (t) => {
  const { port } = await serve(t);
  assert.equal((await request(port, '/socket.io/socket.io.js?v=1')).status, 200);
  for (const name of ['socket.io.esm.js', 'socket.io.jsx', '../package.json', 'thesocket.io.js']) {
    assert.equal((await request(port, `/socket.io/${name}`)).status, 400, name);
  }
});

test('with a path of its own', async (t) => {
  const { port } = await serve(t, { path: '/live/' });
  assert.equal((await request(port, '/live/socket.io.js')).status, 200);
  assert.equal((await request(port, '/socket.io/socket.io.js')).status, 404);
});

test('not served when told not to', async (t) => {
  const { port } = await serve(t, { serveClient: false });
  assert.equal((await request(port, '/socket.io/socket.io.js')).status, 400);
});
