// The ordered queue of operations for the engine: one native call per turn.
//
// An operation is a record of fields; lists and payloads are JSON. `n` attachments of a payload go beside the text.
//   e conn nsp flags ackId timeoutMs json n            emit; flags 'v' volatile; '' for no ack, no timeout
//   k conn nsp ackId json n                            answer an ack
//   b nsp flags rooms except token timeoutMs json n    broadcast; '' for no rooms (everybody), no exceptions, no ack;
//                                                      flags of all that have rooms: 'l' on this server, 'o' on the others;
//                                                      '1' tells of the answers one by one
//   j conn nsp rooms | l conn nsp rooms | x conn nsp   join, leave, leave all
//   J nsp flags rooms except joined | K nsp flags rooms except left    the same for many
//   D nsp flags rooms except close                     disconnect those of the other servers
//   F nsp flags rooms except token                     ask for the sockets of the other servers
//   N nsp token | X nsp token timeoutMs json n         count the servers; an event for the others, '' for no ack
//   Y ticket json n | Z ticket json                    answer another server's event; describe the sockets it asked for
//   a conn nsp | r conn nspName error                  let a client into a namespace, or refuse it
//   p conn nsp data                                    what a socket that comes back to any server is to find, JSON
//   d conn nsp | c conn discard                        disconnect a socket, close a connection
//   s conns flags token text                           send a text message as it is, to connections separated by commas;
//                                                      flags 'v' volatile, 'n' uncompressed; '' for no token
//   S conn flags token                                 the same of bytes: the next attachment
//   t conn token                                       ask to be told when all that was queued before is on its way
//   f conn description                                 end a connection with "transport error"
'use strict';

/** Ends a record of the queue; the fields before it are separated by `FIELD`. JSON.stringify emits neither. */
const RECORD = '\x1e';
const FIELD = '\x1f';

const MAX_TEXT = 1 << 20;
// An attachment up to this size is copied; a larger one is sent at once instead, so that its owner may write to it afterwards.
const MAX_COPIED = 4096;

class Queue {
  constructor(native) {
    this.native = native;
    this.text = '';
    this.attachments = null;
    // A text for several connections, as long as nothing else comes between.
    this.shared = null;
    // True while a flush is certain to come: a tick is pending, or a batch is being dispatched.
    this.scheduled = false;
    this.tick = () => {
      this.scheduled = false;
      this.flush();
    };
  }

  /** Appends one record, complete with its `RECORD`. */
  push(record) {
    if (this.shared !== null) {
      this.closeShared();
    }
    this.text += record;
    if (this.text.length > MAX_TEXT) {
      this.flush();
    } else {
      this.schedule();
    }
  }

  schedule() {
    if (!this.scheduled) {
      this.scheduled = true;
      process.nextTick(this.tick);
    }
  }

  /** Appends one record and the attachments that belong to it. */
  pushWith(record, attachments) {
    if (this.attachments === null) {
      this.attachments = [];
    }
    let large = false;
    for (const attachment of attachments) {
      if (attachment.length > MAX_COPIED) {
        large = true;
        this.attachments.push(attachment);
      } else {
        this.attachments.push(Buffer.from(attachment));
      }
    }
    this.push(record);
    if (large) {
      this.flush();
    }
  }

  /** Sends a text to connection `number`. The same to many in a row, as an adapter's broadcast is, becomes one record. */
  pushText(number, flags, text) {
    const { shared } = this;
    if (shared !== null && shared.text === text && shared.flags === flags) {
      shared.numbers += `,${number}`;
      return;
    }
    // Whatever is kept goes first; and a flush is certain to come after it.
    this.push('');
    this.schedule();
    this.shared = { text, flags, numbers: String(number) };
  }

  closeShared() {
    const { numbers, flags, text } = this.shared;
    this.shared = null;
    this.text += `s${FIELD}${numbers}${FIELD}${flags}${FIELD}${FIELD}${JSON.stringify(text)}${RECORD}`;
  }

  flush() {
    if (this.shared !== null) {
      this.closeShared();
    }
    if (this.text === '') {
      return;
    }
    const { text, attachments } = this;
    this.text = '';
    this.attachments = null;
    this.native.flush(text, attachments);
  }
}

module.exports = { Queue, RECORD, FIELD };
