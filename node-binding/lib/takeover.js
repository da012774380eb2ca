// Gives an upgraded socket to the engine: by its descriptor where there is one, else by feeding its bytes.
'use strict';

const { ByteFeed } = require('./feed');
const { FIELD, RECORD } = require('./queue');
const { hold, unhold } = require('./running');
const { TakenOver, canTakeOver, stopReading } = require('./taken-socket');

/** Calls `refused` when the engine no longer knows the session. */
function giveSocket(engine, req, res, socket, head, answer, refused) {
  if (canTakeOver(socket)) {
    takeOver(engine, req, res, socket, head, answer, refused);
  } else {
    new ByteFeed(engine, req, socket).start(head, answer, refused);
  }
}

function takeOver(engine, req, res, socket, head, answer, refused) {
  const { native } = engine._bridge;
  // Applications ask for the addresses as long as the connection lives: Node's socket keeps what was asked for once.
  if (socket.remoteAddress !== undefined) {
    socket._getsockname();
  }
  const early = stopReading(socket, head);
  const exchange = new TakeOver(engine, req);
  const id = engine._bridge.track(exchange);
  exchange.id = id;
  if (!native.adopt(id, socket._handle.fd, req.url, early, answer, req.headers['sec-websocket-extensions'], req._sid, engine._addressOf(req))) {
    engine._bridge.requests.delete(id);
    refused();
    return;
  }
  // The engine has its own heartbeat.
  socket.setTimeout(0);
  res.leave();
  exchange.take(socket, answer);
  hold();
  engine._bridge.starts.add(id);
}

/** An upgrade whose socket the engine holds: first by itself, then as what carries a connection. */
class TakeOver extends TakenOver {
  constructor(engine, req) {
    super();
    this.engine = engine;
    // Its request until it belongs to a connection.
    this.req = req;
    this.id = 0;
    this.connection = null;
    this.isOver = false;
    this.isHeld = true;
    // Node's socket has been destroyed.
    this.isDropped = false;
  }

  /** It carries `connection` from now on. */
  opened(connection) {
    this.engine._bridge.requests.delete(this.id);
    this.req = null;
    this.connection = connection;
    connection._takenOver = this;
    if (this.isDropped) {
      this.drop();
    }
  }

  /** It will not carry a connection. */
  forgotten() {
    this.engine._bridge.requests.delete(this.id);
    this.ended();
  }

  /** The engine has closed. */
  cut() {
    this.forgotten();
  }

  /** The engine is done with it. */
  ended() {
    if (!this.isOver) {
      this.isOver = true;
      if (this.isHeld) {
        unhold();
      }
      this.tellEnd();
    }
  }

  get address() {
    return {};
  }

  /** The id of the connection that it may come to carry. */
  get upgradeOf() {
    return this.req._query.sid;
  }

  /** The connection it carries, or may come to carry; undefined while the engine has not told of it. */
  get subject() {
    return this.connection || this.engine._bridge.clients.get(this.upgradeOf);
  }

  drop() {
    this.isDropped = true;
    const connection = this.isOver ? undefined : this.subject;
    if (connection !== undefined) {
      this.engine._bridge.queue.push(`w${FIELD}${connection._number}${FIELD}${this.id}${RECORD}`);
    }
  }

  reset() {}

  /** Node's socket is then destroyed. */
  finish(done) {
    const { connection } = this;
    if (this.isOver || connection === null) {
      done();
    } else {
      connection._whenSent(() => {
        done();
        this.drop();
      });
    }
  }

  writeRaw(_bytes, done) {
    // An error would end the connection.
    done();
  }

  hold(isHeld) {
    if (isHeld !== this.isHeld && !this.isOver) {
      (isHeld ? hold : unhold)();
    }
    this.isHeld = isHeld;
  }
}

module.exports = { giveSocket };
