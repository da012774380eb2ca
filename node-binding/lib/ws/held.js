// Events that wait: while a WebSocket is paused, or for a turn of the event loop of their own.
'use strict';

const { throwLater } = require('../errors');

/** Whether an event of `ws` must wait; it is then kept. */
function holds(ws, event, first, second) {
  if (ws._held === null) {
    if (!ws._paused && ws._terms.isSynchronous) {
      return false;
    }
    ws._held = { events: [], next: 0 };
    if (!ws._paused) {
      setImmediate(releaseOne, ws);
    }
  }
  ws._held.events.push(event, first, second);
  return true;
}

function release(ws) {
  const { events, next } = ws._held;
  ws._held.next = next + 3;
  // A listener that throws must not keep back what else waits.
  try {
    tell(ws, events[next], events[next + 1], events[next + 2]);
  } catch (error) {
    throwLater(error);
  }
}

function tell(ws, event, first, second) {
  switch (event) {
    case 'message':
      ws._message(first, second);
      break;
    case 'closeFrame':
      ws._closeFrame(first, second);
      break;
    case 'failed':
      ws._failed(first, second);
      break;
    case 'ended':
      ws._ended();
      break;
    default:
      ws.emit(event, first);
  }
}

function isDone({ events, next }) {
  return next === events.length;
}

/** What came while it was paused, until it is paused again. */
function releaseHeld(ws) {
  while (ws._held !== null && !ws._paused) {
    if (isDone(ws._held)) {
      ws._held = null;
      ws._carrier.resume();
    } else if (ws._terms.isSynchronous) {
      release(ws);
    } else {
      setImmediate(releaseOne, ws);
      return;
    }
  }
}

/** `allowSynchronousEvents: false`: one event in a turn of the event loop. */
function releaseOne(ws) {
  if (ws._held === null || ws._paused) {
    return;
  }
  if (!isDone(ws._held)) {
    setImmediate(releaseOne, ws);
    release(ws);
  } else {
    ws._held = null;
    ws._carrier.resume();
  }
}

function releaseAll(ws) {
  while (ws._held !== null && !isDone(ws._held)) {
    release(ws);
  }
  ws._held = null;
}

module.exports = { holds, releaseAll, releaseHeld };
