// One client's life on the wire, `socket.conn`: its transport, its request, and its sockets by namespace.
'use strict';

const debug = require('debug')('engine:socket');
const { becomesEmitter } = require('./emitter');
const { throwLater, transportError } = require('./errors');
const { FIELD, RECORD } = require('./queue');
const { Client } = require('./client');
const { announceDrain, announceHeartbeat, announceMessages, announcePong, connectionWatch, isStillWatched } = require('./packet-watch');
const { sendRaw } = require('./raw');
const { END } = require('./socket');
const { Transport } = require('./transport');

/** Whether the engine is asked when all that was sent is on its way; ASK_AGAIN as more was sent meanwhile. */
const DRAIN = Object.freeze({ IDLE: 0, DUE: 1, ASKED: 2, ASK_AGAIN: 3 });

class Connection {
  constructor(bridge, engine, number, sid, transportName, protocol, request) {
    this.id = sid;
    this.protocol = protocol;
    this.request = request;
    // A session of WebTransport has no request.
    this.remoteAddress = request === null ? undefined : request.socket.remoteAddress;
    this.readyState = 'open';
    this.upgraded = false;
    this.server = engine;
    this._bridge = bridge;
    this._number = number;
    this._transportName = transportName;
    this._transport = null;
    this._client = null;
    // The WebSocket of Node's server that carries it, if the engine has taken it over.
    this._takenOver = null;
    // Most clients use one namespace: its socket is found without a lookup.
    this._first = null;
    this._others = null;
    // Whether somebody listens for what is sent, and for what arrives.
    this._isWatched = engine._isWatched;
    this._isHeard = false;
    // Callbacks of messages that wait to be handed to the transport, by token.
    this._unsent = null;
  }

  /** The op that closes a connection: at once, or after what is queued. */
  static closeOp(number, discard) {
    return `c${FIELD}${number}${FIELD}${discard ? 1 : 0}${RECORD}`;
  }

  /** Carries the connection now; another object after an upgrade. */
  get transport() {
    if (this._transport === null) {
      this._transport = new Transport(this);
    }
    return this._transport;
  }

  get client() {
    if (this._client === null) {
      this._client = new Client(this);
    }
    return this._client;
  }

  /**
   * Sends an Engine.IO message as it is; where Socket.IO is spoken a client takes it for one of its packets.
   * `options.compress` false keeps it uncompressed, `options.volatile` drops it rather than let it wait; `callback` is called
   * once it is handed to the transport.
   */
  send(data, options, callback) {
    if (typeof options === 'function') {
      callback = options;
      options = undefined;
    }
    if (this.readyState === 'open') {
      sendRaw(this._bridge.queue, this._number, data, options, callback === undefined ? '' : this._expect(callback));
      if (this._isWatched && isStillWatched(this)) {
        announceMessages(this, [data], options && options.compress);
      }
    }
    return this;
  }

  write(data, options, callback) {
    return this.send(data, options, callback);
  }

  _expect(callback) {
    if (this._unsent === null) {
      this._unsent = new Map();
    }
    const token = this._bridge.nextToken();
    this._unsent.set(token, callback);
    return token;
  }

  get _isDraining() {
    return this._drain !== DRAIN.IDLE;
  }

  /**
   * Tells of `drain` when what has been sent is on its way: once for all of a turn. Only one question is open at a time,
   * however much is sent to a client that takes nothing.
   */
  _expectDrain() {
    if (this._drain === DRAIN.IDLE) {
      this._drain = DRAIN.DUE;
      process.nextTick(() => this._askDrain());
    } else if (this._drain === DRAIN.ASKED) {
      this._drain = DRAIN.ASK_AGAIN;
    }
  }

  _askDrain() {
    this._drain = DRAIN.ASKED;
    if (this.readyState === 'open') {
      this._whenSent(() => this._ondrain());
    }
  }

  /** Calls back when all that has been sent until now is on its way. */
  _whenSent(callback) {
    this._askSent(this._expect(callback));
  }

  /** The engine is to tell when all that it has been given until now is on its way. */
  _askSent(token) {
    this._bridge.queue.push(`t${FIELD}${this._number}${FIELD}${token}${RECORD}`);
  }

  _ondrain() {
    const isBehind = this._drain === DRAIN.ASK_AGAIN;
    const isTold = this._isDrainTold && !isBehind;
    this._drain = DRAIN.IDLE;
    this._drainsForPing = this._isDrainTold = false;
    if (isBehind) {
      this._expectDrain();
    }
    if (!isTold) {
      announceDrain(this);
    }
  }

  close(discard = false) {
    if (this.readyState === 'open') {
      this.readyState = 'closing';
      this._bridge.queue.push(Connection.closeOp(this._number, discard));
    }
    return this;
  }

  /** Ends it at once with "transport error". */
  _fail(description) {
    if (this.readyState === 'open') {
      this.readyState = 'closing';
      this._bridge.queue.push(`f${FIELD}${this._number}${FIELD}${JSON.stringify(description)}${RECORD}`);
    }
  }

