// The client's side of the opening handshake (RFC 6455 §4.1): Node makes the request, redirects included; then the socket
// is the WebSocket's.
'use strict';

const { createHash, randomBytes } = require('crypto');
const http = require('http');
const https = require('https');
const net = require('net');
const tls = require('tls');
const { DEFAULTS, GUID, STATE, TOKEN } = require('./constants');
const { PerMessageDeflate, NAME } = require('./deflate');
const extension = require('./extension');
const { backpressure } = require('./settings');

const VERSIONS = [8, 13];

const OPTIONS = Object.freeze({
  ...DEFAULTS,
  protocolVersion: 13,
  perMessageDeflate: true,
  followRedirects: false,
  maxRedirects: 10,
});

// What the URL says, whatever the options say.
const OF_THE_URL = ['socketPath', 'hostname', 'protocol', 'timeout', 'host', 'path', 'port'];

// A request that was given up: its errors are of no interest.
const GIVEN_UP = new WeakSet();

/** Connects `ws`. `protocols` may be left out, or be in the options. */
function connect(ws, address, protocols, options) {
  if (protocols !== null && typeof protocols === 'object' && !Array.isArray(protocols) && options === undefined) {
    options = protocols;
    protocols = undefined;
  }
  if (protocols === undefined && options) {
    protocols = options.protocols;
  }
  const names = protocols === undefined ? [] : [].concat(protocols);
  new Attempt(ws, address, names, options || {}).start();
}

/** One request on the way to a connection; a redirect makes another. */
class Attempt {
  constructor(ws, address, protocols, given, origin = null) {
    this.ws = ws;
    this.address = address;
    this.protocols = protocols;
    this.given = given;
    // Where the first request went, if this one follows a redirect.
    this.origin = origin;
    this.deflate = null;
    this.key = randomBytes(16).toString('base64');
    this.req = null;
  }

  start() {
    const { ws } = this;
    const options = { ...OPTIONS, ...this.given, method: 'GET' };
    OF_THE_URL.forEach((name) => {
      options[name] = undefined;
    });
    this.options = options;
    backpressure(options.backpressure);
    const terms = ws._terms;
    terms.autoPong = options.autoPong;
    terms.closeTimeout = options.closeTimeout;
    if (!VERSIONS.includes(options.protocolVersion)) {
      throw new RangeError(`Unsupported protocol version: ${options.protocolVersion} (supported versions: ${VERSIONS.join(', ')})`);
    }
    const url = parseUrl(this.address);
    terms.url = url.href;
    const wrong = whatIsWrong(url);
    if (wrong !== null) {
      const error = new SyntaxError(wrong);
      if (ws._redirects === 0) {
        throw error;
      }
      fail(ws, error);
      return;
    }
    this.url = url;
    this.isSecure = url.protocol === 'wss:';
    this.isIpc = url.protocol === 'ws+unix:';
    this.locate();
    this.describe();
    this.request();
  }

  /** Where the request goes. */
  locate() {
    const { options, url, isSecure, isIpc } = this;
    const defaultPort = isSecure ? 443 : 80;
    options.createConnection = options.createConnection || (isSecure ? connectTls : connectTcp);
    options.defaultPort = options.defaultPort || defaultPort;
    options.port = url.port || defaultPort;
    options.host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
    options.path = url.pathname + url.search;
    options.timeout = options.handshakeTimeout;
    if (isIpc) {
      const at = options.path.indexOf(':');
      options.socketPath = at === -1 ? options.path : options.path.slice(0, at);
      options.path = at === -1 ? '' : options.path.slice(at + 1);
    }
    if (url.username || url.password) {
      options.auth = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    }
  }

