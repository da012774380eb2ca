// Takes some requests of an http.Server before its other listeners see them, and lets go of it again.
'use strict';

/**
 * `claims(req, res)` is asked about every request and handles those it answers true for; the others go to the
 * listeners there were. Gives a function that puts everything back as it was.
 */
function interceptRequests(server, claims) {
  const others = server.listeners('request').slice();
  let isOver = false;
  const listener = (req, res) => {
    if (isOver || !claims(req, res)) {
      others.forEach((other) => other.call(server, req, res));
    }
  };
  replaceListeners(server, [listener]);
  return () => {
    // Whoever came later may hold the listener by now: then it stays and only passes on.
    isOver = true;
    const listeners = server.listeners('request');
    if (listeners.includes(listener)) {
      replaceListeners(
        server,
        listeners.flatMap((each) => (each === listener ? others : each)),
      );
    }
  };
}

function replaceListeners(server, listeners) {
  server.removeAllListeners('request');
  listeners.forEach((listener) => server.on('request', listener));
}

module.exports = { interceptRequests };
