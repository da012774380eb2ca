# What link.sh and install.sh, which read this file in, must agree on.
# shellcheck shell=sh disable=SC2034

version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/../../Cargo.toml" | head -n 1)

# What changes when programs have to be compiled anew: the first number, and before 1.0 the second too.
case $version in
  0.*) abi=$(echo "$version" | cut -d. -f1,2) ;;
  *) abi=$(echo "$version" | cut -d. -f1) ;;
esac

# What the library itself needs of the system.
private_libs='-lgcc_s -lpthread -ldl -lm -lc'
