// The IO threads of this environment (the main thread or one Worker): all its engines share them.
'use strict';

const native = require('./native');

module.exports = new native.Threads();
