// News every few seconds beside Express with sessions, cookies, a log and a template page.

const cookieParser = require('cookie-parser');
const express = require('express');
const session = require('express-session');
const http = require('http');
const morgan = require('morgan');
const path = require('path');
const SocketIO = require('sori');

const app = express();
const server = http.createServer(app);
const io = SocketIO(server, { path: '/socket.io' });

const newsEvery = Number(process.env.NEWS_EVERY_MS || 3000);
const sessions = session({
  secret: 'for this example only',
  resave: false,
  saveUninitialized: true,
  cookie: { httpOnly: true },
});

app.set('views', path.join(__dirname, 'views'));
app.set('view engine', 'ejs');
app.use(morgan('dev'));
app.use(cookieParser());
app.use(sessions);
io.engine.use(sessions);

app.get('/', (req, res) => {
  req.session.visits = (req.session.visits || 0) + 1;
  res.render('index', {
    title: 'News',
    visits: req.session.visits,
    websocketOnly: 'websocket' in req.query,
  });
});

let readers = 0;
app.get('/readers', (req, res) => {
  res.json(readers);
});

io.on('connection', (socket) => {
  const req = socket.request;
  const ip = req.headers['x-forwarded-for'] || req.connection.remoteAddress;
  console.log('new client', ip, socket.id);
  socket.emit('welcome', { address: ip, visits: req.session.visits, path: req.url.split('?')[0] });

  let number = 0;
  readers += 1;
  const interval = setInterval(() => {
    number += 1;
    socket.emit('news', { number, title: 'Hello from the server' });
  }, newsEvery);

  socket.on('reply', (data) => {
    console.log('reply', data);
    socket.emit('thanks', `${data} from ${req.headers['x-forwarded-for'] || req.connection.remoteAddress}`);
  });

  socket.on('disconnect', () => {
    console.log('client gone', ip, socket.id);
    clearInterval(interval);
    readers -= 1;
  });
});

server.listen(process.env.PORT || 3000, () => {
  console.log(`listening on *:${server.address().port}`);
});
