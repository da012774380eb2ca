// What carries a WebSocket's bytes: Node's socket at first, then the engine, or Node's socket feeding the engine.
//
//   PENDING ──► TAKEN   the engine has a descriptor of its own; Node's socket is gone
//      │
//      └──────► FED     Node keeps the socket (TLS, pipes, mocks, Windows), its bytes go to the engine and back
//
// It is PENDING until the listeners of `connection` or `open` have run: who wants the raw stream can have it by then.
'use strict';

const { canTakeOver, keepAddress } = require('../takeover');
const { EMPTY_BUFFER } = require('./constants');
const { engine } = require('./engine');
const { packDeflate } = require('./settings');
const { SocketView } = require('./socket-view');

const PHASE = Object.freeze({ PENDING: 0, TAKEN: 1, FED: 2, OVER: 3 });

class Carrier {
  constructor(ws, stream, head, settings, answer) {
    this.ws = ws;
    // Node's socket, as long as it is there.
    this.stream = stream;
    this.settings = settings;
    this.phase = PHASE.PENDING;
    this.view = null;
    this.isHolding = false;
    // What the engine is to begin with; null when it has it.
    this.start = { head, answer };
    // Whether the process runs on for it alone.
    this.isHeld = true;
    // `ws.terminate()` has been called.
    this.isTerminated = false;
    // The engine's last record about it has come.
    this.isEnded = false;
    this.address = null;
    // When a fed socket that does not close is given up.
    this.deadline = null;
    if (typeof stream.setTimeout === 'function') {
      stream.setTimeout(0);
    }
    if (typeof stream.setNoDelay === 'function') {
      stream.setNoDelay();
    }
    stream.on('error', (error) => this.streamFailed(error));
    this.onstreamClose = () => this.streamClosed();
    stream.on('close', this.onstreamClose);
    process.nextTick(handOver, this);
  }

  /** Whether several events may come in one turn of the event loop. */
  get isSynchronous() {
    return this.settings.isSynchronous;
  }

  /** What applications know as `ws._socket`. */
  get socket() {
    if (this.phase === PHASE.FED && this.view === null) {
      return this.stream;
    }
    if (this.view === null) {
      this.view = new SocketView(this);
    }
    return this.view;
  }

  /** Node's socket for who wants its bytes; null when the engine has taken it over. */
  demandStream() {
    if (this.phase === PHASE.PENDING) {
      this.feed();
    }
    return this.stream;
  }

  adopt(fd, head, answer) {
    const { ws, settings } = this;
    const group = ws._owner === null ? engine.clientGroup : ws._owner._group;
    engine.native.adopt(ws._id, group, fd, head, answer, settings.number, packDeflate(ws._deflate), !ws._isServer);
    this.start = null;
  }

