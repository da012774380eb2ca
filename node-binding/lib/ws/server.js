// `WebSocketServer`: its options, its life, and the upgrades it takes.
'use strict';

const { EventEmitter } = require('events');
const http = require('http');
const { metricsOf, prometheusOf } = require('../metrics');
const { Addresses } = require('./addresses');
const { DEFAULTS } = require('./constants');
const { engine } = require('./engine');
const { Refusal, answerLines, judge, negotiateDeflate, offeredProtocols, refuse } = require('./handshake');
const { Broadcast, EVERYBODY, broadcast } = require('./rooms');
const { Settings, backpressure: checkBackpressure, rates: checkRates } = require('./settings');
const { Terms } = require('./terms');
const { WebSocket } = require('./websocket');

const STATE = Object.freeze({ RUNNING: 0, CLOSING: 1, CLOSED: 2 });

const OPTIONS = Object.freeze({
  ...DEFAULTS,
  perMessageDeflate: false,
  handleProtocols: null,
  clientTracking: true,
  verifyClient: null,
  noServer: false,
  backlog: null,
  server: null,
  host: null,
  path: null,
  port: null,
  WebSocket,
});

// On a socket that an upgrade has been handled for: no other server may handle it once more.
const IS_HANDLED = Symbol('is handled');

class WebSocketServer extends EventEmitter {
  /** What has been counted of all WebSockets of this environment: the servers share one engine, as do clients. */
  static metrics() {
    return metricsOf(engine.native);
  }

  /** The same in the text format of Prometheus: `api="ws"` tells it from what Socket.IO's engines of the process say. */
  static prometheus(labels) {
    return prometheusOf(engine.native, { api: 'ws', ...labels });
  }

  /** `options` as ws has them, `backpressure`: see settings.js, `rateLimit` too, `rateLimitPerAddress`, `maxConnectionsPerAddress` and `addressOf`: see addresses.js. `callback` is called when its port is open. */
  constructor(options, callback) {
    super();
    this.options = { ...OPTIONS, ...options };
    const { port, server, noServer, clientTracking } = this.options;
    if ([port !== null && port !== undefined, Boolean(server), Boolean(noServer)].filter(Boolean).length !== 1) {
      throw new TypeError('One and only one of the "port", "server", or "noServer" options must be specified');
    }
    checkBackpressure(this.options.backpressure);
    checkRates(this.options);
    this._addresses = Addresses.for(this.options);
    if (this.options.perMessageDeflate === true) {
      this.options.perMessageDeflate = {};
    }
    this._state = STATE.RUNNING;
    this._server = null;
    this._release = null;
    // Its group in the engine, and what its connections are told of the options, by compression.
    this._groupNumber = -1;
    this._settings = [null, null];
    // What the last of them agreed on, and the compression it offered.
    this._terms = null;
    this._offer = undefined;
    this._deflate = null;
    if (clientTracking) {
      this.clients = new Set();
      this._isEmptyClosed = false;
    }
    if (server) {
      this._attach(server);
    } else if (!noServer) {
      this._attach(ownServer());
      this._server.listen(port, this.options.host, this.options.backlog, callback);
    }
  }

  /** Beside the listeners that `server` has. */
  _attach(server) {
    const tell = (ws, request) => this.emit('connection', ws, request);
    const listeners = {
      listening: this.emit.bind(this, 'listening'),
      error: this.emit.bind(this, 'error'),
      upgrade: (req, socket, head) => {
        this.handleUpgrade(req, socket, head, tell);
      },
    };
    for (const event of Object.keys(listeners)) {
      server.on(event, listeners[event]);
    }
    this._server = server;
    this._release = () => {
      for (const event of Object.keys(listeners)) {
        server.removeListener(event, listeners[event]);
      }
    };
  }

  get _group() {
    if (this._groupNumber === -1) {
      this._groupNumber = engine.openGroup();
    }
    return this._groupNumber;
  }

