// `Server`: namespaces, options and the ways in.
'use strict';

const debug = require('debug')('socket.io:server');
const http = require('http');
const { EventEmitter } = require('events');
const { BroadcastOperator } = require('./broadcast');
const { NativeAdapter } = require('./cluster/native-adapter');
const { clientFilePattern, serveClientFile } = require('./client-files');
const { becomesEmitter, emitLocally } = require('./emitter');
const { Engine } = require('./engine');
const { EngineServer } = require('./engine-io/server');
const { HandlerErrors } = require('./handler-errors');
const { Namespace } = require('./namespace');
const { NativeWire } = require('./native-wire');
const { addOperatorMethods } = require('./operator-methods');
const { DEFAULTS, checkOptions, completeOptions, needsPackets, unsupported } = require('./options');
const { PacketWire } = require('./packets/wire');
const { ParentNamespace } = require('./parent-namespace');
const { END } = require('./socket');
const { addJson, serverSpellings } = require('./spellings');

class Server {
  /** `srv`: a port, an HTTP(S) server, or nothing; `new Server(opts)` is `new Server(undefined, opts)`. */
  constructor(srv, opts = {}) {
    const isOptions = typeof srv === 'object' && srv !== null && !srv.listen;
    this.opts = isOptions ? srv : opts;
    checkOptions(this.opts);
    this.engine = undefined;
    this.httpServer = undefined;
    this._bridge = null;
    // Every attachment has its own.
    this._engines = [];
    // Who makes the packets: the engine, or JavaScript where the application has its own parser or adapter.
    this._wire = needsPackets(this.opts) ? new PacketWire(this, this.opts) : new NativeWire(this, this.opts.adapter || null);
    this._ids = 0;
    this._nsps = new Map();
    this._useOptions(this.opts);
    // Parents of dynamic namespaces, each with the function that decides about a name.
    this._parents = new Map();
    this.path(this.opts.path || DEFAULTS.path);
    this.serveClient(this.opts.serveClient !== false);
    this.connectTimeout(this.opts.connectTimeout || DEFAULTS.connectTimeout);
    this.sockets = this.of('/');
    if (!isOptions && (srv || typeof srv === 'number')) {
      this.attach(srv);
    }
  }

  get _opts() {
    return this.opts;
  }

  get eio() {
    return this.engine;
  }

  /** Serves on a port, or beside the listeners of an existing server. Options of the constructor win over `opts`. */
  attach(srv, opts = {}) {
    if (typeof srv === 'function') {
      throw new Error('You are trying to attach socket.io to an express request handler function. Please pass a http.Server instance.');
    }
    checkOptions(opts);
    const options = completeOptions({ path: this._path, connectTimeout: this._connectTimeout, ...opts, ...this.opts });
    this._useOptions(options);
    if (this._bridge === null || this._bridge.isClosed) {
      this._open(options);
    }
    debug('attaching to %s, path %s', Number(srv) == srv ? `port ${srv}` : 'an HTTP server', options.path);
    this.httpServer = Number(srv) == srv ? ownServer(Number(srv)) : srv;
    this.engine = new Engine(this._bridge, options);
    this._engines.push(this.engine);
    this._wire.serve(this.engine);
    this.engine.attach(this.httpServer, options);
    if (this._serveClient) {
      this._serveClientFiles(options);
    }
    return this;
  }

  /** Serves the connections of an Engine.IO server that is attached by other means: of `sori/engine`, or another one. */
  bind(engine) {
    if (!this._engines.includes(engine)) {
      if (!isEngine(engine)) {
        throw new TypeError('sori: io.bind(engine) takes an Engine.IO server: that of sori/engine, or another, but not one of another Server');
      }
      this._speakPackets();
      this._wire.serve(engine);
    }
    this.engine = engine;
    return this;
  }

  /** Serves one connection of an Engine.IO server. */
  onconnection(connection) {
    if (!connection || typeof connection.write !== 'function' || !connection.transport) {
      throw new TypeError('sori: io.onconnection(connection) takes a connection of an Engine.IO server');
    }
    this._speakPackets();
    this._wire.onconnection(connection);
    return this;
  }

  _open(options) {
    this._bridge = this._wire.open(options);
    this._nsps.forEach((nsp) => nsp._register(this._bridge));
  }

  /** From now on packets are made in JavaScript. */
  _speakPackets(adapter) {
    if (this._wire instanceof PacketWire) {
      return;
    }
    if (this._wire.adapter !== null) {
      throw new TypeError("sori: a server with the adapter of sori's createAdapter() takes no other adapter and no other engine");
    }
    this._changeWire(new PacketWire(this, { parser: this.opts.parser, adapter }));
  }

