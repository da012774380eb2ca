// What the programs in this folder do alike: listen on the port that is named first on the command
// line (3000), say so, and end well when they are told to stop.

'use strict';

const http = require('node:http');

exports.listen = function listen(io, name) {
  const server = http.createServer((request, response) => response.writeHead(404).end());
  io.attach(server);
  server.listen(Number(process.argv[2] ?? 3000), '127.0.0.1', () => {
    console.log(`${name} on http://127.0.0.1:${server.address().port}`);
  });
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, async () => {
      await io.close();
      process.exit(0);
    });
  }
};
