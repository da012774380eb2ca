// `WebSocket`: one connection as applications see it, on the server and on the client.
'use strict';

const { EventEmitter } = require('events');
const { Carrier } = require('./carrier');
const { CLOSE_CODE, EMPTY_BUFFER, MAX_CONTROL_PAYLOAD, OPCODE, STATE, isValidCloseCode } = require('./constants');
const { engine } = require('./engine');
const { notOpen, notSent } = require('./errors');
const { becomesEventTarget } = require('./events');
const { frameOf } = require('./frame');
const { PerMessageDeflate } = require('./deflate');
const { holds, releaseAll, releaseHeld } = require('./held');
const payloads = require('./payloads');
const { Settings } = require('./settings');
const { Terms } = require('./terms');

const BINARY_TYPES = ['nodebuffer', 'arraybuffer', 'fragments', 'blob'];

/** An EventEmitter's listeners by event, as an object of a shape of its own and without a prototype's names. */
function Listeners() {}
Listeners.prototype = Object.create(null);

/** What `close` events tell, and what has been told already. */
class Ending {
  code = CLOSE_CODE.ABNORMAL;

  reason = EMPTY_BUFFER;

  isFrameReceived = false;

  isFrameSent = false;

  isErrorEmitted = false;
}

class WebSocket extends EventEmitter {
  /** A client of `address`; with null, a socket that `setSocket` makes one end of. */
  constructor(address, protocols, options) {
    super();
    // Node's own object for them is a hash table of three times the size.
    this._events = new Listeners();
    this._readyState = STATE.CONNECTING;
    // What it has in common with others; see terms.js.
    this._terms = Terms.DEFAULT;
    this._binaryType = 'nodebuffer';
    this._paused = false;
    // What the engine knows it by; -1 when it does not.
    this._engineId = -1;
    // What carries its bytes; see carrier.js.
    this._carrier = null;
    // How it comes to its end; null before that has begun.
    this._ending = null;
    // Bytes of this turn's sends that the engine has not been given, and the turn; after the end, of all sends.
    this._queued = 0;
    this._queuedIn = 0;
    // Whether a message of several sends has begun.
    this._isFragmenting = false;
    // What waits: callbacks of sends by token, sends behind a Blob that is being read, events while paused.
    this._callbacks = null;
    this._behindBlob = null;
    this._held = null;
    if (address !== null) {
      this._terms = new Terms({ isServer: false });
      this._redirects = 0;
      require('./client').connect(this, address, protocols, options);
    } else if (options !== undefined && options !== null) {
      this._terms = Terms.of(options);
    }
  }

  get binaryType() {
    return this._binaryType;
  }

  set binaryType(type) {
    if (BINARY_TYPES.includes(type) && (type !== 'blob' || payloads.hasBlob)) {
      this._binaryType = type;
    }
  }

  /** Bytes that have not been given to the system; those of sends after the end stay in it for ever. */
  get bufferedAmount() {
    const own = this._queuedIn === engine.turn || this._readyState >= STATE.CLOSING ? this._queued : 0;
    const behind = this._behindBlob === null ? 0 : this._behindBlob.bytes;
    return own + behind + (this._engineId === -1 ? 0 : engine.buffered(this._engineId));
  }

  get extensions() {
    return this._terms.deflate === null ? '' : PerMessageDeflate.extensionName;
  }

  get isPaused() {
    return this._paused;
  }

  get protocol() {
    return this._terms.protocol;
  }

  get readyState() {
    return this._readyState;
  }

  get url() {
    return this._terms.url;
  }

  /** How it comes to its end, which begins now at the latest. */
  get _end() {
    if (this._ending === null) {
      this._ending = new Ending();
    }
    return this._ending;
  }

  /** Whether nothing that is sent now leaves any more. */
  get _isLost() {
    return this._readyState === STATE.CLOSED || this._carrier.isTerminated;
  }

  /** Known to applications: whether it is the server's end. Of who calls `setSocket` some say before that which it is. */
  get _isServer() {
    return this._terms.isServer;
  }

  set _isServer(isServer) {
    this._terms = new Terms({ ...this._terms, isServer });
  }

  /** What applications know as the underlying `net.Socket`; null before there is one. */
  get _socket() {
    return this._carrier === null ? null : this._carrier.socket;
  }

  /**
   * Makes it one end of `socket`, any Duplex whose handshake is done. `head` came behind it.
   * `options`: maxPayload, maxFragments and what else ws has there; `answer` is written first.
   */
  setSocket(socket, head, options = {}, answer = '') {
    if (this._terms.settings === null) {
      this._terms = new Terms({ ...this._terms, settings: new Settings(this._terms, options) });
    }
    this._engineId = engine.claim(this);
    this._carrier = new Carrier(this, socket, head, answer);
    this._readyState = STATE.OPEN;
    this.emit('open');
  }