  takeOver() {
    const { stream, ws } = this;
    const { head, answer } = this.start;
    keepAddress(stream);
    this.address = addressOf(stream);
    stream._handle.readStop();
    const early = [head];
    for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) {
      early.push(chunk);
    }
    this.start.head = early.length === 1 ? head : Buffer.concat(early);
    try {
      this.adopt(stream._handle.fd, this.start.head, answer);
    } catch {
      // The process has no descriptor left for it: then Node's stays.
      stream._handle.readStart();
      this.feed();
      return;
    }
    this.phase = PHASE.TAKEN;
    this.stream = null;
    this.holdProcess();
    // The engine has its own descriptor. Node's must go without a word to the peer, and be gone before the engine uses its own.
    stream.removeListener('close', this.onstreamClose);
    this.onstreamClose = null;
    const id = ws._id;
    stream.once('close', () => engine.starts.add(id));
    stream.destroy();
  }

  feed() {
    const { stream, ws } = this;
    const id = ws._id;
    this.answerNow();
    const { head } = this.start;
    this.adopt(-1, EMPTY_BUFFER, '');
    // It comes first to all who listen to the stream's bytes, the engine among them.
    if (head.length > 0) {
      stream.unshift(head);
    }
    this.phase = PHASE.FED;
    this.holdProcess();
    engine.native.start([id]);
    stream.on('data', (chunk) => {
      if (this.phase === PHASE.FED) {
        engine.native.feed(id, chunk);
      }
    });
    stream.on('end', () => {
      if (this.phase === PHASE.FED) {
        engine.native.feedEnded(id);
      }
    });
    if (ws._paused) {
      stream.pause();
    }
    if (this.view !== null) {
      this.view.follow(stream);
    }
  }

  streamClosed() {
    const { ws, phase } = this;
    if (phase === PHASE.PENDING) {
      this.phase = PHASE.OVER;
      ws._onclosed();
    } else if (phase === PHASE.FED) {
      this.phase = PHASE.OVER;
      engine.flush();
      engine.native.feedClosed(ws._id);
      if (this.isEnded) {
        ws._onclosed();
      }
    }
  }

  /** The engine is done with the connection. A fed socket still has to close. */
  ended() {
    this.isEnded = true;
    if (this.phase !== PHASE.FED) {
      this.ws._onclosed();
    } else if (!this.stream.destroyed) {
      this.deadline = setTimeout(() => this.stream.destroy(), this.ws._closeTimeout).unref();
    }
  }

  /** Bytes of the engine for a fed socket. */
  write(chunk) {
    const { stream, ws } = this;
    const id = ws._id;
    if (this.phase === PHASE.FED && !stream.destroyed) {
      stream.write(chunk, () => {
        if (this.phase === PHASE.FED) {
          engine.native.feedWritten(id, chunk.length);
        }
      });
    }
  }

  /** The engine ends a fed socket. */
  end(isDestroyed) {
    if (this.phase === PHASE.FED) {
      if (isDestroyed) {
        this.stream.destroy();
      } else {
        this.stream.end();
      }
    }
  }

  terminate() {
    this.isTerminated = true;
    if (this.phase === PHASE.TAKEN) {
      engine.terminate(this.ws._id);
    } else if (this.stream !== null) {
      this.answerNow();
      this.stream.destroy();
    }
  }

  /** Ends the connection by a reset. */
  reset() {
    if (this.phase === PHASE.TAKEN) {
      engine.reset(this.ws._id);
    } else {
      this.demandStream().resetAndDestroy();
    }
  }

  /** The handshake's answer goes by Node's socket. */
  answerNow() {
    if (this.start !== null && this.start.answer !== '') {
      this.stream.write(this.start.answer);
      this.start.answer = '';
    }
  }

  /** The stream failed: `ws` closes, and says no more about it. */
  streamFailed(error) {
    if (this.view !== null) {
      this.view.emit('error', error);
    }
  }

  /** Ends our half of the stream behind what is queued, without a close frame. */
  endStream() {
    if (this.phase === PHASE.TAKEN) {
      engine.end(this.ws._id);
    } else {
      this.demandStream().end();
    }
  }

  pause() {
    if (this.phase === PHASE.FED) {
      this.stream.pause();
    } else {
      engine.pause(this.ws._id);
    }
  }

  resume() {
    if (this.phase === PHASE.FED) {
      this.stream.resume();
    } else {
      engine.resume(this.ws._id);
    }
  }

  /** Whether the process is to run on for this connection alone. */
  hold(isHeld) {
    if (this.stream !== null && typeof this.stream.ref === 'function') {
      this.stream[isHeld ? 'ref' : 'unref']();
    }
    this.isHeld = isHeld;
    if (this.phase !== PHASE.PENDING) {
      this.holdProcess();
    }
  }

  /** Where nothing of Node's keeps the process running for the connection, this does. */
  holdProcess() {
    const isHolding = this.isHeld && (this.phase === PHASE.TAKEN || (this.phase === PHASE.FED && !this.stream._handle));
    if (isHolding !== this.isHolding) {
      this.isHolding = isHolding;
      engine[isHolding ? 'hold' : 'unhold']();
    }
  }

  /** Whether a frame is masked in another way than the engine masks, so that it is built here. */
  mustFrame(mask) {
    return this.settings.generateMask !== undefined || (mask !== undefined && Boolean(mask) === this.ws._isServer);
  }

  /** How such a frame is masked, as `frameOf` takes it. */
  maskFor(mask) {
    const isMasked = mask === undefined ? !this.ws._isServer : Boolean(mask);
    return isMasked ? this.settings.generateMask || true : null;
  }

  /** The connection is over on all sides. */
  closed() {
    const { ws, view } = this;
    this.phase = PHASE.OVER;
    this.holdProcess();
    if (this.deadline !== null) {
      clearTimeout(this.deadline);
    }
    engine.release(ws._id);
    ws._id = -1;
    if (view !== null) {
      view.closed();
    }
  }
}

function handOver(carrier) {
  const { phase, stream } = carrier;
  if (phase === PHASE.PENDING && !stream.destroyed) {
    if (canTakeOver(stream)) {
      carrier.takeOver();
    } else {
      carrier.feed();
    }
  }
}

function addressOf({ remoteAddress, remotePort, remoteFamily, localAddress, localPort, localFamily }) {
  return { remoteAddress, remotePort, remoteFamily, localAddress, localPort, localFamily };
}

module.exports = { Carrier };
