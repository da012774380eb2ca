#!/bin/sh
# Compiles the C tests against the library that `make build` made, and runs them.
#   SORI_LIB=folder       where libsori is, if not in the target folder
#   SORI_RUNNER=command   what runs the programs, for example "valgrind --error-exitcode=9"
#   SORI_SANITIZE=address compiles the tests with that sanitizer; the library uses its allocator then
set -eu
cd "$(dirname "$0")/../.."

lib=$(cd "${SORI_LIB:-${CARGO_TARGET_DIR:-target}/release/c}" && pwd) || { echo 'tests/c: no libsori: make build'; exit 1; }
warnings='-Wall -Wextra -Werror -pedantic'
flags="-D_POSIX_C_SOURCE=200809L $warnings -g -Iinclude -Itests/c ${SORI_SANITIZE:+-fsanitize=$SORI_SANITIZE}"

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# build NAME SOURCE...
build() {
  name=$1
  shift
  # shellcheck disable=SC2086
  ${CC:-cc} -std=c11 $flags "$@" "$out/client.o" -o "$out/$name" -L"$lib" -Wl,-rpath,"$lib" -lsori -lpthread
}

# run NAME
run() {
  echo "-- $1"
  ${SORI_RUNNER:-} "$out/$1"
}

# shellcheck disable=SC2086
${CC:-cc} -std=c11 $flags -c tests/c/client.c -o "$out/client.o"
node tests/c/nulls.js include/sori.h >"$out/nulls.c"
build nulls "$out/nulls.c"
run nulls
for test in arguments life limits rooms sockets push adopt websocket sse protocols http guest; do
  build "$test" "tests/c/$test.c"
  run "$test"
done

# shellcheck disable=SC2086
${CXX:-c++} -std=c++11 $flags tests/c/throwing.cpp "$out/client.o" -o "$out/throwing" \
  -L"$lib" -Wl,-rpath,"$lib" -lsori -lpthread
run throwing
# A Redis of the tests' own, on a socket of its own; who comes before it is ready tries again.
redis-server --port 0 --unixsocket "$out/redis.sock" --dir "$out" --save '' --appendonly no >"$out/redis.log" &
redis=$!
trap 'kill "$redis" 2>/dev/null; rm -rf "$out"' EXIT
build cluster tests/c/cluster.c
echo '-- cluster'
for format in 0 1 2 3 4; do
  ${SORI_RUNNER:-} "$out/cluster" "unix://$out/redis.sock" "$format"
done

# Without the runner, and not with sanitizers: what Rust keeps for good is lost to them with the library.
if [ -z "${SORI_SANITIZE:-}" ]; then
  # shellcheck disable=SC2086
  ${CC:-cc} -std=c11 $flags tests/c/loading.c -o "$out/loading" -lpthread -ldl
  echo '-- loading'
  "$out/loading" "$lib/libsori.so"
  "$out/loading" "$lib/libsori.so" "unix://$out/redis.sock"
fi

# npm socket.io, for the client. It ends with its stdin, which is this script's descriptor 3.
mkfifo "$out/stdin" "$out/stdout"
node tests/client/server.js <"$out/stdin" >"$out/stdout" &
exec 3>"$out/stdin"
read -r npm_port <"$out/stdout"
build connecting tests/c/connecting.c
echo '-- connecting'
${SORI_RUNNER:-} "$out/connecting" "http://127.0.0.1:$npm_port"
exec 3>&-

# npm ws, in the same way.
node tests/client/ws-server.js <"$out/stdin" >"$out/stdout" &
exec 3>"$out/stdin"
read -r ws_port wss_port <"$out/stdout"
build websocket_client tests/c/websocket_client.c
echo '-- websocket_client'
${SORI_RUNNER:-} "$out/websocket_client" "ws://127.0.0.1:$ws_port"
# Without the runner: valgrind does not see that TLS's assembler fills in what it writes.
"$out/websocket_client" "wss://localhost:$wss_port" tests/client/tls/ca.pem
exec 3>&-

# The static library must do as well.
# shellcheck disable=SC2086
${CC:-cc} -std=c11 $flags tests/c/arguments.c "$out/client.o" -o "$out/static" "$lib/libsori.a" -lpthread -ldl -lm
run static

build tls tests/c/tls.c
echo '-- TLS, driven by socket.io-client'
SORI_TLS="$out/tls" node --test --test-reporter=dot --test-timeout=60000 tests/c/tls.test.js
