// Node's socket after the engine has taken its connection over: a handle on the connection for those who hold it, and one
// that Node's server counts until the connection ends.
//
// Few programs hold it: it is kept only for those who listen for its 'close'. Of the others no more is kept than the server
// that counts the connection.
'use strict';

const { Socket } = require('net');
const { throwLater } = require('./errors');

const CONNECTION = Symbol('connection');
const IS_ENDED = Symbol('is ended');
const BYTES_READ = Symbol('bytes read');
const BYTES_WRITTEN = Symbol('bytes written');

/**
 * What takes a socket over: a connection of the engine. A TakenSocket asks it
 * - `isOver`, and `address`: where both ends are, by the names of Node's socket;
 * - `drop()`: ends it at once; `reset()`: by a reset;
 * - `finish(done)`: ends it behind what is queued, then calls `done`;
 * - `writeRaw(bytes, done)`: bytes as they are, behind what was sent;
 * - `hold(isHeld)`: whether the process runs on for it alone.
 */
class TakenOver {
  constructor() {
    // Who is to learn of the end: Node's socket if somebody listens to it, else the server that counts it; null for nobody.
    this.mourner = null;
  }

  /** Closes Node's handle, without a word to the peer. `answer` is what the engine writes first. */
  take(stream, answer) {
    const handle = stream._handle;
    stream[BYTES_READ] = handle.bytesRead;
    stream[BYTES_WRITTEN] = stream.bytesWritten + Buffer.byteLength(answer);
    // From here on the descriptor is the engine's alone: it is closed before this returns.
    handle.close();
    stream._handle = null;
    stream[CONNECTION] = this;
    Object.setPrototypeOf(stream, TakenSocket.prototype);
    // Node's HTTP server gives its sockets these of their own.
    for (const name of ['on', 'addListener', 'prependListener']) {
      if (Object.hasOwn(stream, name)) {
        stream[name] = TakenSocket.prototype[name];
      }
    }
    if (stream.listenerCount('close') > 0) {
      this.mourner = stream;
    } else {
      this.mourner = stream._server || null;
      stream._server = null;
    }
  }

  /** Whether somebody listens for the end. */
  get isMourned() {
    return this.mourner instanceof Socket;
  }

  /** `stream` is to learn of the end. */
  keep(stream) {
    if (this.mourner !== stream && !this.isOver) {
      stream._server = this.mourner;
      this.mourner = stream;
    }
  }

  /** The connection has ended. */
  tellEnd() {
    const { mourner } = this;
    this.mourner = null;
    if (mourner instanceof Socket) {
      end(mourner);
    } else {
      uncount(mourner);
    }
  }
}

/** Whether the bytes on the descriptor are the peer's own: plain TCP that Node holds by number. */
function canTakeOver(socket) {
  const handle = socket._handle;
  return (
    process.platform !== 'win32' &&
    process.env.SORI_NO_TAKEOVER !== '1' &&
    // Its prototype is to be replaced; one of another class, as sockets with TLS are, stays what it is.
    Object.getPrototypeOf(socket) === Socket.prototype &&
    Boolean(handle) &&
    handle.fd >= 0 &&
    handle.constructor.name === 'TCP' &&
    // What Node has not written yet would come after what the engine writes.
    socket.writableLength === 0
  );
}

/** From here on Node reads nothing more: `head` and what it has read behind that. */
function stopReading(socket, head) {
  socket._handle.readStop();
  const early = [head];
  for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) {
    early.push(chunk);
  }
  return early.length > 1 ? Buffer.concat(early) : head;
}

/** What Node's socket becomes: its prototype is put in the place of its own. */
class TakenSocket extends Socket {
  get destroyed() {
    return settled(this) || super.destroyed;
  }

  get readable() {
    return !settled(this) && super.readable;
  }

  get writable() {
    return !settled(this) && super.writable;
  }

  get readyState() {
    return settled(this) ? 'closed' : super.readyState;
  }

  get pending() {
    return false;
  }

  get bytesRead() {
    return this[BYTES_READ];
  }

  get bytesWritten() {
    return this[BYTES_WRITTEN];
  }

  on(event, listener) {
    keepFor(this, event);
    return super.on(event, listener);
  }

  addListener(event, listener) {
    keepFor(this, event);
    return super.addListener(event, listener);
  }

  prependListener(event, listener) {
    keepFor(this, event);
    return super.prependListener(event, listener);
  }

  /** The engine has its own clock. */
  setTimeout(_ms, _callback) {
    return this;
  }

  ref() {
    this[CONNECTION].hold(true);
    return this;
  }

  unref() {
    this[CONNECTION].hold(false);
    return this;
  }

  resetAndDestroy() {
    this[CONNECTION].reset();
    return this.destroy();
  }

  _read() {}

  _write(data, encoding, callback) {
    const bytes = typeof data === 'string' ? Buffer.from(data, encoding) : data;
    this[BYTES_WRITTEN] += bytes.length;
    this[CONNECTION].writeRaw(bytes, callback);
  }

  _writev(chunks, callback) {
    const bytes = chunks.map(({ chunk, encoding }) => (typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk));
    this._write(Buffer.concat(bytes), 'buffer', callback);
  }

  _final(callback) {
    this[CONNECTION].finish(() => callback());
  }

  /** Node's server counts it no more from here on; 'close' waits for the connection's end. */
  _destroy(error, callback) {
    const connection = this[CONNECTION];
    const isEnded = this[IS_ENDED] === true;
    if (!isEnded) {
      connection.keep(this);
    }
    callback(error);
    const { _server: server } = this;
    this._server = null;
    uncount(server);
    if (!isEnded && connection.isOver) {
      this[IS_ENDED] = true;
      process.nextTick(emitClose, this);
    } else if (!isEnded) {
      connection.drop();
    }
  }

  /** What was asked for before Node has kept. */
  _getpeername() {
    if (!this._peername) {
      const { remoteAddress: address, remotePort: port, remoteFamily: family } = this[CONNECTION].address;
      return { address, port, family };
    }
    return this._peername;
  }

  _getsockname() {
    if (!this._sockname) {
      const { localAddress: address, localPort: port, localFamily: family } = this[CONNECTION].address;
      return { address, port, family };
    }
    return this._sockname;
  }
}

/** Whether it has ended. One that was not kept is not told, and looks here. */
function settled(socket) {
  return socket[IS_ENDED] === true || socket[CONNECTION].isOver;
}

function keepFor(socket, event) {
  if (event === 'close') {
    socket[CONNECTION].keep(socket);
  }
}

function end(socket) {
  socket[IS_ENDED] = true;
  socket.destroy();
  // Its listeners must not cost the connection's own theirs.
  try {
    emitClose(socket);
  } catch (error) {
    throwLater(error);
  }
}

function emitClose(socket) {
  socket.emit('close', Boolean(socket.errored));
}

/** A server closes, and has place for the next, when the connections that it accepted are over. */
function uncount(server) {
  if (server) {
    server._connections -= 1;
    if (typeof server._emitCloseIfDrained === 'function') {
      server._emitCloseIfDrained();
    }
  }
}

module.exports = { TakenOver, canTakeOver, stopReading };
