// A client in one namespace: the object applications hold.
'use strict';

const debug = require('debug')('socket.io:socket');
const { becomesEmitter, emitLocally } = require('./emitter');
const { refuseReserved } = require('./reserved');
const { throwLater } = require('./errors');
const { FIELD, RECORD } = require('./queue');
const { pushPayload } = require('./payload');
const { PendingAcks, delayOf, failLater } = require('./acks');
const { Early } = require('./early');
const { BroadcastOperator } = require('./broadcast');
const { describeHandshake } = require('./handshake');
const { onAnyMethods, listOutgoing } = require('./any-listeners');
const { PACKET, announceArrival, announcePacket } = require('./packet-watch');
const { roomMethods } = require('./room-methods');
const { roomSet } = require('./room-set');
const { addJson, socketSpellings } = require('./spellings');

const STATE = Object.freeze({ CONNECTING: 0, CONNECTED: 1, DISCONNECTING: 2, DISCONNECTED: 3 });

/** How a socket ends: by our wish, by the client's or the whole server's, or because its connection is gone. */
const END = Object.freeze({ DISCONNECTED: 0, LEFT: 1, LOST: 2 });

/** Of these ends it may come back, as with socket.io. */
const RECOVERABLE = ['transport error', 'transport close', 'forced close', 'ping timeout', 'server shutting down', 'forced server close'];

class Socket {
  /** `kept` is what `Recovery` has of it when it comes back. */
  constructor(nsp, connection, id, auth, kept = null) {
    this.nsp = nsp;
    this.id = id;
    this.recovered = kept !== null;
    this._connection = connection;
    this._auth = auth;
    this._issued = Date.now();
    this._state = STATE.CONNECTING;
    this._queue = connection._bridge.queue;
    // Start of the op of a plain emit (no flags, no ack); made at the first one.
    this._plainEmit = '';
    this._data = kept === null ? null : kept.data;
    this._handshake = null;
    this._early = null;
    this._acks = null;
    this._fns = null;
    this._any = null;
    this._anyOutgoing = null;
    // Whether its connection's `packetCreate` is listened for.
    this._isWatched = false;
    // Whether its connection's `packet` is.
    this._isHeard = false;
    this._compress = true;
    this._volatile = false;
    this._timeout = undefined;
  }

  get connected() {
    return this._state === STATE.CONNECTED || this._state === STATE.DISCONNECTING;
  }

  get disconnected() {
    return !this.connected;
  }

  get conn() {
    return this._connection;
  }

  get client() {
    return this._connection.client;
  }

  get server() {
    return this.nsp.server;
  }

  get adapter() {
    return this.nsp.adapter;
  }

  get request() {
    return this._connection.request;
  }

  get handshake() {
    if (this._handshake === null) {
      this._handshake = describeHandshake(this._connection, this._issued, this._auth || {});
    }
    return this._handshake;
  }

  set handshake(handshake) {
    this._handshake = handshake;
  }

  get data() {
    if (this._data === null) {
      this._data = {};
    }
    return this._data;
  }

  set data(data) {
    this._data = data;
  }

  /** The callbacks that wait for an answer, by id. */
  get acks() {
    return this._acks === null ? new Map() : this._acks.callbacks;
  }

  /** The rooms at this moment, its own id included. */
  get rooms() {
    if (this.connected) {
      return roomSet(this._connection._bridge.rooms(this._connection._number, this.nsp._id));
    }
    return roomSet(this._early === null ? [] : this._early.rooms);
  }

  emit(...args) {
    refuseReserved(args[0]);
    const last = args.length - 1;
    const ack = last > 0 && typeof args[last] === 'function' ? args.pop() : null;
    if (debug.enabled) {
      debug('%s sends %j', this.id, args);
    }
    if (this._anyOutgoing !== null) {
      this._notifyOutgoing(args);
    }
    if (ack === null && !this._volatile && !this._isWatched && this._state === STATE.CONNECTED) {
      this._timeout = undefined;
      if (this._plainEmit === '') {
        this._plainEmit = this._emitHead('', '', '');
      }
      pushPayload(this._queue, this._plainEmit, args);
      return true;
    }
    this._emitSlowly(args, ack);
    return true;
  }

  _emitSlowly(args, ack) {
    const flags = this._volatile ? 'v' : '';
    const timeout = this._timeout;
    const isCompressed = this._compress;
    this._volatile = false;
    this._timeout = undefined;
    this._compress = true;
    const sink = this._sink();
    if (sink === null) {
      if (ack !== null && timeout !== undefined) {
        failLater(this, ack, timeout);
      } else if (ack === null && flags === '') {
        this._emitForReturn(args);
      }
      return;
    }
    const id = ack === null ? '' : this._expectAck(ack, timeout);
    const limit = ack === null || timeout === undefined ? '' : timeout;
    pushPayload(sink, this._emitHead(flags, id, limit), args);
    if (this._isWatched) {
      announcePacket(this, PACKET.EVENT, ack === null ? null : id, args, isCompressed);
    }
  }

