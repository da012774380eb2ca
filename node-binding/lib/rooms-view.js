// Map-like views over the engine's rooms: `adapter.rooms` and `adapter.sids`.
'use strict';

/** A Map that holds nothing itself; a view brings `get`, `has` and `entries`. */
class View extends Map {
  constructor(nsp) {
    super();
    this._nsp = nsp;
  }

  get size() {
    return [...this.entries()].length;
  }

  *keys() {
    for (const [key] of this.entries()) {
      yield key;
    }
  }

  *values() {
    for (const [, value] of this.entries()) {
      yield value;
    }
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  forEach(visit, thisArg) {
    for (const [key, value] of this.entries()) {
      visit.call(thisArg, value, key, this);
    }
  }
}

class RoomsView extends View {
  has(room) {
    return this._nsp._roomSize(room) > 0;
  }

  get(room) {
    const sids = this._nsp._select([String(room)], null).map((socket) => socket.id);
    return sids.length === 0 ? undefined : new Set(sids);
  }

  *entries() {
    const listed = new Set();
    for (const [room, sids] of this._nsp._allRooms()) {
      listed.add(room);
      yield [room, new Set(sids)];
    }
    // The engine leaves out the rooms that hold just the socket they are named after.
    for (const sid of this._nsp.sockets.keys()) {
      if (!listed.has(sid) && this.has(sid)) {
        yield [sid, new Set([sid])];
      }
    }
  }
}

class SidsView extends View {
  get size() {
    return this._nsp.sockets.size;
  }

  has(sid) {
    return this._nsp.sockets.has(sid);
  }

  get(sid) {
    const socket = this._nsp.sockets.get(sid);
    return socket === undefined ? undefined : socket.rooms;
  }

  *entries() {
    for (const [sid, socket] of this._nsp.sockets) {
      yield [sid, socket.rooms];
    }
  }
}

module.exports = { RoomsView, SidsView };
