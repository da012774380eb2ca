// A namespace: its sockets, its middlewares, and broadcasts to it.
'use strict';

const debug = require('debug')('socket.io:namespace');
const { becomesEmitter, emitLocally } = require('./emitter');
const { FIELD, RECORD } = require('./queue');
const { pushPayload } = require('./payload');
const { Adapter } = require('./adapter');
const { AnswerStream } = require('./answer-stream');
const { BroadcastOperator } = require('./broadcast');
const { PACKET, announcePacket } = require('./packet-watch');
const { timedOut } = require('./errors');
const { freshSid } = require('./recovery');
const { addOperatorMethods } = require('./operator-methods');
const { Socket } = require('./socket');
const { SocketMap, addJson, connectedView, namespaceSpellings } = require('./spellings');

class Namespace {
  constructor(server, name) {
    this.server = server;
    this.name = name;
    this.sockets = new SocketMap();
    this.adapter = new Adapter(this);
    this._fns = [];
    // Connected sockets that want to hear of what is sent to them: broadcasts too.
    this._outgoing = new Set();
    // Sockets whose middlewares have not finished, by id.
    this._preConnectSockets = new Map();
    this._parent = null;
    // The engine's number for this namespace; -1 until the server is attached.
    this._id = -1;
    if (server._bridge !== null) {
      this._register(server._bridge);
    }
  }

  /** The next ack id. One counter serves the whole server, so that an id alone finds its broadcast. */
  get _ids() {
    return this.server._ids;
  }

  set _ids(id) {
    this.server._ids = id;
  }

  /** Its sockets as an object by id: the spelling of version 2 for `sockets`. */
  get connected() {
    return connectedView(this.sockets);
  }

  _register(bridge) {
    this._id = bridge.namespace(this);
  }

  use(fn) {
    this._fns.push(fn);
    return this;
  }

  emit(...args) {
    return new BroadcastOperator(this).emit(...args);
  }

  send(...args) {
    this.emit('message', ...args);
    return this;
  }

  write(...args) {
    return this.send(...args);
  }

  serverSideEmit(...args) {
    this.adapter.serverSideEmit(args);
    return true;
  }

  serverSideEmitWithAck(event, ...args) {
    return new Promise((resolve, reject) => {
      args.push((error, responses) => {
        if (error) {
          error.responses = responses;
          reject(error);
        } else {
          resolve(responses);
        }
      });
      this.serverSideEmit(event, ...args);
    });
  }

  /** A client wants in: its socket is made and goes through the middlewares. `back`: the engine knows it of old, with `data`. */
  _add(connection, sid, auth, back) {
    const socket = back !== null ? this._recover(connection, sid, auth, back.data) : new Socket(this, connection, sid, auth);
    this._enter(socket, socket.recovered && connection._bridge.recovery.skipsMiddlewares);
  }

  _enter(socket, skipsMiddlewares) {
    if (this._fns.length === 0 || skipsMiddlewares) {
      this._admit(socket);
      return;
    }
    this._preConnectSockets.set(socket.id, socket);
    this._run(socket, (error) => {
      process.nextTick(() => {
        this._preConnectSockets.delete(socket.id);
        if (error && socket._connection.readyState === 'open') {
          this._refuse(socket, error);
        } else {
          this._admit(socket);
        }
      });
    });
  }

  _recover(connection, sid, auth, data) {
    const kept = connection._bridge.recovery.take(sid, data);
    if (kept !== null) {
      return new Socket(this, connection, sid, auth, kept);
    }
    // It was disconnected here when its connection broke, or is already on its way back over another one.
    const socket = new Socket(this, connection, freshSid(), auth);
    socket._forgetRooms();
    return socket;
  }

  _run(socket, done) {
    const fns = this._fns.slice();
    const step = (i) => {
      let called = false;
      const next = (error) => {
        if (called) {
          return;
        }
        called = true;
        if (error || i + 1 === fns.length) {
          done(error);
        } else {
          step(i + 1);
        }
      };
      this._callMiddleware(fns[i], socket, next);
    };
    step(0);
  }

  _callMiddleware(fn, socket, next) {
    const handlers = this.server._handlerErrors;
    if (handlers === null) {
      fn(socket, next);
    } else {
      // What went wrong is for the application to know, not for its clients.
      handlers.call(fn, undefined, [socket, next], { socket, event: 'connection', args: [socket] }, () => next(new Error('internal error')));
    }
  }

  _refuse(socket, error) {
    debug('a middleware of %s refuses socket %s: %s', this.name, socket.id, error.message);
    socket._discard();
    socket._connection._refuse(this.name, { message: error.message, data: error.data });
    this._cleanUp();
  }

  _admit(socket) {
    if (socket._connection.readyState !== 'open') {
      socket._discard();
      this._cleanUp();
      return;
    }
    debug('adding socket %s to %s', socket.id, this.name);
    socket._connection._add(socket);
    this.sockets.set(socket.id, socket);
    socket._onconnect();
    this._announce('connect', socket);
    this._announce('connection', socket);
  }

  _announce(event, socket) {
    const handlers = this.server._handlerErrors;
    if (handlers === null) {
      emitLocally.call(this, event, socket);
    } else {
      handlers.emit(this, event, [socket], socket);
    }
  }

