// What is published, installed from tarballs into an empty folder, with no network.
'use strict';

const assert = require('assert/strict');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { execFileSync, spawnSync } = require('child_process');
const { test, before, after } = require('node:test');

const SORI = path.join(__dirname, '../../node-binding');
const SMOKE = path.join(__dirname, 'smoke.js');
const { version } = require(`${SORI}/package.json`);

let folder;
let tarballs;

function npm(cwd, ...args) {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Packs ours, and what they depend on from where it is installed: by name, the tarball of each. */
function packAll() {
  execFileSync(process.execPath, [`${SORI}/pack.js`, `${folder}/ours`]);
  const lock = JSON.parse(fs.readFileSync(`${SORI}/node_modules/.package-lock.json`));
  const dependencies = Object.keys(lock.packages);
  fs.mkdirSync(`${folder}/theirs`);
  const packed = npm(SORI, 'pack', '--silent', '--ignore-scripts', '--pack-destination', `${folder}/theirs`, ...dependencies.map((each) => `./${each}`));
  const files = packed.trim().split('\n');
  assert.equal(files.length, dependencies.length);
  const all = dependencies.map((each, i) => [each.slice('node_modules/'.length), `file:${folder}/theirs/${files[i]}`]);
  for (const file of fs.readdirSync(`${folder}/ours`).filter((name) => name.endsWith('.tgz'))) {
    all.push([file.slice(0, -`-${version}.tgz`.length), `file:${folder}/ours/${file}`]);
  }
  return Object.fromEntries(all);
}

/** An application whose only dependency is `sori` under the name `name`. */
function install(name) {
  const app = fs.mkdtempSync(`${folder}/app-`);
  const { sori, ...others } = tarballs;
  const manifest = { name: 'app', private: true, dependencies: { [name]: sori }, overrides: others };
  fs.writeFileSync(`${app}/package.json`, JSON.stringify(manifest));
  npm(app, 'install', '--offline', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error');
  fs.copyFileSync(SMOKE, `${app}/smoke.js`);
  return app;
}

function run(app, args, env = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: app, encoding: 'utf8', timeout: 60000, env: { ...process.env, ...env } });
  return { status, stdout, stderr };
}

before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sori-packages-'));
  tarballs = packAll();
});

after(() => fs.rmSync(folder, { recursive: true, force: true }));

test('the packages hold what an application needs and nothing else', () => {
  const listing = (name) => execFileSync('tar', ['tzf', tarballs[name].slice('file:'.length)], { encoding: 'utf8' }).trim().split('\n');
  const platform = Object.keys(tarballs).find((name) => name.startsWith('sori-'));
  assert.deepEqual(listing(platform).sort(), ['LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'package.json', 'sori.node'].map((file) => `package/${file}`));
  const outside = listing('sori').filter((file) => !/^package\/(lib\/[\w/-]+\.js|[\w.-]+\.(js|mjs|ts|mts|json|md)|LICENSE-\w+)$/.test(file));
  assert.deepEqual(outside, []);
  assert.ok(listing('sori').includes('package/index.js'));
  assert.ok(!listing('sori').includes('package/pack.js'));
});

test('sori, installed into an empty folder, runs', () => {
  const app = install('sori');
  assert.deepEqual(run(app, ['smoke.js']), { status: 0, stdout: 'ok\n', stderr: '' });
});

test('an installed sori can be imported', () => {
  const app = install('sori');
  fs.writeFileSync(`${app}/app.mjs`, "import { Server, Namespace, Socket } from 'sori';\nnew Server(0).close(() => console.log(Server.name, Namespace.name, Socket.name));\n");
  assert.deepEqual(run(app, ['app.mjs']), { status: 0, stdout: 'Server Namespace Socket\n', stderr: '' });
});

test('an application that requires socket.io gets sori by one line of its package.json', () => {
  const app = install('socket.io');
  assert.equal(fs.existsSync(`${app}/node_modules/sori`), false);
  assert.deepEqual(run(app, ['smoke.js'], { MODULE: 'socket.io' }), { status: 0, stdout: 'ok\n', stderr: '' });
});

test('without a prebuilt addon one sentence says what to do', () => {
  const app = install('sori');
  for (const name of fs.readdirSync(`${app}/node_modules`).filter((each) => each.startsWith('sori-'))) {
    fs.rmSync(`${app}/node_modules/${name}`, { recursive: true });
  }
  const ask = (setup) => run(app, ['-e', `${setup}try { require('sori') } catch (error) { console.log(error.code, error.message) }`]).stdout;
  const machine = `${process.platform} ${process.arch}`;
  assert.equal(
    ask(''),
    `SORI_NATIVE_MISSING sori: its native addon for ${machine} is not installed; run \`npm install --include=optional\`, or \`make addon\` in Sori's repository\n`,
  );
  assert.equal(
    ask("Object.defineProperty(process, 'arch', { value: 'riscv64' });"),
    `SORI_NATIVE_MISSING sori: there is no prebuilt addon for ${process.platform} riscv64; build it with Rust: \`make addon\` in Sori's repository\n`,
  );
  fs.writeFileSync(`${app}/node_modules/sori/sori.node`, 'not an addon');
  assert.match(ask(''), new RegExp(`^SORI_NATIVE_MISSING sori: its native addon cannot be loaded on ${machine} \\(.+\\)\n$`));
});
