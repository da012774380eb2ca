// `socket.conn` where packets are made in JavaScript: it keeps account of what is on its way only for those who ask.
'use strict';

const { EngineSocket } = require('../engine-io/socket');
const { sendRaw } = require('../raw');

class PacketConnection extends EngineSocket {
  send(data, options, callback) {
    if (callback !== undefined || typeof options === 'function' || (options && options.compress === false) || this._isListenedTo()) {
      return super.send(data, options, callback);
    }
    if (this.readyState === 'open') {
      sendRaw(this._bridge.queue, this._number, data, options, '');
    }
    return this;
  }

  write(data, options, callback) {
    return this.send(data, options, callback);
  }

  /** Whether anybody wants to hear of what is sent. */
  _isListenedTo() {
    return SENDING.some((event) => this.listenerCount(event) > 0 || this.server.listenerCount(event) > 0);
  }
}

const SENDING = ['packetCreate', 'flush', 'drain'];

module.exports = { PacketConnection };
