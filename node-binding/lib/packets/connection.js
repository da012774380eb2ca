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
    const { server } = this;
    const own = this.listenerCount('packetCreate') + this.listenerCount('flush') + this.listenerCount('drain');
    return own + server.listenerCount('flush') + server.listenerCount('drain') > 0;
  }
}

module.exports = { PacketConnection };
