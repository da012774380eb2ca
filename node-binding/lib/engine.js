// `io.engine`: the HTTP side of a server. It decides which requests are the engine's and runs its middlewares on them.
'use strict';

const { EventEmitter } = require('events');
const { CODE, MESSAGE } = require('./errors');
const { handleRequest } = require('./http');
const { handleUpgrade } = require('./upgrade');

class Engine extends EventEmitter {
  /** `options` are complete, as `completeOptions` gives them. */
  constructor(bridge, options) {
    super();
    this.opts = options;
    this.httpServer = undefined;
    this.middlewares = [];
    this._bridge = bridge;
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

  /** The transports a connection on `transport` may change to. */
  upgrades(transport) {
    const canUpgrade = transport === 'polling' && this.opts.allowUpgrades && this.opts.transports.includes('websocket');
    return canUpgrade ? ['websocket'] : [];
  }

  /** `fn(req, res, next)` runs for every HTTP request and upgrade of the engine. */
  use(fn) {
    this.middlewares.push(fn);
  }

  /** Takes the requests and upgrades under its path from `server`; its other listeners get the rest. */
  attach(server, options = {}) {
    const path = pathPrefix(options);
    const isOurs = (req) => path === req.url.slice(0, path.length);
    const listeners = server.listeners('request').slice();
    server.removeAllListeners('request');
    this.httpServer = server;
    server.on('close', () => this.close());
    server.on('request', (req, res) => {
      if (isOurs(req)) {
        this.handleRequest(req, res);
      } else {
        listeners.forEach((listener) => listener.call(server, req, res));
      }
    });
    if (!this.opts.transports.includes('websocket')) {
      return;
    }
    server.on('upgrade', (req, socket, head) => {
      if (isOurs(req)) {
        this.handleUpgrade(req, socket, head);
      } else if (options.destroyUpgrade !== false) {
        endIfUnclaimed(socket, options.destroyUpgradeTimeout || 1000);
      }
    });
  }

  handleRequest(req, res) {
    handleRequest(this, req, res);
  }

  handleUpgrade(req, socket, head) {
    handleUpgrade(this, req, socket, head);
  }

  /** Ends all connections. */
  close() {
    this._bridge.close();
    return this;
  }

  /** Tells the application of a request that was refused. */
  _refused(req, code, context) {
    this.emit('connection_error', { req, code, message: MESSAGE[code], context });
  }
}

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
