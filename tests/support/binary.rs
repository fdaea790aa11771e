//! Where the `connectctl` binary of this build is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// Returns the binary: given by cargo to tests, built beside the running program for examples and benches.
pub fn connectctl() -> &'static Path {
    static BINARY: LazyLock<PathBuf> =
        LazyLock::new(|| match option_env!("CARGO_BIN_EXE_connectctl") {
            Some(path) => PathBuf::from(path),
            None => built(),
        });
    &BINARY
}

/// `target/<profile>/{examples,deps}/<program>` → `target/<profile>/connectctl`, brought up to date.
fn built() -> PathBuf {
    let program = std::env::current_exe().expect("the program knows its path");
    let profile = program
        .ancestors()
        .nth(2)
        .expect("target/<profile>/<kind>/<program>");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        // The example with it: the same features of shared dependencies, so nothing is built twice.
        .args([
            "build",
            "--quiet",
            "--bin",
            "connectctl",
            "--example",
            "cutover",
        ]);
    if profile.file_name().is_some_and(|name| name == "release") {
        cargo.arg("--release");
    }
    assert!(
        cargo.status().expect("cargo starts").success(),
        "connectctl does not build"
    );
    profile.join("connectctl")
}
