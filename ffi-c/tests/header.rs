//! `include/sori.h` is what the sources say, and C and C++ compilers take it without a warning.

use std::path::{Path, PathBuf};
use std::process::Command;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn generated() -> String {
    let folder = env!("CARGO_MANIFEST_DIR");
    let config = cbindgen::Config::from_file(Path::new(folder).join("cbindgen.toml"));
    let bindings = cbindgen::Builder::new()
        .with_config(config.unwrap())
        .with_src(Path::new(folder).join("src/lib.rs"))
        .generate();
    let mut header = Vec::new();
    bindings.unwrap().write(&mut header);
    String::from_utf8(header).unwrap()
}

#[test]
fn header_is_what_the_sources_say() {
    let path = repository().join("include/sori.h");
    let generated = generated();
    if std::env::var_os("SORI_WRITE_HEADER").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "include/sori.h is out of date: run SORI_WRITE_HEADER=1 cargo test -p sori-c"
    );
}

#[test]
fn every_exported_function_is_in_the_header() {
    let header = generated();
    let mut functions = 0;
    for path in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let source = std::fs::read_to_string(path).unwrap();
        for (_, rest) in source.match_indices("extern \"C\" fn ").map(|(at, found)| {
            let start = at + found.len();
            (at, &source[start..])
        }) {
            let name = rest.split('(').next().unwrap();
            assert!(header.contains(&format!("{name}(")), "{name}");
            functions += 1;
        }
    }
    assert!(functions > 40, "found only {functions}");
}

/// Those of a folder and of the folders in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}

/// Compiles a file that includes the header twice and names what it declares.
fn compile(compiler: &str, language: &str, standard: &str) {
    let folder = tempfolder(standard);
    let source = folder.join("twice");
    std::fs::write(
        &source,
        "#include \"sori.h\"\n#include \"sori.h\"\n\
         int main(void) { return sori_version() == NULL; }\n",
    )
    .unwrap();
    let output =
        Command::new(std::env::var_os(compiler_variable(language)).unwrap_or(compiler.into()))
            .args(["-x", language, standard])
            .args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-c"])
            // What programs turn on that are stricter.
            .args(["-Wconversion", "-Wsign-conversion", "-Wshadow", "-Wundef"])
            .arg("-I")
            .arg(repository().join("include"))
            .arg(&source)
            .arg("-o")
            .arg(folder.join("twice.o"))
            .output()
            .unwrap();
    assert!(
        output.status.success(),
        "{compiler}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn compiler_variable(language: &str) -> &'static str {
    if language == "c" { "CC" } else { "CXX" }
}

fn tempfolder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("header{name}"));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn header_compiles_as_c_included_twice() {
    compile("cc", "c", "-std=c99");
    compile("cc", "c", "-std=c11");
}

#[test]
fn header_compiles_as_cpp_included_twice() {
    compile("c++", "c++", "-std=c++11");
    compile("c++", "c++", "-std=c++17");
}
