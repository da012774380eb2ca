// Gives an upgraded socket to the engine: by its descriptor where there is one, else by feeding its bytes.
'use strict';

const { ByteFeed } = require('./feed');

/** Calls `refused` when the engine no longer knows the session. */
function giveSocket(engine, req, socket, head, answer, refused) {
  if (canTakeOver(socket)) {
    takeOver(engine, req, socket, head, answer, refused);
  } else {
    new ByteFeed(engine, req, socket).start(head, answer, refused);
  }
}

/** Whether the bytes on the descriptor are the peer's own: plain TCP that Node holds by number. */
function canTakeOver(socket) {
  const handle = socket._handle;
  return (
    process.platform !== 'win32' &&
    process.env.SORI_NO_TAKEOVER !== '1' &&
    !socket.encrypted &&
    Boolean(handle) &&
    handle.fd >= 0 &&
    handle.constructor.name === 'TCP' &&
    // What Node has not written yet would come after what the engine writes.
    socket.writableLength === 0
  );
}

function takeOver(engine, req, socket, head, answer, refused) {
  const { native } = engine._bridge;
  keepAddress(socket);
  socket._handle.readStop();
  const early = [head];
  for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) {
    early.push(chunk);
  }
  const exchange = new TakeOver(engine, req);
  const id = engine._bridge.track(exchange);
  exchange.id = id;
  if (!native.adopt(id, socket._handle.fd, req.url, Buffer.concat(early), answer, req.headers['sec-websocket-extensions'], req._sid, engine._addressOf(req))) {
    exchange.forgotten();
    refused();
    return;
  }
  // The engine has its own descriptor. Node's must go without a word to the peer, and be gone before the engine uses its own.
  socket.once('close', () => engine._bridge.starts.add(id));
  socket.destroy();
}

const OWN_NAME = Symbol('own name');

/**
 * Applications ask a destroyed socket for its addresses as long as the connection lives. Of the peer's, once asked for, Node
 * still knows; of its own it forgets, and is told where they are.
 */
function keepAddress(socket) {
  if (socket.remoteAddress !== undefined) {
    socket[OWN_NAME] = socket._getsockname();
    socket._getsockname = ownName;
  }
}

function ownName() {
  return this[OWN_NAME];
}

/** An upgrade whose socket the engine holds: known here until the engine says what became of it. */
class TakeOver {
  constructor(engine, req) {
    this.engine = engine;
    this.req = req;
    this.id = 0;
  }

  opened() {
    this.forgotten();
  }

  forgotten() {
    this.engine._bridge.requests.delete(this.id);
  }
}

module.exports = { giveSocket, canTakeOver, keepAddress };
