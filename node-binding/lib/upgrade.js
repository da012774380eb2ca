// WebSocket upgrades that come through Node's HTTP server: checked and answered here, then given to the engine.
'use strict';

const { createHash } = require('crypto');
const { EventEmitter } = require('events');
const { STATUS_CODES, validateHeaderName, validateHeaderValue } = require('http');
const { CODE, MESSAGE, statusOf } = require('./errors');
const { giveSocket } = require('./takeover');
const { verify } = require('./verify');

// RFC 6455 §1.3: what the server mixes into the client's key.
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const KEY = /^[+/0-9A-Za-z]{22}==$/;
// RFC 9110 §5.6.2: a token, which a subprotocol's name must be.
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// RFC 6455 §7.4: an empty close frame.
const CLOSE_FRAME = Buffer.from([0x88, 0x00]);
const CLOSE_TIMEOUT_MS = 30000;

function handleUpgrade(engine, req, socket, head) {
  socket.on('error', () => {});
  if (engine._bridge.isClosed) {
    refuseRaw(socket, 503, 'Service Unavailable', 'Service Unavailable');
    return;
  }
  const res = new UpgradeResponse(req, socket);
  verify(engine, req, res, true, (code, context) => {
    if (code !== undefined) {
      engine._refused(req, code, context);
      refuse(engine, req, socket, res, code, context);
      return;
    }
    // Some middlewares, as express-session, wait for this call to give their headers.
    res.writeHead();
    accept(engine, req, socket, head, res);
  });
}

/** Refuses with an Engine.IO error code. */
function refuse(engine, req, socket, res, code, context) {
  const message = context && context.message ? context.message : MESSAGE[code];
  const status = statusOf(code, context);
  if (status > 403) {
    refuseRaw(socket, status, STATUS_CODES[status], message);
    return;
  }
  if (code === CODE.UNSUPPORTED_PROTOCOL_VERSION) {
    if (!isWebSocketHandshake(req, socket)) {
      return;
    }
    // engine.io notices the version after the upgrade: its clients see 101 first.
    socket.write(switchingProtocols(engine, req, res));
  }
  endWith(
    socket,
    `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-type: text/html\r\nContent-Length: ${Buffer.byteLength(message)}\r\n\r\n${message}`,
  );
}

/** Refuses as `ws` does: what is wrong is the WebSocket handshake. */
function refuseRaw(socket, status, text, message, extra = '') {
  endWith(
    socket,
    `HTTP/1.1 ${status} ${text}\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: ${Buffer.byteLength(message)}\r\n${extra}\r\n${message}`,
  );
}

function endWith(socket, text) {
  socket.once('finish', () => socket.destroy());
  socket.end(text);
}

function accept(engine, req, socket, head, res) {
  if (!isWebSocketHandshake(req, socket)) {
    return;
  }
  if (!socket.readable || !socket.writable) {
    socket.destroy();
    return;
  }
  const extensions = answerExtensions(engine, req);
  if (extensions === undefined) {
    refuseRaw(socket, 400, 'Bad Request', 'Invalid or unacceptable Sec-WebSocket-Extensions header');
    return;
  }
  const answer = switchingProtocols(engine, req, res, extensions);
  if (req._query.transport !== 'websocket') {
    socket.write(answer);
    closePolitely(socket);
    return;
  }
  const connection = engine._bridge.clients.get(req._query.sid);
  const isFirst = connection !== undefined && !connection.upgrading && !connection.upgraded;
  if (isFirst) {
    connection._onupgrading('websocket');
  }
  giveSocket(engine, req, res, socket, head, answer, () => {
    if (isFirst) {
      connection._onupgradeFailed();
    }
    refuse(engine, req, socket, res, CODE.BAD_REQUEST);
  });
}

