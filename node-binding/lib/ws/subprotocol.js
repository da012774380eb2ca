// `Sec-WebSocket-Protocol` (RFC 6455 §11.3.4): a list of names of which none comes twice.
'use strict';

const TOKEN_CHARACTER = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/;

/**
 * The names in order.
 * @throws {SyntaxError} that names the place of the first character that is wrong, or the name that comes twice
 */
function parse(header) {
  const names = new Set();
  let at = 0;
  for (;;) {
    at = skipSpace(header, at);
    const start = at;
    while (at < header.length && TOKEN_CHARACTER.test(header[at])) {
      at++;
    }
    const name = header.slice(start, at);
    at = skipSpace(header, at);
    if (name === '' || (at < header.length && header[at] !== ',')) {
      throw new SyntaxError(at < header.length ? `Unexpected character at index ${at}` : 'Unexpected end of input');
    }
    if (names.has(name)) {
      throw new SyntaxError(`The "${name}" subprotocol is duplicated`);
    }
    names.add(name);
    if (at === header.length) {
      return names;
    }
    at++;
  }
}

function skipSpace(text, at) {
  while (text[at] === ' ' || text[at] === '\t') {
    at++;
  }
  return at;
}

module.exports = { parse };