  /**
   * The op of an emit up to its payload. What a lost socket may come back for goes to the room of its id, as the engine
   * may know before us that its connection is gone.
   */
  _emitHead(flags, id, limit) {
    if (this._connection._bridge.recovery !== null && flags === '' && id === '') {
      const room = JSON.stringify([this.id]);
      return `b${FIELD}${this.nsp._id}${FIELD}${FIELD}${room}${FIELD}${FIELD}${FIELD}${FIELD}`;
    }
    return `${this._op('e')}${FIELD}${flags}${FIELD}${id}${FIELD}${limit}${FIELD}`;
  }

  /** It is disconnected, but may come back for what it missed, or has done so as another object. */
  _emitForReturn(args) {
    const { recovery } = this._connection._bridge;
    if (recovery !== null && (recovery.away.has(this.id) || this.nsp.sockets.has(this.id))) {
      this.nsp._broadcast(new BroadcastOperator(this.nsp, [this.id]), args);
    }
  }

  _expectAck(callback, timeout) {
    if (this._acks === null) {
      this._acks = new PendingAcks(this);
    }
    const id = this.nsp._ids++;
    this._acks.add(id, callback, timeout);
    return id;
  }

  emitWithAck(ev, ...args) {
    if (this._timeout === undefined && this.nsp.server._ackTimeout !== undefined) {
      this.timeout(this.nsp.server._ackTimeout);
    }
    const withError = this._timeout !== undefined;
    return new Promise((resolve, reject) => {
      args.push((first, second) => {
        if (!withError) {
          resolve(first);
        } else if (first) {
          reject(first);
        } else {
          resolve(second);
        }
      });
      this.emit(ev, ...args);
    });
  }

  send(...args) {
    this.emit('message', ...args);
    return this;
  }

  write(...args) {
    return this.send(...args);
  }

  /** What may be compressed is decided by the engine's options; `packetCreate` listeners are told of the wish. */
  compress(isWanted) {
    if (this._isWatched) {
      this._compress = isWanted;
    }
    return this;
  }

  get volatile() {
    this._volatile = true;
    return this;
  }

  timeout(ms) {
    this._timeout = ms === undefined ? undefined : delayOf(ms);
    return this;
  }

  to(rooms) {
    return this.broadcast.to(rooms);
  }

  in(rooms) {
    return this.broadcast.in(rooms);
  }

  except(rooms) {
    return this.broadcast.except(rooms);
  }

  get broadcast() {
    return this._operator();
  }

  get local() {
    return this._operator(true);
  }

  _operator(local = false) {
    const flags = { volatile: this._volatile, compress: this._compress, local, timeout: this._timeout };
    this._volatile = false;
    this._timeout = undefined;
    this._compress = true;
    return new BroadcastOperator(this.nsp, null, [this.id], flags);
  }

  disconnect(close = false) {
    if (!this.connected) {
      return this;
    }
    if (close) {
      this._connection._disconnectAll();
    } else {
      this._onclose(END.DISCONNECTED, 'server namespace disconnect');
    }
    return this;
  }

  use(fn) {
    if (this._fns === null) {
      this._fns = [];
    }
    this._fns.push(fn);
    return this;
  }

  /** `kind conn nsp`, the start of every op about this socket. */
  _op(kind) {
    return `${kind}${FIELD}${this._connection._number}${FIELD}${this.nsp._id}`;
  }

  /** Where ops about this socket go now; null once it is disconnected. */
  _sink() {
    if (this._state === STATE.CONNECTED || this._state === STATE.DISCONNECTING) {
      return this._queue;
    }
    if (this._state === STATE.DISCONNECTED) {
      return null;
    }
    if (this._early === null) {
      this._early = new Early();
    }
    return this._early;
  }

  /** The namespace lets the client in: the engine writes CONNECT, then comes what middlewares did with the socket. */
  _onconnect() {
    const early = this._early;
    this._early = null;
    const announce = this.adapter._joining(this, early === null ? [this.id] : [this.id, ...early.rooms]);
    this._state = STATE.CONNECTED;
    this._queue.push(this._op('a') + FIELD + this.id + RECORD);
    if (early !== null) {
      early.drainInto(this._queue);
    }
    announce();
    if (this._anyOutgoing !== null || this._isWatched) {
      listOutgoing(this);
    }
  }

  /** An event arrived: `args` is `[event, ...args]`, `ackId` -1 when no answer is wanted. */
  _onevent(args, ackId) {
    if (this._state !== STATE.CONNECTED) {
      return;
    }
    if (debug.enabled) {
      debug('%s received %j', this.id, args);
    }
    if (this._isHeard) {
      announceArrival(this._connection, this.nsp.name, PACKET.EVENT, ackId === -1 ? null : ackId, args);
    }
    if (this.onevent !== onevent) {
      const id = ackId === -1 ? undefined : ackId;
      this.onevent({ type: PACKET.EVENT, nsp: this.nsp.name, id, data: args });
      return;
    }
    this._deliver(args, ackId);
  }

