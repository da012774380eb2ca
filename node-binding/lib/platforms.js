// The platforms there are prebuilt addons for. Each is a package of its own, an optional dependency of ours, of which npm
// installs the one that fits the machine.
'use strict';

const PLATFORMS = Object.freeze([
  { name: 'linux-x64-gnu', os: 'linux', cpu: 'x64', libc: 'glibc' },
  { name: 'linux-x64-musl', os: 'linux', cpu: 'x64', libc: 'musl' },
  { name: 'linux-arm64-gnu', os: 'linux', cpu: 'arm64', libc: 'glibc' },
  { name: 'linux-arm64-musl', os: 'linux', cpu: 'arm64', libc: 'musl' },
  { name: 'darwin-x64', os: 'darwin', cpu: 'x64' },
  { name: 'darwin-arm64', os: 'darwin', cpu: 'arm64' },
  { name: 'win32-x64-msvc', os: 'win32', cpu: 'x64' },
]);

/** Those that may fit this machine: on Linux one for each C library. */
function platformsOf(os, cpu) {
  return PLATFORMS.filter((platform) => platform.os === os && platform.cpu === cpu);
}

/** The package that holds the addon of a platform. */
function packageOf(platform) {
  return `sori-${platform.name}`;
}

module.exports = { PLATFORMS, platformsOf, packageOf };
