// The rooms of a socket: joined and left at once, before and after it is connected.
'use strict';

const { FIELD, RECORD } = require('./queue');

/** Methods for Socket. */
const roomMethods = {
  /** `callback` is the spelling of version 2; joining has been synchronous since. */
  join(rooms, callback) {
    const list = Array.isArray(rooms) ? rooms : [rooms];
    const sink = this._sink();
    if (sink !== null) {
      if (this._early !== null) {
        list.forEach((room) => this._early.rooms.add(String(room)));
      }
      const announce = this.adapter._joining(this, list);
      sink.push(`${this._op('j')}${FIELD}${roomsJson(list)}${RECORD}`);
      announce();
    }
    callLater(callback);
  },

  leave(room, callback) {
    const sink = this._sink();
    if (sink !== null) {
      if (this._early !== null) {
        this._early.rooms.delete(String(room));
      }
      const announce = this.adapter._leaving(this, [room]);
      sink.push(`${this._op('l')}${FIELD}${roomsJson([room])}${RECORD}`);
      announce();
    }
    callLater(callback);
  },

  /** Leaves every room, its own one too. */
  leaveAll() {
    const sink = this._sink();
    if (sink !== null) {
      if (this._early !== null) {
        this._early.rooms.clear();
      }
      const announce = this.adapter._leaving(this, null);
      sink.push(this._op('x') + RECORD);
      announce();
    }
  },

  /** The engine would give it the rooms of the socket it claimed to be: it leaves them. */
  _forgetRooms() {
    const sink = this._sink();
    sink.push(this._op('x') + RECORD);
    sink.push(`${this._op('j')}${FIELD}${roomsJson([this.id])}${RECORD}`);
  },
};

/** Room names travel as strings; numbers are a common spelling. */
function roomsJson(rooms) {
  return JSON.stringify(rooms.map(String));
}

function callLater(callback) {
  if (typeof callback === 'function') {
    process.nextTick(callback, null);
  }
}

module.exports = { roomMethods, callLater };
