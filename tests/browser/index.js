// Drives a real headless Chromium: finds the program, opens pages, and fails when a page reports an error.

'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { after, before } = require('node:test');
const { chromium } = require('playwright-core');

/** How long a page may take for one step before the step fails, in milliseconds. */
const DEADLINE_MS = 10_000;

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

// Nothing here is for speed: the browser shall talk to the server under test and to nobody else.
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

/**
 * The path of Chromium: `CHROMIUM` when it is set, else the first known name on `PATH`.
 * @returns {string}
 */
function findChromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const name of NAMES) {
    for (const folder of (process.env.PATH || '').split(path.delimiter)) {
      const candidate = path.join(folder, name);
      if (isExecutable(candidate)) return candidate;
    }
  }
  throw new Error(`No Chromium found (looked for ${NAMES.join(', ')}). Install it with your package manager, or set CHROMIUM to its path.`);
}

function isExecutable(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

/**
 * One Chromium process with a fresh profile for the tests of the enclosing `describe` (or file).
 * Its pages share no cookies and no storage: each is a person of its own.
 * @returns {Browser}
 */
function useBrowser() {
  const browser = new Browser();
  before(() => browser.launch());
  after(() => browser.close());
  return browser;
}

class Browser {
  async launch() {
    const launch = () => chromium.launch({ executablePath: findChromium(), args: FLAGS, timeout: 30_000 });
    // Now and then Chromium dies of itself before it has seen a page (SIGSEGV).
    this.process = await launch().catch(launch);
  }

  async close() {
    await this.process?.close();
  }

  /**
   * Opens `url` for a new person.
   * @param {string} url
   * @param {object} [options] of playwright's `newContext`: viewport, colorScheme, hasTouch, …
   * @returns {Promise<Page>} loaded, with its `socket.io` client not necessarily connected
   */
  async open(url, options = {}) {
    const context = await this.process.newContext(options);
    context.setDefaultTimeout(DEADLINE_MS);
    const page = await context.newPage();
    const opened = new Page(context, page);
    await page.goto(url);
    return opened;
  }
}

/** A page, what it complained about, and the connections it made. `page` is playwright's. */
class Page {
  constructor(context, page) {
    this.context = context;
    this.page = page;
    this.complaints = [];
    this.websockets = [];
    this.pollings = [];
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') this.complaints.push(message.text());
    });
    page.on('websocket', (socket) => this.websockets.push(socket.url()));
    page.on('request', (request) => {
      if (request.url().includes('transport=polling')) this.pollings.push(request.url());
    });
  }

  /** Waits until the elements that match `selector` read exactly `texts`, in order. */
  async reads(selector, texts) {
    await this.until(`${selector} to read ${JSON.stringify(texts)}`, sameTexts, { selector, texts });
  }

  /** Waits until `condition(argument)`, run inside the page, is true; `what` names it in the failure. */
  async until(what, condition, argument) {
    try {
      await this.page.waitForFunction(condition, argument, { polling: 20 });
    } catch (error) {
      const body = await this.page.evaluate(() => document.body.innerText).catch(() => '(page is gone)');
      const complaints = this.complaints.join('\n') || '(none)';
      throw new Error(`waited for ${what}\n${error.message}\n--- page\n${body}\n--- complaints\n${complaints}`);
    }
  }

  /** Closes the page as a person does who closes the tab; throws what the page complained about. */
  async close() {
    await this.context.close();
    if (this.complaints.length > 0) {
      throw new Error(`The page complained:\n${this.complaints.join('\n')}`);
    }
  }
}

// Runs inside the page.
function sameTexts({ selector, texts }) {
  const found = [...document.querySelectorAll(selector)].map((element) => element.textContent.trim());
  return found.length === texts.length && found.every((text, i) => text === texts[i]);
}

module.exports = { useBrowser, findChromium };
