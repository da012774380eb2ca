// The page's side of the chat: the connection, what the person does, and what arrives.

import { createView } from './view.js';

const TYPING_ENDS_AFTER_MS = 2500;
const LATENCY_EVERY_MS = 5000;

const view = createView();
const { elements } = view;
const socket = io();

let name = localStorage.getItem('name') || '';
let room = null; // the one we are in, as the server named it
let people = new Map(); // id -> {id, name}
const typing = new Set(); // ids
// Ids this tab has had: after a reconnection our older messages are still ours.
const myIds = new Set(JSON.parse(sessionStorage.getItem('ids') || '[]'));

// ---- the connection

socket.on('connect', () => {
  myIds.add(socket.id);
  sessionStorage.setItem('ids', JSON.stringify([...myIds].slice(-20)));
  view.showLink('online', transportName());
  socket.io.engine.on('upgrade', measureLatency);
  measureLatency();
  if (name) enter(wishedRoom());
});

socket.on('disconnect', () => {
  room = null;
  view.showLink('offline', 'offline');
});

setInterval(measureLatency, LATENCY_EVERY_MS);

async function measureLatency() {
  if (!socket.connected) return;
  const start = performance.now();
  try {
    await socket.timeout(LATENCY_EVERY_MS).emitWithAck('echo');
    const ms = performance.now() - start;
    view.showLink('online', `${transportName()} · ${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`);
  } catch {
    // The heartbeat decides whether the connection is gone, not this figure.
  }
}

function transportName() {
  return socket.io.engine.transport.name;
}

// ---- entering a room

function wishedRoom() {
  try {
    return decodeURIComponent(location.hash.slice(1)) || 'lobby';
  } catch {
    return 'lobby';
  }
}

function enter(wish) {
  socket.emit('enter', { name, room: wish }, (answer) => {
    if (answer.error) return refused(answer.error);
    room = answer.room;
    people = new Map(answer.people.map((person) => [person.id, person]));
    typing.clear();
    history.replaceState(null, '', `#${encodeURIComponent(room)}`);
    view.showYou(answer.you);
    view.showRoom(room);
    view.showMessages(answer.messages, myIds);
    drawPeople();
    elements.welcome.close();
    view.closeDrawers();
    if (matchMedia('(hover: hover)').matches) elements.text.focus();
  });
}

function refused(problem) {
  if (room) return view.addNotice(problem);
  elements.problem.textContent = problem;
  if (!elements.welcome.open) elements.welcome.showModal();
}

addEventListener('hashchange', () => {
  if (name && wishedRoom() !== room) enter(wishedRoom());
});

elements.welcomeForm.addEventListener('submit', (event) => {
  event.preventDefault();
  name = elements.name.value.trim();
  localStorage.setItem('name', name);
  enter(wishedRoom());
});

elements.rename.addEventListener('click', () => {
  elements.name.value = name;
  elements.problem.textContent = '';
  elements.welcome.showModal();
});

elements.newRoom.addEventListener('submit', (event) => {
  event.preventDefault();
  const wish = elements.newRoomName.value.trim();
  elements.newRoomName.value = '';
  if (wish) enter(wish);
});

// ---- what arrives

socket.on('rooms', (rooms) => view.showRooms(rooms));

socket.on('joined', (person) => {
  people.set(person.id, person);
  drawPeople();
  view.addNotice(`${person.name} joined`);
});

socket.on('left', (person) => {
  people.delete(person.id);
  typing.delete(person.id);
  drawPeople();
  view.addNotice(`${person.name} left`);
});

socket.on('message', (message) => {
  typing.delete(message.from.id);
  drawPeople();
  view.addMessage(message, myIds.has(message.from.id));
});

socket.on('typing', ({ id, typing: isTyping }) => {
  if (isTyping) typing.add(id);
  else typing.delete(id);
  drawPeople();
});

function drawPeople() {
  view.showPeople([...people.values()], typing, socket.id);
}

// ---- writing

let typingTimer = null;

function setTyping(isTyping) {
  const wasTyping = typingTimer !== null;
  clearTimeout(typingTimer);
  typingTimer = isTyping ? setTimeout(setTyping, TYPING_ENDS_AFTER_MS, false) : null;
  if (isTyping !== wasTyping && socket.connected) socket.emit('typing', isTyping);
}

elements.text.addEventListener('input', () => {
  view.fitComposer();
  setTyping(elements.text.value !== '');
});

elements.text.addEventListener('keydown', (event) => {
  // While an input method composes (Korean, Japanese, Chinese), Enter belongs to it.
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  elements.composer.requestSubmit();
});

elements.composer.addEventListener('submit', (event) => {
  event.preventDefault();
  const text = elements.text.value.trim();
  // Without a room the text stays where it is until the server is back.
  if (!text || !room) return;
  socket.emit('say', text);
  elements.text.value = '';
  view.fitComposer();
  setTyping(false);
  view.followMessages();
});

if (name) view.showYou({ id: 'me', name });
else elements.welcome.showModal();
elements.welcome.addEventListener('cancel', (event) => {
  if (!room) event.preventDefault();
});
