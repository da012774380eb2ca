// Real socket.io clients in this process, with everything they receive kept in order.

'use strict';

const newest = require('socket.io-client');
const old = require('socket.io-client-4.5.4');
const { DEADLINE_MS } = require('./program.js');

/** Each client release that people's pages load, by its version. */
const CLIENTS = { '4.8.4': newest, '4.5.4': old };

/**
 * Connects a client and waits until it is connected. It is closed after the test.
 * @param {import('node:test').TestContext} t
 * @param {string} url
 * @param {object} [options] of socket.io-client; `version` picks the release
 * @returns {Promise<Client>}
 */
async function connect(t, url, { version = '4.8.4', ...options } = {}) {
  const socket = CLIENTS[version].io(url, { forceNew: true, reconnection: false, ...options });
  const client = new Client(socket);
  t.after(() => socket.disconnect());
  await client.until('connect', () => socket.connected);
  return client;
}

/** A client: `socket` is socket.io-client's, `events` is every event received so far as [name, ...args]. */
class Client {
  constructor(socket) {
    this.socket = socket;
    this.events = [];
    this.look = () => {};
    socket.onAny((...event) => {
      this.events.push(event);
      this.look();
    });
    socket.on('connect', () => this.look());
    socket.on('disconnect', () => this.look());
    socket.on('connect_error', (error) => {
      this.error = error;
      this.look();
    });
    // Only now does the engine's upgrade show: polling first, then websocket.
    socket.io.on('open', () => socket.io.engine.on('upgrade', () => this.look()));
  }

  get id() {
    return this.socket.id;
  }

  get transport() {
    return this.socket.io.engine.transport.name;
  }

  emit(...event) {
    this.socket.emit(...event);
  }

  /** Waits until `events` holds at least `count` entries and returns all of them. */
  async received(count) {
    await this.until(`${count} events`, () => this.events.length >= count);
    return this.events;
  }

  /** Waits until `condition` holds; it is looked at after each thing that happens to the client. */
  until(what, condition) {
    return new Promise((resolve, reject) => {
      const fail = (why) => {
        clearTimeout(timer);
        this.look = () => {};
        reject(new Error(`client waited for ${what}: ${why}; it received ${JSON.stringify(this.events)}`));
      };
      const timer = setTimeout(() => fail('the deadline passed'), DEADLINE_MS);
      this.look = () => {
        if (condition()) {
          clearTimeout(timer);
          this.look = () => {};
          resolve();
        } else if (this.error) {
          fail(String(this.error));
        }
      };
      this.look();
    });
  }
}

module.exports = { connect, CLIENTS };