  address() {
    if (this.options.noServer) {
      throw new Error('The server is operating in "noServer" mode');
    }
    return this._server === null ? null : this._server.address();
  }

  /** Takes no more connections; those there are stay. `close` is emitted when the last tracked one is gone. */
  close(callback) {
    if (this._state === STATE.CLOSED) {
      if (callback) {
        this.once('close', () => callback(new Error('The server is not running')));
      }
      process.nextTick(emitClose, this);
      return;
    }
    if (callback) {
      this.once('close', callback);
    }
    if (this._state === STATE.CLOSING) {
      return;
    }
    this._state = STATE.CLOSING;
    const { _server: server, _release: release } = this;
    if (release !== null) {
      release();
    }
    this._server = this._release = null;
    if (server !== null && !this.options.server) {
      // Its own server is closed only when nobody is connected any more.
      server.close(() => emitClose(this));
    } else if (this.clients !== undefined && this.clients.size > 0) {
      this._isEmptyClosed = true;
    } else {
      process.nextTick(emitClose, this);
    }
  }

  /** Whether a request is this server's: by its path, if there is one in the options. */
  shouldHandle(req) {
    if (!this.options.path) {
      return true;
    }
    const at = req.url.indexOf('?');
    return (at === -1 ? req.url : req.url.slice(0, at)) === this.options.path;
  }

  /** Makes a WebSocket of a request and its socket, any Duplex; `callback(ws, req)`. */
  handleUpgrade(req, socket, head, callback) {
    socket.on('error', ignore);
    const refusal = judge(req);
    if (refusal !== undefined) {
      this._blame(refusal, req, socket);
      return;
    }
    if (!this.shouldHandle(req)) {
      refuse(socket, 400);
      return;
    }
    const protocols = offeredProtocols(req);
    if (protocols instanceof Refusal) {
      this._blame(protocols, req, socket);
      return;
    }
    const deflate = this.options.perMessageDeflate ? this._deflateFor(req) : null;
    if (deflate instanceof Refusal) {
      this._blame(deflate, req, socket);
      return;
    }
    const address = this._addresses === null ? undefined : this._addresses.identify(req);
    if (this._isFullFor(address)) {
      refuse(socket, 429, 'Too many connections from this address');
      return;
    }
    const handshake = { req, socket, head, protocols, deflate, address };
    if (this.options.verifyClient) {
      this._verify(handshake, callback);
    } else {
      this._complete(handshake, callback);
    }
  }

  /** As `negotiateDeflate`. Most clients offer the same as the one before, and share what is agreed on. */
  _deflateFor(req) {
    const offer = req.headers['sec-websocket-extensions'];
    if (offer !== this._offer) {
      const { perMessageDeflate, maxPayload } = this.options;
      this._deflate = negotiateDeflate(req, perMessageDeflate, maxPayload);
      this._offer = offer;
    }
    return this._deflate;
  }

  /** Asks `verifyClient`, of either form. */
  _verify(handshake, callback) {
    const { req, socket } = handshake;
    const { verifyClient } = this.options;
    const info = {
      origin: req.headers[Number(req.headers['sec-websocket-version']) === 8 ? 'sec-websocket-origin' : 'origin'],
      secure: Boolean(req.socket.authorized || req.socket.encrypted),
      req,
    };
    if (verifyClient.length === 2) {
      verifyClient(info, (isVerified, code, message, headers) => {
        if (isVerified) {
          this._complete(handshake, callback);
        } else {
          refuse(socket, code || 401, message, headers);
        }
      });
    } else if (verifyClient(info)) {
      this._complete(handshake, callback);
    } else {
      refuse(socket, 401);
    }
  }

  /** Whether there is no place for one more connection of an address. */
  _isFullFor(address) {
    return this._addresses !== null && this._addresses.isFull(address);
  }

