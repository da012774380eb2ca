// `createAdapter(url)`, `createShardedAdapter(url)` and `createStreamsAdapter(url)`: the way into a cluster over Redis that
// the engine takes itself. It is given to a server where socket.io is given an adapter of npm; packets and rooms stay in the engine.
'use strict';

const { EventEmitter } = require('events');

const isText = (value) => typeof value === 'string';
const isNumber = (value) => Number.isInteger(value) && value > 0 && value <= 0xffff_ffff;
const isTime = (value) => value > 0 && Number.isFinite(value);

/** The options of `@socket.io/redis-adapter`, but for the parser. */
const CHECKS = {
  key: isText,
  requestsTimeout: isTime,
  publishOnSpecificResponseChannel: (value) => typeof value === 'boolean',
};

const SHARDED_CHECKS = {
  channelPrefix: isText,
  requestsTimeout: isTime,
  subscriptionMode: (value) => ['static', 'dynamic', 'dynamic-private'].includes(value),
};

/** Those of `@socket.io/redis-streams-adapter` 0.3 that are not about how Node reads a stream. */
const STREAMS_CHECKS = {
  channelPrefix: isText,
  requestsTimeout: isTime,
  streamName: isText,
  streamCount: isNumber,
  maxLen: isNumber,
  readCount: isNumber,
  sessionKeyPrefix: (value) => isText(value) && value !== '',
  useShardedPubSub: (value) => typeof value === 'boolean',
};

/** Emits `error` when Redis cannot be reached or is lost, each time it is tried, and `connect` when it is found. */
class NativeAdapter extends EventEmitter {
  constructor(url, options) {
    super();
    this._settings = { ...options, url };
    this._hasWarned = false;
  }

  /** `reason` is why there is no connection; null when there is one. */
  _onbus(reason) {
    if (reason === null) {
      this.emit('connect');
    } else if (this.listenerCount('error') > 0) {
      this.emit('error', new Error(reason));
    } else if (!this._hasWarned) {
      this._hasWarned = true;
      process.emitWarning(`sori: the Redis of the cluster cannot be reached: ${reason}`, { code: 'SORI_CLUSTER' });
    }
  }
}

function createAdapter(url, options = {}) {
  check('createAdapter', CHECKS, url, options);
  return new NativeAdapter(url, options);
}

function createShardedAdapter(url, options = {}) {
  check('createShardedAdapter', SHARDED_CHECKS, url, options);
  const { channelPrefix, requestsTimeout, subscriptionMode = 'dynamic' } = options;
  return new NativeAdapter(url, { key: channelPrefix, requestsTimeout, subscriptionMode });
}

function createStreamsAdapter(url, options = {}) {
  check('createStreamsAdapter', STREAMS_CHECKS, url, options);
  const { channelPrefix, requestsTimeout, ...streams } = options;
  return new NativeAdapter(url, { key: channelPrefix, requestsTimeout, streams });
}

function check(maker, checks, url, options) {
  if (typeof url !== 'string') {
    throw new TypeError(`sori: ${maker}(url, options) takes the URL of a Redis, as "redis://localhost:6379": the engine connects by itself`);
  }
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(checks, name)) {
      throw new TypeError(`sori: ${maker}() has no option "${name}"`);
    }
    if (value !== undefined && !checks[name](value)) {
      throw new TypeError(`sori: ${maker}() cannot use ${value} as its option "${name}"`);
    }
  }
}

module.exports = { NativeAdapter, createAdapter, createShardedAdapter, createStreamsAdapter };
