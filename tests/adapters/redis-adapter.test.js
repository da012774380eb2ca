// `@socket.io/redis-adapter`: servers that meet over Redis channels.
'use strict';

const { createAdapter } = require('@socket.io/redis-adapter');
const { clusterScenarios } = require('./scenarios');
const { startRedis } = require('./redis');

clusterScenarios('@socket.io/redis-adapter', async (t) => {
  const connect = await startRedis(t);
  return async () => createAdapter(await connect(), await connect());
});
