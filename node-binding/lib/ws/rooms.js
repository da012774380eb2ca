// Broadcasts, beyond ws: who is meant, and the message that the engine sends to all of them.
'use strict';

const { engine } = require('./engine');
const payloads = require('./payloads');

/**
 * The room of all sockets of a server. The engine's own list of them begins before or after JavaScript has a socket open: it would
 * reach the newest twice or not at all. No application names a room like it.
 */
const EVERYBODY = '\u0000everybody';

/** A choice of receivers; each method gives a new one. */
class Broadcast {
  constructor(server, rooms = [], exceptRooms = []) {
    this._server = server;
    this._rooms = rooms;
    this._exceptRooms = exceptRooms;
  }

  to(rooms) {
    return new Broadcast(this._server, this._rooms.concat(rooms), this._exceptRooms);
  }

  in(rooms) {
    return this.to(rooms);
  }

  except(rooms) {
    return new Broadcast(this._server, this._rooms, this._exceptRooms.concat(rooms));
  }

  send(data, options) {
    const rooms = this._rooms.length === 0 ? [EVERYBODY] : this._rooms;
    broadcast(this._server, rooms, this._exceptRooms, data, options);
  }
}

/** `options`: binary, compress, and `except`, a WebSocket that is left out. */
function broadcast(server, rooms, exceptRooms, data, { binary, compress = true, except = null } = {}) {
  const payload = payloads.toSend(data);
  if (payloads.isBlob(payload)) {
    throw new TypeError('sori: a Blob cannot be broadcast: read it first');
  }
  const isBinary = binary === undefined ? typeof payload !== 'string' : binary;
  const parts = [word(except === null ? 0 : except._engineId + 1)];
  for (const names of [rooms, exceptRooms]) {
    parts.push(word(names.length));
    names.forEach((name) => pushBytes(parts, Buffer.from(String(name))));
  }
  pushBytes(parts, typeof payload === 'string' ? Buffer.from(payload) : payload);
  engine.start();
  engine.broadcast(server._group, isBinary, compress, Buffer.concat(parts));
}

function word(number) {
  return Buffer.from(Uint32Array.of(number).buffer);
}

/** A length, then the bytes, padded to words. */
function pushBytes(parts, bytes) {
  parts.push(word(bytes.length), bytes);
  if (bytes.length % 4 !== 0) {
    parts.push(Buffer.alloc(4 - (bytes.length % 4)));
  }
}

module.exports = { Broadcast, EVERYBODY, broadcast };
