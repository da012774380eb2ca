#!/bin/sh
# Installs what the tests need and this machine does not have: Chromium, npm packages as locked, fuzzing cases.
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

install_chromium() {
  how='Install Chromium (Debian: apt-get install chromium), or set CHROMIUM to the path of a Chromium or Chrome.'
  command -v apt-get >/dev/null 2>&1 || fail "Chromium is missing. $how"
  as_root=
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || fail "Chromium is missing, and only root may install it. $how"
    as_root='sudo -n'
  fi
  echo 'Installing Chromium for the browser tests.'
  apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq"
  # The lists of packages may be empty or old: fetch them when the first try fails.
  $apt install -y --no-install-recommends chromium >/dev/null 2>&1 ||
    { $apt update && $apt install -y --no-install-recommends chromium >/dev/null; } ||
    fail "Chromium could not be installed. $how"
}

require cargo 'Rust 1.88 or newer (https://rustup.rs)'
require cc 'a C compiler (Debian: gcc)'
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

has_chromium || install_chromium
install_kosoku
make --no-print-directory -s packages
