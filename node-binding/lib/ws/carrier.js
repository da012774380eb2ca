// What carries a WebSocket's bytes: Node's socket at first, then the engine, or Node's socket feeding the engine.
//
//   PENDING ──► TAKEN   the engine has a descriptor of its own; Node's socket is a handle on it, for those who hold it
//      │
//      └──────► FED     Node keeps the socket (TLS, pipes, mocks, Windows), its bytes go to the engine and back
//
// It is PENDING until the listeners of `connection` or `open` have run: who wants the raw stream can have it by then.
'use strict';

const { hold, unhold } = require('../running');
const { TakenOver, canTakeOver, stopReading } = require('../taken-socket');
const { EMPTY_BUFFER } = require('./constants');
const { engine } = require('./engine');
const { packDeflate } = require('./settings');
const { SocketView } = require('./socket-view');

const PHASE = Object.freeze({ PENDING: 0, TAKEN: 1, FED: 2, OVER: 3 });

/** What there is of Node's: a carrier has it until the engine has taken over. */
class NodeSide {
  constructor(stream, head, answer, onclose) {
    this.stream = stream;
    // What the engine is to begin with; null when it has it.
    this.start = { head, answer };
    this.onclose = onclose;
    // The process is kept running for it: nothing of Node's does.
    this.isHolding = false;
    // The engine's last record about it has come.
    this.isEnded = false;
    // When a fed socket that does not close is given up.
    this.deadline = null;
  }
}

class Carrier extends TakenOver {
  constructor(ws, stream, head, answer) {
    super();
    this.ws = ws;
    this.phase = PHASE.PENDING;
    this.node = new NodeSide(stream, head, answer, () => this.streamClosed());
    this.view = null;
    // Whether the process runs on for it alone.
    this.isHeld = true;
    // `ws.terminate()` has been called.
    this.isTerminated = false;
    if (typeof stream.setTimeout === 'function') {
      stream.setTimeout(0);
    }
    if (typeof stream.setNoDelay === 'function') {
      stream.setNoDelay();
    }
    stream.on('error', (error) => this.streamFailed(error));
    stream.on('close', this.node.onclose);
    process.nextTick(handOver, this);
  }

  /** Node's socket, as long as it is there. */
  get stream() {
    return this.node === null ? null : this.node.stream;
  }

  /** The addresses of both ends, by the names of Node's socket. */
  get address() {
    if (this.phase === PHASE.TAKEN) {
      return engine.addressOf(this.ws._engineId);
    }
    return this.stream || (this.view === null ? {} : this.view.lastAddress);
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
    const { ws } = this;
    const { settings, deflate, isServer, owner } = ws._terms;
    const address = owner === null ? undefined : owner._addressOf(ws);
    engine.native.adopt(ws._engineId, engine.groupOf(ws), fd, head, answer, settings.number, packDeflate(deflate), !isServer, address);
    this.node.start = null;
  }

  takeOver() {
    const { ws, node } = this;
    const { stream, start } = node;
    const { answer } = start;
    start.head = stopReading(stream, start.head);
    try {
      this.adopt(stream._handle.fd, start.head, answer);
    } catch {
      // The process has no descriptor left for it: then Node's stays.
      stream._handle.readStart();
      this.feed();
      return;
    }
    this.phase = PHASE.TAKEN;
    stream.removeListener('close', node.onclose);
    this.take(stream, answer);
    this.node = null;
    if (this.isHeld) {
      hold();
    }
    engine.starts.add(ws._engineId);
  }

  feed() {
    const { stream, ws } = this;
    const id = ws._engineId;
    this.answerNow();
    const { head } = this.node.start;
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
      engine.native.feedClosed(ws._engineId);
      if (this.node.isEnded) {
        ws._onclosed();
      } else {
        this.holdProcess();
      }
    }
  }

  /** The engine is done with the connection. A fed socket still has to close. */
  ended() {
    const { node, ws } = this;
    if (node !== null) {
      node.isEnded = true;
    }
    if (this.phase !== PHASE.FED) {
      ws._onclosed();
    } else if (!node.stream.destroyed) {
      node.deadline = setTimeout(() => node.stream.destroy(), ws._terms.closeTimeout).unref();
    }
  }

  /** Bytes of the engine for a fed socket. */
  write(chunk) {
    const { stream, ws } = this;
    const id = ws._engineId;
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
      engine.terminate(this.ws._engineId);
    } else if (this.stream !== null) {
      this.answerNow();
      this.stream.destroy();
    }
  }

  /** Ends the connection by a reset. */
  reset() {
    if (this.phase === PHASE.TAKEN) {
      engine.reset(this.ws._engineId);
    } else if (!this.isOver) {
      this.demandStream().resetAndDestroy();
    }
  }

  /** What Node's socket asks for when it is a handle on the connection. */
  get isOver() {
    return this.phase === PHASE.OVER;
  }

  drop() {
    if (!this.isOver) {
      this.terminate();
    }
  }

  finish(done) {
    if (this.isOver) {
      done();
    } else {
      this.ws._whenSent(done);
      this.endStream();
    }
  }

  writeRaw(bytes, done) {
    this.ws._writeRaw(bytes, done);
  }

  /** The handshake's answer goes by Node's socket. */
  answerNow() {
    const { stream, start } = this.node;
    if (start !== null && start.answer !== '') {
      stream.write(start.answer);
      start.answer = '';
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
      engine.end(this.ws._engineId);
    } else {
      this.demandStream().end();
    }
  }

  pause() {
    if (this.phase === PHASE.FED) {
      this.stream.pause();
    } else {
      engine.pause(this.ws._engineId);
    }
  }

  resume() {
    if (this.phase === PHASE.FED) {
      this.stream.resume();
    } else {
      engine.resume(this.ws._engineId);
    }
  }

  /** Whether the process is to run on for this connection alone. */
  hold(isHeld) {
    const { stream } = this;
    if (stream !== null && typeof stream.ref === 'function') {
      stream[isHeld ? 'ref' : 'unref']();
    }
    if (this.phase === PHASE.TAKEN && isHeld !== this.isHeld) {
      (isHeld ? hold : unhold)();
    }
    this.isHeld = isHeld;
    if (this.node !== null) {
      this.holdProcess();
    }
  }

  /** Where nothing of Node's keeps the process running for a fed connection, this does, until the engine's last record. */
  holdProcess() {
    const { node } = this;
    const isHolding = this.isHeld && node.start === null && !node.isEnded && !node.stream._handle;
    if (isHolding !== node.isHolding) {
      node.isHolding = isHolding;
      (isHolding ? hold : unhold)();
    }
  }

  /** The connection is over on all sides. */
  closed() {
    const { ws, node, phase } = this;
    // Who is told of it may ask where the connection came from.
    if (phase === PHASE.TAKEN && (this.view !== null || this.isMourned || ws.listenerCount('close') > 0)) {
      this.socket.keepAddress();
    }
    this.phase = PHASE.OVER;
    if (node !== null) {
      node.isEnded = true;
      this.holdProcess();
      clearTimeout(node.deadline);
    } else if (this.isHeld) {
      unhold();
    }
    engine.release(ws._engineId);
    ws._engineId = -1;
    this.tellEnd();
    if (this.view !== null) {
      this.view.closed();
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

module.exports = { Carrier };
