//! Threads, encoders, and what `inspect` says of both.

use std::fs;

use serde_json::{Value, json};

use crate::{COMPLAINT, model, run, run_with};

#[test]
fn the_number_of_threads_changes_no_byte_of_the_output() {
    let texts = ["ok", COMPLAINT, "Merci !", "Где мой заказ? Жду уже вторую неделю.", "Dziękuję bardzo"];
    let input: String = texts.iter().cycle().take(60).map(|text| format!("{text}\n")).collect();
    let with = |threads| run_with(&["score", "--input-format", "txt", "--threads", threads], input.as_str()).stdout;
    let one = with("1");
    assert_eq!(one.lines().count(), 60);
    assert_eq!(one, with("2"));
}

#[test]
fn the_reference_encoder_agrees() {
    let scores = |encoder| {
        let line = run(&["score", "--encoder", encoder, "--precision", "f32", "--text", COMPLAINT]).lines().remove(0);
        let paths =
            ["/complaint", "/sentiment/negative", "/sentiment/neutral", "/sentiment/positive", "/urgency/score"];
        paths.map(|path| line.pointer(path).and_then(Value::as_f64).unwrap())
    };
    for (cpu, reference) in scores("cpu").into_iter().zip(scores("reference")) {
        assert!((cpu - reference).abs() < 1e-4, "{cpu} {reference}");
    }
}

#[test]
fn inspect_shows_manifest_files_and_machine() {
    let model = model();
    let manifest: Value = serde_json::from_slice(&fs::read(model.join("manifest.json")).unwrap()).unwrap();
    let ran = run(&["inspect", "--json", "--model", model.to_str().unwrap()]);
    assert_eq!((ran.status, ran.stderr.as_str(), ran.stdout.lines().count()), (0, "", 1));
    let report = &ran.lines()[0];
    for key in ["name", "languages", "cleaning", "files"] {
        assert_eq!(report["manifest"][key], manifest[key], "{key}");
    }
    assert_eq!(report["verified"], json!(true));
    for precision in ["int8", "bf16", "f32"] {
        assert_eq!(report["precisions"][precision], json!({"available": true}), "{precision}");
    }
    assert!(report["parameters"].as_u64().unwrap() > 1_000_000);
    assert!(report["encoder"].as_str().unwrap().contains("kernel"));
    assert!(report["cpu"]["threads"].as_u64().unwrap() >= 1);

    let text = run(&["inspect", "--model", model.to_str().unwrap()]).stdout;
    let sha256 = manifest["files"]["tokenizer.json"]["sha256"].as_str().unwrap();
    let name = manifest["name"].as_str().unwrap();
    for part in [name, sha256, "verified", "complaint", "urgency", "thresholds", "provenance", "kernel", "int8"] {
        assert!(text.contains(part), "{part}");
    }
}
