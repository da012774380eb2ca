// Event names that belong to the library: nobody may emit them over the wire.
'use strict';

const RESERVED = new Set(['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener']);
const RESERVED_SERVER_SIDE = new Set(['connect', 'connection', 'new_namespace']);

function refuseReserved(event, names = RESERVED) {
  if (names.has(event)) {
    throw new Error(`"${String(event)}" is a reserved event name`);
  }
}

module.exports = { RESERVED_SERVER_SIDE, refuseReserved };