  /** What the request says. */
  describe() {
    const { options, protocols } = this;
    options.headers = {
      ...options.headers,
      'Sec-WebSocket-Version': options.protocolVersion,
      'Sec-WebSocket-Key': this.key,
      Connection: 'Upgrade',
      Upgrade: 'websocket',
    };
    if (options.perMessageDeflate) {
      this.deflate = new PerMessageDeflate({ ...options.perMessageDeflate, isServer: false, maxPayload: options.maxPayload });
      options.headers['Sec-WebSocket-Extensions'] = extension.format({ [NAME]: this.deflate.offer() });
    }
    if (protocols.length > 0) {
      if (!protocols.every((name) => typeof name === 'string' && TOKEN.test(name)) || new Set(protocols).size < protocols.length) {
        throw new SyntaxError('An invalid or duplicated subprotocol was specified');
      }
      options.headers['Sec-WebSocket-Protocol'] = protocols.join(',');
    }
    if (options.origin) {
      options.headers[options.protocolVersion < 13 ? 'Sec-WebSocket-Origin' : 'Origin'] = options.origin;
    }
  }

  /** What goes to a redirect's target: secrets only to the host they are for, as curl has it. */
  prepareRedirects() {
    const { ws, options, given, isIpc, isSecure } = this;
    const host = isIpc ? options.socketPath : this.url.host;
    if (this.origin === null) {
      this.origin = { isIpc, isSecure, host };
      // The application's own headers stay as they are.
      this.given = { ...given, headers: {} };
      for (const [name, value] of Object.entries(given.headers || {})) {
        this.given.headers[name.toLowerCase()] = value;
      }
    } else if (ws.listenerCount('redirect') === 0) {
      const { origin } = this;
      const isSameHost = isIpc === origin.isIpc && host === origin.host;
      if (!isSameHost || (origin.isSecure && !isSecure)) {
        delete options.headers.authorization;
        delete options.headers.cookie;
        if (!isSameHost) {
          delete options.headers.host;
        }
        options.auth = undefined;
      }
    }
    // The first credentials stay, as long as they are not dropped.
    if (options.auth && !this.given.headers.authorization) {
      this.given.headers.authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    }
  }

  request() {
    const { ws, options } = this;
    if (options.followRedirects) {
      this.prepareRedirects();
    }
    const req = (this.isSecure ? https : http).request(options);
    this.req = req;
    ws._req = req;
    if (options.followRedirects && ws._redirects > 0) {
      ws.emit('redirect', ws.url, req);
    }
    if (options.timeout) {
      req.on('timeout', () => giveUp(ws, req, 'Opening handshake has timed out'));
    }
    req.on('error', (error) => {
      if (this.req !== null && !GIVEN_UP.has(req)) {
        this.req = ws._req = null;
        fail(ws, error);
      }
    });
    req.on('response', (res) => this.onresponse(res));
    req.on('upgrade', (res, socket, head) => this.onupgrade(res, socket, head));
    if (options.finishRequest) {
      options.finishRequest(req, ws);
    } else {
      req.end();
    }
  }

  /** The server answers something else than an upgrade. */
  onresponse(res) {
    const { ws, req, options } = this;
    const { statusCode, headers } = res;
    if (headers.location && options.followRedirects && statusCode >= 300 && statusCode < 400) {
      this.redirect(headers.location);
    } else if (!ws.emit('unexpected-response', req, res)) {
      giveUp(ws, req, `Unexpected server response: ${statusCode}`);
    }
  }

  redirect(location) {
    const { ws, req } = this;
    if (++ws._redirects > this.options.maxRedirects) {
      giveUp(ws, req, 'Maximum redirects exceeded');
      return;
    }
    // Its end is none of the application's business any more.
    this.req = null;
    req.abort();
    let address;
    try {
      address = new URL(location, this.address);
    } catch {
      fail(ws, new SyntaxError(`Invalid URL: ${location}`));
      return;
    }
    new Attempt(ws, address, this.protocols, this.given, this.origin).start();
  }

