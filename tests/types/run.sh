#!/bin/sh
# Compiles the tests of types with every compiler they must hold for; a wrong type does not compile, and what must not compile is marked.
set -eu
cd "$(dirname "$0")"

for compiler in typescript-4 typescript-5 typescript-7; do
  echo "$compiler: $(node "node_modules/$compiler/bin/tsc" --version)"
  node "node_modules/$compiler/bin/tsc" -p .
done
echo 'every type is as it should be'
