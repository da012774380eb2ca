'use strict';
// Runs one server under test: prints the port it listens on, and ends with the benchmark that started it.
//
// The agreement with src/server_process.rs, kept by servers in every language:
// - the first line on stdout is the port, or `unavailable: REASON` when the module under test cannot be loaded;
// - the end of stdin ends the server;
// - JavaScript only: the line `collect` on stdin collects garbage, answered by the line `collected`.

const path = require('node:path');

// `build` gets the loaded module and gives the http.Server to listen on. Building is inside the guard too,
// because an addon may be loaded as late as in a constructor.
function run(build) {
  let server;
  try {
    server = build(require(modulePath(process.argv[2])));
  } catch (error) {
    const reason = String(error.message).split('\n')[0];
    process.stdout.write(`unavailable: ${reason}\n`, () => process.exit(3));
    return;
  }
  server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
  process.stdin.on('data', collect);
  process.stdin.on('end', () => process.exit(0));
}

// A module name, or a path from the benchmark's folder.
function modulePath(name) {
  return name.startsWith('.') ? path.resolve(__dirname, '..', name) : name;
}

function collect() {
  global.gc?.();
  process.stdout.write('collected\n');
}

module.exports = { run };
