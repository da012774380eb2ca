// A socket of another server, as `fetchSockets` gives it: what it was when it was asked for, and the ways to reach it.
'use strict';

const { BroadcastOperator } = require('./broadcast');
const { roomSet } = require('./room-set');

class RemoteSocket {
  /** `operator` reaches it; given for a deadline. */
  constructor(nsp, { id, handshake, rooms, data }, operator = new BroadcastOperator(nsp, [id])) {
    this.id = id;
    this.handshake = handshake;
    this.rooms = roomSet(rooms);
    this.data = data;
    Object.defineProperties(this, { _nsp: { value: nsp }, _operator: { value: operator } });
  }

  /** The same socket, with a deadline for acks. */
  timeout(ms) {
    return new RemoteSocket(this._nsp, this, this._operator.timeout(ms));
  }

  /** An ack is `callback(error, response)`. */
  emit(...args) {
    const ack = args.length > 1 && typeof args[args.length - 1] === 'function' ? args.pop() : null;
    if (ack !== null) {
      args.push((error, responses) => (error ? ack(error, null) : ack(null, responses[0])));
    }
    return this._operator.emit(...args);
  }

  emitWithAck(event, ...args) {
    return new Promise((resolve, reject) => {
      this.emit(event, ...args, (error, response) => (error ? reject(error) : resolve(response)));
    });
  }

  join(rooms) {
    this._operator.socketsJoin(rooms);
  }

  leave(room) {
    this._operator.socketsLeave(room);
  }

  disconnect(close = false) {
    this._operator.disconnectSockets(close);
    return this;
  }
}

module.exports = { RemoteSocket };
