// Rust servers over the sharded channels of Redis, among themselves and mixed with npm socket.io that has
// `createShardedAdapter`.
'use strict';

const { rustScenarios, lostAndFound } = require('./rust-scenarios');

rustScenarios('dynamic', ['rust', 'rust']);
for (const mode of ['dynamic', 'static', 'dynamic-private']) {
  rustScenarios(mode, ['rust', 'socket.io']);
  rustScenarios(mode, ['socket.io', 'rust']);
}
lostAndFound('dynamic');
