// `Sec-WebSocket-Extensions` (RFC 6455 §9.1): the header as an object, and back.
'use strict';

const TOKEN_CHARACTER = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/;

/**
 * `foo; a; b=1, bar` becomes `{ foo: [{ a: [true], b: ['1'] }], bar: [{}] }`: for each extension the offers in order,
 * for each parameter its values in order. Neither object has a prototype.
 * @throws {SyntaxError} that names the place of the first character that is wrong
 */
function parse(header) {
  const offers = Object.create(null);
  const scanner = new Scanner(header);
  do {
    const name = scanner.token();
    const params = Object.create(null);
    while (scanner.accepts(';')) {
      const param = scanner.token();
      const value = scanner.accepts('=', false) ? scanner.value() : true;
      append(params, param, value);
    }
    append(offers, name, params);
  } while (scanner.accepts(','));
  scanner.end();
  return offers;
}

function append(lists, name, value) {
  if (lists[name] === undefined) {
    lists[name] = [];
  }
  lists[name].push(value);
}

/** Reads a header in one pass; time is linear in its length. */
class Scanner {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  skipSpace() {
    while (this.text[this.at] === ' ' || this.text[this.at] === '\t') {
      this.at++;
    }
  }

  /** Whether `character` is next; if so it has been passed. Around all but `=` there may be space. */
  accepts(character, mayHaveSpace = true) {
    if (mayHaveSpace) {
      this.skipSpace();
    }
    if (this.text[this.at] !== character) {
      return false;
    }
    this.at++;
    return true;
  }

  token() {
    this.skipSpace();
    return this.bareToken();
  }

  bareToken() {
    const start = this.at;
    while (this.at < this.text.length && TOKEN_CHARACTER.test(this.text[this.at])) {
      this.at++;
    }
    if (this.at === start) {
      this.fail();
    }
    return this.text.slice(start, this.at);
  }

  /** A token, or a token in quotes, any of whose characters may be escaped by a backslash. */
  value() {
    if (!this.accepts('"', false)) {
      return this.bareToken();
    }
    let value = '';
    for (;;) {
      if (value !== '' && this.accepts('"', false)) {
        return value;
      }
      this.accepts('\\', false);
      if (this.at >= this.text.length || !TOKEN_CHARACTER.test(this.text[this.at])) {
        this.fail();
      }
      value += this.text[this.at++];
    }
  }

  end() {
    this.skipSpace();
    if (this.at < this.text.length) {
      this.fail();
    }
  }

  fail() {
    throw new SyntaxError(this.at < this.text.length ? `Unexpected character at index ${this.at}` : 'Unexpected end of input');
  }
}

/** The header's text for an object of `parse`'s shape, in which lists of one may be given bare. */
function format(extensions) {
  const offers = [];
  for (const name of Object.keys(extensions)) {
    for (const params of [].concat(extensions[name])) {
      const parts = Object.keys(params).flatMap((key) => [].concat(params[key]).map((value) => (value === true ? key : `${key}=${value}`)));
      offers.push([name, ...parts].join('; '));
    }
  }
  return offers.join(', ');
}

module.exports = { format, parse };
