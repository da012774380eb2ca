// A stock ticker: prices move, and whoever watches a share is told.
//
//   client asks    watch(share, answer(price))   unwatch(share)
//   client hears   price(share, price)
//
// It is the twin of examples/src/bin/ticker.rs and examples/c/ticker.c.
//
//   node examples/node/ticker.js 3000
//
// The second argument is the time between two prices, in milliseconds.

'use strict';

const { Server } = require('../../node-binding');
const { listen } = require('./listen.js');

// Prices in cents.
const shares = new Map([['BARLEY', 1250], ['GINGER', 4875], ['PERSIMMON', 310]]);

const io = new Server();
io.on('connection', (socket) => {
  socket.on('watch', (share, answer) => {
    const price = shares.get(share);
    if (price !== undefined) socket.join(share);
    answer(price === undefined ? null : price / 100);
  });
  socket.on('unwatch', (share) => socket.leave(share));
});

// A price that a slow client misses is worth nothing a moment later: prices are volatile.
setInterval(() => {
  for (const [share, price] of shares) {
    const moved = Math.max(1, price + Math.floor(Math.random() * 21) - 10);
    shares.set(share, moved);
    io.to(share).volatile.emit('price', share, moved / 100);
  }
}, Number(process.argv[3] ?? 1000));
listen(io, 'ticker');
