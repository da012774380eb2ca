// The option `onHandlerError`: what listeners and middlewares throw, and what the promises of async ones reject with,
// goes to one function of the application instead of ending the process.
'use strict';

const { throwLater } = require('./errors');

class HandlerErrors {
  /** `report(error, { socket, event, args })`; what it throws itself is an uncaught exception. */
  constructor(report) {
    this.report = report;
  }

  /** Calls the listeners of `event` on `emitter`: one that fails keeps none of the others from being called. */
  emit(emitter, event, args, socket) {
    for (const listener of emitter.rawListeners(event)) {
      this.call(listener, emitter, args, { socket, event, args });
    }
  }

  /** Calls `fn`; `onerror` is told as well, once, if it fails. */
  call(fn, self, args, where, onerror = nothing) {
    const fail = (error) => {
      try {
        this.report(error, where);
      } catch (second) {
        throwLater(second);
      }
      onerror();
    };
    try {
      const result = fn.apply(self, args);
      if (result !== null && typeof result === 'object' && typeof result.then === 'function') {
        result.then(undefined, fail);
      }
    } catch (error) {
      fail(error);
    }
  }
}

function nothing() {}

module.exports = { HandlerErrors };
