#!/bin/sh
# Installs what the tests need and this machine does not have: Chromium, Redis, what the C tests build with,
# npm packages as locked, and the fuzzing cases for WebSockets.
# Does nothing, quickly, when all is there.
set -eu
cd "$(dirname "$0")/.."

fail() {
  printf 'tests/setup.sh: %s\n' "$*" >&2
  exit 1
}

require() {
  command -v "$1" >/dev/null 2>&1 || fail "$1 is missing. Install $2."
}

has_chromium() {
  [ -n "${CHROMIUM:-}" ] && return 0
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" >/dev/null 2>&1 && return 0
  done
  return 1
}

has_c_tools() {
  for name in cmake pkg-config valgrind; do
    command -v "$name" >/dev/null 2>&1 || return 1
  done
  pkg-config --exists libuv
}

# install NAME HOW PACKAGE...
install() {
  name=$1
  how=$2
  shift 2
  command -v apt-get >/dev/null 2>&1 || fail "$name is missing. $how"
  as_root=
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || fail "$name is missing, and only root may install it. $how"
    as_root='sudo -n'
  fi
  echo "Installing $name for the tests."
  apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq"
  # The lists of packages may be empty or old: fetch them when the first try fails.
  $apt install -y --no-install-recommends "$@" >/dev/null 2>&1 ||
    { $apt update && $apt install -y --no-install-recommends "$@" >/dev/null; } ||
    fail "$name could not be installed. $how"
}

require cargo 'Rust 1.88 or newer (https://rustup.rs)'
require cc 'a C compiler (Debian: gcc)'
require c++ 'a C++ compiler (Debian: g++)'
require node 'Node.js 20 or newer'
require npm 'npm'
node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' ||
  fail "Node.js $(node -v) is too old for the tests: they need 20 or newer."
for part in fmt clippy; do
  cargo $part --version >/dev/null 2>&1 || fail "cargo $part is missing. Install it: rustup component add rustfmt clippy"
done

# The fuzzing cases for WebSockets run on Python.
install_kosoku() {
  venv=tests/conformance/.venv
  [ -x "$venv/bin/kosoku" ] && return 0
  require python3 'Python 3.10 or newer with venv (Debian: python3 python3-venv)'
  echo 'Installing the fuzzing cases for WebSockets.'
  python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check kosoku==0.1.0 ||
    fail 'kosoku could not be installed from PyPI (Debian: python3-venv is needed too).'
}

has_chromium || install Chromium \
  'Install Chromium (Debian: apt-get install chromium), or set CHROMIUM to the path of a Chromium or Chrome.' chromium
command -v redis-server >/dev/null 2>&1 || install 'redis-server' 'Install it (Debian: apt-get install redis-server).' redis-server
has_c_tools || install 'CMake, pkg-config, valgrind or libuv' \
  'Install them (Debian: apt-get install cmake pkg-config valgrind libuv1-dev).' cmake pkg-config valgrind libuv1-dev
install_kosoku
make --no-print-directory -s packages
