// The example `rooms`, as the real client sees it.

'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const { inEachLanguage } = require('./program.js');

inEachLanguage('rooms', 'who does not say a name stays outside', async (connect) => {
  await assert.rejects(connect(), { message: 'who are you?' });
  await assert.rejects(connect({ auth: { name: 1 } }), { message: 'who are you?' });
});

inEachLanguage('rooms', 'a question to a room gathers the answers of all others there', async (connect) => {
  const [ann, bob, cem, dan] = await Promise.all(
    ['Ann', 'Bob', 'Cem', 'Dan'].map((name) => connect({ auth: { name } })),
  );
  for (const member of [ann, bob, cem]) member.emit('join', 'kitchen');
  dan.emit('join', 'cellar');
  // Each client's own events stay in order: when this is answered it has joined.
  await Promise.all([bob, cem, dan].map((client) => client.emitWithAck('poll', 'nowhere', 'anybody?')));
  ann.on('poll', () => assert.fail('who asks is not asked'));
  dan.on('poll', () => assert.fail('another room is not asked'));
  bob.on('poll', (question, answer) => answer(`${question} yes`));
  cem.on('poll', (question, answer) => answer(`${question} no`));
  const answers = await ann.emitWithAck('poll', 'kitchen', 'tea?');
  assert.deepStrictEqual(answers.sort(), ['tea? no', 'tea? yes']);

  cem.emit('leave', 'kitchen');
  assert.deepStrictEqual(await cem.emitWithAck('poll', 'nowhere', 'anybody?'), []);
  assert.deepStrictEqual(await ann.emitWithAck('poll', 'kitchen', 'tea?'), ['tea? yes']);
});

inEachLanguage('rooms', 'those in a room learn who has gone', async (connect) => {
  const [ann, bob] = await Promise.all(['Ann', 'Bob'].map((name) => connect({ auth: { name } })));
  for (const client of [ann, bob]) {
    client.emit('join', 'kitchen');
    await client.emitWithAck('poll', 'nowhere', 'anybody?');
  }
  const gone = once(ann, 'gone');
  bob.disconnect();
  assert.deepStrictEqual(await gone, ['Bob']);
});
