// The rooms of a socket as a Set. The engine knows them by strings; applications name some by numbers.
'use strict';

/** It finds a number under its string, too. Otherwise it is a Set like any other, also to those who compare two. */
function roomSet(rooms) {
  const set = new Set(rooms);
  for (const room of set) {
    if (isNumber(room)) {
      Object.defineProperty(set, 'has', { value: hasByName, configurable: true, writable: true });
      break;
    }
  }
  return set;
}

function isNumber(room) {
  // Most names are told apart by their first character: digits and the minus come before letters.
  return typeof room === 'string' && room.charCodeAt(0) <= 0x39 && String(Number(room)) === room;
}

function hasByName(room) {
  const { has } = Set.prototype;
  return has.call(this, room) || (typeof room === 'number' && has.call(this, String(room)));
}

module.exports = { roomSet };
