// Draws the chat. Everything that people typed enters the page by textContent, never as markup.

const SAME_BREATH_MS = 3 * 60_000;
const MESSAGES_SHOWN = 300;
// White letters read well on these, and none of them is olive.
const HUES = [262, 292, 322, 352, 22, 48, 155, 188, 225];

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const byId = (id) => document.getElementById(id);

export function createView() {
  const elements = {
    app: byId('app'),
    text: byId('text'),
    composer: byId('composer'),
    name: byId('name'),
    problem: byId('problem'),
    welcome: byId('welcome'),
    welcomeForm: byId('welcome-form'),
    rename: byId('rename'),
    newRoom: byId('new-room'),
    newRoomName: byId('new-room-name'),
  };
  const scroll = byId('scroll');
  const list = byId('messages');
  let currentRoom = null;
  let last = null; // the newest message, while nothing but messages followed it

  // ---- messages

  function showMessages(messages, myIds) {
    list.replaceChildren();
    last = null;
    for (const message of messages) append(message, myIds.has(message.from.id));
    if (messages.length === 0) addNotice('Nothing has been said here yet. Say hello!');
    followMessages();
  }

  function addMessage(message, mine) {
    const following = isFollowing();
    append(message, mine);
    while (list.children.length > MESSAGES_SHOWN) list.firstElementChild.remove();
    if (mine || following) followMessages();
    else byId('newer').hidden = false;
  }

  function append(message, mine) {
    const continues = last && last.from.id === message.from.id && message.at - last.at < SAME_BREATH_MS;
    const item = element('li', `message${mine ? ' mine' : ''}${continues ? ' continues' : ''}`);
    if (!continues) {
      if (!mine) item.append(avatar(message.from.name));
      const head = element('div', 'head');
      const time = element('time', '', clock.format(message.at));
      time.dateTime = new Date(message.at).toISOString();
      head.append(element('b', '', mine ? 'You' : message.from.name), time);
      item.append(head);
    }
    item.append(element('p', 'text', message.text));
    list.append(item);
    last = message;
  }

  function addNotice(text) {
    const following = isFollowing();
    list.append(element('li', 'notice', text));
    last = null;
    if (following) followMessages();
  }

  function isFollowing() {
    return scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
  }

  function followMessages() {
    scroll.scrollTop = scroll.scrollHeight;
    byId('newer').hidden = true;
  }

  scroll.addEventListener('scroll', () => {
    if (isFollowing()) byId('newer').hidden = true;
  }, { passive: true });
  // The keyboard of a phone makes the list shorter: its end stays in sight.
  new ResizeObserver(() => {
    if (byId('newer').hidden) followMessages();
  }).observe(scroll);
  byId('newer').addEventListener('click', followMessages);

  // ---- people

  function showPeople(people, typing, myId) {
    const sorted = [...people].sort((a, b) => (b.id === myId) - (a.id === myId) || a.name.localeCompare(b.name));
    byId('people').replaceChildren(...sorted.map((person) => {
      const item = element('li', typing.has(person.id) ? 'is-typing' : '');
      item.append(avatar(person.name), element('span', 'name', person.name));
      if (person.id === myId) item.append(element('span', 'tag', 'you'));
      if (typing.has(person.id)) item.append(dots());
      return item;
    }));
    byId('people-count').textContent = people.length;
    showTyping(sorted.filter((person) => typing.has(person.id) && person.id !== myId).map((person) => person.name));
  }

  function showTyping(names) {
    const line = byId('typing');
    if (names.length === 0) return line.replaceChildren();
    const who = {
      1: () => `${names[0]} is typing`,
      2: () => `${names[0]} and ${names[1]} are typing`,
    }[names.length]?.() ?? `${names.length} people are typing`;
    line.replaceChildren(dots(), element('span', '', who));
  }

  function showYou(you) {
    elements.rename.textContent = you.name;
    byId('you-avatar').replaceWith(Object.assign(avatar(you.name), { id: 'you-avatar' }));
  }

  // ---- rooms

  function showRooms(rooms) {
    byId('rooms').replaceChildren(...rooms.map(({ name, people }) => {
      const link = element('a');
      link.href = `#${encodeURIComponent(name)}`;
      link.append(element('span', 'hash', '#'), element('span', 'name', name));
      link.firstChild.setAttribute('aria-hidden', 'true');
      if (people > 0) link.append(element('span', 'badge', people));
      const item = element('li');
      item.append(link);
      return item;
    }));
    markRoom();
  }

  function showRoom(name) {
    currentRoom = name;
    byId('room-name').textContent = name;
    document.title = `#${name} · Sori chat`;
    elements.text.placeholder = `Message #${name}`;
    markRoom();
  }

  function markRoom() {
    for (const link of byId('rooms').querySelectorAll('a')) {
      if (link.querySelector('.name').textContent === currentRoom) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
  }

  // ---- the rest of the page

  function showLink(state, text) {
    byId('link').dataset.state = state;
    byId('link-text').textContent = text;
    byId('offline').hidden = state !== 'offline';
  }

  function fitComposer() {
    elements.text.style.height = 'auto';
    elements.text.style.height = `${Math.min(elements.text.scrollHeight, 160)}px`;
  }

  function openDrawer(name) {
    elements.app.dataset.drawer = name;
  }

  function closeDrawers() {
    delete elements.app.dataset.drawer;
  }

  byId('show-rooms').addEventListener('click', () => openDrawer('rooms'));
  byId('show-people').addEventListener('click', () => openDrawer('people'));
  byId('shade').addEventListener('click', closeDrawers);
  byId('rooms').addEventListener('click', closeDrawers);
  addEventListener('keydown', (event) => {
    if (event.key === 'Escape') closeDrawers();
  });

  const root = document.documentElement;
  if (localStorage.getItem('theme')) root.dataset.theme = localStorage.getItem('theme');
  byId('theme').addEventListener('click', () => {
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
    localStorage.setItem('theme', root.dataset.theme);
  });

  return {
    elements,
    showMessages, addMessage, addNotice, followMessages,
    showPeople, showYou,
    showRooms, showRoom,
    showLink, fitComposer, closeDrawers,
  };
}

function element(tag, className = '', text = '') {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

function dots() {
  const made = element('span', 'dots');
  made.setAttribute('aria-hidden', 'true');
  made.append(element('i'), element('i'), element('i'));
  return made;
}

/** Initials on a colour that always is the same for the same name. */
function avatar(name) {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)) % 9973;
  const initials = name.split(' ').slice(0, 2).map((word) => [...word][0]).join('').toUpperCase();
  const made = element('span', 'avatar', initials);
  made.setAttribute('aria-hidden', 'true');
  made.style.setProperty('--hue', HUES[sum % HUES.length]);
  return made;
}