  onupgrade(res, socket, head) {
    const { ws } = this;
    ws.emit('upgrade', res);
    // A listener may have closed it.
    if (ws.readyState !== STATE.CONNECTING) {
      return;
    }
    this.req = ws._req = null;
    const wrong = this.judge(res.headers);
    if (wrong !== null) {
      giveUp(ws, socket, wrong);
      return;
    }
    ws.setSocket(socket, head, this.options);
  }

  /** What is wrong with the server's answer; null if nothing is. Then `ws` knows what was agreed on. */
  judge({ upgrade, 'sec-websocket-accept': accept, 'sec-websocket-protocol': protocol, 'sec-websocket-extensions': extensions }) {
    const { ws, protocols } = this;
    if (upgrade === undefined || upgrade.toLowerCase() !== 'websocket') {
      return 'Invalid Upgrade header';
    }
    if (accept !== createHash('sha1').update(`${this.key}${GUID}`).digest('base64')) {
      return 'Invalid Sec-WebSocket-Accept header';
    }
    if (protocol === undefined && protocols.length > 0) {
      return 'Server sent no subprotocol';
    }
    if (protocol !== undefined && !protocols.includes(protocol)) {
      return protocols.length === 0 ? 'Server sent a subprotocol but none was requested' : 'Server sent an invalid subprotocol';
    }
    const wrong = extensions === undefined ? null : this.agree(extensions);
    if (wrong === null) {
      ws._terms.protocol = protocol || '';
    }
    return wrong;
  }

  agree(header) {
    if (this.deflate === null) {
      return 'Server sent a Sec-WebSocket-Extensions header but no extension was requested';
    }
    try {
      const answer = extension.parse(header);
      const names = Object.keys(answer);
      if (names.length !== 1 || names[0] !== NAME) {
        return 'Server indicated an extension that was not requested';
      }
      this.deflate.accept(answer[NAME]);
    } catch {
      return 'Invalid Sec-WebSocket-Extensions header';
    }
    this.ws._terms.deflate = this.deflate;
    return null;
  }
}

/** The URL, with ws's schemes. */
function parseUrl(address) {
  let url;
  try {
    url = new URL(address);
  } catch {
    throw new SyntaxError(`Invalid URL: ${address}`);
  }
  if (url.protocol === 'http:') {
    url.protocol = 'ws:';
  } else if (url.protocol === 'https:') {
    url.protocol = 'wss:';
  }
  return url;
}

function whatIsWrong({ protocol, pathname, hash }) {
  if (!['ws:', 'wss:', 'ws+unix:'].includes(protocol)) {
    return 'The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"';
  }
  if (protocol === 'ws+unix:' && !pathname) {
    return "The URL's pathname is empty";
  }
  return hash ? 'The URL contains a fragment identifier' : null;
}

function connectTcp(options) {
  options.path = options.socketPath;
  return net.connect(options);
}

function connectTls(options) {
  options.path = undefined;
  if (!options.servername && options.servername !== '') {
    options.servername = net.isIP(options.host) ? '' : options.host;
  }
  return tls.connect(options);
}

/** Ends the handshake with an error of ours. `stream` is the request, or the socket that it became. */
function giveUp(ws, stream, message) {
  ws._readyState = STATE.CLOSING;
  const error = new Error(message);
  Error.captureStackTrace(error, giveUp);
  if (stream instanceof http.ClientRequest || typeof stream.setHeader === 'function') {
    GIVEN_UP.add(stream);
    stream.abort();
    // A request that is complete does not take its socket with it.
    if (stream.socket && !stream.socket.destroyed) {
      stream.socket.destroy();
    }
    process.nextTick(fail, ws, error);
  } else {
    stream.destroy(error);
    stream.once('error', (cause) => ws.emit('error', cause));
    stream.once('close', () => ws.emitClose());
  }
}

/** Ends a WebSocket that never opened. */
function fail(ws, error) {
  ws._readyState = STATE.CLOSING;
  ws._end.isErrorEmitted = true;
  ws.emit('error', error);
  ws.emitClose();
}

module.exports = { connect, abort: giveUp };
