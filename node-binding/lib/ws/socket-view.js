// `ws._socket` while the engine holds the connection: a look-alike of Node's socket.
'use strict';

const { EventEmitter } = require('events');

// Who listens for these wants the connection's bytes.
const RAW_EVENTS = new Set(['data', 'readable']);
// What a fed socket tells is told on.
const TOLD_ON = ['end', 'drain', 'timeout', 'pause', 'resume'];

class SocketView extends EventEmitter {
  constructor(carrier) {
    super();
    this._carrier = carrier;
    this._isClosed = false;
    // Where both ends are, once somebody has asked.
    this._known = null;
    // An `error` that nobody listens for is no reason to end the process: `ws` reports what ended it.
    super.on('error', () => {});
  }

  /** Node's socket, if it can still be had. */
  get _stream() {
    return this._carrier.demandStream();
  }

  get _address() {
    return this._known || this.keepAddress();
  }

  /** What is known of the addresses when the connection is over. */
  get lastAddress() {
    return this._known || {};
  }

  /** The addresses, which the engine forgets with the connection. */
  keepAddress() {
    const { address } = this._carrier;
    if (this._carrier.stream === null) {
      this._known = address;
    }
    return address;
  }

  get destroyed() {
    return this._isClosed;
  }

  get connecting() {
    return false;
  }

  get readyState() {
    return this._isClosed ? 'closed' : 'open';
  }

  get readable() {
    return !this._isClosed;
  }

  get writable() {
    return !this._isClosed;
  }

  get writableLength() {
    return this._carrier.ws.bufferedAmount;
  }

  get bufferSize() {
    return this.writableLength;
  }

  get _writableState() {
    return { length: this.writableLength };
  }

  get _readableState() {
    const stream = this._stream;
    return stream === null ? { length: 0 } : stream._readableState;
  }

  address() {
    const { localAddress: address, localPort: port, localFamily: family } = this._address;
    return { address, port, family };
  }

  isPaused() {
    return this._carrier.ws.isPaused;
  }

  pause() {
    this._carrier.pause();
    return this;
  }

  resume() {
    this._carrier.resume();
    return this;
  }

  ref() {
    this._carrier.hold(true);
    return this;
  }

  unref() {
    this._carrier.hold(false);
    return this;
  }

  /** Bytes as they are, behind what was sent. */
  write(data, encoding, callback) {
    const stream = this._stream;
    if (stream !== null) {
      return stream.write(data, encoding, callback);
    }
    const done = typeof encoding === 'function' ? encoding : callback;
    const bytes = typeof data === 'string' ? Buffer.from(data, typeof encoding === 'string' ? encoding : 'utf8') : data;
    this._carrier.ws._writeRaw(bytes, done);
    return true;
  }

  end(data, encoding, callback) {
    const stream = this._stream;
    if (stream !== null) {
      stream.end(data, encoding, callback);
    } else {
      if (data !== undefined && data !== null && typeof data !== 'function') {
        this.write(data, encoding);
      }
      this._carrier.endStream();
    }
    return this;
  }

  destroy() {
    this._carrier.terminate();
    return this;
  }

  destroySoon() {
    return this.end();
  }

  resetAndDestroy() {
    this._carrier.reset();
    return this;
  }

  /** It becomes a view of Node's socket, which feeds the engine. */
  follow(stream) {
    TOLD_ON.forEach((event) => stream.on(event, (...args) => this.emit(event, ...args)));
  }

  closed() {
    this._isClosed = true;
    this.emit('close', false);
  }
}

for (const name of ['remoteAddress', 'remotePort', 'remoteFamily', 'localAddress', 'localPort', 'localFamily']) {
  Object.defineProperty(SocketView.prototype, name, {
    get() {
      return this._address[name];
    },
  });
}

// Settings of the system's socket last when the engine takes it over. Later there is nothing left to set: the engine
// sends at once by itself, and has its own clock.
for (const name of ['setKeepAlive', 'setNoDelay', 'setTimeout']) {
  SocketView.prototype[name] = function set(...args) {
    const { stream } = this._carrier;
    if (stream !== null) {
      stream[name](...args);
    }
    return this;
  };
}

for (const name of ['on', 'once', 'addListener', 'prependListener', 'prependOnceListener']) {
  SocketView.prototype[name] = function listen(event, listener) {
    if (RAW_EVENTS.has(event)) {
      this._raw(name)(event, listener);
    } else {
      EventEmitter.prototype[name].call(this, event, listener);
    }
    return this;
  };
}

for (const name of ['cork', 'uncork', 'pipe', 'push', 'read', 'setEncoding', 'unpipe', 'unshift']) {
  SocketView.prototype[name] = function forward(...args) {
    return this._raw(name)(...args);
  };
}

/** A method of Node's socket. Throws when the engine has taken the socket over. */
SocketView.prototype._raw = function raw(name) {
  const stream = this._stream;
  if (stream === null) {
    const error = new Error(
      `sori: the bytes of a WebSocket's socket can be had until the listeners of "connection" or "open" have run (${name})`,
    );
    error.code = 'SORI_ERR_TAKEN_OVER';
    throw error;
  }
  return stream[name].bind(stream);
};

module.exports = { SocketView };
