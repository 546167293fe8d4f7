//! Asks the compiler for its version: reports say by what the program that made them was built. And takes a digest of the sources: what a
//! sweep has stored is of no use to a program that has changed since.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a simulation depends on, beside the compiler.
const SOURCES: [&str; 7] = [
    "../common/src",
    "../napster/src",
    "../gnutella/src",
    "../kazaa/src",
    "../bittorrent/src",
    "src",
    "../Cargo.lock",
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=RUSTC");
    let compiler = std::env::var_os("RUSTC").expect("cargo says which compiler it is");
    let output = Command::new(compiler).arg("--version").output().expect("the compiler says its version");
    println!("cargo:rustc-env=RUSTC_VERSION={}", String::from_utf8_lossy(&output.stdout).trim());
    let mut hasher = DefaultHasher::new();
    for source in SOURCES {
        println!("cargo:rerun-if-changed={source}");
        hash(Path::new(source), &mut hasher);
    }
    println!("cargo:rustc-env=BENCH_SOURCES={:016x}", hasher.finish());
}

/// Adds a file, or all files of a folder in the order of their names.
fn hash(path: &Path, hasher: &mut DefaultHasher) {
    if path.is_dir() {
        let entries = fs::read_dir(path).expect("the sources can be listed");
        let mut entries: Vec<PathBuf> = entries.map(|entry| entry.expect("a name").path()).collect();
        entries.sort();
        entries.iter().for_each(|entry| hash(entry, hasher));
    } else {
        path.file_name().hash(hasher);
        fs::read(path).expect("the sources can be read").hash(hasher);
    }
}
