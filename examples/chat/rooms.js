// The rooms of the chat: some that are always there, and those that people open for a while.

'use strict';

const MAX_ROOMS = 50;
const MAX_ROOM_NAME = 24;
const MESSAGES_KEPT = 50;

class RoomList {
  /** @param {string[]} permanent names of the rooms that stay when nobody is in them */
  constructor(permanent) {
    this.permanent = new Set(permanent);
    this.rooms = new Map(permanent.map((name) => [name, new Room(name)]));
  }

  /** The room of that name, new if need be; `null` for what cannot be a name and when there are too many. */
  open(wish) {
    const name = cleanRoomName(wish);
    if (!name) return null;
    let room = this.rooms.get(name);
    if (!room && this.rooms.size < MAX_ROOMS) {
      room = new Room(name);
      this.rooms.set(name, room);
    }
    return room ?? null;
  }

  /** Forgets a room that people opened once the last of them has left. `null` is no room. */
  tidy(room) {
    if (room && room.people.size === 0 && !this.permanent.has(room.name)) this.rooms.delete(room.name);
  }

  /** What the page lists: each room's name and how many people are in it. */
  summary() {
    return [...this.rooms.values()].map(({ name, people }) => ({ name, people: people.size }));
  }
}

class Room {
  constructor(name) {
    this.name = name;
    // A prefix of its own: a room named like somebody's socket id must not be that socket's own room.
    this.channel = `chat:${name}`;
    this.people = new Map();
    this.messages = [];
    this.said = 0;
  }

  /** `name`, or `name 2`, `name 3`, … when people of that name are here. */
  freeName(name) {
    const taken = new Set([...this.people.values()].map((person) => person.name));
    let free = name;
    for (let n = 2; taken.has(free); n++) free = `${name} ${n}`;
    return free;
  }

  /** Keeps a message for those who come later; gives it back as all will see it. */
  remember(from, text) {
    this.said += 1;
    const message = { number: this.said, from, text, at: Date.now() };
    this.messages.push(message);
    if (this.messages.length > MESSAGES_KEPT) this.messages.shift();
    return message;
  }
}

/** Letters, digits and dashes of any script, in lower case; '' when nothing is left. */
function cleanRoomName(wish) {
  if (typeof wish !== 'string') return '';
  const dashed = wish.slice(0, 200).trim().toLowerCase().replace(/[^\p{L}\p{M}\p{N}]+/gu, '-');
  return [...dashed].slice(0, MAX_ROOM_NAME).join('').replace(/^-+|-+$/g, '');
}

module.exports = { RoomList };
