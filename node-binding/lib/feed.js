// Byte feed: Node keeps the socket (TLS, pipes, Windows, mocks), its bytes go to the engine and back.
'use strict';

class ByteFeed {
  constructor(engine, req, socket) {
    this.engine = engine;
    this.req = req;
    this.socket = socket;
    this.isOver = false;
    this.id = engine._bridge.track(this);
  }

  /** The id of the connection that it may come to carry. */
  get upgradeOf() {
    return this.req._query.sid;
  }

  /** Calls `refused` when the engine no longer knows the session. */
  start(head, answer, refused) {
    const { engine, id, req, socket } = this;
    const { native } = engine._bridge;
    if (!native.adopt(id, -1, req.url, head, answer, req.headers['sec-websocket-extensions'], req._sid, engine._addressOf(req))) {
      this.isOver = true;
      engine._bridge.requests.delete(id);
      refused();
      return;
    }
    native.start([id]);
    let failure = null;
    // A socket that Node holds comes with the HTTP server's timeout; the engine has its own heartbeat.
    if (typeof socket.setTimeout === 'function') {
      socket.setTimeout(0);
    }
    if (typeof socket.setNoDelay === 'function') {
      socket.setNoDelay();
    }
    socket.on('data', (chunk) => {
      if (!this.isOver) {
        native.feed(id, chunk);
      }
    });
    socket.on('error', (error) => {
      failure = error.message;
    });
    socket.on('end', () => socket.end());
    socket.on('close', () => this.onclose(failure));
    if (socket.destroyed) {
      this.onclose(failure);
    }
  }

  /** Bytes of the engine for the peer. */
  write(chunk) {
    if (this.socket.destroyed) {
      return;
    }
    this.socket.write(chunk, () => {
      if (!this.isOver) {
        this.engine._bridge.native.feedWritten(this.id, chunk.length);
      }
    });
  }

  end(isDestroyed) {
    if (isDestroyed) {
      this.socket.destroy();
    } else {
      this.socket.end();
    }
  }

  onclose(failure) {
    if (!this.isOver) {
      this.isOver = true;
      this.engine._bridge.requests.delete(this.id);
      this.engine._bridge.native.feedClosed(this.id, failure);
    }
  }

  // The bytes go on flowing when the connection is open or upgraded: only the socket's end ends the feed.
  opened(_connection) {}

  forgotten() {}

  cut() {}
}

module.exports = { ByteFeed };