  _complete({ req, socket, head, protocols, deflate, address }, callback) {
    if (!socket.readable || !socket.writable) {
      socket.destroy();
      return;
    }
    if (socket[IS_HANDLED]) {
      throw new Error(
        'server.handleUpgrade() was called more than once with the same socket, possibly due to a misconfiguration',
      );
    }
    socket[IS_HANDLED] = true;
    if (this._state > STATE.RUNNING) {
      refuse(socket, 503);
      return;
    }
    // Others may have come in while `verifyClient` thought.
    if (this._isFullFor(address)) {
      refuse(socket, 429, 'Too many connections from this address');
      return;
    }
    const { handleProtocols } = this.options;
    const chosen = protocols.size === 0 ? '' : handleProtocols ? handleProtocols(protocols, req) : protocols.values().next().value;
    const ws = new this.options.WebSocket(null, undefined, this.options);
    ws._terms = this._termsOf(ws, chosen || '', deflate);
    const lines = answerLines(req.headers['sec-websocket-key'], chosen, deflate);
    this.emit('headers', lines, req);
    socket.removeListener('error', ignore);
    if (this._addresses !== null) {
      this._addresses.enter(ws, address);
    }
    ws.setSocket(socket, head, undefined, `${lines.join('\r\n')}\r\n\r\n`);
    if (this.clients) {
      this.clients.add(ws);
    }
    engine.join(ws._engineId, EVERYBODY);
    callback(ws, req);
  }

  /** What `ws` has in common with others: most servers agree on the same with all. */
  _termsOf({ _terms: { autoPong, closeTimeout } }, protocol, deflate) {
    let terms = this._terms;
    if (terms === null || terms.protocol !== protocol || terms.deflate !== deflate) {
      terms = new Terms({ owner: this, protocol, deflate, autoPong, closeTimeout });
      terms.settings = this._settingsOf(terms);
      this._terms = terms;
    }
    return terms;
  }

  _settingsOf(terms) {
    const at = terms.deflate === null ? 0 : 1;
    if (this._settings[at] === null) {
      this._settings[at] = new Settings(terms, this.options);
    }
    return this._settings[at];
  }

  /** Refuses a request, unless `wsClientError` has listeners: then the socket is theirs. */
  _blame({ status, message, headers }, req, socket) {
    if (this.listenerCount('wsClientError') > 0) {
      const error = new Error(message);
      Error.captureStackTrace(error, this._blame);
      this.emit('wsClientError', error, socket, req);
    } else {
      refuse(socket, status, message, headers);
    }
  }

  /** Whose connection it is, if that matters. */
  _addressOf(ws) {
    return this._addresses === null ? undefined : this._addresses.of(ws);
  }

  /** A connection is over. */
  _forget(ws) {
    if (this._addresses !== null) {
      this._addresses.leave(ws);
    }
    if (this.clients !== undefined && this.clients.delete(ws) && this._isEmptyClosed && this.clients.size === 0) {
      process.nextTick(emitClose, this);
    }
  }

  /** Beyond ws: `to(room).send(data)` reaches those in any of the rooms, each once. */
  to(rooms) {
    return new Broadcast(this).to(rooms);
  }

  in(rooms) {
    return this.to(rooms);
  }

  /** Beyond ws: `except(room).send(data)`. */
  except(rooms) {
    return new Broadcast(this).except(rooms);
  }

  /** Beyond ws: sends to everybody; the frame is built once, and the fan-out happens in the engine. */
  broadcast(data, options) {
    broadcast(this, [EVERYBODY], [], data, options);
  }
}

function emitClose(server) {
  server._state = STATE.CLOSED;
  server.emit('close');
}

/** A server of our own: plain requests are told to upgrade. */
function ownServer() {
  return http.createServer((req, res) => {
    const body = http.STATUS_CODES[426];
    res.writeHead(426, { 'Content-Length': body.length, 'Content-Type': 'text/plain' });
    res.end(body);
  });
}

function ignore() {}

module.exports = { WebSocketServer };
