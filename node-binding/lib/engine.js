// `io.engine`: the HTTP side of a server. It decides which requests are the engine's and runs its middlewares on them.
'use strict';

const { randomBytes } = require('crypto');
const debug = require('debug')('engine');
const { EventEmitter } = require('events');
const { CODE, MESSAGE } = require('./errors');
const { handleRequest } = require('./http');
const { interceptRequests } = require('./interception');
const { metricsOf, prometheusOf } = require('./metrics');
const { engineWatch } = require('./packet-watch');
const { handleUpgrade } = require('./upgrade');
const { parseQuery } = require('./verify');
const { acceptSession, peerAddressOf } = require('./webtransport');

const UPGRADES = ['websocket', 'webtransport'];

class Engine extends EventEmitter {
  /** `options` are complete, as `completeOptions` gives them. */
  constructor(bridge, options) {
    super();
    this.opts = options;
    this.httpServer = undefined;
    this.middlewares = [];
    // What lets go of the HTTP servers it is attached to.
    this._releases = [];
    // Whether somebody listens for what its connections send.
    this._isWatched = false;
    this._bridge = bridge;
    this._limitsAddresses = options.maxConnectionsPerAddress !== undefined || options.rateLimitPerAddress !== undefined;
    if (options.cors) {
      this.use(require('cors')(options.cors));
    }
  }

  get clientsCount() {
    return this._bridge.clients.size;
  }

  /** The open connections by sid, written down at each access. */
  get clients() {
    return Object.fromEntries(this._bridge.clients);
  }

  get _native() {
    return this._bridge === null ? null : this._bridge.native;
  }

  /** What the native engine has counted since it started; after `close` what it had come to. */
  metrics() {
    return metricsOf(this._native);
  }

  /** The same in the text format of Prometheus (exposition format 0.0.4), for a route of the application's; `labels` by name, for every sample. */
  prometheus(labels) {
    return prometheusOf(this._native, labels);
  }

  /** Those of its connections that are open; the bridge may serve other engines too. */
  _connections() {
    const all = this._bridge === null ? [] : [...this._bridge.clients.values()];
    return all.filter((connection) => connection.server === this);
  }

  /** The transports a connection on `transport` may change to. */
  upgrades(transport) {
    const canUpgrade = transport === 'polling' && this.opts.allowUpgrades;
    return canUpgrade ? UPGRADES.filter((name) => this.opts.transports.includes(name)) : [];
  }

  /** `fn(req, res, next)` runs for every HTTP request and upgrade of the engine. */
  use(fn) {
    this.middlewares.push(fn);
  }

  /** Takes the requests and upgrades under its path from `server`; its other listeners get the rest. */
  attach(server, options = {}) {
    const path = pathPrefix(options);
    const isOurs = (req) => path === req.url.slice(0, path.length);
    this.httpServer = server;
    this._listen(server, 'close', () => this._onserverClosed());
    this._intercept(server, (req, res) => {
      if (!isOurs(req)) {
        return false;
      }
      this.handleRequest(req, res);
      return true;
    });
    if (!this.opts.transports.includes('websocket')) {
      return;
    }
    this._listen(server, 'upgrade', (req, socket, head) => {
      if (isOurs(req)) {
        this.handleUpgrade(req, socket, head);
      } else if (options.destroyUpgrade !== false) {
        endIfUnclaimed(socket, options.destroyUpgradeTimeout || 1000);
      }
    });
  }

  _onserverClosed() {
    this.close();
    this._detach();
  }

  _listen(server, event, listener) {
    server.on(event, listener);
    this._releases.push(() => server.off(event, listener));
  }

  _intercept(server, claims) {
    this._releases.push(interceptRequests(server, claims));
  }

  /** Leaves its HTTP servers as they were: they may be used again, by another engine too. */
  _detach() {
    while (this._releases.length > 0) {
      this._releases.pop()();
    }
  }

  /** A new session's id. An application that replaces it chooses the ids, or promises them; they must be unique. */
  generateId(_req) {
    return randomBytes(15).toString('base64url');
  }

  get _choosesIds() {
    return this.generateId !== Engine.prototype.generateId;
  }

  /** Who is behind a request, if a limit wants to know: undefined is nobody's, and has no limits. */
  _addressOf(req) {
    if (!this._limitsAddresses) {
      return undefined;
    }
    const { addressOf } = this.opts;
    const address = addressOf ? addressOf(req) : req.socket.remoteAddress;
    return address ? String(address) : undefined;
  }

  /** The same of a session, which has no request for `addressOf`. */
  _addressOfSession(session) {
    return this._limitsAddresses && !this.opts.addressOf ? peerAddressOf(session) : undefined;
  }

  /** Comes before everything else that is done with a request; an application may do more here. */
  prepare(req) {
    parseQuery(req);
  }

  handleRequest(req, res) {
    handleRequest(this, req, res);
  }

  handleUpgrade(req, socket, head) {
    handleUpgrade(this, req, socket, head);
  }

  /** Takes on a session of WebTransport, whose object has the interface of browsers. Resolves when it has begun, or has ended. */
  onWebTransportSession(session) {
    return acceptSession(this, session);
  }

  /** Ends all connections. */
  close() {
    this._bridge.close();
    return this;
  }

  /** Tells the application of a message over `maxHttpBufferSize`: clients only see their connection break. Gives the limit. */
  _tooLarge(req, connection) {
    const limit = this.opts.maxHttpBufferSize;
    this.emit('payload_too_large', { req, connection, limit });
    return limit;
  }

  /** Tells the application of a request that was refused. */
  _refused(req, code, context) {
    debug('refused %s %s: %s %o', req.method, req.url, MESSAGE[code], context);
    this.emit('connection_error', { req, code, message: MESSAGE[code], context });
  }
}

Object.assign(Engine.prototype, engineWatch);

Engine.errors = CODE;
Engine.errorMessages = MESSAGE;

function pathPrefix(options) {
  const path = (options.path || '/engine.io').replace(/\/$/, '');
  return options.addTrailingSlash === false ? path : `${path}/`;
}

/** Another 'upgrade' listener may own this socket: it has `delay` ms to write something. */
function endIfUnclaimed(socket, delay) {
  setTimeout(() => {
    if (socket.writable && socket.bytesWritten <= 0) {
      socket.on('error', () => {});
      socket.end();
    }
  }, delay);
}

module.exports = { Engine };