  _socketIn(nspId) {
    const first = this._first;
    if (first !== null && first.nsp._id === nspId) {
      return first;
    }
    const other = this._others === null ? undefined : this._others.get(nspId);
    return other === undefined ? null : other;
  }

  _sockets() {
    const others = this._others === null ? [] : [...this._others.values()];
    return this._first === null ? others : [this._first, ...others];
  }

  _add(socket) {
    socket._isWatched = this._isWatched;
    socket._isHeard = this._isHeard;
    if (this._first === null) {
      this._first = socket;
      return;
    }
    if (this._others === null) {
      this._others = new Map();
    }
    this._others.set(socket.nsp._id, socket);
  }

  _remove(socket) {
    if (this._first === socket) {
      this._first = null;
    } else if (this._others !== null) {
      this._others.delete(socket.nsp._id);
    }
  }

  /** Answers a wish to join `nspName` with CONNECT_ERROR. */
  _refuse(nspName, error) {
    if (this.readyState === 'open') {
      this._bridge.queue.push(`r${FIELD}${this._number}${FIELD}${JSON.stringify(nspName)}${FIELD}${JSON.stringify(error)}${RECORD}`);
    }
  }

  /** `socket.disconnect(true)`: all its sockets, then the connection. */
  _disconnectAll() {
    for (const socket of this._sockets()) {
      socket._onclose(END.DISCONNECTED, 'server namespace disconnect');
    }
    this.close();
  }

  _oninvalid(error) {
    for (const socket of this._sockets()) {
      socket._onerror(error);
    }
    this.close();
  }

  _onmessage(data) {
    this.emit('packet', { type: 'message', data });
    this.emit('data', data);
    this.emit('message', data);
  }

  _onheartbeat() {
    announcePong(this);
    this.emit('packet', { type: this.protocol === 3 ? 'ping' : 'pong' });
    if (this.protocol === 3) {
      announceHeartbeat(this, 'pong');
    }
    this.emit('heartbeat');
  }

  _onping() {
    announceHeartbeat(this, 'ping');
  }

  /** All up to the message of this token has been handed to the transport. */
  _onsent(token) {
    const callback = this._unsent === null ? undefined : this._unsent.get(token);
    if (callback !== undefined) {
      this._unsent.delete(token);
      callback(this.transport);
    }
  }

  /** Whether the answer to its poll may be compressed. */
  _wantsCompression() {
    return true;
  }

  /** A transport of that name came that may take over from polling. */
  _onupgrading(name) {
    this.upgrading = true;
    this._candidateName = name;
  }

  /** Its client has tried it, and is answered. */
  _onprobed() {
    this.emit('upgrading', { name: this._candidateName });
  }

  /** The client did not go through with it. */
  _onupgradeFailed() {
    this.upgrading = false;
  }

  _onupgrade() {
    debug('%s upgraded to %s', this.id, this._candidateName);
    this.upgrading = false;
    this.upgraded = true;
    this._transportName = this._candidateName;
    this._transport = null;
    this.emit('upgrade', this.transport);
  }

  /** The engine's last word about this connection. */
  _onclose(reason, description) {
    debug('%s closed: %s', this.id, reason);
    const wasClosing = this.readyState === 'closing';
    this.readyState = 'closed';
    this._unsent = null;
    this._bridge.connections[this._number] = undefined;
    this._bridge.clients.delete(this.id);
    if (this._takenOver !== null) {
      this._takenOver.ended();
    }
    const isInvalidPacket = reason === 'forced close' && description !== null && !wasClosing;
    const detail = this._describe(reason, description);
    for (const socket of this._sockets()) {
      if (isInvalidPacket) {
        try {
          socket._onerror(new Error(description));
        } catch (error) {
          throwLater(error);
        }
      }
      socket._onclose(END.LOST, reason, isInvalidPacket ? undefined : detail);
    }
    // engine.io knows why sockets end only where it ends them itself.
    this.emit('close', reason === 'server shutting down' ? 'forced close' : reason, isInvalidPacket ? undefined : detail);
  }

  /** What listeners get beside the reason: an Error for a transport's failure, else the text the engine has. */
  _describe(reason, description) {
    if (description === null) {
      return undefined;
    }
    if (reason !== 'transport error') {
      return description;
    }
    if (description !== TOO_LARGE) {
      return transportError(description);
    }
    const limit = this.server._tooLarge(this.request, this);
    return transportError(`${description}: a message of the client is over maxHttpBufferSize (${limit} bytes)`);
  }
}

// The engine's words for a WebSocket message over the limit.
const TOO_LARGE = 'Max payload size exceeded';

becomesEmitter(Connection);
// Few are: the others need no field of their own.
Connection.prototype.upgrading = false;
Connection.prototype._candidateName = 'websocket';
Connection.prototype._dataReq = null;
Connection.prototype._drain = DRAIN.IDLE;
// Whether it waits for `drain` because of nothing but a ping, and whether that has been told of before the engine said so.
Connection.prototype._drainsForPing = false;
Connection.prototype._isDrainTold = false;
Object.assign(Connection.prototype, connectionWatch);

module.exports = { Connection };