  _deliver(args, ackId) {
    if (ackId !== -1) {
      args.push(this.ack(ackId));
    }
    if (this._any !== null) {
      for (const listener of this._any.slice()) {
        this._call(listener, args, args);
      }
    }
    if (this._fns !== null) {
      this._runMiddlewares(args);
      return;
    }
    this._dispatch(args);
  }

  _onack(id, args) {
    if (this._isHeard) {
      announceArrival(this._connection, this.nsp.name, PACKET.ACK, id, args);
    }
    if (this._acks !== null) {
      this._acks.settle(id, args);
    }
  }

  _onackTimeout(id) {
    if (this._acks !== null) {
      this._acks.expire(id);
    }
  }

  _dispatch(args) {
    // "error" without a listener would throw: clients may send it, so nothing happens instead.
    if (args[0] === 'error' && this.listenerCount('error') === 0) {
      return;
    }
    const handlers = this.nsp.server._handlerErrors;
    if (handlers === null) {
      emitLocally.apply(this, args);
    } else {
      handlers.emit(this, args[0], args.slice(1), this);
    }
  }

  /** What answers the client's event of this ack id. */
  ack(id) {
    let sent = false;
    return (...args) => {
      if (sent) {
        return;
      }
      sent = true;
      if (this.connected) {
        pushPayload(this._queue, `${this._op('k')}${FIELD}${id}${FIELD}`, args);
        if (this._isWatched) {
          announcePacket(this, PACKET.ACK, id, args, true);
        }
      }
    };
  }

  _runMiddlewares(args) {
    const fns = this._fns.slice();
    const step = (i) => {
      const next = (error) => {
        if (error) {
          process.nextTick(() => this._onerror(error));
        } else if (i + 1 < fns.length) {
          step(i + 1);
        } else {
          process.nextTick(() => {
            if (this.connected) {
              this._dispatch(args);
            }
          });
        }
      };
      this._call(fns[i], [args, next], args);
    };
    step(0);
  }

  /** Calls a catch-all listener or a middleware about `event`, `[name, ...args]`. */
  _call(fn, args, event) {
    const handlers = this.nsp.server._handlerErrors;
    if (handlers === null) {
      fn.apply(this, args);
    } else {
      handlers.call(fn, this, args, { socket: this, event: event[0], args: event.slice(1) });
    }
  }

  _onerror(error) {
    this._dispatch(['error', error]);
  }

  /** The end of this socket. The engine knows already, unless it is DISCONNECTED: then it is asked to send that packet. */
  _onclose(end, reason, description) {
    if (this._state !== STATE.CONNECTED) {
      return this;
    }
    debug('%s closes: %s', this.id, reason);
    this._state = STATE.DISCONNECTING;
    this._announce('disconnecting', reason, description);
    const announce = this.adapter._leaving(this, null);
    if (end === END.DISCONNECTED) {
      this._queue.push(this._op('d') + RECORD);
    }
    this._state = STATE.DISCONNECTED;
    const { recovery } = this._connection._bridge;
    if (end === END.LOST && recovery !== null) {
      recovery.keep(this.id, this.data);
    }
    if (recovery !== null && recovery.isShared && RECOVERABLE.includes(reason)) {
      this._keepData();
    }
    announce();
    this._connection._remove(this);
    this.nsp._remove(this);
    if (this._acks !== null) {
      this._acks.abandon();
    }
    this._announce('disconnect', reason, description);
    return this;
  }

  /** Another server is to find its data. */
  _keepData() {
    let data = null;
    try {
      data = JSON.stringify(this.data);
    } catch (error) {
      throwLater(error);
    }
    this._queue.push(this._op('p') + FIELD + (data || '{}') + RECORD);
  }

  // A listener that throws must not keep the socket half connected: its error surfaces on the next tick.
  _announce(event, reason, description) {
    const handlers = this.nsp.server._handlerErrors;
    if (handlers !== null) {
      handlers.emit(this, event, [reason, description], this);
      return;
    }
    try {
      emitLocally.call(this, event, reason, description);
    } catch (error) {
      throwLater(error);
    }
  }

  /** The namespace refused it, or its connection ended before it was let in. */
  _discard() {
    this._state = STATE.DISCONNECTED;
    this._early = null;
    if (this.recovered && !this._connection._bridge.recovery.isShared) {
      this._connection._bridge.recovery.keep(this.id, this._data);
    }
  }

  _setWatched(isWatched) {
    this._isWatched = isWatched;
    listOutgoing(this);
  }

  _notifyOutgoing(args) {
    for (const listener of this._anyOutgoing.slice()) {
      listener.apply(this, args);
    }
  }
}

/**
 * What is done with an event's packet, `{ nsp, id, data: [event, ...args] }`. Packages and applications put functions of
 * their own in its place, on a socket or on the prototype, and call it from there; no packet is made for it before.
 */
function onevent({ id, data }) {
  this._deliver(data || [], id === undefined || id === null ? -1 : id);
}

Socket.prototype.onevent = onevent;
becomesEmitter(Socket);
Object.assign(Socket.prototype, onAnyMethods, roomMethods, socketSpellings);
addJson(Socket);

module.exports = { Socket, END, STATE };
