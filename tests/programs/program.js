// Runs one program as its own process, as people run it, and lets a test read what it prints.

'use strict';

const { spawn } = require('node:child_process');
const path = require('node:path');
const { once } = require('node:events');

/** How long a program may take to print an awaited line or to end, in milliseconds. */
const DEADLINE_MS = 10_000;

/**
 * Starts `file` (relative to this folder) on a free port and waits until it listens.
 * It is ended after the test.
 * @param {import('node:test').TestContext} t
 * @param {string} file
 * @param {Record<string, string>} [env] more settings
 * @returns {Promise<Program>}
 */
async function startProgram(t, file, env = {}) {
  const absolute = path.join(__dirname, file);
  const child = spawn(process.execPath, ['--require', path.join(__dirname, 'module-switch.js'), absolute], {
    cwd: path.dirname(absolute),
    env: { ...process.env, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const program = new Program(child);
  t.after(() => program.stop());
  const [, port] = await program.prints(/(?:listening on \*|http:\/\/localhost):(\d+)/);
  program.port = Number(port);
  program.url = `http://localhost:${port}`;
  return program;
}

class Program {
  constructor(child) {
    this.child = child;
    this.lines = [];
    this.waiting = new Set();
    this.exited = once(child, 'exit');
    this.exited.then(() => this.wake());
    this.rest = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8').on('data', (text) => this.take(name, text));
    }
  }

  /**
   * Waits until `count` lines match `pattern`, printed already or still to come; gives the last of them.
   * @param {RegExp} pattern
   * @param {number} [count]
   * @returns {Promise<RegExpMatchArray>}
   */
  prints(pattern, count = 1) {
    return new Promise((resolve, reject) => {
      const fail = (why) => {
        this.waiting.delete(look);
        clearTimeout(timer);
        reject(new Error(`waited for the program to print ${pattern}: ${why}\n--- it printed\n${this.lines.join('\n')}`));
      };
      const look = () => {
        const matches = this.lines.map((line) => line.match(pattern)).filter(Boolean);
        if (matches.length >= count) {
          this.waiting.delete(look);
          clearTimeout(timer);
          resolve(matches[count - 1]);
        } else if (this.ended) {
          fail('it ended');
        }
      };
      const timer = setTimeout(() => fail('the deadline passed'), DEADLINE_MS);
      this.waiting.add(look);
      look();
    });
  }

  get ended() {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  async stop() {
    if (!this.ended) this.child.kill('SIGKILL');
    await this.exited;
  }

  take(name, text) {
    const lines = (this.rest[name] + text).split('\n');
    this.rest[name] = lines.pop();
    this.lines.push(...lines);
    this.wake();
  }

  wake() {
    for (const look of [...this.waiting]) look();
  }
}

module.exports = { startProgram, DEADLINE_MS };