  _remove(socket) {
    this.sockets.delete(socket.id);
    this._outgoing.delete(socket);
    this._cleanUp();
  }

  /** A dynamic namespace that nobody uses any more is dropped, when the server is asked to. */
  _cleanUp() {
    if (this._parent !== null && this.server.opts.cleanupEmptyChildNamespaces && this.sockets.size === 0 && this._preConnectSockets.size === 0) {
      this.adapter.close();
      this.server._nsps.delete(this.name);
      this._parent.children.delete(this);
      if (this._id !== -1) {
        this.server._bridge.forgetNamespace(this._id);
      }
    }
  }

  /** `args` is `[event, ...args]`. Costs the same whatever the number of receivers. */
  _broadcast(operator, args) {
    if (this._id === -1) {
      return;
    }
    if (this._outgoing.size > 0) {
      this._notifyOutgoing(operator, args, null);
    }
    pushPayload(this.server._bridge.queue, this._broadcastHead(operator, '', ''), args);
  }

  _broadcastWithAck(operator, args, timeout, callback) {
    if (this._id === -1 || this.server._bridge.isClosed) {
      process.nextTick(callback, [], false);
      return;
    }
    const token = this._ids++;
    if (this._outgoing.size > 0) {
      this._notifyOutgoing(operator, args, token);
    }
    pushPayload(this.server._bridge.queue, this._broadcastHead(operator, token, timeout), args);
    this.server._bridge.answers.set(token, callback);
  }

  /** The answers one by one. */
  _broadcastToEach(operator, args, timeout) {
    if (this._id === -1 || this.server._bridge.isClosed) {
      return AnswerStream.ended();
    }
    const { queue, answers, streams } = this.server._bridge;
    const token = this._ids++;
    if (this._outgoing.size > 0) {
      this._notifyOutgoing(operator, args, token);
    }
    pushPayload(queue, this._broadcastHead(operator, token, timeout, '1'), args);
    const stream = new AnswerStream(() => {
      streams.delete(token);
      answers.delete(token);
    });
    streams.set(token, stream);
    answers.set(token, (_, isTimedOut) => stream.end(isTimedOut ? timedOut() : null));
    return stream;
  }

  _broadcastHead(operator, token, timeout, telling = '') {
    const flags = telling + (operator._flags.volatile ? 'v' : '') + (operator._flags.local ? 'l' : '');
    return `b${FIELD}${this._id}${FIELD}${flags}${FIELD}${names(operator._rooms)}${FIELD}${names(operator._except)}${FIELD}${token}${FIELD}${timeout}${FIELD}`;
  }

  _notifyOutgoing(operator, args, id) {
    for (const socket of this._select(operator._rooms, operator._except)) {
      if (socket._anyOutgoing !== null) {
        socket._notifyOutgoing(args);
      }
      if (socket._isWatched) {
        announcePacket(socket, PACKET.EVENT, id, args, operator._flags.compress);
      }
    }
  }

  /** The connected sockets in any of `rooms` (null: all) and in none of `except`. */
  _select(rooms, except) {
    if (rooms === null && except === null) {
      return [...this.sockets.values()];
    }
    if (this._id === -1) {
      return [];
    }
    return this.server._bridge.select(this._id, names(rooms), names(except));
  }

  async _fetchSockets(operator) {
    return this._select(operator._rooms, operator._except);
  }

  async _allSockets(operator) {
    return new Set(this._select(operator._rooms, operator._except).map((socket) => socket.id));
  }

  _disconnectSockets(operator, close) {
    for (const socket of this._select(operator._rooms, operator._except)) {
      socket.disconnect(close);
    }
  }

  _addSockets(operator, joined) {
    this._changeRooms('J', operator, joined, 'join');
  }

  _delSockets(operator, left) {
    this._changeRooms('K', operator, left, 'leave');
  }

  _changeRooms(kind, operator, changed, method) {
    if (this._id === -1) {
      return;
    }
    const { _rooms: rooms, _except: except } = operator;
    let reach = operator._flags.local ? 'l' : '';
    if (this.adapter._isWatched) {
      // One by one, so that the room events fire.
      for (const socket of this._select(rooms, except)) {
        changed.forEach((room) => socket[method](room));
      }
      if (reach === 'l') {
        return;
      }
      reach = 'o';
    }
    this.server._bridge.queue.push(`${kind}${FIELD}${this._id}${FIELD}${reach}${FIELD}${names(rooms)}${FIELD}${names(except)}${FIELD}${names(changed)}${RECORD}`);
  }

  _roomSize(room) {
    return this._id === -1 ? 0 : this.server._bridge.roomSize(this._id, room);
  }

  _allRooms() {
    return this._id === -1 ? [] : this.server._bridge.allRooms(this._id);
  }
}

becomesEmitter(Namespace);
Object.assign(Namespace.prototype, namespaceSpellings);
addJson(Namespace);
addOperatorMethods(Namespace, (nsp) => new BroadcastOperator(nsp));

/** A list of room names as a field of an op. */
function names(list) {
  return list === null ? '' : JSON.stringify(list);
}

module.exports = { Namespace, names };
