// Serves the browser client's files from npm's socket.io-client.
'use strict';

const { createReadStream } = require('fs');
const path = require('path');
const zlib = require('zlib');

const manifest = require.resolve('socket.io-client/package.json');
const folder = path.join(path.dirname(manifest), 'dist');
const { version } = require(manifest);

const NAME = 'socket\\.io(?:(?:\\.msgpack|\\.esm)?\\.min)?\\.js(?:\\.map)?';
const ENCODERS = { br: zlib.createBrotliCompress, gzip: zlib.createGzip, deflate: zlib.createDeflate };

/** Matches the urls of the files under `prefix`, the server's path without a trailing slash. */
function clientFilePattern(prefix) {
  return new RegExp(`^${prefix.replace(/[\\^$*+?.()|[\]{}]/g, '\\$&')}/(${NAME})(?:\\?|$)`);
}

/** `name` is a file of the pattern's first group. */
function serveClientFile(req, res, name) {
  const etag = `"${version}"`;
  const known = req.headers['if-none-match'];
  if (known === etag || known === `W/${etag}`) {
    res.writeHead(304);
    res.end();
    return;
  }
  res.setHeader('Cache-Control', 'public, max-age=0');
  res.setHeader('Content-Type', `application/${name.endsWith('.map') ? 'json' : 'javascript'}; charset=utf-8`);
  res.setHeader('ETag', etag);
  const encoding = encodingFor(req);
  const file = createReadStream(path.join(folder, name));
  file.once('error', () => res.destroy());
  file.once('open', () => {
    if (encoding === null) {
      res.writeHead(200);
      file.pipe(res);
    } else {
      res.writeHead(200, { 'content-encoding': encoding });
      file.pipe(ENCODERS[encoding]()).pipe(res);
    }
  });
  res.once('close', () => file.destroy());
}

/** The encoding the client prefers among ours; null: as it is. */
function encodingFor(req) {
  const wishes = (req.headers['accept-encoding'] || '')
    .split(',')
    .map((item) => {
      const [name, ...parameters] = item.split(';').map((part) => part.trim());
      const q = parameters.find((parameter) => parameter.startsWith('q='));
      return { name, q: q === undefined ? 1 : Number(q.slice(2)) };
    })
    .filter(({ name, q }) => Object.hasOwn(ENCODERS, name) && q > 0)
    .sort((a, b) => b.q - a.q);
  return wishes.length === 0 ? null : wishes[0].name;
}

module.exports = { clientFilePattern, serveClientFile };
