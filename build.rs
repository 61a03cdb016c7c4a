//! Lets binaries, tests and examples of this package find libtorch at run time (feature `torch` only).
//!
//! A link argument reaches no further than this package: a program that depends on plaint with `torch` needs an rpath of
//! its own, or `LD_LIBRARY_PATH`.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_TORCH").is_none() {
        return;
    }
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    // Where torch-sys found libtorch, be it LIBTORCH, the system or its own download. Cargo tells this to direct
    // dependents only: that is why torch-sys is among our dependencies.
    if let Ok(lib) = env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    }
}
