// The options of a server: defaults, and what Sori cannot do yet.
'use strict';

const { asBuffer } = require('./binary');
const { NativeAdapter } = require('./cluster/native-adapter');
const { nativeParser } = require('./parsers');
const { RECOVERY_DEFAULTS } = require('./recovery');

const DEFAULTS = Object.freeze({
  path: '/socket.io',
  serveClient: true,
  connectTimeout: 45000,
  pingInterval: 25000,
  pingTimeout: 20000,
  upgradeTimeout: 10000,
  maxHttpBufferSize: 1e6,
  transports: Object.freeze(['polling', 'websocket']),
  allowUpgrades: true,
  allowEIO3: false,
  destroyUpgrade: true,
  destroyUpgradeTimeout: 1000,
  addTrailingSlash: true,
  cookie: false,
  cors: false,
  perMessageDeflate: false,
  httpCompression: Object.freeze({ threshold: 1024 }),
  cleanupEmptyChildNamespaces: false,
});

/** What the native engine is told of them. */
const NATIVE = [
  'pingInterval',
  'pingTimeout',
  'upgradeTimeout',
  'connectTimeout',
  'maxHttpBufferSize',
  'maxQueuedBytes',
  'overflow',
  'rateLimit',
  'rateLimitPerAddress',
  'maxConnections',
  'maxConnectionsPerAddress',
  'transports',
  'allowUpgrades',
  'allowEIO3',
  'shards',
  'protocol',
  'cluster',
];
// Those that are numbers; socket.io takes them as text too, as they come from the environment.
const NUMBERS = [
  'pingInterval',
  'pingTimeout',
  'upgradeTimeout',
  'connectTimeout',
  'maxHttpBufferSize',
  'maxQueuedBytes',
  'maxConnections',
  'maxConnectionsPerAddress',
  'ackTimeout',
  'shards',
];
// What it asks only whether it is true.
const FLAGS = ['allowUpgrades', 'allowEIO3'];
const NATIVE_DEFLATE = ['threshold', 'serverNoContextTakeover', 'clientNoContextTakeover', 'serverMaxWindowBits', 'clientMaxWindowBits'];
const NATIVE_RECOVERY = ['maxDisconnectionDuration', 'maxPackets', 'maxBytes'];

// What applications give as `wsEngine` for speaking WebSocket and no more: the classes of ws and eiows by their names, and
// the names of the packages, as it was spelt before.
const WS_CLASSES = ['WebSocketServer', 'Server'];
const WS_PACKAGES = ['ws', 'eiows', 'uws'];

/** Throws on an option whose absence would change what the application means; warns of the others Sori cannot honour. */
function checkOptions(given) {
  if (given.parser && (typeof given.parser.Encoder !== 'function' || typeof given.parser.Decoder !== 'function')) {
    throw new TypeError('sori: the option "parser" takes an object with two classes, Encoder and Decoder');
  }
  if (given.adapter && typeof given.adapter !== 'function' && !(given.adapter instanceof NativeAdapter)) {
    throw new TypeError('sori: the option "adapter" takes a class, a function that makes an adapter for a namespace, or what createAdapter() gives');
  }
  if (given.adapter instanceof NativeAdapter && nativeParser(given.parser) === null) {
    throw new TypeError("sori: the adapter of sori's createAdapter() goes with the parsers that the engine knows; others need an adapter of npm");
  }
  for (const name of NUMBERS) {
    if (given[name] !== undefined && !isNumber(given[name])) {
      throw new TypeError(`sori: the option "${name}" takes a number`);
    }
  }
  if (isForeignWsEngine(given.wsEngine)) {
    warn('the option "wsEngine" has no effect: Sori speaks WebSocket itself, and the class that was given is never used');
  }
  if (given.onHandlerError !== undefined && typeof given.onHandlerError !== 'function') {
    throw new TypeError('sori: the option "onHandlerError" takes a function');
  }
  if (given.addressOf !== undefined && typeof given.addressOf !== 'function') {
    throw new TypeError('sori: the option "addressOf" takes a function');
  }
  for (const name of ['ackTimeout', 'maxConnectionsPerAddress']) {
    if (given[name] !== undefined && !(given[name] > 0)) {
      throw new TypeError(`sori: the option "${name}" takes a number above 0`);
    }
  }
}

