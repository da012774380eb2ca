// The answers to a broadcast as they come: what `for await` reads.
'use strict';

class AnswerStream {
  /** `onover` is called once: at the end, or when nobody reads on. It holds at most one answer of each client. */
  constructor(onover) {
    this._onover = onover;
    this._isOver = false;
    this._error = null;
    this._ready = [];
    this._readers = [];
  }

  /** One with no answers. */
  static ended() {
    const stream = new AnswerStream(() => {});
    stream.end(null);
    return stream;
  }

  push(answer) {
    const reader = this._readers.shift();
    if (reader !== undefined) {
      reader.resolve({ value: answer, done: false });
    } else {
      this._ready.push(answer);
    }
  }

  /** All have answered, or `error` says that some have not in time. */
  end(error) {
    if (this._isOver) {
      return;
    }
    this._isOver = true;
    this._error = error;
    this._onover();
    while (this._readers.length > 0) {
      this._settle(this._readers.shift());
    }
  }

  next() {
    if (this._ready.length > 0) {
      return Promise.resolve({ value: this._ready.shift(), done: false });
    }
    return new Promise((resolve, reject) => {
      const reader = { resolve, reject };
      if (this._isOver) {
        this._settle(reader);
      } else {
        this._readers.push(reader);
      }
    });
  }

  // The error is told once, and then it is over.
  _settle(reader) {
    const error = this._error;
    this._error = null;
    if (error === null) {
      reader.resolve({ value: undefined, done: true });
    } else {
      reader.reject(error);
    }
  }

  /** Nobody wants to know more. */
  async return() {
    this._ready = [];
    this.end(null);
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}

module.exports = { AnswerStream };
