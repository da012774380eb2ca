// `@socket.io/redis-streams-adapter`: servers that meet over a Redis stream, which also keeps what lost clients missed.
'use strict';

const { createAdapter } = require('@socket.io/redis-streams-adapter');
const { clusterScenarios } = require('./scenarios');
const { startRedis } = require('./redis');

clusterScenarios('@socket.io/redis-streams-adapter', async (t) => {
  const connect = await startRedis(t);
  return async () => createAdapter(await connect());
});
