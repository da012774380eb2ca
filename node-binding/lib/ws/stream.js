// `createWebSocketStream`: a WebSocket as a Duplex, with backpressure both ways.
'use strict';

const { Duplex } = require('stream');
const { STATE } = require('./constants');

/** `options` are Duplex's; text comes as strings with `readableObjectMode`. */
function createWebSocketStream(ws, options) {
  // An error after which the stream must not close the WebSocket with its own abort.
  let mustTerminate = true;
  const duplex = new Duplex({
    ...options,
    autoDestroy: false,
    emitClose: false,
    objectMode: false,
    writableObjectMode: false,
  });

  ws.on('message', (data, isBinary) => {
    const chunk = !isBinary && duplex._readableState.objectMode ? data.toString() : data;
    if (!duplex.push(chunk)) {
      ws.pause();
    }
  });
  ws.once('error', (error) => {
    if (!duplex.destroyed) {
      // The WebSocket closes by itself after an error.
      mustTerminate = false;
      duplex.destroy(error);
    }
  });
  ws.once('close', () => {
    if (!duplex.destroyed) {
      duplex.push(null);
    }
  });

  duplex._read = () => {
    if (ws.isPaused) {
      ws.resume();
    }
  };
  duplex._write = (chunk, encoding, callback) => {
    if (ws.readyState === STATE.CONNECTING) {
      ws.once('open', () => duplex._write(chunk, encoding, callback));
    } else {
      ws.send(chunk, callback);
    }
  };
  duplex._final = (callback) => finish(ws, duplex, callback);
  duplex._destroy = (error, callback) => {
    if (ws.readyState === STATE.CLOSED) {
      callback(error);
      process.nextTick(emitClose, duplex);
      return;
    }
    let isTold = false;
    ws.once('error', (cause) => {
      isTold = true;
      callback(cause);
    });
    ws.once('close', () => {
      if (!isTold) {
        callback(error);
      }
      process.nextTick(emitClose, duplex);
    });
    if (mustTerminate) {
      ws.terminate();
    }
  };

  duplex.on('error', function onerror(error) {
    duplex.removeListener('error', onerror);
    duplex.destroy();
    // Without this listener it would have been thrown.
    if (duplex.listenerCount('error') === 0) {
      duplex.emit('error', error);
    }
  });
  duplex.on('end', () => destroyWhenDone(duplex, duplex._writableState.finished));
  duplex.on('finish', () => destroyWhenDone(duplex, duplex._readableState.endEmitted));
  return duplex;
}

/** No more is written: the WebSocket closes, and what it still sends can be read. */
function finish(ws, duplex, callback) {
  if (ws.readyState === STATE.CONNECTING) {
    ws.once('open', () => finish(ws, duplex, callback));
    return;
  }
  // A client whose handshake failed never had a socket: its error comes.
  if (ws._socket === null) {
    return;
  }
  if (ws.readyState === STATE.CLOSED) {
    callback();
    if (duplex._readableState.endEmitted) {
      duplex.destroy();
    }
    return;
  }
  ws.once('close', () => callback());
  ws.close();
}

function destroyWhenDone(duplex, isOtherSideDone) {
  if (!duplex.destroyed && isOtherSideDone) {
    duplex.destroy();
  }
}

function emitClose(stream) {
  stream.emit('close');
}

module.exports = { createWebSocketStream };
