#!/bin/sh
# Links the shared library that is installed from the static one that cargo made, because rustc gives
# symbols no versions. Leaves it, with the links that programs and linkers look for, beside a stripped
# static library.
#   link.sh STATIC_LIBRARY FOLDER
set -eu
archive=$1
folder=$2
here=$(dirname "$0")

. "$here/version.sh"

mkdir -p "$folder"
if [ "$(uname -s)" != Linux ]; then
  echo "link.sh: only on Linux does the library get versions; elsewhere use what cargo built"
  exit 0
fi
printf 'SORI_%s { global: sori_*; local: *; };\n' "$abi" >"$folder/sori.map"
# Built aside and renamed: a program that runs with the old library keeps it.
${CC:-cc} -shared -o "$folder/libsori.new" \
  -Wl,--whole-archive "$archive" -Wl,--no-whole-archive -Wl,--gc-sections -Wl,-O1 \
  -Wl,--version-script="$folder/sori.map" -Wl,-soname,"libsori.so.$abi" \
  -Wl,-z,defs -Wl,-z,relro,-z,now $private_libs
# Line tables are of use to who builds Sori, and four times as big as the library.
strip --strip-unneeded "$folder/libsori.new"
mv -f "$folder/libsori.new" "$folder/libsori.so.$version"
ln -sf "libsori.so.$version" "$folder/libsori.so.$abi"
ln -sf "libsori.so.$abi" "$folder/libsori.so"
strip --strip-debug -o "$folder/libsori.a" "$archive"
