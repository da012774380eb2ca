#!/bin/sh
# Runs all checks one after another, goes on after a failure, and ends with the lines of what failed that say why and
# one line that says how it went.
# Words as arguments pick the checks whose names contain one of them.
set -u
cd "$(dirname "$0")/.."

words=$*
passed=0
failed=
started=$(date +%s)
kept=$(mktemp -d)
trap 'rm -rf "$kept"' EXIT

is_wanted() {
  [ -z "$words" ] && return 0
  for word in $words; do
    case $1 in *"$word"*) return 0 ;; esac
  done
  return 1
}

# check NAME COMMAND...
check() {
  name=$1
  shift
  is_wanted "$name" || return 0
  printf '\n==== %s\n' "$name"
  begun=$(date +%s)
  # What is left of a run may be no more than its end, so the end says why.
  { "$@" 2>&1; echo $? >"$kept/status"; } | tee "$kept/output"
  printf '==== %s: %s s\n' "$name" "$(($(date +%s) - begun))"
  if [ "$(cat "$kept/status")" -eq 0 ]; then
    passed=$((passed + 1))
  else
    failed="${failed:+$failed, }$name"
    {
      printf '\n==== what failed in: %s\n' "$name"
      grep -E '✖|^ *not ok|panicked at|FAILED|^error' "$kept/output" | head -n 12
      printf '==== and its end\n'
      tail -n 8 "$kept/output"
    } >>"$kept/failures"
    return 1
  fi
}

# The files are named one by one: what a folder means to `node --test` differs between releases of Node.
node_tests() {
  for folder in "$@"; do
    [ -d "$folder" ] || { echo "$folder is missing"; return 1; }
  done
  node --test --test-reporter=spec --test-timeout=120000 --test-concurrency=2 \
    $(find "$@" -name node_modules -prune -o -name '*.test.js' -print | sort)
}

byte_feed() {
  SORI_NO_TAKEOVER=1 node_tests "$@"
}

socket_io() {
  SORI_TEST_MODULE=socket.io node_tests "$@"
}

ws_itself() {
  SORI_TEST_WS_MODULE=ws node --test --test-reporter=spec --test-timeout=120000 --test-concurrency=2 tests/node/ws-*.test.js
}

no_registry_in_locks() {
  ! git ls-files --cached --others --exclude-standard '*package-lock.json' | xargs grep -Hn '"resolved": "http'
}

# What an earlier run left would be taken for public.
documentation() {
  rm -rf "${CARGO_TARGET_DIR:-target}/doc/sori"
  RUSTDOCFLAGS='-D warnings' cargo doc --quiet -p sori --all-features --no-deps
}

# Only when asked for: it says something about the tests, not about Sori.
if [ "$words" = peer ]; then
  check 'programs and demo on the peers, socket.io and ws' socket_io tests/programs tests/browser
  check 'tests of sori/ws on the peer, ws' ws_itself
  words=nothing-else
fi

# Only when asked for: these need a gigabyte of packages.
if [ "$words" = conformance ]; then
  check 'the addon on Node 18, 20, 22 and 24' node_tests tests/versions
  check 'Next.js' node_tests tests/next
  check 'all fuzzing cases for WebSockets' tests/conformance/run.sh
  words=nothing-else
fi

check 'format' cargo fmt --all --check
check 'locks name no registry' no_registry_in_locks
check 'clippy' cargo clippy --workspace --all-targets --features sori/full --quiet -- -D warnings
check 'codecs, sessions and hub without IO' cargo clippy --quiet -p sori --no-default-features -- -D warnings
check 'the client alone' cargo clippy --quiet -p sori --no-default-features --features client-tls -- -D warnings
check 'rust' cargo test --workspace --features sori/full --quiet
if check 'documentation' documentation; then
  check 'public surface' node tests/surface/check.js
fi
check 'package' cargo package -p sori --allow-dirty --quiet
if check 'build' make --no-print-directory build; then
  check 'c' tests/c/run.sh
  check 'c, sanitized' tests/c/sanitized.sh
  check 'c, installed' tests/c/install.sh
  check 'examples' tests/examples/run.sh
  check 'node, take-over' node_tests tests/node
  check 'node, byte feed' byte_feed tests/node
  check 'fuzzing cases for WebSockets' tests/conformance/run.sh quick
  check 'node, adapters and clusters' node_tests tests/adapters
  check 'npm packages' node_tests tests/packaging
  check 'types' tests/types/run.sh
  check 'frameworks' node_tests tests/frameworks
  check 'programs and demo, take-over' node_tests tests/programs tests/browser
  check 'programs and demo, byte feed' byte_feed tests/programs tests/browser
else
  failed="$failed (so nothing that needs it was run)"
fi

if [ -z "$failed" ] && [ "$passed" -eq 0 ]; then
  echo "make test: no check is named like \"$*\"" >&2
  exit 1
fi
seconds=$(($(date +%s) - started))
if [ -n "$failed" ]; then
  cat "$kept/failures"
  printf '\nmake test: FAILED: %s; %s passed, in %s s\n' "$failed" "$passed" "$seconds"
  exit 1
fi
printf '\nmake test: all %s checks passed in %s s\n' "$passed" "$seconds"
