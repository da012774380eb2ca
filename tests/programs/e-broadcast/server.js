// A drawing board: each stroke goes to all but the one who drew it.

const express = require('express');
const app = express();
const http = require('http').createServer(app);
const io = require('sori')(http);
const path = require('path');

// The page loads the newest client from the module, or an older one as people pin it.
app.use('/client-4.5.4', express.static(path.dirname(require.resolve('socket.io-client-4.5.4/dist/socket.io.js'))));
app.get('/', (req, res) => {
  res.sendFile(__dirname + '/index.html');
});
app.get('/old', (req, res) => {
  res.sendFile(__dirname + '/old.html');
});

io.on('connection', (socket) => {
  socket.on('drawing', (data) => socket.broadcast.emit('drawing', data));
});

http.listen(process.env.PORT || 3000, () => {
  console.log(`listening on *:${http.address().port}`);
});
