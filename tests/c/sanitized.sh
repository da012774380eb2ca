#!/bin/sh
# The C tests under AddressSanitizer with its leak check, ThreadSanitizer, and valgrind.
set -eu
here=$(dirname "$0")

# A summary is enough: without sanitizers the tests have shown their names already.
under() {
  echo "== under $1"
  shift
  output=$(env "$@" "$here/run.sh" 2>&1) || { printf '%s\n' "$output"; exit 1; }
}

under AddressSanitizer SORI_SANITIZE=address
# What happens within the library is not seen: it synchronises by means that the sanitizer does not know.
under ThreadSanitizer SORI_SANITIZE=thread TSAN_OPTIONS=ignore_noninstrumented_modules=1
# Without fair scheduling a thread that asks again and again leaves the others no turn for minutes.
under valgrind "SORI_RUNNER=valgrind -q --fair-sched=try --error-exitcode=9 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite"
