// What applications send and receive: strings and bytes of every kind, and Blobs, which take time to read.
'use strict';

const { EMPTY_BUFFER } = require('./constants');

const hasBlob = typeof Blob === 'function';

function isBlob(data) {
  return hasBlob && data instanceof Blob;
}

/** `data` as a string, bytes or a Blob. Throws a TypeError on what is none of them. */
function toSend(data) {
  if (typeof data === 'string' || data instanceof Uint8Array) {
    return data;
  }
  if (typeof data === 'number') {
    return data.toString();
  }
  if (!data) {
    return EMPTY_BUFFER;
  }
  if (data instanceof ArrayBuffer) {
    return new Uint8Array(data);
  }
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  return isBlob(data) ? data : Buffer.from(data);
}

function byteLength(payload) {
  if (typeof payload === 'string') {
    return Buffer.byteLength(payload);
  }
  return isBlob(payload) ? payload.size : payload.length;
}

/** A binary message as `binaryType` asks for it. */
function ofType(buffer, type) {
  switch (type) {
    case 'arraybuffer':
      return buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.length);
    case 'blob':
      return new Blob([buffer]);
    case 'fragments':
      return [buffer];
    default:
      return buffer;
  }
}

/** Sends in their order while a Blob at the head of the line is being read. */
class BehindBlob {
  constructor(ws) {
    this.ws = ws;
    this.line = [];
    this.bytes = 0;
    this.isReading = false;
    this.closing = null;
  }

  push(payload, frame, callback) {
    this.line.push({ payload, frame, callback });
    this.bytes += byteLength(payload);
    this.next();
  }

  close(code, message) {
    this.closing = { code, message };
  }

  next() {
    const { ws, line } = this;
    while (!this.isReading && line.length > 0) {
      const { payload, frame, callback } = line[0];
      if (isBlob(payload)) {
        this.isReading = true;
        ws._whenSent(() => this.start(payload));
        return;
      }
      line.shift();
      this.bytes -= byteLength(payload);
      ws._write(payload, frame, callback);
    }
    if (line.length === 0) {
      ws._behindBlob = null;
      if (this.closing !== null) {
        ws._close(this.closing.code, this.closing.message);
      }
    }
  }

  /** Reads the Blob. What was sent before has left by now: no more is in memory than must be. */
  start(blob) {
    blob.arrayBuffer().then(
      (buffer) => this.read(blob.size, new Uint8Array(buffer)),
      (error) => process.nextTick(() => this.fail(error)),
    );
  }

  read(size, bytes) {
    if (this.ws._behindBlob !== this) {
      return;
    }
    if (this.ws._isLost) {
      this.drop(new Error('The socket was closed while the blob was being read'));
      return;
    }
    this.isReading = false;
    this.bytes += bytes.length - size;
    this.line[0].payload = bytes;
    this.next();
  }

  /** The Blob cannot be read: the connection cannot go on without it. */
  fail(error) {
    const { ws } = this;
    if (ws._behindBlob === this) {
      this.drop(error);
      ws._blobFailed(error);
    }
  }

  /** Tells every callback in the line that its data was not sent. */
  drop(error) {
    this.ws._behindBlob = null;
    for (const { callback } of this.line) {
      if (callback) {
        callback(error);
      }
    }
  }
}

module.exports = { hasBlob, isBlob, toSend, byteLength, ofType, BehindBlob };
