#!/bin/sh
# Installs the C library that `make build` made into a folder, and uses it from there as programs do that
# know nothing of this repository: by pkg-config alone, and by CMake.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
built=$(cd "${CARGO_TARGET_DIR:-target}/release/c" && pwd)

# What the stripped shared library may take. Whoever adds a feature that needs more raises it, and says why.
most_bytes=$((7 * 1024 * 1024))

fail() {
  echo "tests/c/install.sh: $*" >&2
  exit 1
}

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
prefix=$out/prefix
PREFIX=$prefix ffi-c/package/install.sh "$built"

echo '-- names and links'
library=$(readlink -f "$prefix/lib/libsori.so")
[ "$(readlink "$prefix/lib/libsori.so")" = "$(readelf -d "$library" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')" ] ||
  fail 'libsori.so does not lead to the SONAME'
[ -e "$prefix/lib/libsori.a" ] || fail 'no static library'

echo '-- symbols'
nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }' | sort >"$out/exported"
if grep -v '^sori_[a-z0-9_]*@@SORI_[0-9.]*$' "$out/exported"; then fail 'it exports more than versioned sori_ symbols'; fi
sed 's/@@.*//' "$out/exported" >"$out/names"
grep -o 'sori_[a-z0-9_]*(' "$prefix/include/sori.h" | tr -d '(' | sort -u >"$out/in-header"
# The header's comments name functions only that exist, so the two lists are the same.
diff "$out/in-header" "$out/names" || fail 'header and library name different functions'
echo "$(wc -l <"$out/names") functions"

echo '-- size'
bytes=$(wc -c <"$library")
echo "shared library $bytes bytes, at most $most_bytes"
[ "$bytes" -le "$most_bytes" ] || fail 'the library has grown too large'

echo '-- a program with pkg-config alone'
mkdir "$out/program"
cp "$root/examples/c/echo.c" "$out/program"
cd "$out/program"
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
[ "$(pkg-config --modversion sori)" = "$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -n 1)" ] ||
  fail 'sori.pc has another version'
# shellcheck disable=SC2046
${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L echo.c $(pkg-config --cflags --libs sori) -lpthread -o echo
serves() {
  # Starts a server on a free port and asks for a handshake; the server ends when it is told to.
  program=$1
  LD_LIBRARY_PATH="$prefix/lib" node - "$program" <<'SCRIPT'
const { spawn } = require('node:child_process');
const http = require('node:http');
const server = spawn(process.argv[2], ['0'], { stdio: ['ignore', 'pipe', 'inherit'] });
server.stdout.once('data', (line) => {
  const url = /http:\S+/.exec(line)[0];
  http.get(`${url}/socket.io/?EIO=4&transport=polling`, { agent: false }, (response) => {
    response.resume().once('end', () => server.kill('SIGTERM'));
    process.exitCode = response.statusCode === 200 ? 0 : 1;
  });
});
server.once('exit', (code) => (process.exitCode ||= code === 0 ? 0 : 1));
SCRIPT
}
serves ./echo || fail 'the program does not serve'

echo '-- a program with CMake, shared and static'
cat >CMakeLists.txt <<'LISTS'
cmake_minimum_required(VERSION 3.16)
project(uses_sori C)
find_package(sori 0.1 REQUIRED)
foreach(kind sori static)
  add_executable(echo_${kind} echo.c)
  target_compile_definitions(echo_${kind} PRIVATE _POSIX_C_SOURCE=200809L)
  target_link_libraries(echo_${kind} PRIVATE sori::${kind} pthread)
endforeach()
find_package(sori 99 QUIET)
if(sori_FOUND)
  message(FATAL_ERROR "version 99 was found")
endif()
LISTS
cmake -S . -B build -DCMAKE_PREFIX_PATH="$prefix" >cmake.log 2>&1 && cmake --build build >>cmake.log 2>&1 ||
  { cat cmake.log; fail 'CMake'; }
serves build/echo_sori || fail 'the program that CMake linked does not serve'
LD_LIBRARY_PATH='' && serves build/echo_static || fail 'the program that CMake linked statically does not serve'

echo '-- a tree that was moved, and a staged one'
mv "$prefix" "$out/moved"
cmake -S . -B again -DCMAKE_PREFIX_PATH="$out/moved" >cmake.log 2>&1 && cmake --build again >>cmake.log 2>&1 ||
  { cat cmake.log; fail 'CMake on a tree that was moved'; }
PREFIX=/usr LIBDIR=/usr/lib/here DESTDIR=$out/stage "$root/ffi-c/package/install.sh" "$built"
[ -e "$out/stage/usr/lib/here/libsori.so" ] && [ -e "$out/stage/usr/include/sori.h" ] || fail 'DESTDIR or LIBDIR is not obeyed'
grep -qx 'libdir=/usr/lib/here' "$out/stage/usr/lib/here/pkgconfig/sori.pc" || fail 'sori.pc names the wrong folder'
