//! Tells the included pieces to take loom's atomics, here and nowhere else.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(sori_loom)");
    println!("cargo::rustc-cfg=sori_loom");
    println!("cargo::rerun-if-changed=build.rs");
}
