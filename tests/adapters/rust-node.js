// Servers of one cluster in either language, driven alike: npm socket.io in this process, and Rust's
// example `cluster`, which does what its clients ask of it.
'use strict';

const path = require('path');
const { execFileSync, spawn } = require('child_process');
const { next, join: joinAt } = require('../node/harness');
const { atEnd } = require('./at-end');
const { serve, until } = require('./nodes');

const ROOT = path.join(__dirname, '..', '..');

let built;

/** Builds the example once and gives its path. */
function program() {
  if (!built) {
    execFileSync('cargo', ['build', '--quiet', '-p', 'sori-examples', '--bin', 'cluster'], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
    built = path.join(process.env.CARGO_TARGET_DIR || path.join(ROOT, 'target'), 'debug', 'cluster');
  }
  return built;
}

/** A Rust server on a free port, and the client by which it is told what to do; it hears no broadcasts that are tested. */
async function rustNode(t, { url, format, env = {} }) {
  const child = spawn(program(), ['127.0.0.1:0', url, ...(format ? [format] : [])], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  atEnd(t, () => {
    process.off('exit', kill);
    return new Promise((resolve) => child.once('exit', resolve).kill('SIGKILL') || resolve());
  });
  const port = await new Promise((resolve, reject) => {
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
      const told = /http:\/\/[^:]+:(\d+)/.exec(output);
      if (told) {
        resolve(Number(told[1]));
      }
    });
    child.once('exit', (code) => reject(new Error(`the example ended with ${code}`)));
  });
  const driver = await joinAt(t, port, '/', { auth: { name: 'driver' } });
  const ask = (...args) => driver.timeout(10000).emitWithAck(...args);
  await ask('join', ['drivers']);
  const outside = (to = {}) => ({ ...to, except: [...(to.except || []), 'drivers'] });
  return {
    kind: 'rust',
    port,
    emit: (to, event, argument) => driver.emit(Buffer.isBuffer(argument) ? 'bytes' : 'say', outside(to), event, argument),
    ask: (to, ms, question) => ask('ask', outside(to), ms, question),
    joinAll: (to, rooms) => driver.emit('joinAll', outside(to), rooms),
    leaveAll: (to, rooms) => driver.emit('leaveAll', outside(to), rooms),
    disconnectAll: (to, close) => driver.emit('disconnectAll', outside(to), close),
    fetch: (to) => ask('fetch', outside(to)),
    count: () => ask('count'),
    serverSay: (event, argument) => driver.emit('serverSay', event, argument),
    serverAsk: (event, argument) => ask('serverAsk', event, argument),
    heard: async () => {
      const [event, argument] = await next(driver, 'server');
      return [event, argument];
    },
  };
}

/** npm socket.io with its own Redis adapter, driven in the same way. */
async function npmNode(t, { adapter, options = {} }) {
  const { io, port } = await serve(t, 'socket.io', { ...options, adapter });
  io.on('connection', (socket) => {
    socket.on('join', (rooms, answer) => {
      socket.join(rooms);
      answer();
    });
  });
  io.on('question', (word, answer) => answer(`${word}!`));
  const space = ({ rooms = [], except = [], local = false } = {}) => {
    let chosen = io.except([...except, 'drivers']);
    if (rooms.length > 0) {
      chosen = chosen.in(rooms);
    }
    return local ? chosen.local : chosen;
  };
  return {
    kind: 'socket.io',
    port,
    io,
    emit: (to, event, argument) => space(to).emit(event, argument),
    ask: async (to, ms, question) => {
      try {
        return { received: await space(to).timeout(ms).emitWithAck('ask', question), timedOut: false };
      } catch (error) {
        return { received: error.responses, timedOut: true };
      }
    },
    joinAll: (to, rooms) => space(to).socketsJoin(rooms),
    leaveAll: (to, rooms) => space(to).socketsLeave(rooms),
    disconnectAll: (to, close) => space(to).disconnectSockets(close),
    fetch: async (to) => {
      const found = await space(to).fetchSockets();
      return found.map(({ id, rooms, data, handshake }) => ({ id, rooms: [...rooms], name: data.name, auth: handshake.auth }));
    },
    count: () => io.of('/').adapter.serverCount(),
    serverSay: (event, argument) => io.serverSideEmit(event, argument),
    serverAsk: async (event, argument) => ({ received: await io.serverSideEmitWithAck(event, argument), timedOut: false }),
    heard: async () => {
      const [argument] = await next(io, 'news');
      return ['news', argument];
    },
  };
}

const NODES = { rust: rustNode, 'socket.io': npmNode };

/** Servers of `kinds` that know of one another. `meeting()` gives each what it needs to find the others. */
async function clusterOf(t, kinds, meeting) {
  const nodes = [];
  for (const kind of kinds) {
    nodes.push(await NODES[kind](t, await meeting()));
  }
  for (const node of nodes) {
    await until(async () => (await node.count()) === kinds.length);
  }
  return nodes;
}

/** A client of one server that answers `ask` with its name. */
async function clientAt(t, { port }, name) {
  const client = await joinAt(t, port, '/', { auth: { name } });
  client.on('ask', (...args) => args.pop()(name));
  client.enter = (...rooms) => client.timeout(10000).emitWithAck('join', rooms);
  return client;
}

/** Resolves when all that `node` has said so far has reached `clients`. */
async function settled(node, clients) {
  const arrived = clients.map((client) => next(client, 'settled'));
  node.emit({}, 'settled', null);
  await Promise.all(arrived);
}

/** What a client has received of that which is tested. */
function received(client) {
  return client.received.filter(([event]) => event !== 'settled');
}

module.exports = { clusterOf, clientAt, settled, received };