/** Whether the request is one; if not, it has been refused. */
function isWebSocketHandshake(req, socket) {
  const { upgrade, 'sec-websocket-key': key, 'sec-websocket-version': version } = req.headers;
  if (req.method !== 'GET') {
    refuseRaw(socket, 405, 'Method Not Allowed', 'Invalid HTTP method');
  } else if (upgrade === undefined || upgrade.toLowerCase() !== 'websocket') {
    refuseRaw(socket, 400, 'Bad Request', 'Invalid Upgrade header');
  } else if (key === undefined || !KEY.test(key)) {
    refuseRaw(socket, 400, 'Bad Request', 'Missing or invalid Sec-WebSocket-Key header');
  } else if (version !== '13' && version !== '8') {
    refuseRaw(socket, 400, 'Bad Request', 'Missing or invalid Sec-WebSocket-Version header', 'Sec-WebSocket-Version: 13, 8\r\n');
  } else if (subprotocol(req) === null) {
    refuseRaw(socket, 400, 'Bad Request', 'Invalid Sec-WebSocket-Protocol header');
  } else {
    return true;
  }
  return false;
}

/** The first subprotocol the client offers, '' when it offers none, null when its list is malformed. */
function subprotocol(req) {
  const offer = req.headers['sec-websocket-protocol'];
  if (offer === undefined) {
    return '';
  }
  const names = offer.split(',').map((name) => name.trim());
  const isValid = names.every((name) => TOKEN.test(name)) && new Set(names).size === names.length;
  return isValid ? names[0] : null;
}

/** What the engine answers to the extensions the client offers: null for nothing, undefined when it must refuse. */
function answerExtensions(engine, req) {
  const offer = req.headers['sec-websocket-extensions'];
  if (!engine.opts.perMessageDeflate || offer === undefined) {
    return null;
  }
  try {
    return engine._bridge.native.answerExtensions(offer);
  } catch {
    return undefined;
  }
}

/** The complete head of the 101 answer, with the headers that middlewares and `headers` listeners add. */
function switchingProtocols(engine, req, res, extensions = null) {
  const key = req.headers['sec-websocket-key'];
  const digest = createHash('sha1').update(`${key}${GUID}`).digest('base64');
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${digest}`];
  const protocol = subprotocol(req);
  if (protocol) {
    lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
  }
  if (extensions !== null) {
    lines.push(`Sec-WebSocket-Extensions: ${extensions}`);
  }
  const { headers } = res;
  if (!req._query.sid) {
    engine.emit('initial_headers', headers, req);
  }
  engine.emit('headers', headers, req);
  for (const name of Object.keys(headers)) {
    for (const value of [].concat(headers[name])) {
      validateHeaderName(name);
      validateHeaderValue(name, value);
      lines.push(`${name}: ${value}`);
    }
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** Ends an upgraded socket that the engine has no use for: a close frame, then the client's turn. */
function closePolitely(socket) {
  socket.write(CLOSE_FRAME);
  socket.setTimeout(CLOSE_TIMEOUT_MS, () => socket.destroy());
  socket.once('data', () => socket.destroy());
  socket.once('end', () => socket.destroy());
}

/** What middlewares get for a response on an upgrade: it keeps headers for the 101 answer. */
class UpgradeResponse extends EventEmitter {
  constructor(req, socket) {
    super();
    this.req = req;
    this.headers = {};
    this.socket = socket;
    // Loggers wait for it, as pino-http.
    this.onclose = () => this.emit('close');
    socket.once('close', this.onclose);
  }

  /** The engine takes the socket over: for who waits for the response it is over. */
  leave() {
    this.socket.removeListener('close', this.onclose);
    process.nextTick(this.onclose);
  }

  setHeader(name, value) {
    this.headers[name] = value;
  }

  getHeader(name) {
    return this.headers[name];
  }

  removeHeader(name) {
    delete this.headers[name];
  }

  write() {}

  writeHead() {}

  /** A middleware that answers by itself refuses the upgrade. */
  end() {
    this.emit('finish');
    this.socket.destroy();
  }
}

module.exports = { handleUpgrade };
