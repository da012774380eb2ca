// Spellings of socket.io 0.9, 1 and 2 that applications still contain: they work, or throw what to write today.
'use strict';

/** The settings of `io.set` that have another name or place today. */
const SETTINGS = {
  authorization: 'io.use((socket, next) => …), or the option "allowRequest"',
  origins: 'the option "cors": { origin: … }',
  'log level': 'the environment variable DEBUG',
  logger: 'the environment variable DEBUG',
  store: 'the option "adapter"',
  resource: 'the option "path"',
  'heartbeat interval': 'the option "pingInterval"',
  'heartbeat timeout': 'the option "pingTimeout"',
  'close timeout': 'the option "pingTimeout"',
  'browser client': 'the option "serveClient"',
  'destroy buffer size': 'the option "maxHttpBufferSize"',
  transports: 'the option "transports"',
};

const MINIFIED = 'nothing: /socket.io/socket.io.min.js is served';

const serverSpellings = {
  set(name) {
    throw outdated(`io.set('${name}', …)`, SETTINGS[name] || `the option "${name}" of new Server(httpServer, options)`);
  },

  enable(name) {
    throw outdated(`io.enable('${name}')`, SETTINGS[name] || (/^browser client /.test(name) ? MINIFIED : `the option "${name}"`));
  },

  disable(name) {
    throw outdated(`io.disable('${name}')`, SETTINGS[name] || `the option "${name}"`);
  },

  configure() {
    throw outdated('io.configure(…)', 'the options of new Server(httpServer, options)');
  },

  origins() {
    throw outdated('io.origins(…)', SETTINGS.origins);
  },

  clients(callback) {
    return this.sockets.clients(callback);
  },
};

const namespaceSpellings = {
  /** `callback(null, ids)`, as in version 2. */
  clients(callback) {
    giveIds(this.allSockets(), callback, 'io.sockets.clients()');
    return this;
  },

  socket(id) {
    throw outdated(`io.sockets.socket('${id}')`, `io.to('${id}'), or io.sockets.sockets.get('${id}')`);
  },
};

const operatorSpellings = {
  clients(callback) {
    giveIds(this.allSockets(), callback, 'io.in(room).clients()');
  },
};

const socketSpellings = {
  set(key) {
    throw outdated(`socket.set('${key}', …)`, `socket.data.${key} = …`);
  },

  get(key) {
    throw outdated(`socket.get('${key}', …)`, `socket.data.${key}`);
  },

  /** Whether an event holds binary is found out by itself. */
  binary() {
    return this;
  },
};

function giveIds(ids, callback, spelling) {
  if (typeof callback !== 'function') {
    throw outdated(spelling, 'await io.fetchSockets()');
  }
  ids.then((set) => process.nextTick(callback, null, [...set]));
}

function outdated(spelling, present) {
  const error = new Error(`sori: ${spelling} is an old spelling; write ${present}`);
  error.code = 'SORI_OLD_SPELLING';
  return error;
}

/** The sockets of a namespace as an object by id, over its Map: nothing is copied. */
function connectedView(sockets) {
  return new Proxy(Object.create(null), {
    get: (target, id) => sockets.get(id),
    has: (target, id) => sockets.has(id),
    ownKeys: () => [...sockets.keys()],
    getOwnPropertyDescriptor: (target, id) =>
      sockets.has(id) ? { value: sockets.get(id), enumerable: true, configurable: true, writable: false } : undefined,
  });
}

/**
 * A Map of sockets that can also be read as the object version 2 had: `sockets[id]`. What a Map has is found before the
 * proxy is asked, so that it costs nothing.
 */
class SocketMap extends Map {}

const byId = {
  get: (target, name, map) => (typeof name === 'string' && map instanceof SocketMap ? map.get(name) : undefined),
  has: () => false,
};
Object.defineProperties(SocketMap.prototype, Object.getOwnPropertyDescriptors(Map.prototype));
for (const name of Reflect.ownKeys(Object.prototype)) {
  if (!Object.hasOwn(SocketMap.prototype, name)) {
    Object.defineProperty(SocketMap.prototype, name, Object.getOwnPropertyDescriptor(Object.prototype, name));
  }
}
Object.setPrototypeOf(SocketMap.prototype, new Proxy(Object.create(Map.prototype), byId));

/** `rooms`, a Map of Sets, that can also be read as the object version 2 had: `rooms[name].length`, `rooms[name].sockets`. */
function roomsAsObject(rooms) {
  return new Proxy(rooms, {
    get: (target, name) => (name in target ? Reflect.get(target, name, target) : roomAsObject(target, name)),
    has: (target, name) => name in target || (typeof name === 'string' && target.has(name)),
    ownKeys: (target) => [...target.keys()],
    getOwnPropertyDescriptor(target, name) {
      const room = roomAsObject(target, name);
      return room && { value: room, enumerable: true, configurable: true, writable: false };
    },
  });
}

function roomAsObject(rooms, name) {
  const sids = typeof name === 'string' ? rooms.get(name) : undefined;
  return sids && { length: sids.size, sockets: Object.fromEntries([...sids].map((sid) => [sid, true])) };
}

/** `json` said that what follows is to be sent as JSON, which all is. */
function addJson(Class) {
  Object.defineProperty(Class.prototype, 'json', {
    configurable: true,
    get() {
      return this;
    },
  });
}

module.exports = { serverSpellings, namespaceSpellings, operatorSpellings, socketSpellings, SocketMap, connectedView, roomsAsObject, addJson };
