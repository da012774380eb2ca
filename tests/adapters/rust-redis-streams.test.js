// Rust servers that meet over a Redis stream, among themselves and mixed with npm socket.io that has
// `@socket.io/redis-streams-adapter`.
'use strict';

const test = require('node:test');
const assert = require('node:assert');
const { next } = require('../node/harness');
const { until } = require('./nodes');
const { clusterOf, clientAt, settled, received } = require('./rust-node');
const { meetingOverRedis, rustScenarios, lostAndFound } = require('./rust-scenarios');

for (const kinds of [
  ['rust', 'socket.io'],
  ['socket.io', 'rust'],
  ['rust', 'rust'],
]) {
  rustScenarios('streams', kinds);
}
lostAndFound('streams');

test('what was said while a server had lost Redis reaches its clients when it is back', async (t) => {
  const { connect, meeting } = await meetingOverRedis(t, 'streams');
  const [here, there] = await clusterOf(t, ['rust', 'rust'], meeting);
  const b = await clientAt(t, there, 'b');
  const redis = await connect();
  // Of those who read the stream the servers in Rust are those that speak the protocol's third revision.
  const clients = async () => (await redis.sendCommand(['CLIENT', 'LIST', 'TYPE', 'normal'])).split('\n');
  const readers = async () => (await clients()).filter((line) => / cmd=xread .* resp=3/.test(line)).map((line) => /id=(\d+)/.exec(line)[1]);
  await until(async () => (await readers()).length === 2);
  const entry = (n) => ['XADD', 'socket.io', '*', 'uid', 'emitter', 'nsp', '/', 'type', '3', 'data', JSON.stringify({ packet: { type: 2, data: ['missed', n], nsp: '/' }, opts: { rooms: [b.id], except: [], flags: {} } })];
  const lost = await readers();
  const kill = (id) => ['CLIENT', 'KILL', 'ID', id];
  // At once, so that nobody is back before all is said.
  await redis.multi().addCommand(kill(lost[0])).addCommand(kill(lost[1])).addCommand(entry(1)).addCommand(entry(2)).exec();
  await until(async () => (await readers()).length === 2);
  await settled(here, [b]);
  assert.deepStrictEqual(received(b), [['missed', 1], ['missed', 2]]);
});

test('what is no message is dropped, and the next is heard', async (t) => {
  const { connect, meeting } = await meetingOverRedis(t, 'streams');
  const [here, there] = await clusterOf(t, ['rust', 'rust'], meeting);
  const b = await clientAt(t, there, 'b');
  const redis = await connect();
  for (const fields of [['a', 'b'], ['nsp', '/', 'uid', 'x', 'type', '3', 'data', '{'], ['nsp', '/', 'uid', 'x', 'type', '3'], ['nsp', '\xff', 'type', '']]) {
    await redis.sendCommand(['XADD', 'socket.io', '*', ...fields]);
  }
  const heard = next(b, 'hello');
  here.emit({}, 'hello', 1);
  assert.deepStrictEqual(await heard, [1]);
});
