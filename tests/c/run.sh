#!/bin/sh
# Compiles the C tests and the C examples against the library that `make build` made, and runs them.
#   SORI_LIB=folder     where libsori is, if not in the target folder
#   SORI_RUNNER=command what runs the programs, for example "valgrind --error-exitcode=9"
set -eu
cd "$(dirname "$0")/../.."

lib=$(cd "${SORI_LIB:-${CARGO_TARGET_DIR:-target}/release}" && pwd)
cc=${CC:-cc}
flags='-std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror -pedantic -g -Iinclude'
[ -e "$lib/libsori.so" ] || [ -e "$lib/libsori.dylib" ] || { echo "tests/c: no libsori in $lib: make build"; exit 1; }

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# build NAME SOURCE...
build() {
  name=$1
  shift
  # shellcheck disable=SC2086
  $cc $flags "$@" -o "$out/$name" -L"$lib" -Wl,-rpath,"$lib" -lsori -lpthread
}

for test in arguments life rooms sockets; do
  build "$test" "tests/c/$test.c" tests/c/client.c
  echo "-- $test"
  ${SORI_RUNNER:-} "$out/$test"
done

# npm socket.io, for the client. It ends with its stdin, which is this script's descriptor 3.
mkfifo "$out/stdin" "$out/stdout"
node tests/client/server.js <"$out/stdin" >"$out/stdout" &
exec 3>"$out/stdin"
read -r npm_port <"$out/stdout"
build connecting tests/c/connecting.c
echo '-- connecting'
${SORI_RUNNER:-} "$out/connecting" "http://127.0.0.1:$npm_port"
exec 3>&-

# The static library must do as well.
# shellcheck disable=SC2086
$cc $flags tests/c/arguments.c tests/c/client.c -o "$out/static" "$lib/libsori.a" -lpthread -ldl -lm
echo '-- arguments, static library'
${SORI_RUNNER:-} "$out/static" >/dev/null

build chat examples/c/chat.c
echo '-- chat, driven by socket.io-client'
SORI_CHAT="$out/chat" node --test --test-timeout=60000 tests/c/chat.test.js
