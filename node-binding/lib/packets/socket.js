// A `Socket` whose packets are made in JavaScript and whose rooms live in the adapter.
'use strict';

const { randomBytes } = require('crypto');
const { timedOut } = require('../errors');
const { failLater } = require('../acks');
const { PACKET } = require('../packet-watch');
const { refuseReserved } = require('../reserved');
const { callLater } = require('../room-methods');
const { END, STATE, Socket } = require('../socket');

// How a socket must have ended to come back (`connectionStateRecovery`).
const RECOVERABLE = new Set(['transport error', 'transport close', 'forced close', 'ping timeout', 'server shutting down', 'forced server close']);

class PacketSocket extends Socket {
  /** `session` is what the adapter kept of a socket that comes back, or null. */
  constructor(nsp, client, auth, session) {
    super(nsp, client, session === null ? newId(nsp, client) : session.sid, auth, session);
    /** Callbacks that wait for the client's answer, by ack id; adapters add theirs. */
    this._callbacks = new Map();
    this.pid = undefined;
    if (nsp.server._wire.recovers) {
      this.pid = session === null ? randomId() : session.pid;
    }
    if (session !== null) {
      this.adapter.addAll(this.id, new Set(session.rooms));
      session.missedPackets.forEach((data) => this.packet({ type: PACKET.EVENT, data }));
    }
  }

  get acks() {
    return this._callbacks;
  }

  get conn() {
    return this._connection.conn;
  }

  get client() {
    return this._connection;
  }

  /** The adapter's own Set. */
  get rooms() {
    return this.adapter.socketRooms(this.id) || new Set();
  }

  emit(...args) {
    refuseReserved(args[0]);
    const packet = { type: PACKET.EVENT, data: args };
    const timeout = this._timeout;
    if (args.length > 1 && typeof args[args.length - 1] === 'function') {
      const callback = args.pop();
      if (this._state === STATE.DISCONNECTED) {
        this._takeFlags();
        if (timeout !== undefined) {
          failLater(this, callback, timeout);
        }
        return true;
      }
      packet.id = this.nsp._ids++;
      this._expect(packet.id, callback, timeout);
    }
    const flags = this._takeFlags();
    if (this.nsp.server._wire.recovers) {
      // The adapter keeps it for a client that comes back.
      this.adapter.broadcast(packet, { rooms: new Set([this.id]), except: new Set(), flags });
    } else if (this._state !== STATE.DISCONNECTED) {
      this.notifyOutgoingListeners(packet);
      this.packet(packet, flags);
    }
    return true;
  }

  /** Those that were set; they hold for one emit. */
  _takeFlags() {
    const flags = {};
    if (this._volatile) {
      flags.volatile = true;
    }
    if (!this._compress) {
      flags.compress = false;
    }
    this._volatile = false;
    this._compress = true;
    this._timeout = undefined;
    return flags;
  }

  _expect(id, callback, timeout) {
    if (timeout === undefined) {
      this._callbacks.set(id, callback);
      return;
    }
    const timer = setTimeout(() => {
      this._callbacks.delete(id);
      callback.call(this, timedOut());
    }, timeout);
    this._callbacks.set(id, (...args) => {
      clearTimeout(timer);
      callback.call(this, null, ...args);
    });
  }

  compress(isWanted) {
    this._compress = isWanted !== false;
    return this;
  }

  /** Sends a packet in this namespace. */
  packet(packet, options) {
    packet.nsp = this.nsp.name;
    this._connection._packet(packet, options);
  }

  /** Adapters call it for each receiver of a broadcast. */
  notifyOutgoingListeners(packet) {
    if (this._anyOutgoing !== null) {
      this._notifyOutgoing(packet.data);
    }
  }

  /** What the adapter gives: nothing, or a promise. */
  join(rooms, callback) {
    callLater(callback);
    if (this._state !== STATE.DISCONNECTED) {
      return this.adapter.addAll(this.id, new Set([].concat(rooms).map(String)));
    }
    return undefined;
  }

  leave(room, callback) {
    callLater(callback);
    return this.adapter.del(this.id, String(room));
  }

  leaveAll() {
    this.adapter.delAll(this.id);
  }

  _onconnect() {
    this._state = STATE.CONNECTED;
    this.join(this.id);
    const isOld = this._connection.protocol === 3;
    this.packet(isOld ? { type: PACKET.CONNECT } : { type: PACKET.CONNECT, data: { sid: this.id, pid: this.pid } });
  }

  _onpacket({ type, id, data }) {
    switch (type) {
      case PACKET.EVENT:
      case PACKET.BINARY_EVENT:
        this._onevent(data, id === undefined || id === null ? -1 : id);
        break;
      case PACKET.ACK:
      case PACKET.BINARY_ACK:
        this._onack(id, data);
        break;
      default:
        this._onclose(END.LEFT, 'client namespace disconnect');
        break;
    }
  }

  _onack(id, args) {
    const callback = this._callbacks.get(id);
    if (callback !== undefined) {
      this._callbacks.delete(id);
      callback.apply(this, args);
    }
  }

  ack(id) {
    let sent = false;
    return (...args) => {
      if (!sent) {
        sent = true;
        this.packet({ type: PACKET.ACK, id, data: args });
      }
    };
  }

  _onclose(end, reason, description) {
    if (this._state !== STATE.CONNECTED) {
      return this;
    }
    if (end === END.DISCONNECTED) {
      this.packet({ type: PACKET.DISCONNECT });
    }
    this._state = STATE.DISCONNECTING;
    this._announce('disconnecting', reason, description);
    if (this.nsp.server._wire.recovers && RECOVERABLE.has(reason)) {
      this.adapter.persistSession({ sid: this.id, pid: this.pid, rooms: [...this.rooms], data: this.data });
    }
    this._discard();
    this._connection._remove(this);
    this.nsp._remove(this);
    this._announce('disconnect', reason, description);
    return this;
  }

  _discard() {
    this._state = STATE.DISCONNECTED;
    this.leaveAll();
  }
}

/** In protocol 3 the connection's id is the socket's too. */
function newId(nsp, client) {
  if (client.protocol !== 3) {
    return randomId();
  }
  return nsp.name === '/' ? client.id : `${nsp.name}#${client.id}`;
}

function randomId() {
  return randomBytes(15).toString('base64url');
}

module.exports = { PacketSocket };
