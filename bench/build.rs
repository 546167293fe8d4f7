//! Asks the compiler for its version: reports say by what the program that made them was built.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=RUSTC");
    let compiler = std::env::var_os("RUSTC").expect("cargo says which compiler it is");
    let output = Command::new(compiler).arg("--version").output().expect("the compiler says its version");
    println!("cargo:rustc-env=RUSTC_VERSION={}", String::from_utf8_lossy(&output.stdout).trim());
}
