// Makes the packages that are published: `sori`, and one for each platform whose addon is at hand.
//
//   node pack.js OUT [PLATFORM=ADDON ...]     without a pair: the addon of this machine, as `make addon` builds it
//
// OUT then holds a folder and a tarball of each. Publish the platforms first, so that `sori` finds them.
'use strict';

const { execFileSync } = require('child_process');
const fs = require('fs');
const path = require('path');
const { PLATFORMS, platformsOf, packageOf } = require('./lib/platforms');
const manifest = require('./package.json');

const LICENCES = ['LICENSE-APACHE', 'LICENSE-MIT'];
const ADDON = 'sori.node';
// What npm wants of each package beside its files.
const SHARED = ['version', 'license', 'engines', 'repository', 'author'];

function main([out, ...pairs]) {
  if (out === undefined) {
    throw new Error('usage: node pack.js OUT [PLATFORM=ADDON ...]');
  }
  const addons = pairs.length > 0 ? pairs.map(parsePair) : [[ownPlatform(), path.join(__dirname, ADDON)]];
  fs.mkdirSync(out, { recursive: true });
  const folders = addons.map(([platform, addon]) => stagePlatform(out, platform, addon));
  folders.push(stageMain(out));
  for (const folder of folders) {
    const tarball = execFileSync('npm', ['pack', '--silent', '--pack-destination', out, folder], { encoding: 'utf8' });
    console.log(path.join(out, tarball.trim()));
  }
}

function parsePair(pair) {
  const [name, addon] = pair.split('=');
  const platform = PLATFORMS.find((known) => known.name === name);
  if (platform === undefined || addon === undefined) {
    throw new Error(`${pair}: a platform (${PLATFORMS.map((known) => known.name).join(', ')}) and its addon, as in linux-x64-gnu=sori.node`);
  }
  return [platform, addon];
}

function ownPlatform() {
  const libc = process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
  const own = platformsOf(process.platform, process.arch).find((platform) => platform.libc === undefined || platform.libc === libc);
  if (own === undefined) {
    throw new Error(`${process.platform} ${process.arch} is not among the platforms of lib/platforms.js`);
  }
  return own;
}

function stagePlatform(out, platform, addon) {
  const { name, os, cpu, libc } = platform;
  const folder = fresh(path.join(out, packageOf(platform)));
  fs.copyFileSync(addon, path.join(folder, ADDON));
  strip(path.join(folder, ADDON), os);
  copyLicences(folder);
  fs.writeFileSync(path.join(folder, 'README.md'), `The native addon of npm \`sori\` for ${name}. Install \`sori\`; this comes with it.\n`);
  writeManifest(folder, {
    name: packageOf(platform),
    description: `The native addon of sori for ${name}`,
    ...choose(SHARED),
    main: ADDON,
    files: [ADDON, ...LICENCES],
    os: [os],
    cpu: [cpu],
    ...(libc === undefined ? {} : { libc: [libc] }),
  });
  return folder;
}

function stageMain(out) {
  const folder = fresh(path.join(out, manifest.name));
  const files = manifest.files.filter((file) => file !== ADDON);
  for (const file of [...files, 'README.md']) {
    fs.cpSync(path.join(__dirname, file), path.join(folder, file), { recursive: true });
  }
  copyLicences(folder);
  // Not in the manifest of the repository: who builds the addon needs none of them.
  const optionalDependencies = Object.fromEntries(PLATFORMS.map((platform) => [packageOf(platform), manifest.version]));
  writeManifest(folder, { ...manifest, files: [...files, ...LICENCES], optionalDependencies });
  return folder;
}

/** Debug information is three quarters of an addon. */
function strip(addon, os) {
  if (os === process.platform && os !== 'win32') {
    execFileSync('strip', os === 'darwin' ? ['-S', addon] : ['--strip-debug', addon]);
  }
}

function copyLicences(folder) {
  for (const licence of LICENCES) {
    fs.copyFileSync(path.join(__dirname, '..', licence), path.join(folder, licence));
  }
}

function choose(names) {
  return Object.fromEntries(names.filter((name) => manifest[name] !== undefined).map((name) => [name, manifest[name]]));
}

function fresh(folder) {
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  return folder;
}

function writeManifest(folder, contents) {
  fs.writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(contents, null, 2)}\n`);
}

main(process.argv.slice(2));
