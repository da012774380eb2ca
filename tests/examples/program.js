// One of the examples as a program of its own, in each language it is written in; and the real
// socket.io-client to talk to it.

'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { createRequire } = require('node:module');
const path = require('node:path');
const { test } = require('node:test');

const root = path.join(__dirname, '../..');
// The addon's own copy: these tests install nothing.
const { io } = createRequire(path.join(root, 'node-binding/package.json'))('socket.io-client');

/** How each language starts an example; run.sh has built them and says where they are. */
const LANGUAGES = {
  C: (name, port, more) => [...words(process.env.SORI_RUNNER), path.join(folder('SORI_C_EXAMPLES'), name), port, ...more],
  Rust: (name, port, more) => [path.join(folder('SORI_RUST_EXAMPLES'), name), `127.0.0.1:${port}`, ...more],
  JavaScript: (name, port, more) => [process.execPath, path.join(root, 'examples/node', `${name}.js`), port, ...more],
};

/** The ways in which a client can come in. */
const TRANSPORTS = [['websocket'], ['polling'], ['polling', 'websocket']];

/**
 * One test for each language in which there is an example of that name.
 * @param {string} name
 * @param {string} what a sentence about it
 * @param {(connect: (options?: object) => Promise<object>) => Promise<void>} scenario is given a way to
 *   connect a client, which rejects if the client is refused
 * @param {string[]} [more] further arguments of the program
 */
function inEachLanguage(name, what, scenario, more = []) {
  for (const [language, command] of Object.entries(LANGUAGES)) {
    test(`${name} in ${language}: ${what}`, async () => {
      const [file, ...args] = command(name, '0', more);
      const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = once(child, 'exit');
      const clients = [];
      try {
        const url = await Promise.race([address(child), ended.then(() => Promise.reject(new Error(`${file} ended`)))]);
        await scenario((options) => connect(url, clients, options));
      } finally {
        clients.forEach((client) => client.disconnect());
        child.kill('SIGTERM');
      }
      const [code, signal] = await ended;
      // The Rust programs leave signals as they are.
      const endsWell = code === 0 || (language === 'Rust' && signal === 'SIGTERM');
      if (!endsWell) throw new Error(`${name} in ${language} ended with ${code ?? signal}`);
    });
  }
}

/**
 * How each language starts an example that talks to people, not to clients.
 * @param {string} name
 * @returns {[string, string[]][]} the language, and the command's words
 */
function programs(name) {
  return Object.entries({
    C: [...words(process.env.SORI_RUNNER), path.join(folder('SORI_C_EXAMPLES'), name)],
    Rust: [path.join(folder('SORI_RUST_EXAMPLES'), name)],
    JavaScript: [process.execPath, path.join(root, 'examples/node', `${name}.js`)],
  });
}

async function address(child) {
  let printed = '';
  for await (const chunk of child.stdout) {
    printed += chunk;
    const found = /on (http:\S+)\n/.exec(printed);
    if (found) return found[1];
  }
  throw new Error(`no address in "${printed}"`);
}

async function connect(url, clients, options = {}) {
  const client = io(url, { transports: ['websocket'], forceNew: true, reconnection: false, ...options });
  clients.push(client);
  await new Promise((resolve, reject) => client.once('connect', resolve).once('connect_error', reject));
  return client;
}

function folder(variable) {
  if (!process.env[variable]) throw new Error(`${variable} is not set: use tests/examples/run.sh`);
  return process.env[variable];
}

function words(text = '') {
  return text.split(' ').filter(Boolean);
}

module.exports = { TRANSPORTS, inEachLanguage, programs };
