// The example `chat`, as the real client sees it.

'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const { TRANSPORTS, inEachLanguage } = require('./program.js');

for (const transports of TRANSPORTS) {
  inEachLanguage('chat', `people hear each other over ${transports.join(' and ')}`, async (connect) => {
    const [ann, bob] = await Promise.all([connect({ transports }), connect({ transports })]);
    assert.strictEqual(await ann.emitWithAck('enter', 'tea'), true);
    const entered = once(ann, 'entered');
    assert.strictEqual(await bob.emitWithAck('enter', 'tea'), true);
    assert.deepStrictEqual(await entered, [bob.id]);

    const heard = Promise.all([once(ann, 'said'), once(bob, 'said')]);
    ann.emit('say', { text: 'Grüß dich, 소리 "so"', n: [1] });
    const expected = [ann.id, { text: 'Grüß dich, 소리 "so"', n: [1] }];
    assert.deepStrictEqual(await heard, [expected, expected]);

    assert.strictEqual(await bob.emitWithAck('enter', ''), false);
    const left = once(ann, 'left');
    const { id } = bob;
    bob.disconnect();
    assert.deepStrictEqual(await left, [id]);
  });
}

inEachLanguage('chat', 'rooms hear nothing of one another', async (connect) => {
  const [ann, bob] = await Promise.all([connect(), connect()]);
  await ann.emitWithAck('enter', 'tea');
  await bob.emitWithAck('enter', 'music');
  bob.on('said', () => assert.fail('bob hears the other room'));
  const heard = once(ann, 'said');
  ann.emit('say', null);
  assert.deepStrictEqual(await heard, [ann.id, null]);
  // Behind whatever the server may have sent bob before.
  await bob.emitWithAck('enter', 'music');
});
