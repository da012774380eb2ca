// The DOM's event interface over EventEmitter: light event objects, `onmessage` and its like, `addEventListener`.
'use strict';

class Event {
  #type;

  #target = null;

  constructor(type) {
    this.#type = type;
  }

  get type() {
    return this.#type;
  }

  get target() {
    return this.#target;
  }

  static _at(event, target) {
    event.#target = target;
    return event;
  }
}

class CloseEvent extends Event {
  #code;

  #reason;

  #wasClean;

  constructor(type, { code = 0, reason = '', wasClean = false } = {}) {
    super(type);
    this.#code = code;
    this.#reason = reason;
    this.#wasClean = wasClean;
  }

  get code() {
    return this.#code;
  }

  get reason() {
    return this.#reason;
  }

  get wasClean() {
    return this.#wasClean;
  }
}

class ErrorEvent extends Event {
  #error;

  #message;

  constructor(type, { error = null, message = '' } = {}) {
    super(type);
    this.#error = error;
    this.#message = message;
  }

  get error() {
    return this.#error;
  }

  get message() {
    return this.#message;
  }
}

class MessageEvent extends Event {
  #data;

  constructor(type, { data = null } = {}) {
    super(type);
    this.#data = data;
  }

  get data() {
    return this.#data;
  }
}

for (const [Class, names] of [
  [Event, ['target', 'type']],
  [CloseEvent, ['code', 'reason', 'wasClean']],
  [ErrorEvent, ['error', 'message']],
  [MessageEvent, ['data']],
]) {
  names.forEach((name) => Object.defineProperty(Class.prototype, name, { enumerable: true }));
}

/** What an emitter's listener must do for a listener of the DOM's kind: make its event of the emitter's arguments. */
const EVENTS = {
  message: (data, isBinary) => new MessageEvent('message', { data: isBinary ? data : data.toString() }),
  close(code, reason) {
    const { isFrameReceived, isFrameSent } = this._end;
    return new CloseEvent('close', { code, reason: reason.toString(), wasClean: isFrameReceived && isFrameSent });
  },
  error: (error) => new ErrorEvent('error', { error, message: error.message }),
  open: () => new Event('open'),
};

// On the function that listens: the listener it stands for, and whether it came by `onmessage = …`.
const LISTENER = Symbol('listener');
const IS_HANDLER = Symbol('is handler');

function call(listener, target, event) {
  if (typeof listener === 'object' && listener.handleEvent) {
    listener.handleEvent.call(listener, event);
  } else {
    listener.call(target, event);
  }
}

function listen(emitter, type, listener, { once = false } = {}, isHandler = false) {
  const known = emitter.listeners(type).some((each) => each[LISTENER] === listener && !isHandler && !each[IS_HANDLER]);
  if (known || EVENTS[type] === undefined) {
    return;
  }
  function wrapper(...args) {
    call(listener, emitter, Event._at(EVENTS[type].apply(emitter, args), emitter));
  }
  wrapper[LISTENER] = listener;
  wrapper[IS_HANDLER] = isHandler;
  if (once) {
    emitter.once(type, wrapper);
  } else {
    emitter.on(type, wrapper);
  }
}

/** The methods of EventTarget that ws has. */
const eventTarget = {
  addEventListener(type, listener, options = {}) {
    listen(this, type, listener, options);
  },

  removeEventListener(type, listener) {
    for (const each of this.listeners(type)) {
      if (each[LISTENER] === listener && !each[IS_HANDLER]) {
        this.removeListener(type, each);
        break;
      }
    }
  },
};

/** Gives `Class`, an EventEmitter, EventTarget's methods and the handlers `onopen`, `onmessage`, `onerror`, `onclose`. */
function becomesEventTarget(Class) {
  Object.assign(Class.prototype, eventTarget);
  for (const type of Object.keys(EVENTS)) {
    Object.defineProperty(Class.prototype, `on${type}`, {
      configurable: true,
      enumerable: true,
      get() {
        const handler = this.listeners(type).find((each) => each[IS_HANDLER]);
        return handler === undefined ? null : handler[LISTENER];
      },
      set(handler) {
        for (const each of this.listeners(type)) {
          if (each[IS_HANDLER]) {
            this.removeListener(type, each);
            break;
          }
        }
        if (typeof handler === 'function') {
          listen(this, type, handler, {}, true);
        }
      },
    });
  }
}

module.exports = { becomesEventTarget, Event, CloseEvent, ErrorEvent, MessageEvent };
