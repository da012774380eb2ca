// Program e: a broadcast reaches all but its sender, from newest and older clients.

'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { useBrowser } = require('../../browser');
const { connect, CLIENTS } = require('../clients.js');
const { startProgram } = require('../program.js');

const PROGRAM = 'e-broadcast/server.js';
const VERSIONS = Object.keys(CLIENTS);

for (const version of VERSIONS) {
  for (const transports of [['polling', 'websocket'], ['websocket'], ['polling']]) {
    it(`client ${version} over ${transports.join(', then ')} reaches all others and not itself`, async (t) => {
      const program = await startProgram(t, PROGRAM);
      const sender = await connect(t, program.url, { version, transports });
      const others = await everyKindOfClient(t, program.url);

      sender.emit('drawing', { x: 1 });
      sender.emit('drawing', { x: 2 });
      for (const other of others) await other.received(2);
      others[0].emit('drawing', { x: 3 });

      // What the sender hears first is the third stroke: its own two never came back.
      assert.deepEqual(await sender.received(1), [['drawing', { x: 3 }]]);
      const [first, ...rest] = others;
      assert.deepEqual(first.events, [['drawing', { x: 1 }], ['drawing', { x: 2 }]]);
      for (const other of rest) {
        assert.deepEqual(await other.received(3), [['drawing', { x: 1 }], ['drawing', { x: 2 }], ['drawing', { x: 3 }]]);
      }
    });
  }
}

it('binary strokes reach the others byte for byte', async (t) => {
  const program = await startProgram(t, PROGRAM);
  const sender = await connect(t, program.url);
  const others = await everyKindOfClient(t, program.url);
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));

  sender.emit('drawing', { pixels: bytes, more: [Buffer.alloc(0), Buffer.from('x')] });

  for (const other of others) {
    const [[, { pixels, more }]] = await other.received(1);
    assert.deepEqual([pixels, more[0], more[1]].map((part) => Buffer.from(part)), [bytes, Buffer.alloc(0), Buffer.from('x')]);
  }
});

describe('in a browser', () => {
  const browser = useBrowser();

  for (const [name, path] of [['the newest client', '/'], ['client 4.5.4', '/old']]) {
    it(`one page with ${name} draws on two others`, async (t) => {
      const program = await startProgram(t, PROGRAM);
      const pages = [];
      for (const other of [path, '/', '/old']) pages.push(await browser.open(program.url + other));
      for (const page of pages) await page.until('connect', () => socket.connected);
      const [sender, ...others] = pages;

      const { mouse } = sender.page;
      const box = await sender.page.locator('#board').boundingBox();
      await mouse.move(box.x + 10, box.y + 10);
      await mouse.down();
      await mouse.move(box.x + 60, box.y + 40);
      await mouse.move(box.x + 90, box.y + 80);
      await mouse.up();

      const drawn = ['10 10 60 40 rebeccapurple', '60 40 90 80 rebeccapurple'];
      for (const other of others) await other.until('the strokes', (count) => strokes.length >= count, drawn.length);
      for (const page of pages) {
        assert.deepEqual(await page.page.evaluate(() => strokes), drawn);
        await page.close();
      }
    });
  }
});

/** One client of each release over each transport. */
async function everyKindOfClient(t, url) {
  const clients = [];
  for (const version of VERSIONS) {
    for (const transports of [['polling', 'websocket'], ['websocket'], ['polling']]) {
      clients.push(await connect(t, url, { version, transports }));
    }
  }
  return clients;
}
