// `transports` of `sori/engine`: what carries a connection, by name. They tell of what the engine does.
'use strict';

const { Transport } = require('../transport');

class EngineTransport extends Transport {
  constructor(name, connection) {
    super(connection);
    this.name = name;
    this.supportsBinary = connection.request === null || !connection.request._query.b64;
    this.discarded = false;
    this._isOver = false;
  }

  get readyState() {
    return this._isOver ? 'closed' : super.readyState;
  }

  /** Whether nothing waits to be handed to it. */
  get writable() {
    return this.readyState === 'open' && this._connection.writeBuffer.length === 0;
  }

  discard() {
    this.discarded = true;
  }

  _end() {
    if (!this._isOver) {
      this._isOver = true;
      this.emit('close');
    }
  }
}

class Polling extends EngineTransport {
  constructor(connection) {
    super('polling', connection);
  }
}
Polling.upgradesTo = ['websocket', 'webtransport'];

class WebSocket extends EngineTransport {
  constructor(connection) {
    super('websocket', connection);
    this.handlesUpgrades = true;
  }
}
WebSocket.upgradesTo = [];

class WebTransport extends EngineTransport {
  constructor(connection) {
    super('webtransport', connection);
  }
}
WebTransport.upgradesTo = [];

const transports = Object.freeze({ polling: Polling, websocket: WebSocket, webtransport: WebTransport });

function transportOf(name, connection) {
  return new transports[name](connection);
}

module.exports = { EngineTransport, transportOf, transports };