function isNumber(value) {
  return typeof value === 'number' ? !Number.isNaN(value) : typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value));
}

/** Whether it may do more than speak WebSocket, so that somebody may miss it. */
function isForeignWsEngine(wsEngine) {
  if (!wsEngine) {
    return false;
  }
  return typeof wsEngine === 'function' ? !WS_CLASSES.includes(wsEngine.name) : !WS_PACKAGES.includes(wsEngine);
}

/** Whether the engine cannot do what the application's own parts do. */
function needsPackets({ parser, adapter }) {
  return (Boolean(adapter) && !(adapter instanceof NativeAdapter)) || nativeParser(parser) === null;
}

/** The options with defaults filled in. */
function completeOptions(given) {
  const options = { ...DEFAULTS };
  for (const name of Object.keys(given)) {
    if (given[name] !== undefined) {
      options[name] = given[name];
    }
  }
  for (const name of NUMBERS) {
    if (typeof options[name] === 'string') {
      options[name] = Number(options[name]);
    }
  }
  for (const name of FLAGS) {
    options[name] = Boolean(options[name]);
  }
  // A single name will do.
  options.transports = [].concat(options.transports);
  if (options.cookie) {
    options.cookie = { name: 'io', path: '/', httpOnly: true, sameSite: 'lax', ...(options.cookie === true ? {} : options.cookie) };
  }
  for (const name of ['rateLimit', 'rateLimitPerAddress']) {
    if (typeof options[name] === 'number') {
      options[name] = { perSecond: options[name] };
    }
  }
  if (options.perMessageDeflate) {
    options.perMessageDeflate = { threshold: 1024, ...options.perMessageDeflate };
  }
  if (options.connectionStateRecovery) {
    options.connectionStateRecovery = { ...RECOVERY_DEFAULTS, ...options.connectionStateRecovery };
  }
  return options;
}

function nativeOptions(options) {
  const chosen = choose(NATIVE, options);
  if (options.connectionStateRecovery) {
    chosen.connectionStateRecovery = choose(NATIVE_RECOVERY, options.connectionStateRecovery);
  }
  if (options.perMessageDeflate) {
    chosen.perMessageDeflate = choose(NATIVE_DEFLATE, options.perMessageDeflate);
    const { level = -1 } = options.perMessageDeflate.zlibDeflateOptions || {};
    if (level >= 0) {
      chosen.perMessageDeflate.level = level;
    }
  }
  // The engine serves it where the application brings sessions; clients are told by `offerWebtransport`.
  chosen.transports = options.transports.filter((name) => name !== 'webtransport');
  chosen.parser = nativeParser(options.parser);
  if (options.initialPacket) {
    chosen.initialPacket = typeof options.initialPacket === 'string' ? options.initialPacket : [...asBuffer(options.initialPacket)];
  }
  return chosen;
}

function choose(names, options) {
  const chosen = {};
  for (const name of names) {
    if (options[name] !== undefined) {
      // JSON knows no Infinity, a common spelling of "no limit".
      chosen[name] = options[name] === Infinity ? Number.MAX_SAFE_INTEGER : options[name];
    }
  }
  return chosen;
}

function unsupported(message) {
  const error = new Error(`sori: ${message}`);
  error.code = 'SORI_UNSUPPORTED';
  return error;
}

function warn(message) {
  process.emitWarning(`sori: ${message}`, { code: 'SORI_UNSUPPORTED_OPTION' });
}

module.exports = { DEFAULTS, checkOptions, completeOptions, isForeignWsEngine, nativeOptions, needsPackets, unsupported };
