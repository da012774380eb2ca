// Names and numbers of RFC 6455 and of ws's API that several files speak of.
'use strict';

/** `readyState`. */
const STATE = Object.freeze({ CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 });
const STATE_NAMES = Object.freeze(['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED']);

/** RFC 6455 §11.8. */
const OPCODE = Object.freeze({ CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 });

/** RFC 6455 §7.4.1: what `close` events say when no close frame with a code arrived. */
const CLOSE_CODE = Object.freeze({ NONE: 1005, ABNORMAL: 1006 });

/** RFC 6455 §1.3: what the server mixes into the client's key. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** RFC 6455 §5.5: the most bytes a control frame carries; a close frame spends two of them on its code. */
const MAX_CONTROL_PAYLOAD = 125;

const EMPTY_BUFFER = Buffer.alloc(0);

/** RFC 9110 §5.6.2: a token, which a subprotocol's name and an extension's must be. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Limits and times, as ws has them. */
const DEFAULTS = Object.freeze({
  allowSynchronousEvents: true,
  autoPong: true,
  closeTimeout: 30000,
  maxBufferedChunks: 262144,
  maxFragments: 16384,
  maxPayload: 100 * 1024 * 1024,
  maxPendingAutoPongs: 60,
  skipUTF8Validation: false,
});

/** Whether a close frame may carry `code` (RFC 6455 §7.4). */
function isValidCloseCode(code) {
  return (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) || (code >= 3000 && code <= 4999);
}

module.exports = { STATE, STATE_NAMES, OPCODE, CLOSE_CODE, GUID, MAX_CONTROL_PAYLOAD, EMPTY_BUFFER, TOKEN, DEFAULTS, isValidCloseCode };
