// The server's side of the opening handshake (RFC 6455 §4.2): what is refused with which words, and the answer.
'use strict';

const { STATUS_CODES } = require('http');
const { WebSocketEngine } = require('../native');
const { PerMessageDeflate, NAME } = require('./deflate');
const extension = require('./extension');
const subprotocol = require('./subprotocol');

const KEY = /^[+/0-9A-Za-z]{22}==$/;
const VERSIONS = [13, 8];
const NONE = new Set();

/** A reason to refuse a request that its client is to blame for; `wsClientError` listeners get it as an Error. */
class Refusal {
  constructor(status, message, headers = {}) {
    this.status = status;
    this.message = message;
    this.headers = headers;
  }
}

/** Judges what every request must have; undefined, or a Refusal. */
function judge({ method, headers }) {
  const { upgrade, 'sec-websocket-key': key, 'sec-websocket-version': version } = headers;
  if (method !== 'GET') {
    return new Refusal(405, 'Invalid HTTP method');
  }
  if (upgrade === undefined || upgrade.toLowerCase() !== 'websocket') {
    return new Refusal(400, 'Invalid Upgrade header');
  }
  if (key === undefined || !KEY.test(key)) {
    return new Refusal(400, 'Missing or invalid Sec-WebSocket-Key header');
  }
  // A request that a program made up may have it as a number.
  if (!VERSIONS.includes(Number(version))) {
    return new Refusal(400, 'Missing or invalid Sec-WebSocket-Version header', { 'Sec-WebSocket-Version': VERSIONS.join(', ') });
  }
  return undefined;
}

/** The subprotocols a client offers, a Set, or a Refusal. */
function offeredProtocols({ headers: { 'sec-websocket-protocol': offer } }) {
  if (offer === undefined) {
    return NONE;
  }
  try {
    return subprotocol.parse(offer);
  } catch {
    return new Refusal(400, 'Invalid Sec-WebSocket-Protocol header');
  }
}

/** The compression agreed on, null for none, or a Refusal. `options` are the server's, not false. */
function negotiateDeflate({ headers: { 'sec-websocket-extensions': offer } }, options, maxPayload) {
  if (offer === undefined) {
    return null;
  }
  const deflate = new PerMessageDeflate({ ...options, isServer: true, maxPayload });
  try {
    const offers = extension.parse(offer)[NAME];
    if (offers === undefined) {
      return null;
    }
    deflate.accept(offers);
    return deflate;
  } catch {
    return new Refusal(400, 'Invalid or unacceptable Sec-WebSocket-Extensions header');
  }
}

/** The lines of the answer that agrees. */
function answerLines(key, protocol, deflate) {
  // Node's hashes stay until garbage is collected.
  const accept = WebSocketEngine.acceptKey(key);
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`];
  if (protocol) {
    lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
  }
  if (deflate !== null) {
    lines.push(`Sec-WebSocket-Extensions: ${extension.format({ [NAME]: [deflate.params] })}`);
  }
  return lines;
}

/** Answers with a status, and ends the socket. */
function refuse(socket, status, text, headers = {}) {
  const message = text || STATUS_CODES[status] || '';
  const fields = { Connection: 'close', 'Content-Type': 'text/html', 'Content-Length': Buffer.byteLength(message), ...headers };
  const lines = Object.keys(fields).map((name) => `${name}: ${fields[name]}\r\n`);
  socket.once('finish', socket.destroy);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${message}`);
}

module.exports = { Refusal, judge, offeredProtocols, negotiateDeflate, answerLines, refuse };
