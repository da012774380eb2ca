// One native engine and what belongs to it in JavaScript: its queue, its connections, its pending requests.
'use strict';

const native = require('./native');
const { Connection: SocketIoConnection } = require('./connection');
const { dispatch } = require('./dispatch');
const { nativeOptions } = require('./options');
const { Queue } = require('./queue');
const { Recovery } = require('./recovery');
const { Starts } = require('./starts');
const threads = require('./threads');

const SID = /[?&]sid=([^&]*)/;

/** Whether sockets come back to any server of a cluster. */
const isShared = ({ cluster }) => Boolean(cluster && cluster.streams);

class Bridge {
  /**
   * `options` are complete, as `completeOptions` gives them; the engine throws a TypeError on a bad one. `Connection` is the
   * class of its connections.
   */
  constructor(server, options, Connection = SocketIoConnection) {
    this.server = server;
    this.Connection = Connection;
    this.native = new native.Engine(threads, JSON.stringify(nativeOptions(options)), (json, bytes) => dispatch(this, json, bytes));
    if (options.transports.includes('webtransport')) {
      this.native.offerWebtransport();
    }
    this.queue = new Queue(this.native);
    this.starts = new Starts(this.native);
    this.isClosed = false;
    // While it closes within a time: what to do when every connection is closed.
    this.onclosed = null;
    // Connections by the engine's small number, and by Engine.IO sid.
    this.connections = [];
    this.clients = new Map();
    // HTTP exchanges and upgrades the engine knows by number.
    this.requests = new Map();
    this.lastRequest = 0;
    this.lastToken = 0;
    // Sids whose POST is being received.
    this.posts = new Set();
    // Namespaces by the engine's number.
    this.namespaces = new Map();
    // Callbacks of what waits for clients or other servers, by token: the answers to broadcasts and whatever else is asked.
    this.answers = new Map();
    // Those of broadcasts whose answers are told one by one.
    this.streams = new Map();
    // Sockets that may come back; null when none may.
    this.recovery = options.connectionStateRecovery ? new Recovery(options.connectionStateRecovery, isShared(options)) : null;
  }

  /** From now on the engine tells of heartbeats, of all connections. */
  tellHeartbeats() {
    this.native.tellHeartbeats();
  }

  /** A number that names one message until the engine has handed it to its transport. */
  nextToken() {
    return ++this.lastToken;
  }

  /** The number the engine uses for a namespace. */
  namespace(nsp) {
    const id = this.native.namespace(nsp.name);
    this.namespaces.set(id, nsp);
    return id;
  }

  /** Who waits for an answer, once. */
  takeAnswer(token) {
    const answered = this.answers.get(token);
    this.answers.delete(token);
    return answered;
  }

  /** A namespace that is used no more. */
  forgetNamespace(nspId) {
    this.queue.flush();
    this.namespaces.delete(nspId);
    this.native.forgetNamespace(nspId);
  }

  /** Gives `exchange` a number by which the engine's answers find it. */
  track(exchange) {
    const id = ++this.lastRequest;
    this.requests.set(id, exchange);
    return id;
  }

  rooms(conn, nspId) {
    this.queue.flush();
    return this.native.rooms(conn, nspId);
  }

  allRooms(nspId) {
    this.queue.flush();
    return this.native.allRooms(nspId);
  }

  roomSize(nspId, room) {
    this.queue.flush();
    return this.native.roomSize(nspId, String(room));
  }

  /** The Socket objects in the rooms of `roomsJson` ('' for all) and in none of `exceptJson`. */
  select(nspId, roomsJson, exceptJson) {
    this.queue.flush();
    const sockets = [];
    for (const conn of this.native.select(nspId, roomsJson, exceptJson)) {
      const connection = this.connections[conn];
      const socket = connection === undefined ? null : connection._socketIn(nspId);
      if (socket !== null) {
        sockets.push(socket);
      }
    }
    return sockets;
  }

  /**
   * As `close`, but what is queued for clients leaves first, within `ms` milliseconds. Resolves when all is done, or the time
   * is up; until then the process goes on.
   */
  closeWithin(ms) {
    if (this.isClosed) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        this.onclosed = null;
        resolve();
      };
      const timer = setTimeout(finish, ms);
      this.onclosed = finish;
      this.close(ms);
    });
  }

  /** Whether `req` fetches what a client is still to be told. */
  isDraining(req) {
    const sid = SID.exec(req.url);
    return this.onclosed !== null && sid !== null && this.clients.has(sid[1]);
  }

  /** The engine has closed: what it took over is over. */
  endTakenOver() {
    this.requests.forEach((exchange) => exchange.cut());
    for (const { _takenOver } of this.clients.values()) {
      if (_takenOver !== null) {
        _takenOver.ended();
      }
    }
  }

  /** Ends all connections; their close records still come. */
  close(within) {
    if (!this.isClosed) {
      this.isClosed = true;
      if (this.recovery !== null) {
        this.recovery.close();
      }
      this.queue.flush();
      this.native.close(within);
      // Nobody answers any more, and the engine keeps no deadlines for them.
      this.answers.forEach((callback) => process.nextTick(callback, [], true));
      this.answers.clear();
    }
  }
}

module.exports = { Bridge };
