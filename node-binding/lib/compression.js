// Writes the answer of a polling request, compressed when the client accepts it and it is long enough.
'use strict';

const zlib = require('zlib');

const ENCODERS = { gzip: zlib.createGzip, deflate: zlib.createDeflate };
const DEFAULT_THRESHOLD = 1024;

/** `compression` is the option `httpCompression`: false, true, or an object with `threshold` in bytes and zlib options. */
function answerBody(compression, req, res, status, headers, body) {
  const encoding = compression && body !== null ? encodingFor(compression, req, body) : null;
  if (encoding === null) {
    res.writeHead(status, headers);
    res.end(body === null ? undefined : body);
    return;
  }
  res.writeHead(status, withEncoding(headers, encoding));
  const encoder = ENCODERS[encoding](compression === true ? {} : compression);
  encoder.pipe(res);
  encoder.end(body);
}

/** The length is not known before the end: the encoding stands in its place. */
function withEncoding(headers, encoding) {
  const entries = Object.entries(headers).map((entry) => (entry[0] === 'Content-Length' ? ['Content-Encoding', encoding] : entry));
  return Object.fromEntries(entries);
}

/** The first encoding of ours in the client's list; null when the body is too short to gain. */
function encodingFor(compression, req, body) {
  const accepted = req.headers['accept-encoding'];
  const threshold = compression.threshold === undefined ? DEFAULT_THRESHOLD : compression.threshold;
  if (req.method !== 'GET' || !accepted || Buffer.byteLength(body) < threshold) {
    return null;
  }
  for (const item of accepted.split(',')) {
    const [name, weight] = item.split(';').map((part) => part.trim().toLowerCase());
    if (Object.hasOwn(ENCODERS, name) && weight !== 'q=0') {
      return name;
    }
  }
  return null;
}

module.exports = { answerBody };
