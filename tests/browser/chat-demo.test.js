// The demo (examples/chat): what people see of it, and how it starts and ends.

'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { connect } = require('../programs/clients.js');
const { startProgram } = require('../programs/program.js');
const { useBrowser } = require('./index.js');

const DEMO = '../../examples/chat/server.js';

describe('the page', () => {
  const browser = useBrowser();

  it('two people see each other come, type, speak and go', async (t) => {
    const { url } = await startProgram(t, DEMO);
    const ada = await enter(browser, url, 'Ada');
    await ada.reads('.notice', ['Nothing has been said here yet. Say hello!']);
    const bob = await enter(browser, url, 'Bob');
    await ada.reads('.notice', ['Nothing has been said here yet. Say hello!', 'Bob joined']);
    await ada.reads('#people .name', ['Ada', 'Bob']);
    await bob.reads('#people .name', ['Bob', 'Ada']);

    await bob.page.locator('#text').pressSequentially('hi');
    await ada.reads('#typing span:last-child', ['Bob is typing']);
    await bob.page.keyboard.press('Enter');
    await ada.reads('#typing', ['']);
    for (const page of [ada, bob]) await page.reads('.text', ['hi']);
    await ada.reads('.message b', ['Bob']);
    await bob.reads('.message b', ['You']);

    await bob.close();
    await ada.reads('.notice', ['Nothing has been said here yet. Say hello!', 'Bob joined', 'Bob left']);
    await ada.reads('#people .name', ['Ada']);
    await ada.close();
  });

  it('shows markup in names, rooms and messages as the text it is', async (t) => {
    const { url } = await startProgram(t, DEMO);
    const mean = '<img src=x onerror=alert(1)>';
    const ada = await enter(browser, url, 'Ada');
    const eve = await enter(browser, url, mean);

    await say(eve, mean);

    const cut = mean.slice(0, 24);
    await ada.reads('.text', [mean]);
    await ada.reads('.message b', [cut]);
    await ada.reads('#people .name', ['Ada', cut]);
    await ada.close();
    await eve.close();
  });

  it('keeps rooms apart and lists how many are in each', async (t) => {
    const { url } = await startProgram(t, DEMO);
    const ada = await enter(browser, url, 'Ada');
    const bob = await enter(browser, url, 'Bob', '#music');
    await say(ada, 'to the lobby');
    await ada.reads('.text', ['to the lobby']);
    await ada.reads('#rooms li', ['#lobby1', '#music1', '#tea-house']);
    await bob.reads('.text', []);

    await bob.page.click('#rooms a >> text=lobby');
    await bob.reads('.text', ['to the lobby']);
    await ada.reads('#rooms li', ['#lobby2', '#music', '#tea-house']);
    await ada.close();
    await bob.close();
  });

  it('opens a room and forgets it with the last who leaves', async (t) => {
    const { url } = await startProgram(t, DEMO);
    const ada = await enter(browser, url, 'Ada');
    const bob = await enter(browser, url, 'Bob');

    await bob.page.fill('#new-room-name', 'Rust & Coffee');
    await bob.page.press('#new-room-name', 'Enter');
    await bob.reads('#room-name', ['rust-coffee']);
    await ada.reads('#rooms li', ['#lobby1', '#music', '#tea-house', '#rust-coffee1']);

    // A new name is a short goodbye; the room must outlive it.
    await bob.page.click('#rename');
    await bob.page.fill('#name', 'Robert');
    await bob.page.press('#name', 'Enter');
    await bob.reads('#people .name', ['Robert']);
    await ada.reads('#rooms li', ['#lobby1', '#music', '#tea-house', '#rust-coffee1']);

    await bob.close();
    await ada.reads('#rooms li', ['#lobby1', '#music', '#tea-house']);
    await ada.close();
  });

  it('works on a phone: the rooms and the people are drawers', async (t) => {
    const { url } = await startProgram(t, DEMO);
    const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
    const ada = await enter(browser, url, 'Ada', '', phone);
    const { page } = ada;

    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390);
    assert.equal(await page.isVisible('#rooms'), false);
    assert.equal(await page.isVisible('#people'), false);
    await page.tap('#show-people');
    await page.waitForSelector('#people >> text=Ada', { state: 'visible' });
    await page.touchscreen.tap(20, 400);
    await page.waitForSelector('#people', { state: 'hidden' });
    await page.tap('#show-rooms');
    await page.tap('#rooms a >> text=tea-house');
    await page.waitForSelector('#rooms', { state: 'hidden' });
    await ada.reads('#room-name', ['tea-house']);
    await ada.close();
  });

  it('has a dark and a light face, by the system and by hand', async (t) => {
    const { url } = await startProgram(t, DEMO);
    const dark = await enter(browser, url, 'Ada', '', { colorScheme: 'dark' });
    const light = await enter(browser, url, 'Bob', '', { colorScheme: 'light' });
    const background = ({ page }) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const [night, day] = [await background(dark), await background(light)];
    assert.notEqual(night, day);

    await dark.page.click('#theme');
    assert.equal(await background(dark), day);
    await dark.page.reload();
    assert.equal(await background(dark), day);
    await dark.close();
    await light.close();
  });

  it('says when the server is gone, keeps the text and returns with it', async (t) => {
    const first = await startProgram(t, DEMO);
    const ada = await enter(browser, first.url, 'Ada', '#music');
    await first.stop();
    await ada.page.waitForSelector('#offline', { state: 'visible' });
    await ada.page.fill('#text', 'still here');
    await ada.page.keyboard.press('Enter');

    await startProgram(t, DEMO, { PORT: String(first.port) });
    await ada.page.waitForSelector('#offline', { state: 'hidden' });
    await ada.reads('#people .name', ['Ada']);
    await ada.page.press('#text', 'Enter');
    await ada.reads('.text', ['still here']);
    await ada.reads('#room-name', ['music']);
    await ada.context.close();
  });
});

