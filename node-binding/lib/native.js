// Loads the native addon: the one built in this folder, else the prebuilt one of this platform, else says what is missing.
'use strict';

const { existsSync } = require('fs');
const path = require('path');
const { platformsOf, packageOf } = require('./platforms');

function load() {
  const built = path.join(__dirname, '..', 'sori.node');
  const candidates = existsSync(built) ? [built] : platformsOf(process.platform, process.arch).map(packageOf);
  const failures = [];
  for (const candidate of candidates) {
    try {
      return require(candidate);
    } catch (error) {
      failures.push(error);
    }
  }
  throw missing(candidates, failures);
}

function missing(candidates, failures) {
  const machine = `${process.platform} ${process.arch}`;
  const cause = failures.find((error) => error.code !== 'MODULE_NOT_FOUND');
  let what = `there is no prebuilt addon for ${machine}; build it with Rust: \`make addon\` in Sori's repository`;
  if (cause !== undefined) {
    what = `its native addon cannot be loaded on ${machine} (${cause.message.split('\n')[0]})`;
  } else if (candidates.length > 0) {
    what = `its native addon for ${machine} is not installed; run \`npm install --include=optional\`, or \`make addon\` in Sori's repository`;
  }
  const error = new Error(`sori: ${what}`);
  error.code = 'SORI_NATIVE_MISSING';
  error.cause = cause || failures[0];
  return error;
}

module.exports = load();
