// Sessions of WebTransport that the application accepts, as those of `@fails-components/webtransport`: objects with the
// interface of browsers, whose one stream's bytes go to the engine and back.
'use strict';

const debug = require('debug')('engine:webtransport');

// Most bytes that are on their way to the engine: four times what it reads before it tells of it (`src/pipe.rs`).
const WINDOW = 256 * 1024;
// How long a client may take over the last words.
const CLOSE_TIMEOUT_MS = 2000;

/** Takes on a session, which is closed if it does not begin in time as one of Engine.IO. */
function acceptSession(engine, session) {
  if (engine.middlewares.length > 0 || engine._bridge.isClosed) {
    debug('closing a session: middlewares want a request, which it has not, or the engine is closed');
    closeSession(session);
    return Promise.resolve();
  }
  return new SessionFeed(engine, session).run();
}

class SessionFeed {
  constructor(engine, session) {
    this.engine = engine;
    // There is no request that middlewares and `connection.request` know.
    this.req = null;
    this.session = session;
    this.reader = null;
    this.writer = null;
    // Settles with the last write.
    this.written = Promise.resolve();
    this.isOver = false;
    // What the engine has yet to read, and who waits until that is less.
    this.unread = 0;
    this.resume = null;
    // The connection that it may come to carry.
    this.upgradeOf = undefined;
    // A server of `sori/engine` that is opened again has another.
    this.bridge = engine._bridge;
    this.id = this.bridge.track(this);
  }

  /** Until it is known what becomes of it. */
  async run() {
    const timer = setTimeout(() => this.close(), this.engine.opts.upgradeTimeout);
    const onclose = () => this.onclose();
    Promise.resolve(this.session.closed).then(onclose, onclose);
    const isOpen = await this.begin().catch((error) => this.fail(error));
    clearTimeout(timer);
    if (isOpen) {
      this.pump()
        .catch((error) => this.fail(error))
        .finally(() => this.close());
    } else {
      this.close();
    }
  }

  fail(error) {
    debug('a session ended: %s', error && error.message);
  }

  /** Reads what the stream is for and gives it to the engine; false if it ends before that. */
  async begin() {
    const { value: stream } = await this.session.incomingBidirectionalStreams.getReader().read();
    // The client opens none, or too late.
    if (stream === undefined || this.isOver) {
      return false;
    }
    this.reader = stream.readable.getReader();
    this.writer = stream.writable.getWriter();
    // Who writes is told.
    this.writer.closed.catch(() => {});
    return this.open();
  }

  async open() {
    const { bridge } = this;
    let bytes = Buffer.alloc(0);
    for (;;) {
      const { value, done } = await this.reader.read();
      if (done || this.isOver || bridge.isClosed) {
        return false;
      }
      bytes = bytes.length === 0 ? asBuffer(value) : Buffer.concat([bytes, value]);
      const upgradeOf = bridge.native.openSession(this.id, bytes, this.engine._addressOfSession(this.session));
      if (upgradeOf !== null) {
        this.offer(upgradeOf);
        return true;
      }
    }
  }

  /** It may come to carry the connection of that id, if there is one. */
  offer(sid) {
    this.upgradeOf = sid;
    const connection = this.bridge.clients.get(sid);
    if (connection !== undefined && !connection.upgrading && !connection.upgraded) {
      connection._onupgrading('webtransport');
    }
  }

  async pump() {
    const { native } = this.bridge;
    while (!this.isOver) {
      if (this.unread >= WINDOW) {
        await new Promise((resolve) => {
          this.resume = resolve;
        });
      }
      const { value, done } = await this.reader.read();
      if (done || this.isOver) {
        return;
      }
      this.unread += value.byteLength;
      native.feed(this.id, asBuffer(value));
    }
  }

  /** The engine has read so much. */
  ontaken(bytes) {
    this.unread = Math.max(0, this.unread - bytes);
    if (this.unread < WINDOW) {
      this.wake();
    }
  }

  wake() {
    const { resume } = this;
    this.resume = null;
    if (resume !== null) {
      resume();
    }
  }

  /** Bytes of the engine for the peer: no more than it may have on the way. */
  write(chunk) {
    // A stream may keep what it is given, or give it away; `chunk` is part of a batch.
    this.written = this.writer.write(Uint8Array.from(chunk)).then(
      () => {
        if (!this.isOver) {
          this.bridge.native.feedWritten(this.id, chunk.length);
        }
      },
      () => this.close(),
    );
  }

  /** The engine writes no more. */
  end(isDiscarded) {
    if (isDiscarded) {
      this.close();
      return;
    }
    const timer = setTimeout(() => this.close(), CLOSE_TIMEOUT_MS);
    this.written.then(() => {
      clearTimeout(timer);
      this.close();
    });
  }

  /** Its streams end with it. */
  close() {
    if (!this.isOver) {
      this.onclose();
      closeSession(this.session);
    }
  }

  /** The session is over, by whichever side. */
  onclose() {
    if (this.isOver) {
      return;
    }
    this.isOver = true;
    const { bridge } = this;
    bridge.requests.delete(this.id);
    bridge.native.feedClosed(this.id, null);
    this.wake();
  }

  opened(connection) {
    if (this.upgradeOf === '') {
      connection.remoteAddress = peerAddressOf(this.session);
    }
  }

  /** It will not carry a connection. */
  forgotten() {
    this.close();
  }

  /** The engine has closed. */
  cut() {
    if (this.upgradeOf === undefined) {
      this.close();
    }
  }
}

function asBuffer({ buffer, byteOffset, byteLength }) {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function closeSession(session) {
  try {
    session.close();
  } catch (error) {
    debug('a session could not be closed: %s', error.message);
  }
}

/** The client's address without its port, where the session tells it. */
function peerAddressOf({ peerAddress }) {
  const address = /^\[?(.+?)\]?:\d+$/.exec(peerAddress);
  return address === null ? undefined : address[1];
}

module.exports = { acceptSession, peerAddressOf };
