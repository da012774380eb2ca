// What middlewares do with a socket before it is connected: kept here, sent right after the engine accepted it.
'use strict';

class Early {
  constructor() {
    this.rooms = new Set();
    this.records = [];
  }

  push(record) {
    this.records.push([record, null]);
  }

  pushWith(record, attachments) {
    this.records.push([record, attachments]);
  }

  /** Hands everything to the queue, in the order it was asked for. */
  drainInto(queue) {
    for (const [record, attachments] of this.records) {
      if (attachments === null) {
        queue.push(record);
      } else {
        queue.pushWith(record, attachments);
      }
    }
  }
}

module.exports = { Early };
