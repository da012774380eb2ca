// The public surface of the Rust crate, as rustdoc shows it, against the list that is committed: nothing becomes
// public, or stops being so, unnoticed. Run after `cargo doc -p sori --all-features --no-deps`:
//   node tests/surface/check.js [--write]

'use strict';

const fs = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '../..');
const target = process.env.CARGO_TARGET_DIR || path.join(root, 'target');
const pages = path.join(target, 'doc/sori');
const list = path.join(__dirname, 'sori.txt');

// What rustdoc calls the parts of an item that are its own: not what traits of others add to it.
const PARTS = /<(?:section|span)[^>]*id="(method|tymethod|associatedtype|associatedconstant|variant|structfield)\.([A-Za-z0-9_.]+)"/g;
const FOREIGN = /id="(?:trait-implementations|synthetic-implementations|blanket-implementations|implementors|foreign-impls)"/;
const KINDS = /^(struct|enum|trait|fn|macro|constant|type|union|attr|derive)\.(.+)\.html$/;

function text(html) {
  const entities = { '&lt;': '<', '&gt;': '>', '&amp;': '&', '&quot;': '"', '&#39;': "'", '&nbsp;': ' ' };
  return html
    .replace(/<[^>]*>/g, '')
    .replace(/&(?:lt|gt|amp|quot|#39|nbsp);/g, (entity) => entities[entity])
    .replace(/\s+/g, ' ')
    .trim();
}

// The declaration that a method's section shows.
function declaration(html, start) {
  const header = /<h4 class="code-header">([\s\S]*?)<\/h4>/.exec(html.slice(start, start + 8000));
  return header === null ? '' : text(header[1]);
}

function linesOf(file, module) {
  const [, kind, name] = KINDS.exec(path.basename(file));
  const html = fs.readFileSync(file, 'utf8');
  const foreign = FOREIGN.exec(html);
  const own = foreign === null ? html : html.slice(0, foreign.index);
  const item = `${module}::${name}`;
  const lines = [`${kind} ${item}`];
  for (const match of own.matchAll(PARTS)) {
    const [, part, id] = match;
    if (part === 'variant' || part === 'structfield') {
      lines.push(`${part} ${item}::${id}`);
    } else {
      lines.push(`${part} ${item}: ${declaration(own, match.index)}`);
    }
  }
  return lines;
}

function walk(folder, module) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const inner = path.join(folder, entry.name);
    if (entry.isDirectory()) return walk(inner, `${module}::${entry.name}`);
    // A page that only sends on to where an item is.
    if (!KINDS.test(entry.name) || fs.readFileSync(inner, 'utf8').includes('http-equiv="refresh"')) return [];
    return linesOf(inner, module);
  });
}

const found = [...new Set(walk(pages, 'sori'))].sort();
if (found.length < 500) {
  console.error(`tests/surface: only ${found.length} lines in ${pages}: run cargo doc before`);
  process.exit(1);
}
if (process.argv.includes('--write')) fs.writeFileSync(list, `${found.join('\n')}\n`);

const known = new Set(fs.existsSync(list) ? fs.readFileSync(list, 'utf8').trim().split('\n') : []);
const added = found.filter((line) => !known.delete(line));
for (const line of known) console.error(`- ${line}`);
for (const line of added) console.error(`+ ${line}`);
if (added.length + known.size > 0) {
  console.error('The public surface is another. If that is meant: node tests/surface/check.js --write');
  process.exit(1);
}
console.log(`public surface: ${found.length} lines, as committed`);
