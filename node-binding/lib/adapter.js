// `nsp.adapter`: the rooms of a namespace as the application sees them. The rooms themselves live in the engine.
'use strict';

const { EventEmitter } = require('events');
const { commandMethods } = require('./adapter-commands');
const { RoomsView, SidsView } = require('./rooms-view');
const { roomsAsObject } = require('./spellings');

const ROOM_EVENTS = ['create-room', 'delete-room', 'join-room', 'leave-room'];
const nothing = () => {};

class Adapter extends EventEmitter {
  constructor(nsp) {
    super();
    this.nsp = nsp;
  }

  /** Map of room name to the Set of its sids, read from the engine at each access. */
  get rooms() {
    return roomsAsObject(new RoomsView(this.nsp));
  }

  /** Map of sid to the Set of its rooms, read from the engine at each access. */
  get sids() {
    return new SidsView(this.nsp);
  }

  async sockets(rooms) {
    const names = Array.from(rooms, String);
    return new Set(this.nsp._select(names.length === 0 ? null : names, null).map((socket) => socket.id));
  }

  socketRooms(id) {
    const socket = this.nsp.sockets.get(id);
    return socket === undefined ? undefined : socket.rooms;
  }

  async serverCount() {
    return 1;
  }

  close() {}

  get _isWatched() {
    return ROOM_EVENTS.some((event) => this.listenerCount(event) > 0);
  }

  /** To be called before `socket` joins `rooms`; what it returns is called afterwards and emits the room events. */
  _joining(socket, rooms) {
    if (!this._isWatched || !(socket.connected || rooms[0] === socket.id)) {
      return nothing;
    }
    if (socket.recovered && !socket.connected) {
      return () => this._returned(socket);
    }
    const before = new Set(socket.connected ? socket.rooms : []);
    const added = rooms.map(String).filter((room) => !before.has(room));
    const created = added.filter((room) => this.nsp._roomSize(room) === 0);
    return () => {
      for (const room of added) {
        if (created.includes(room)) {
          this.emit('create-room', room);
        }
        this.emit('join-room', room, socket.id);
      }
    };
  }

  // The engine put it back into the rooms it was in.
  _returned(socket) {
    for (const room of socket.rooms) {
      if (this.nsp._roomSize(room) === 1) {
        this.emit('create-room', room);
      }
      this.emit('join-room', room, socket.id);
    }
  }

  /** The same for leaving; `rooms` null means all. */
  _leaving(socket, rooms) {
    if (!this._isWatched || !socket.connected) {
      return nothing;
    }
    const before = socket.rooms;
    const left = rooms === null ? [...before] : rooms.map(String).filter((room) => before.has(room));
    return () => {
      for (const room of left) {
        this.emit('leave-room', room, socket.id);
        if (this.nsp._roomSize(room) === 0) {
          this.emit('delete-room', room);
        }
      }
    };
  }
}

Object.assign(Adapter.prototype, commandMethods);

module.exports = { Adapter, ROOM_EVENTS };
