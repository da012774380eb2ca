// What stays behind when thousands of clients have come and gone: nothing.
'use strict';

const assert = require('assert/strict');
const path = require('path');
const { fork } = require('child_process');
const { once } = require('events');
const { test } = require('node:test');
const { io: connect } = require('socket.io-client');
const { isOriginal, next, TRANSPORTS } = require('./harness');

// A third of them over each of the ways in.
const WARM_UP = 600;
const CLIENTS = 1200;
const AT_ONCE = 50;
const NOTHING = {
  requests: 0,
  posts: 0,
  clients: 0,
  answers: 0,
  connections: 0,
  sockets: 0,
  outgoing: 0,
  joining: 0,
  rooms: 0,
};
// Bytes per client that may be counted against the server: its tables grow in steps, its code is compiled.
const MOST_PER_CLIENT = 500;
// The process as a whole: about what one idle connection takes, as allocators keep some of what they are given back.
const MOST_RESIDENT_PER_CLIENT = 10240;

// V8's space for new objects grows with the load, which has nothing to do with what is kept.
const SMALL_NURSERY = '--max-semi-space-size=1';

const MEASUREMENTS = 20;

function isWithin(before, after) {
  return after.heap - before.heap < CLIENTS * MOST_PER_CLIENT && after.resident - before.resident < CLIENTS * MOST_RESIDENT_PER_CLIENT;
}

/** A client that does a little of everything, and leaves in one of the ways there are. */
async function visit(port, n) {
  const transports = TRANSPORTS[n % TRANSPORTS.length];
  const client = connect(`http://127.0.0.1:${port}/${n % 4 === 0 ? `dynamic-${n % 3}` : ''}`, { transports, forceNew: true, reconnection: false });
  client.on('asked', (done) => done('here', Buffer.from([n % 256])));
  if (n % 10 === 0) {
    await next(client.io.socket('/refusing'), 'connect_error');
  }
  await (client.connected || next(client, 'connect'));
  assert.equal(await client.emitWithAck('work', 'text'), 'text');
  if (n % 2 === 0) {
    client.disconnect();
  } else {
    client.io.engine.close();
  }
}

async function visits(port, count) {
  let n = 0;
  const one = async () => {
    while (n < count) {
      n += 1;
      await visit(port, n);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

test('thousands of clients leave nothing behind', { skip: isOriginal }, async (t) => {
  const server = fork(path.join(__dirname, 'fixtures/come-and-go.js'), { execArgv: ['--expose-gc', SMALL_NURSERY] });
  t.after(() => server.kill());
  const [{ port }] = await once(server, 'message');
  const measure = async () => {
    server.send('measure');
    return (await once(server, 'message'))[0];
  };
  await visits(port, WARM_UP);
  const before = await measure();
  assert.deepEqual(before.held, NOTHING);
  await visits(port, CLIENTS);
  // The system may still be closing some streams, and V8 compiling: what is kept for ever is there every time.
  let after = await measure();
  for (let i = 0; i < MEASUREMENTS && !isWithin(before, after); i++) {
    after = await measure();
  }
  assert.deepEqual(after.held, NOTHING);
  assert.ok(isWithin(before, after), `from ${JSON.stringify(before)} to ${JSON.stringify(after)}`);
  server.send('end');
  assert.deepEqual(await once(server, 'exit'), [0, null]);
});