  /** Clients that were served otherwise have to come anew. */
  _changeWire(wire) {
    const bridge = this._bridge;
    const isAttached = bridge !== null && !bridge.isClosed;
    if (isAttached) {
      this._sendAway(bridge);
    }
    this._wire = wire;
    this._nsps.forEach((nsp) => wire.adopt(nsp));
    if (isAttached) {
      this._open(this.engine.opts);
      // Requests of before are still to be answered, by their numbers.
      this._bridge.lastRequest = bridge.lastRequest;
      this._engines.forEach((engine) => {
        engine._bridge = this._bridge;
        this._wire.serve(engine);
      });
    }
  }

  _sendAway(bridge) {
    if (bridge.clients.size > 0) {
      process.emitWarning('sori: an adapter, or an engine, was set when clients had connected: they are disconnected, and may come back', {
        code: 'SORI_LATE_ADAPTER',
      });
    }
    for (const nsp of this._nsps.values()) {
      for (const socket of [...nsp.sockets.values()]) {
        socket._onclose(END.LEFT, 'forced server close', undefined);
      }
    }
    bridge.clients.forEach((connection) => connection.close(true));
    bridge.close();
  }

  attachApp() {
    throw unsupported('io.attachApp(app) is for uWebSockets.js: use io.listen(port), or io.attach(httpServer); Sori brings its own engine');
  }

  /** Those that the sockets ask for. */
  _useOptions({ onHandlerError, ackTimeout }) {
    this._handlerErrors = onHandlerError ? new HandlerErrors(onHandlerError) : null;
    // Of broadcasts and of `emitWithAck`, in milliseconds, where `timeout()` is not called.
    this._ackTimeout = ackTimeout;
  }

  listen(srv, opts = {}) {
    return this.attach(srv, opts);
  }

  // Client files lie under the engine's path, so they are asked for first; CORS rules apply to them too.
  _serveClientFiles(options) {
    const pattern = clientFilePattern(options.path.replace(/\/$/, ''));
    const cors = options.cors ? require('cors')(options.cors) : null;
    this.engine._intercept(this.httpServer, (req, res) => {
      const match = pattern.exec(req.url);
      if (match === null) {
        return false;
      }
      debug('serving %s', match[1]);
      if (cors === null) {
        serveClientFile(req, res, match[1]);
      } else {
        cors(req, res, () => serveClientFile(req, res, match[1]));
      }
      return true;
    });
  }

  path(path) {
    if (path === undefined) {
      return this._path;
    }
    this._path = path.replace(/\/$/, '');
    return this;
  }

  serveClient(isServed) {
    if (isServed === undefined) {
      return this._serveClient;
    }
    this._serveClient = isServed;
    return this;
  }

  connectTimeout(ms) {
    if (ms === undefined) {
      return this._connectTimeout;
    }
    this._connectTimeout = ms;
    return this;
  }

  /** The class of its adapters. One that is set makes the rooms of all namespaces anew, so it comes before the clients. */
  adapter(adapter) {
    if (adapter === undefined) {
      return this._wire instanceof PacketWire ? this._wire.Adapter : this.sockets.adapter.constructor;
    }
    checkOptions({ adapter, parser: this.opts.parser });
    if (adapter instanceof NativeAdapter) {
      if (this._wire instanceof PacketWire || this._wire.adapter !== null) {
        throw new TypeError("sori: the adapter of sori's createAdapter() comes before any other adapter, and before io.bind()");
      }
      this._changeWire(new NativeWire(this, adapter));
    } else if (this._wire instanceof PacketWire) {
      this._wire.setAdapter(adapter);
    } else {
      this._speakPackets(adapter);
    }
    return this;
  }

  /** A namespace by name, or the parent of all whose names a RegExp or `fn(name, auth, next)` accepts. */
  of(name, onconnect) {
    const nsp = typeof name === 'function' || name instanceof RegExp ? this._parentOf(name) : this._namespaceOf(name);
    if (onconnect) {
      nsp.on('connect', onconnect);
    }
    return nsp;
  }

  _parentOf(name) {
    if (name instanceof RegExp && (name.global || name.sticky)) {
      throw new Error('stateful regular expressions are not supported');
    }
    const parent = new ParentNamespace(this);
    if (typeof name === 'function') {
      this._parents.set(parent, name);
    } else {
      parent._pattern = name;
      this._parents.set(parent, (nspName, auth, next) => next(null, name.test(nspName)));
    }
    return parent;
  }

  _namespaceOf(given) {
    const name = String(given)[0] === '/' ? given : `/${given}`;
    const known = this._nsps.get(name);
    if (known !== undefined) {
      return known;
    }
    for (const parent of this._parents.keys()) {
      if (parent._pattern !== null && parent._pattern.test(name)) {
        return parent.createChild(name);
      }
    }
    debug('initializing namespace %s', name);
    const nsp = new Namespace(this, name);
    this._wire.adopt(nsp);
    this._nsps.set(name, nsp);
    if (name !== '/') {
      emitLocally.call(this.sockets, 'new_namespace', nsp);
    }
    return nsp;
  }