  /** `options`: binary, compress, mask, fin. */
  send(data, options, callback) {
    if (typeof options === 'function') {
      callback = options;
      options = undefined;
    }
    if (this._readyState !== STATE.OPEN) {
      this._refuse(data, callback);
      return;
    }
    const payload = payloads.toSend(data);
    const { binary = typeof payload !== 'string', compress = true, fin = true, mask } = options || {};
    const opcode = this._isFragmenting ? OPCODE.CONTINUATION : binary ? OPCODE.BINARY : OPCODE.TEXT;
    this._isFragmenting = !fin;
    this._transmit(payload, { opcode, fin, compress, mask }, callback);
  }

  ping(data, mask, callback) {
    this._control(OPCODE.PING, data, mask, callback);
  }

  pong(data, mask, callback) {
    this._control(OPCODE.PONG, data, mask, callback);
  }

  _control(opcode, data, mask, callback) {
    if (typeof data === 'function') {
      callback = data;
      data = mask = undefined;
    } else if (typeof mask === 'function') {
      callback = mask;
      mask = undefined;
    }
    if (this._readyState !== STATE.OPEN) {
      this._refuse(data, callback);
      return;
    }
    const payload = payloads.toSend(data);
    if (payloads.byteLength(payload) > MAX_CONTROL_PAYLOAD) {
      throw new RangeError(`The data size must not be greater than ${MAX_CONTROL_PAYLOAD} bytes`);
    }
    this._transmit(payload, { opcode, fin: true, compress: false, mask }, callback);
  }

  /** Throws while it connects; after the end, the callback is told. */
  _refuse(data, callback) {
    if (this._readyState === STATE.CONNECTING) {
      throw notOpen(this._readyState);
    }
    if (data) {
      this._queued += payloads.byteLength(payloads.toSend(data));
    }
    if (callback) {
      process.nextTick(callback, notOpen(this._readyState));
    }
  }

  _transmit(payload, frame, callback) {
    if (this._behindBlob !== null) {
      this._behindBlob.push(payload, frame, callback);
    } else if (payloads.isBlob(payload)) {
      this._behindBlob = new payloads.BehindBlob(this);
      this._behindBlob.push(payload, frame, callback);
    } else {
      this._write(payload, frame, callback);
    }
  }

  _write(payload, frame, callback) {
    const token = callback ? this._expect(callback) : 0;
    const written = this._terms.mustFrame(frame.mask)
      ? engine.sendRaw(this._engineId, frameOf(payload, frame, this._terms.maskFor(frame.mask)), token)
      : engine.send(this._engineId, payload, frame, token);
    if (this._queuedIn !== engine.turn) {
      this._queuedIn = engine.turn;
      this._queued = 0;
    }
    this._queued += written;
  }

  /** Calls back when the system has what was sent before; at once if nothing waits. */
  _whenSent(callback) {
    if (this._queuedIn !== engine.turn && engine.buffered(this._engineId) === 0) {
      callback();
    } else {
      this._writeRaw(EMPTY_BUFFER, callback);
    }
  }

  /** Bytes as they are, behind what was sent. */
  _writeRaw(bytes, callback) {
    if (this._engineId !== -1) {
      engine.sendRaw(this._engineId, bytes, callback ? this._expect(callback) : 0);
    }
  }

  _expect(callback) {
    if (this._callbacks === null) {
      this._callbacks = new Map();
    }
    const token = engine.nextToken();
    this._callbacks.set(token, callback);
    return token;
  }

  close(code, reason) {
    if (this._readyState === STATE.CONNECTING) {
      this._abortHandshake('WebSocket was closed before the connection was established');
    } else if (this._readyState === STATE.OPEN) {
      const message = closeReason(code, reason);
      this._closeWith(code, message);
    }
  }

  _close(code, message) {
    this._end.isFrameSent = true;
    engine.close(this._engineId, code, message);
  }

  terminate() {
    if (this._readyState === STATE.CONNECTING) {
      this._abortHandshake('WebSocket was closed before the connection was established');
    } else if (this._readyState !== STATE.CLOSED && this._carrier !== null) {
      this._readyState = STATE.CLOSING;
      this._settleQueued();
      this._carrier.terminate();
    }
  }

  _abortHandshake(message) {
    require('./client').abort(this, this._req, message);
  }

  // What is still queued at the end of its open life counts until the engine has it, later sends for ever.
  _settleQueued() {
    if (this._queuedIn !== engine.turn) {
      this._queued = 0;
    } else if (this._queued > 0) {
      engine.flush();
      this._queued = 0;
    }
  }

  pause() {
    if (this._readyState !== STATE.CONNECTING && this._readyState !== STATE.CLOSED) {
      this._paused = true;
      this._carrier.pause();
    }
  }

  resume() {
    if (this._readyState !== STATE.CONNECTING && this._readyState !== STATE.CLOSED) {
      this._paused = false;
      if (this._held === null) {
        this._carrier.resume();
      } else {
        process.nextTick(releaseHeld, this);
      }
    }
  }

  /** Beyond ws: enters a room, or several, of its server. */
  join(rooms) {
    this._inRooms(rooms, (room) => engine.join(this._engineId, room));
  }

  /** Beyond ws: leaves a room, or several. */
  leave(rooms) {
    this._inRooms(rooms, (room) => engine.leave(this._engineId, room));
  }

