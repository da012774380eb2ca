// The entry of the package: what `require("socket.io")` gives, on Sori's engine.
'use strict';

const { createAdapter, createShardedAdapter, createStreamsAdapter } = require('./lib/cluster/native-adapter');
const { Server } = require('./lib/server');
const { Namespace } = require('./lib/namespace');
const { Socket } = require('./lib/socket');

module.exports = (srv, opts) => new Server(srv, opts);
module.exports.Server = Server;
module.exports.Namespace = Namespace;
module.exports.Socket = Socket;
module.exports.createAdapter = createAdapter;
module.exports.createShardedAdapter = createShardedAdapter;
module.exports.createStreamsAdapter = createStreamsAdapter;
// `require("socket.io").listen(3000)`, the spelling of versions before 3.
module.exports.listen = module.exports;
