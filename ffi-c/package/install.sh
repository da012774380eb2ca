#!/bin/sh
# Installs what link.sh made, with the header and what pkg-config and CMake look for.
#   PREFIX (/usr/local), LIBDIR (PREFIX/lib), INCLUDEDIR (PREFIX/include): where programs look
#   DESTDIR: a folder that stands for the root, for who makes packages
#   install.sh FOLDER_OF_LINK_SH
set -eu
folder=$1
here=$(dirname "$0")
. "$here/version.sh"

prefix=${PREFIX:-/usr/local}
libdir=${LIBDIR:-$prefix/lib}
includedir=${INCLUDEDIR:-$prefix/include}
root=${DESTDIR:-}
case $prefix$libdir$includedir in
  /*) ;;
  *) echo "install.sh: PREFIX, LIBDIR and INCLUDEDIR begin with /" >&2; exit 2 ;;
esac

# fill TEMPLATE TARGET
fill() {
  sed -e "s|@version@|$version|g" -e "s|@abi@|$abi|g" -e "s|@private_libs@|$private_libs|g" \
    -e "s|@prefix@|$prefix|g" -e "s|@libdir@|$libdir|g" -e "s|@includedir@|$includedir|g" \
    -e "s|@include_from_cmake@|$include_from_cmake|g" "$here/$1" >"$root$2"
  chmod 644 "$root$2"
}

# CMake's files find the others from where they lie, so that the tree can be moved.
include_from_cmake=$(realpath -m --relative-to="$libdir/cmake/sori" "$includedir")

install -d "$root$includedir" "$root$libdir/pkgconfig" "$root$libdir/cmake/sori"
install -m 644 "$here/../../include/sori.h" "$root$includedir/sori.h"
install -m 644 "$folder/libsori.a" "$root$libdir/libsori.a"
install -m 755 "$folder/libsori.so.$version" "$root$libdir/libsori.so.$version"
ln -sf "libsori.so.$version" "$root$libdir/libsori.so.$abi"
ln -sf "libsori.so.$abi" "$root$libdir/libsori.so"
fill sori.pc.in "$libdir/pkgconfig/sori.pc"
fill sori-config.cmake.in "$libdir/cmake/sori/sori-config.cmake"
fill sori-config-version.cmake.in "$libdir/cmake/sori/sori-config-version.cmake"
