// The `Socket` of `sori/engine`: a connection whose messages are the application's own, with the events of engine.io.
'use strict';

const { Connection } = require('../connection');
const { sendRaw } = require('../raw');
const { transportOf } = require('./transports');

class EngineSocket extends Connection {
  constructor(bridge, ...rest) {
    super(bridge, ...rest);
    this.upgrading = false;
    /** Packets that the engine has not handed to the transport yet. */
    this.writeBuffer = [];
    // Their numbers and callbacks, in the same order.
    this._waiting = [];
    // What may carry the connection soon.
    this._candidate = null;
  }

  get transport() {
    if (this._transport === null) {
      this._transport = transportOf(this._transportName, this);
    }
    return this._transport;
  }

  /** `options.compress` false keeps the message uncompressed; `callback(transport)` is called once it is handed over. */
  send(data, options, callback) {
    if (typeof options === 'function') {
      callback = options;
      options = undefined;
    }
    if (this.readyState !== 'open') {
      return this;
    }
    const packet = { type: 'message', options: { ...options, compress: !options || options.compress !== false } };
    if (data) {
      packet.data = data;
    }
    sendRaw(this._bridge.queue, this._number, data, options, this._expectPacket(packet, callback));
    return this;
  }

  /** Tells of a packet on its way; gives the token that tells that it is out. */
  _expectPacket(packet, callback) {
    this.emit('packetCreate', packet);
    const token = this._bridge.nextToken();
    this.writeBuffer.push(packet);
    this._waiting.push({ token, callback: typeof callback === 'function' ? callback : null });
    this.emit('flush', [packet]);
    this.server.emit('flush', this, [packet]);
    return token;
  }

  /** Also after `close()` has begun: a transport that is to be discarded does not wait for what is queued. */
  close(discard = false) {
    if (discard && this.readyState === 'closing') {
      this.readyState = 'open';
    }
    return super.close(discard);
  }

  /** Ends it at once with "transport error", which an application may find reason for. */
  onError(error) {
    this._fail(error && error.message ? error.message : String(error));
  }

  /** Unless all that it answers with was sent with `compress: false`. */
  _wantsCompression() {
    return this.writeBuffer.length === 0 || this.writeBuffer.some((packet) => packet.options.compress);
  }

  _onmessage(data) {
    this._receive({ type: 'message', data });
    this.emit('data', data);
    this.emit('message', data);
  }

  _onheartbeat() {
    this._onpong();
    this._receive({ type: this.protocol === 3 ? 'ping' : 'pong' });
    if (this.protocol === 3) {
      this._onbeat('pong');
    }
    this.emit('heartbeat');
  }

  _onping() {
    this._onbeat('ping');
  }

  /** A ping that is answered is on its way, and what was before it, though the engine has not said so yet. */
  _onpong() {
    const answered = this.writeBuffer.findLastIndex((packet) => packet.type === 'ping');
    if (answered !== -1) {
      this._onsent(this._waiting[answered].token);
    }
  }

  /** The engine sends a packet of its heartbeat: at once but over polling, if nothing is before it. */
  _onbeat(type) {
    if (this.readyState !== 'open') {
      return;
    }
    const isAtOnce = this._transportName !== 'polling' && this.writeBuffer.length === 0;
    const token = this._expectPacket({ type, options: { compress: true } });
    if (isAtOnce) {
      this._onsent(token);
    } else {
      this._askSent(token);
    }
  }

  _receive(packet) {
    if (this._transport !== null) {
      this._transport.emit('packet', packet);
    }
    this.emit('packet', packet);
  }

  _onsent(token) {
    const { transport } = this;
    const callbacks = [];
    let count = 0;
    while (count < this._waiting.length && this._waiting[count].token <= token) {
      callbacks.push(this._waiting[count].callback);
      count += 1;
    }
    if (count === 0) {
      // The client's pong told of it first.
      return;
    }
    this._waiting.splice(0, count);
    this.writeBuffer.splice(0, count);
    transport.emit('drain');
    callbacks.forEach((callback) => callback !== null && callback(transport));
    if (this.writeBuffer.length === 0) {
      this.emit('drain');
      this.server.emit('drain', this);
    }
  }

  _onupgrading(name) {
    this.upgrading = true;
    this._candidate = transportOf(name, this);
  }

  _onprobed() {
    this.emit('upgrading', this._candidate);
  }

  /** The client did not go through with it. */
  _onupgradeFailed() {
    this.upgrading = false;
    this._discardCandidate();
  }

  _discardCandidate() {
    const candidate = this._candidate;
    this._candidate = null;
    if (candidate !== null) {
      candidate._end();
    }
  }

  _onupgrade() {
    const previous = this._transport;
    this.upgrading = false;
    this.upgraded = true;
    this._transport = this._candidate;
    this._transportName = this._candidate.name;
    this._candidate = null;
    if (previous !== null) {
      previous._end();
    }
    this.emit('upgrade', this.transport);
  }

  _onclose(reason, description) {
    this._waiting = [];
    // Listeners of 'close' may look at what was not sent.
    process.nextTick(() => {
      this.writeBuffer = [];
    });
    try {
      this._endTransports(reason, description);
    } finally {
      super._onclose(reason, description);
    }
  }

  _endTransports(reason, description) {
    this._discardCandidate();
    const { _transport: transport } = this;
    if (transport === null) {
      return;
    }
    if (reason === 'transport error' && transport.listenerCount('error') > 0) {
      transport.emit('error', this._describe(reason, description));
    }
    transport._end();
  }
}

EngineSocket.prototype.write = EngineSocket.prototype.send;

module.exports = { EngineSocket };