  _inRooms(rooms, change) {
    if (this._terms.owner === null) {
      throw new Error('sori: only the sockets of a server have rooms');
    }
    if (this._readyState === STATE.OPEN) {
      [].concat(rooms).forEach((room) => change(String(room)));
    }
  }

  // ---- what the engine tells

  _onmessage(data, isBinary) {
    if (!holds(this, 'message', data, isBinary)) {
      this._message(data, isBinary);
    }
  }

  _message(data, isBinary) {
    if (!isBinary || this._binaryType === 'nodebuffer') {
      this.emit('message', data, isBinary);
    } else {
      this.emit('message', payloads.ofType(data, this._binaryType), isBinary);
    }
  }

  _onping(data) {
    if (!holds(this, 'ping', data)) {
      this.emit('ping', data);
    }
  }

  _onpong(data) {
    if (!holds(this, 'pong', data)) {
      this.emit('pong', data);
    }
  }

  _oncloseFrame(code, reason) {
    if (!holds(this, 'closeFrame', code, reason)) {
      this._closeFrame(code, reason);
    }
  }

  _closeFrame(code, reason) {
    const end = this._end;
    end.isFrameReceived = true;
    end.code = code;
    end.reason = reason;
    // The engine waits for this answer, so that what listeners sent about earlier messages leaves before it.
    if (code === CLOSE_CODE.NONE) {
      this.close();
    } else {
      this._closeWith(code, reason);
    }
  }

  /** Closes behind what has been sent, whatever the code. */
  _closeWith(code, reason) {
    if (this._readyState === STATE.OPEN) {
      this._readyState = STATE.CLOSING;
      this._settleQueued();
      if (this._behindBlob !== null) {
        this._behindBlob.close(code, reason);
      } else {
        this._close(code, reason);
      }
    }
  }

  _onfailed(error, closeCode) {
    if (!holds(this, 'failed', error, closeCode)) {
      this._failed(error, closeCode);
    }
  }

  _failed(error, closeCode) {
    if (closeCode !== 0) {
      this._closeWith(closeCode, EMPTY_BUFFER);
    }
    this._readyState = STATE.CLOSING;
    const end = this._end;
    end.isFrameSent = true;
    if (!end.isErrorEmitted) {
      end.isErrorEmitted = true;
      this.emit('error', error);
    }
  }

  _onsent(token, isOk) {
    const callback = this._callbacks === null ? undefined : this._callbacks.get(token);
    if (callback !== undefined) {
      this._callbacks.delete(token);
      callback(isOk ? undefined : notSent(this._terms.deflate !== null));
    }
  }

  _ondrain() {
    this.emit('drain');
  }

  /** A Blob in the line of sends could not be read. */
  _blobFailed(error) {
    if (this._readyState === STATE.OPEN) {
      this._failed(error, 0);
      this._carrier.endStream();
    }
  }

  /** The peer has ended its half of the stream: it listens no more. */
  _onended() {
    if (!holds(this, 'ended')) {
      this._ended();
    }
  }

  _ended() {
    if (this._readyState === STATE.OPEN) {
      this._readyState = STATE.CLOSING;
      this._settleQueued();
    }
    engine.end(this._engineId);
  }

  /** Its last event. */
  _onclosed() {
    releaseAll(this);
    const callbacks = this._callbacks;
    this._callbacks = null;
    if (this._readyState !== STATE.CLOSED) {
      this._readyState = STATE.CLOSING;
    }
    if (callbacks !== null) {
      callbacks.forEach((callback) => callback(notSent(this._terms.deflate !== null)));
    }
    this._carrier.closed();
    this.emitClose();
  }

  emitClose() {
    this._readyState = STATE.CLOSED;
    const { owner } = this._terms;
    if (owner !== null) {
      owner._forget(this);
    }
    this.emit('close', this._end.code, this._end.reason);
  }
}

/** The reason as bytes. Throws what ws throws on a code or reason that no close frame can carry. */
function closeReason(code, reason) {
  if (code === undefined) {
    return EMPTY_BUFFER;
  }
  if (typeof code !== 'number' || !isValidCloseCode(code)) {
    throw new TypeError('First argument must be a valid error code number');
  }
  if (reason === undefined || reason === '') {
    return EMPTY_BUFFER;
  }
  if (typeof reason !== 'string' && !(reason instanceof Uint8Array)) {
    throw new TypeError('Second argument must be a string or a Uint8Array');
  }
  const bytes = Buffer.from(reason);
  if (bytes.length > MAX_CONTROL_PAYLOAD - 2) {
    throw new RangeError(`The message must not be greater than ${MAX_CONTROL_PAYLOAD - 2} bytes`);
  }
  return bytes;
}

for (const [name, value] of Object.entries(STATE)) {
  Object.defineProperty(WebSocket, name, { enumerable: true, value });
  Object.defineProperty(WebSocket.prototype, name, { enumerable: true, value });
}
for (const name of ['binaryType', 'bufferedAmount', 'extensions', 'isPaused', 'protocol', 'readyState', 'url']) {
  Object.defineProperty(WebSocket.prototype, name, { enumerable: true });
}
becomesEventTarget(WebSocket);

module.exports = { WebSocket };
