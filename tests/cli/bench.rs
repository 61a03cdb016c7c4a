//! `plaint bench`: one model, a small table.

use serde_json::Value;

use crate::{Files, run};

#[test]
fn a_scenario_is_measured_on_made_up_texts_or_ones_own() {
    let quick = ["bench", "--scenario", "single", "--seconds", "0.05", "--repeats", "2"];
    let ran = run(&quick);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    for part in ["plaint-base", "start to first answer", "single: p50, ms", "median", "peak memory"] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("server"), "{}", ran.stdout);

    let files = Files::new(&[("a.jsonl", b"{\"text\":\"Wo bleibt mein Paket?\"}\n{\"text\":\"Danke!\"}\n")]);
    let ran = run(&[&quick[..], &["--json", "--data", &files.path("a.jsonl"), "--precision", "f32"]].concat());
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let output = &ran.lines()[0];
    assert!(output["encoder"].as_str().unwrap().contains("f32"), "{output}");
    assert_eq!(output["speed"]["single"]["p50_ms"]["runs"], 2);
    assert!(output["machine"]["cores"].as_u64() > Some(0));
    assert_eq!(output["speed"]["server"], Value::Null);
}

#[test]
fn what_cannot_be_measured_is_refused() {
    run(&["bench", "--repeats", "0"]).assert_refused(&["speed.repeats", "found 0"]);
    run(&["bench", "--encoder", "reference", "--precision", "int8"]).assert_refused(&["int8", "reference"]);
    let files = Files::new(&[("empty.jsonl", b"")]);
    run(&["bench", "--data", &files.path("empty.jsonl")]).assert_refused(&["--data", "no usable text"]);
}
