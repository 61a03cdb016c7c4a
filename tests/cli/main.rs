//! The command-line contract, promise by promise, on the real program.
#![cfg(feature = "cli")]

mod bench;
mod browser;
mod compare;
mod evaluate;
mod formats;
mod lines;
mod machine;
mod streams;
#[cfg(feature = "train")]
#[path = "../common/tiny_model.rs"]
#[allow(dead_code, reason = "every test program uses a part of it")]
mod tiny_model;
#[cfg(feature = "train")]
mod train;
mod usage;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// Far more than any step needs; a test that waits this long has found a hang.
const PATIENCE: Duration = Duration::from_secs(60);

const COMPLAINT: &str = "Seit drei Wochen kein Internet, und niemand ruft zurück!";

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/plaint-base")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("plaint"));
    command.args(arguments);
    // A suite names its models itself.
    let takes_model = arguments.first() != Some(&"compare");
    if cfg!(not(feature = "embedded-model")) && takes_model && !arguments.contains(&"--model") {
        command.arg("--model").arg(model());
    }
    command
}

/// What a finished process left.
struct Ran {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    /// Every line of stdout as JSON.
    fn lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }

    /// `id` of each scored line; for a bad line its number, negative.
    fn ids(&self) -> Vec<Value> {
        let id = |line: Value| match line["line"].as_i64() {
            Some(number) => json!(-number),
            None => line["id"].clone(),
        };
        self.lines().into_iter().map(id).collect()
    }

    /// Exit status 2, nothing on stdout, one line on stderr that holds all of `parts`.
    fn assert_refused(&self, parts: &[&str]) {
        assert_eq!((self.status, self.stdout.as_str()), (2, ""), "{}", self.stderr);
        assert!(self.stderr.starts_with("plaint: ") && self.stderr.lines().count() == 1, "{}", self.stderr);
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is not in: {}", self.stderr);
        }
    }
}

fn run_with(arguments: &[&str], stdin: impl Into<Vec<u8>>) -> Ran {
    let output =
        assert_cmd::Command::from_std(command(arguments)).write_stdin(stdin).timeout(PATIENCE).output().unwrap();
    Ran {
        status: output.status.code().expect("not ended by a signal"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn run(arguments: &[&str]) -> Ran {
    run_with(arguments, "")
}

/// Scores `stdin`, expects `status` and silence on stderr.
fn score(stdin: impl Into<Vec<u8>>, status: i32) -> Ran {
    let ran = run_with(&["score"], stdin);
    assert_eq!((ran.status, ran.stderr.as_str()), (status, ""));
    ran
}

/// A folder of files, and the path of each as an argument.
struct Files(TempDir);

impl Files {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = TempDir::new().unwrap();
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }
}