  /** A client wants to join a namespace: found, made by a parent, or refused. */
  _onjoin(connection, wanted, sid, auth, back) {
    const at = wanted.indexOf('?');
    const name = at === -1 ? wanted : wanted.slice(0, at);
    const nsp = this._nsps.get(name);
    debug('client %s wants to join namespace %s', connection.id, name);
    if (connection.protocol === 3 && auth !== null) {
      // Names of a query that every object has by birth must not be taken for fields.
      Object.setPrototypeOf(auth, null);
    }
    if (nsp !== undefined) {
      nsp._add(connection, sid, auth, back);
      return;
    }
    this._askParents(name, auth, (child) => {
      if (child === null) {
        debug('nobody knows namespace %s', name);
        connection._refuse(name, { message: 'Invalid namespace' });
      } else {
        child._add(connection, sid, auth, back);
      }
    });
  }

  _askParents(name, auth, done) {
    const parents = [...this._parents];
    const step = (i) => {
      if (i === parents.length) {
        done(null);
        return;
      }
      const [parent, decide] = parents[i];
      decide(name, auth, (error, isAllowed) => {
        if (error || !isAllowed) {
          step(i + 1);
        } else {
          // Another client may have had it made while this one waited.
          done(this._nsps.get(name) || parent.createChild(name));
        }
      });
    };
    step(0);
  }

  /**
   * Disconnects all sockets, then closes adapters, the engine and the HTTP server; resolves when all are closed. With
   * `{ timeout }`, what is queued for clients leaves before the HTTP server closes, and after so many milliseconds nothing is
   * waited for: what is left of connections, the HTTP server's others too, is cut.
   */
  async close(options, callback) {
    if (typeof options === 'function') {
      return this._close(undefined, options);
    }
    const { timeout } = options || {};
    if (timeout !== undefined && !(timeout >= 0 && timeout < 2 ** 31)) {
      throw new TypeError('sori: io.close({ timeout }) takes a number of milliseconds');
    }
    return this._close(timeout, callback);
  }

  async _close(timeout, callback) {
    const closing = [];
    for (const nsp of [...this._nsps.values()]) {
      for (const socket of [...nsp.sockets.values()]) {
        socket._onclose(END.LEFT, 'server shutting down', undefined);
      }
      closing.push(closeAdapter(nsp));
    }
    const until = performance.now() + timeout;
    if (timeout === undefined) {
      this._closeEngine();
    } else {
      // Clients on polling come for the rest by new requests.
      await this._closeEngine(timeout);
    }
    const { httpServer } = this;
    const engines = this._engines.splice(0);
    if (!httpServer) {
      if (callback) {
        callback();
      }
      await Promise.all(closing);
      return;
    }
    const cut = timeout === undefined ? undefined : setTimeout(() => httpServer.closeAllConnections(), until - performance.now());
    const closed = new Promise((resolve) => {
      httpServer.close((error) => {
        clearTimeout(cut);
        // A server that does not run has no 'close' event to tell of it.
        engines.forEach((each) => each._detach());
        if (callback) {
          callback(error);
        }
        resolve();
      });
    });
    await Promise.all([closed, ...closing]);
  }

  _closeEngine(timeout) {
    const { engine, _bridge: bridge } = this;
    if (engine && !this._engines.includes(engine)) {
      // It was bound.
      engine.close();
    }
    if (bridge === null) {
      return undefined;
    }
    return timeout === undefined ? bridge.close() : bridge.closeWithin(timeout);
  }

  use(fn) {
    this.sockets.use(fn);
    return this;
  }

  send(...args) {
    this.sockets.emit('message', ...args);
    return this;
  }

  write(...args) {
    return this.send(...args);
  }

  serverSideEmit(...args) {
    return this.sockets.serverSideEmit(...args);
  }

  serverSideEmitWithAck(...args) {
    return this.sockets.serverSideEmitWithAck(...args);
  }
}

/** What an adapter's end amounts to: nothing, or a promise that does not fail. An application cannot help it any more. */
function closeAdapter(nsp) {
  const closing = nsp.adapter.close();
  return closing && typeof closing.then === 'function' ? closing.then(undefined, () => {}) : undefined;
}

/** Whether `engine` gives connections whose messages are for us to read. */
function isEngine(engine) {
  return Boolean(engine) && typeof engine.on === 'function' && (!(engine instanceof Engine) || engine instanceof EngineServer);
}

/** A server of our own on a port: 404 for everything that is not the engine's. */
function ownServer(port) {
  const server = http.createServer((req, res) => {
    res.writeHead(404);
    res.end();
  });
  server.listen(port);
  return server;
}

becomesEmitter(Server);
// Listening on the server is listening on its main namespace; emitting is broadcasting there.
for (const name of Object.keys(EventEmitter.prototype).filter((key) => typeof EventEmitter.prototype[key] === 'function')) {
  Server.prototype[name] = function delegated(...args) {
    return this.sockets[name](...args);
  };
}
Object.assign(Server.prototype, serverSpellings);
addJson(Server);
addOperatorMethods(Server, (server) => new BroadcastOperator(server.sockets));

module.exports = { Server };
