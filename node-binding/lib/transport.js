// `socket.conn.transport`: what carries a connection at this moment.
'use strict';

const { becomesEmitter } = require('./emitter');

class Transport {
  constructor(connection) {
    this.name = connection._transportName;
    this.sid = connection.id;
    this.protocol = connection.protocol;
    this.supportsBinary = this.name !== 'polling' || !connection.request._query.b64;
    this._connection = connection;
  }

  get readyState() {
    return this._connection.readyState;
  }

  /** Whether the engine takes packets for it; how many it holds back is the engine's own affair. */
  get writable() {
    return this._connection.readyState === 'open';
  }

  /** The POST whose messages are being told; null for others, and over a WebSocket. */
  get dataReq() {
    return this._connection._dataReq;
  }

  close() {
    this._connection.close();
  }
}

becomesEmitter(Transport);

module.exports = { Transport };
