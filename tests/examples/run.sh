#!/bin/sh
# Runs each example in C, Rust and JavaScript against the real socket.io-client. Needs what `make build`
# makes, and libuv for the one C example that uses it.
#   SORI_RUNNER=command what runs the C programs, for example "valgrind --error-exitcode=9"
set -eu
cd "$(dirname "$0")/../.."

target=${CARGO_TARGET_DIR:-target}
lib=$(cd "$target/release/c" && pwd)
flags='-std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror -pedantic -g -Iinclude'
pkg-config --exists libuv || { echo 'tests/examples: libuv is missing: tests/setup.sh installs it'; exit 1; }

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

for source in examples/c/*.c; do
  name=$(basename "$source" .c)
  more=-lpthread
  [ "$name" != ticker ] || more=$(pkg-config --cflags --libs libuv)
  # shellcheck disable=SC2086
  ${CC:-cc} $flags "$source" -o "$out/$name" -L"$lib" -Wl,-rpath,"$lib" -lsori $more
done
cargo build --quiet -p sori-examples --bins

SORI_C_EXAMPLES="$out" SORI_RUST_EXAMPLES="$(cd "$target/debug" && pwd)" \
  node --test --test-timeout=120000 --test-concurrency=2 tests/examples/*.test.js
