// What the engine is told of a server's or a client's options.
'use strict';

const { DEFAULTS } = require('./constants');
const { engine } = require('./engine');

// zlib's default, and what its numbers for "default" and "none" mean here.
const LEVEL = 6;

/** The bound of what may wait for a slow peer: more than the largest message that a peer may send by default. */
const MOST_QUEUED = 128 * 1024 * 1024;
const HIGH_WATER_MARK = 64 * 1024;
// As the engine counts them.
const MOST_MESSAGES = 2 ** 32 - 1;

/** One object for all connections of a server; clients with equal options share what the engine has of it. */
class Settings {
  constructor({ autoPong, closeTimeout, deflate: agreed }, options) {
    this.isSynchronous = options.allowSynchronousEvents !== false;
    this.generateMask = options.generateMask;
    this.number = engine.settingsNumber({
      maxPayload: limit(options.maxPayload, DEFAULTS.maxPayload),
      maxFragments: limit(options.maxFragments, DEFAULTS.maxFragments),
      maxPendingAutoPongs: limit(options.maxPendingAutoPongs, DEFAULTS.maxPendingAutoPongs),
      autoPong: Boolean(autoPong),
      skipUTF8Validation: Boolean(options.skipUTF8Validation),
      closeTimeout: Math.max(0, Number(closeTimeout) || 0),
      ...backpressure(options.backpressure),
      ...rates(options),
      deflate: agreed === null ? null : deflate(agreed),
    });
  }
}

/** ws takes its limits as 32-bit integers; 0 is none. */
function limit(given, byDefault) {
  return Math.max(0, (given === undefined ? byDefault : given) | 0);
}

/** `backpressure`: { limit, policy: 'close' | 'drop', highWaterMark }; sizes in bytes. */
function backpressure({ limit: most = MOST_QUEUED, policy = 'close', highWaterMark = HIGH_WATER_MARK } = {}) {
  if (policy !== 'close' && policy !== 'drop') {
    throw new TypeError(`sori: the policy "${policy}" is neither "close" nor "drop"`);
  }
  for (const [name, size] of Object.entries({ limit: most, highWaterMark })) {
    if (typeof size !== 'number' || !(size >= 0)) {
      throw new TypeError(`sori: backpressure.${name} is no number of bytes`);
    }
  }
  // No limit is 0 to the engine.
  return { maxQueuedBytes: most === Infinity ? 0 : Math.max(1, Math.floor(most)), overflow: policy, highWaterMark: Math.floor(Math.min(highWaterMark, Number.MAX_SAFE_INTEGER)) };
}

/** `rateLimit` and `rateLimitPerAddress`: messages a second, or { perSecond, burst }. */
function rates({ rateLimit, rateLimitPerAddress }) {
  return { rateLimit: rate('rateLimit', rateLimit), rateLimitPerAddress: rate('rateLimitPerAddress', rateLimitPerAddress) };
}

function rate(name, given) {
  if (given === undefined || given === null) {
    return null;
  }
  const { perSecond, burst = perSecond } = typeof given === 'number' ? { perSecond: given } : given;
  for (const [part, count] of Object.entries({ perSecond, burst })) {
    if (typeof count !== 'number' || !(count >= 1 && count <= MOST_MESSAGES)) {
      throw new TypeError(`sori: ${name}.${part} is no number of messages`);
    }
  }
  return { perSecond: Math.floor(perSecond), burst: Math.floor(burst) };
}

function deflate({ _options: { zlibDeflateOptions }, _threshold }) {
  const level = zlibDeflateOptions && zlibDeflateOptions.level;
  return {
    threshold: Math.max(0, Math.floor(Number(_threshold) || 0)),
    level: Number.isInteger(level) && level >= 1 && level <= 9 ? level : LEVEL,
  };
}

/** What was agreed on about compression, in one number: see `deflate_params` in `src/websocket/settings.rs`. */
function packDeflate(deflateOrNull) {
  if (deflateOrNull === null) {
    return 0;
  }
  const { params } = deflateOrNull;
  return (
    1 |
    (params.server_no_context_takeover ? 2 : 0) |
    (params.client_no_context_takeover ? 4 : 0) |
    ((params.server_max_window_bits || 0) << 8) |
    ((params.client_max_window_bits || 0) << 12)
  );
}

module.exports = { Settings, packDeflate, backpressure, rates };
