// The example `echo`, as the real client sees it.

'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const { TRANSPORTS, inEachLanguage } = require('./program.js');

for (const transports of TRANSPORTS) {
  inEachLanguage('echo', `everything comes back over ${transports.join(' and ')}`, async (connect) => {
    const client = await connect({ transports });
    for (const anything of ['Grüß dich, 소리 "so"', [1, [2]], { n: null }, 1.5, null]) {
      const heard = once(client, 'message');
      client.emit('message', anything);
      assert.deepStrictEqual(await heard, [anything]);
      assert.deepStrictEqual(await client.emitWithAck('ask', anything), anything);
    }
    const file = Buffer.from([0, 1, 2, 255]);
    assert.deepStrictEqual(Buffer.from(await client.emitWithAck('file', file)), file);
  });
}
