// Loads the native addon, or says what is missing.
'use strict';

const path = require('path');

function load() {
  const file = path.join(__dirname, '..', 'sori.node');
  try {
    return require(file);
  } catch (cause) {
    const error = new Error(`sori: cannot load its native addon ${file} (${cause.message.split('\n')[0]}). Run \`make build\` to build it.`);
    error.code = 'SORI_NATIVE_MISSING';
    error.cause = cause;
    throw error;
  }
}

module.exports = load();
