//! Builds the engine for the page (WebAssembly and its JavaScript bindings) and leaves it where
//! `src/page/bundle.rs` embeds it, so that the binary needs no other file.

use std::env;
use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::{Compression, write::GzEncoder};

const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "wasm";

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("..").canonicalize()?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for watched in ["engine/src", "engine/Cargo.toml", "Cargo.toml", "Cargo.lock", "driver/build.rs"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    add_target_when_missing()?;
    let wasm = compile(&root, &out)?;
    bind(&wasm, &out)?;
    report_size(&out.join("engine_bg.wasm"))
}

/// The standard library for the page is not part of a fresh toolchain.
fn add_target_when_missing() -> Result<(), Box<dyn Error>> {
    let rustc = env::var("RUSTC")?;
    let libdir = Command::new(&rustc).args(["--print", "target-libdir", "--target", TARGET]).output()?;
    let libdir = PathBuf::from(String::from_utf8(libdir.stdout)?.trim());
    if libdir.exists() {
        return Ok(());
    }
    println!("cargo::warning=adding the target {TARGET} with rustup");
    let added = Command::new("rustup").args(["target", "add", TARGET]).status();
    match added {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!("the target {TARGET} is missing; add it with: rustup target add {TARGET}").into()),
    }
}

/// Compiles the engine in a target folder of its own: the outer cargo holds the lock of the usual one.
fn compile(root: &Path, out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let target = out.ancestors().nth(4).ok_or("OUT_DIR is not inside a target folder")?.join("page");
    let mut cargo = Command::new(env::var("CARGO")?);
    cargo
        .current_dir(root)
        .args(["build", "--locked", "--package", "matrix-engine", "--target", TARGET, "--profile", PROFILE])
        .arg("--target-dir")
        .arg(&target)
        .env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+simd128");
    // What the outer cargo set for this build must not reach the inner one.
    for inherited in ["RUSTC_WORKSPACE_WRAPPER", "RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_PROFILE_RELEASE_LTO"] {
        cargo.env_remove(inherited);
    }
    let built = cargo.output()?;
    if !built.status.success() {
        return Err(
            format!("the engine does not compile for the page:\n{}", String::from_utf8_lossy(&built.stderr)).into()
        );
    }
    Ok(target.join(TARGET).join(PROFILE).join("matrix_engine.wasm"))
}

fn bind(wasm: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    wasm_bindgen_cli_support::Bindgen::new()
        .input_path(wasm)
        .out_name("engine")
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(out)?;
    Ok(())
}

fn report_size(wasm: &Path) -> Result<(), Box<dyn Error>> {
    let bytes = fs::read(wasm)?;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&bytes)?;
    let compressed = gzip.finish()?.len();
    println!("cargo::warning=engine.wasm: {} KiB, {} KiB compressed", bytes.len() / 1024, compressed / 1024);
    Ok(())
}
