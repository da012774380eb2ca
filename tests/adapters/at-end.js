// What a test is to clean up, last things first: a server leaves its cluster before the Redis that carries it ends.
'use strict';

const stacks = new WeakMap();

function atEnd(t, cleanUp) {
  let stack = stacks.get(t);
  if (stack === undefined) {
    stack = [];
    stacks.set(t, stack);
    t.after(async () => {
      while (stack.length > 0) {
        await stack.pop()();
      }
    });
  }
  stack.push(cleanUp);
}

module.exports = { atEnd };
