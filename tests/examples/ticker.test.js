// The example `ticker`, as the real client sees it.

'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const { inEachLanguage } = require('./program.js');

inEachLanguage('ticker', 'who watches a share hears its price, and no other', async (connect) => {
  const client = await connect();
  const heard = [];
  client.on('price', (share, price) => heard.push([share, price]));
  assert.strictEqual(await client.emitWithAck('watch', 'nothing'), null);
  const first = await client.emitWithAck('watch', 'GINGER');
  // Each step is ten cents at most, and no step has been left out since the program began.
  assert.ok(first > 20 && first < 80, `${first}`);
  while (heard.length < 5) await once(client, 'price');
  for (const [share, price] of heard) {
    assert.strictEqual(share, 'GINGER');
    assert.ok(Number.isFinite(price) && price > 0, `${price}`);
  }

  client.emit('unwatch', 'GINGER');
  assert.strictEqual(await client.emitWithAck('watch', 'nothing'), null);
  const before = heard.length;
  await client.emitWithAck('watch', 'BARLEY');
  await once(client, 'price');
  assert.strictEqual(heard[before][0], 'BARLEY');
}, ['5']);
