//! What is refused, what is told, and with which exit status.

use std::fs;

use crate::{Files, command, run};

#[test]
fn a_missing_file_is_told_before_anything_is_scored() {
    let files = Files::new(&[("a.txt", b"ok\n")]);
    run(&["score", &files.path("a.txt"), &files.path("b.txt")]).assert_refused(&[&files.path("b.txt")]);
    run(&["score", files.0.path().to_str().unwrap()]).assert_refused(&["directory"]);
}

#[test]
fn a_model_that_cannot_be_loaded_is_one_line_and_status_2() {
    let files = Files::new(&[("manifest.json", b"{\"format\":1}")]);
    let folder = files.0.path().to_str().unwrap();
    for command in ["score", "inspect"] {
        run(&[command, "--model", folder]).assert_refused(&["manifest.json"]);
        run(&[command, "--model", &files.path("nowhere")]).assert_refused(&["nowhere"]);
    }
}

#[test]
fn options_that_do_not_exist_are_status_2() {
    for (arguments, part) in [
        (&["score", "--encoder", "abacus"][..], "[possible values: cpu, torch, reference]"),
        (&["score", "--precision", "f64"], "[possible values: auto, int8, bf16, f32]"),
        (&["score", "--threads", "0"], "--threads"),
        (&["score", "--input-format", "xml"], "[possible values: jsonl, csv, txt]"),
        (&["scroe"], "score"),
        (&[], "Usage: plaint <COMMAND>"),
    ] {
        let ran = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("plaint")).args(arguments).output().unwrap();
        let stderr = String::from_utf8(ran.stderr).unwrap();
        assert_eq!((ran.status.code(), ran.stdout.len()), (Some(2), 0), "{arguments:?}");
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
    }
    #[cfg(not(feature = "torch"))]
    run(&["score", "--encoder", "torch", "--text", "x"]).assert_refused(&["torch"]);
}

#[cfg(not(feature = "embedded-model"))]
#[test]
fn without_an_embedded_model_one_must_be_named() {
    let mut command = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("plaint"));
    let stderr = String::from_utf8(command.args(["score", "--text", "x"]).assert().code(2).get_output().stderr.clone());
    assert!(stderr.unwrap().contains("--model DIR"));
}

#[test]
fn help_and_version_are_short_and_complete() {
    let help = |arguments: &[&str]| {
        let mut command = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("plaint"));
        String::from_utf8(command.args(arguments).assert().success().get_output().stdout.clone()).unwrap()
    };
    assert_eq!(help(&["--version"]), concat!("plaint ", env!("CARGO_PKG_VERSION"), "\n"));
    for part in ["score", "evaluate", "compare", "bench", "inspect", "Exit status"] {
        assert!(help(&["--help"]).contains(part), "{part}");
    }
    for part in ["jsonl", "csv", "txt", "stdin", "Exit status", "4 MiB"] {
        assert!(help(&["score", "--help"]).contains(part), "{part}");
    }
    for part in ["--suite", "--resamples", "urgency_level", "tolerance", "Exit status"] {
        assert!(help(&["evaluate", "--help"]).contains(part), "{part}");
    }
    for part in ["[[runner]]", "timeout_s", "p99_ms", "--record", "--against", "Exit status"] {
        assert!(help(&["compare", "--help"]).contains(part), "{part}");
    }
    for part in ["single", "server", "offline", "--seconds", "Exit status"] {
        assert!(help(&["bench", "--help"]).contains(part), "{part}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command(&["score", "--text", "ok"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("plaint: cannot write to stdout: "));
}
