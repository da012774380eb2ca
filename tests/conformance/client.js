'use strict';
// The client under the fuzzing cases: goes through the cases of a fuzzing server, sending back whatever it gets.
// node client.js MODULE ADDRESS

const WebSocket = require(require('node:path').resolve(process.argv[2]));
const address = process.argv[3];
const AGENT = 'sori';

/** Connects, echoes when asked to, and resolves with the last text message when it is over. */
function talk(path, echoes) {
  return new Promise((resolve) => {
    let last = '';
    const ws = new WebSocket(`${address}${path}`, { maxFragments: 0, perMessageDeflate: { threshold: 0 } });
    ws.on('message', (data, isBinary) => {
      if (echoes) {
        ws.send(data, { binary: isBinary });
      } else {
        last = data.toString();
      }
    });
    ws.on('error', () => {});
    ws.on('close', () => resolve(last));
  });
}

async function main() {
  const count = Number(await talk('/getCaseCount', false));
  if (!(count > 0)) {
    throw new Error(`the fuzzing server at ${address} has no cases`);
  }
  for (let number = 1; number <= count; number++) {
    await talk(`/runCase?case=${number}&agent=${AGENT}`, true);
  }
  await talk(`/updateReports?agent=${AGENT}`, false);
  console.log(`${count} cases run`);
}

main();
