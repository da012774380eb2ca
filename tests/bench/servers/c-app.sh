#!/bin/sh
# Compiles the application under test in C against the library that `make bench` built, and becomes it.
set -eu
cd "$(dirname "$0")/../../.."

built=${CARGO_TARGET_DIR:-target}/release/c
[ -e "$built/libsori.a" ] || { echo "unavailable: no libsori in $built: make bench builds it"; exit 3; }
# Several may start at once.
${CC:-cc} -O2 -std=c11 -D_POSIX_C_SOURCE=200809L -Iinclude tests/bench/servers/c-app.c \
  -o "$built/c-app.$$" "$built/libsori.a" -lgcc_s -lpthread -ldl -lm
mv "$built/c-app.$$" "$built/c-app"
exec "$built/c-app" "$@"
