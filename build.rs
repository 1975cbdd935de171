//! Builds the last stage (src/stage/main.rs) as a freestanding static program and leaves it in OUT_DIR, where
//! src/stage/mod.rs embeds it. It uses the same compiler and, unless the target says otherwise, the same linker.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "this runs at build time, not in tare"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=src/stage");
    println!("cargo::rerun-if-changed=build.rs");
    // Read by the linker, of which cargo knows nothing.
    println!("cargo::rerun-if-changed=scripts/function-order.ld");
    tell_commit();
    let out = PathBuf::from(variable("OUT_DIR")).join("stage");
    build_stage(Path::new("src/stage/main.rs"), &out);
    let size = std::fs::metadata(&out).expect("the stage was just built").len();
    assert!(size <= 0x10000, "the stage ({size} bytes) must fit below PAYLOAD_OFFSET of src/stage/abi.rs");
}

fn build_stage(source: &Path, out: &Path) {
    let target = freestanding_target();
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.args(["--edition=2024", "--crate-name=tare_stage", "--crate-type=bin", "--cap-lints=warn"]);
    rustc.args(["-Copt-level=s", "-Cpanic=abort", "-Cdebuginfo=0", "-Cstrip=symbols", "-Ccodegen-units=1"]);
    rustc.args(["-Crelocation-model=static", "-Coverflow-checks=off", "-Cdebug-assertions=off"]);
    rustc.arg("-Cforce-unwind-tables=no");
    rustc.args([
        "-Adead_code",
        "-Clink-arg=-nostdlib",
        "-Clink-arg=-nostartfiles",
        "-Clink-arg=-static",
        "-Clink-arg=-no-pie",
    ]);
    rustc.args([
        "-Clink-arg=-Wl,--build-id=none,--gc-sections,-z,norelro,-z,noseparate-code,-z,max-page-size=4096",
    ]);
    rustc.args(["--check-cfg", "cfg(break_guards)"]);
    if std::env::var_os("CARGO_FEATURE_BREAK_GUARDS").is_some() {
        rustc.args(["--cfg", "break_guards"]);
    }
    rustc.arg("--target").arg(&target).arg("-o").arg(out).arg(source);
    if let Some(linker) = std::env::var_os("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={}", linker.to_string_lossy()));
    }
    let status = rustc.status().expect("cannot run rustc for the last stage");
    assert!(status.success(), "the last stage (src/stage) does not build for {target}");
}

/// The compiler's own target, where that is the same architecture: its `core` is always there, and that is all of a
/// standard library which the stage uses. With `-Z build-std` (scripts/build-release) TARGET has none at this moment.
fn freestanding_target() -> String {
    let (host, target) = (variable("HOST"), variable("TARGET"));
    let architecture = |triple: &str| triple.split('-').next().map(str::to_owned);
    if architecture(&host) == architecture(&target) { host } else { target }
}

/// TARE_COMMIT for `--version`: the checkout's commit, or nothing outside of one.
fn tell_commit() {
    // A file that is not there would make cargo run this each time.
    for file in [".git/HEAD", ".git/refs/heads"] {
        if Path::new(file).exists() {
            println!("cargo::rerun-if-changed={file}");
        }
    }
    let git = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    if let Ok(output) = git
        && output.status.success()
    {
        println!("cargo::rustc-env=TARE_COMMIT={}", String::from_utf8_lossy(&output.stdout).trim());
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("cargo sets {name} for a build script"))
}
