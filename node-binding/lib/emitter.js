// Gives a class EventEmitter's methods without its constructor: an instance nobody listens on holds no listener table.
'use strict';

const { EventEmitter } = require('events');

function becomesEmitter(Class) {
  Object.setPrototypeOf(Class.prototype, EventEmitter.prototype);
}

/** Calls the local listeners of `this`; for classes whose own `emit` sends to clients. */
const emitLocally = EventEmitter.prototype.emit;

module.exports = { becomesEmitter, emitLocally };