it('survives whatever a client sends', async (t) => {
  const { url } = await startProgram(t, DEMO);
  const [eve, ada] = [await connect(t, url), await connect(t, url)];
  const nonsense = [undefined, null, 7, 'x', [], {}, { name: 1, room: {} }, { name: ' ', room: 'x' }];

  for (const event of ['enter', 'say', 'typing', 'echo']) {
    for (const value of nonsense) eve.emit(event, value);
  }
  const refusals = [];
  for (const value of nonsense) refusals.push(await eve.socket.emitWithAck('enter', value));
  refusals.push(await eve.socket.emitWithAck('enter', { name: 'Eve', room: '///' }));
  const entered = await ada.socket.emitWithAck('enter', { name: 'Ada', room: 'lobby' });

  assert.deepEqual([...new Set(refusals.map(({ error }) => error))], [
    'Choose a name of 1 to 24 characters.',
    'There is no such room, and no space for one more.',
  ]);
  assert.deepEqual(entered, { you: { id: ada.id, name: 'Ada' }, room: 'lobby', people: [{ id: ada.id, name: 'Ada' }], messages: [] });
});

it('a taken port is one clear error that says how to choose another', async (t) => {
  const { port } = await startProgram(t, DEMO);

  await assert.rejects(startProgram(t, DEMO, { PORT: String(port) }), (error) => {
    assert.deepEqual(error.message.split('--- it printed\n')[1].split('\n'), [
      `Port ${port} is already in use by another program.`,
      'Choose another port like this: make demo PORT=3001',
    ]);
    return true;
  });
});

it('a port that is none is one clear error too', async (t) => {
  await assert.rejects(startProgram(t, DEMO, { PORT: '99999' }), (error) => {
    assert.deepEqual(error.message.split('--- it printed\n')[1].split('\n'), [
      '"99999" is not a port: a port is a number from 0 to 65535.',
      'Choose another port like this: make demo PORT=3001',
    ]);
    return true;
  });
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  it(`${signal} ends it cleanly while people are connected`, async (t) => {
    const program = await startProgram(t, DEMO);
    const clients = [
      await connect(t, program.url, { transports: ['websocket'] }),
      await connect(t, program.url, { transports: ['polling'] }),
    ];
    for (const client of clients) await client.socket.emitWithAck('enter', { name: 'Ada', room: 'lobby' });

    program.child.kill(signal);

    assert.deepEqual(await program.exited, [0, null]);
    for (const client of clients) await client.until('disconnect', () => !client.socket.connected);
  });
}

/** Opens the page and enters a room under `name`. */
async function enter(browser, url, name, hash = '', options = {}) {
  const page = await browser.open(url + hash, options);
  await page.page.fill('#name', name);
  await page.page.press('#name', 'Enter');
  await page.until('the room', () => !document.querySelector('#welcome').open);
  return page;
}

async function say(page, text) {
  await page.page.fill('#text', text);
  await page.page.press('#text', 'Enter');
}
