// The broadcasting methods that Server and Namespace share: each starts a BroadcastOperator.
'use strict';

const STARTS = ['to', 'in', 'except', 'compress', 'timeout', 'fetchSockets', 'allSockets', 'socketsJoin', 'socketsLeave', 'disconnectSockets', 'emitWithAck', 'emitWithAnswers'];
const START_GETTERS = ['volatile', 'local'];

/** Defines them on `Class`; `start(instance)` gives the operator they begin with. */
function addOperatorMethods(Class, start) {
  for (const name of STARTS) {
    Object.defineProperty(Class.prototype, name, {
      configurable: true,
      writable: true,
      value(...args) {
        return start(this)[name](...args);
      },
    });
  }
  for (const name of START_GETTERS) {
    Object.defineProperty(Class.prototype, name, {
      configurable: true,
      get() {
        return start(this)[name];
      },
    });
  }
}

module.exports = { addOperatorMethods };
