//! `plaint evaluate`: measures of the shipped model on a few sentences.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::{Files, run};

/// What any model should get right, and one that is mislabelled on purpose.
const DATA: &str = r#"{"id":"1-de","text":"Seit drei Wochen kein Internet, und niemand ruft zurück!","lang":"de","source":"own","split":"test","complaint":1,"sentiment":"negative","urgency_level":"normal"}
{"id":"1-en","text":"No internet for three weeks now, and nobody calls back!","lang":"en","source":"own","split":"test","complaint":1,"sentiment":"negative","urgency_level":"normal"}
{"id":"2-de","text":"Danke, läuft wieder, super Service!","lang":"de","source":"own","split":"test","complaint":0,"sentiment":"positive","urgency_level":null}
{"id":"3-de","text":"Vielen Dank für die schnelle Hilfe, alles bestens.","lang":"de","source":"own","split":"test","complaint":1}
{"id":"4-de","text":"Guten Morgen!","lang":"de","source":"own","split":"dev","complaint":0}
"#;

const SUITE: &str = r#"{"id":"d","kind":"direction","head":"complaint","phenomenon":"negation","lang":"de","texts":["Der Service war super, danke!","Der Service war eine Frechheit, nichts geht!"],"margin":0.1}
{"id":"l","kind":"label","head":"complaint","phenomenon":"thanks","lang":"fr","texts":["Merci beaucoup !"],"expect":"complaint"}
"#;

fn json(arguments: &[&str]) -> Value {
    let ran = run(&[&["evaluate", "--json", "--resamples", "50"], arguments].concat());
    assert_eq!((ran.status, ran.stderr.as_str(), ran.stdout.lines().count()), (0, "", 1));
    ran.lines().remove(0)
}

#[test]
fn measures_are_given_for_all_texts_and_slices_of_them() {
    let files = Files::new(&[("own.jsonl", DATA.as_bytes())]);
    let output = json(&[&files.path("own.jsonl"), "--split", "test", "--by", "lang,source+lang"]);
    assert_eq!(
        (&output["model"], &output["bad_rows"], &output["suite"]),
        (&json!("plaint-base"), &json!(0), &json!(null))
    );
    let report = &output["report"];
    assert_eq!((&report["texts"], &report["resamples"], &report["seed"]), (&json!(4), &json!(50), &json!(1)));

    let heads: Vec<&Value> =
        report["heads"].as_array().unwrap().iter().filter(|head| head["head"] == "complaint").collect();
    let slices: Vec<Value> = heads.iter().map(|head| head["slice"].clone()).collect();
    let (de, en) = (json!({"source": "own", "lang": "de"}), json!({"source": "own", "lang": "en"}));
    assert_eq!(slices, [json!({}), json!({"lang": "de"}), json!({"lang": "en"}), de, en]);

    let overall = heads[0];
    assert_eq!((&overall["texts"], &overall["clusters"]), (&json!(4), &json!(3)));
    assert_eq!(overall["confusion"], json!([[1, 0], [1, 2]]));
    assert_eq!(overall["measures"]["micro_f1"]["value"], json!(0.75));
    assert_eq!(overall["classes"][1]["recall"]["value"], json!(2.0 / 3.0));
    let interval: Vec<f64> = serde_json::from_value(overall["measures"]["brier"]["interval"].clone()).unwrap();
    assert!(interval[0] <= interval[1]);
    assert!(overall["reliability"].as_array().unwrap().iter().all(|bin| bin["texts"].as_u64() > Some(0)));
}

#[test]
fn the_seed_decides_the_intervals_and_threads_do_not() {
    let files = Files::new(&[("own.jsonl", DATA.as_bytes())]);
    let report = |option, value| json(&[&files.path("own.jsonl"), option, value])["report"].clone();
    assert_eq!(report("--threads", "1"), report("--threads", "2"));
    assert_eq!(report("--seed", "1"), report("--threads", "1"));
    assert_ne!(report("--seed", "2"), report("--threads", "1"));
}

#[test]
fn a_table_is_for_people() {
    let files = Files::new(&[("own.jsonl", DATA.as_bytes()), ("suite.jsonl", SUITE.as_bytes())]);
    let ran = run(&["evaluate", &files.path("own.jsonl"), "--suite", &files.path("suite.jsonl"), "--resamples", "20"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    for part in
        ["5 texts", "macro-F1", "kappa", "is \\ judged", "no_complaint", "negation", "1/2", "expected complaint"]
    {
        assert!(ran.stdout.contains(part), "`{part}` is not in: {}", ran.stdout);
    }
}

#[test]
fn a_suite_runs_without_data() {
    let files = Files::new(&[("suite.jsonl", SUITE.as_bytes())]);
    let output = json(&["--suite", &files.path("suite.jsonl")]);
    assert_eq!(output["report"], json!(null));
    let suite = &output["suite"];
    assert_eq!((&suite["passed"], &suite["cases"]), (&json!(1), &json!(2)));
    assert_eq!(
        suite["phenomena"]["negation"],
        json!({"passed": 1, "cases": 1, "by_lang": {"de": {"passed": 1, "cases": 1}}})
    );
    assert_eq!(suite["failures"][0]["id"], json!("l"));
}

#[test]
fn bad_rows_are_told_and_the_others_are_evaluated() {
    let data = format!("{{\"text\":\"ok\",\"complaint\":3}}\n{DATA}");
    let suite = format!("{SUITE}{{\"kind\":\"label\"}}\n");
    let files = Files::new(&[("own.jsonl", data.as_bytes()), ("suite.jsonl", suite.as_bytes())]);
    let arguments = [&files.path("own.jsonl"), "--suite", &files.path("suite.jsonl"), "--resamples", "0", "--json"];
    let ran = run(&[["evaluate"].as_slice(), &arguments].concat());
    assert_eq!(ran.status, 1);
    let errors: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(errors.len(), 2, "{}", ran.stderr);
    assert!(errors[0].ends_with("own.jsonl:1: field `complaint`: found 3, expected 0, 1 or null"), "{}", errors[0]);
    assert!(errors[1].contains("suite.jsonl:3: field `phenomenon`: found nothing"), "{}", errors[1]);
    let output = &ran.lines()[0];
    assert_eq!((&output["bad_rows"], &output["report"]["texts"]), (&json!(2), &json!(5)));
}

#[test]
fn gzipped_files_are_read_and_give_their_name_to_texts_without_a_source() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(b"{\"text\":\"ok\",\"complaint\":0}").unwrap();
    let files = Files::new(&[("shop.test.jsonl.gz", &gzip.finish().unwrap())]);
    let output = json(&[&files.path("shop.test.jsonl.gz"), "--by", "source"]);
    assert_eq!(output["report"]["heads"][1]["slice"], json!({"source": "shop"}));
}

#[test]
fn what_cannot_be_evaluated_is_refused() {
    let files = Files::new(&[("own.jsonl", DATA.as_bytes())]);
    let data = files.path("own.jsonl");
    run(&["evaluate", &data, "--split", "tets"]).assert_refused(&["dev, test", "tets"]);
    run(&["evaluate", &files.path("none.jsonl")]).assert_refused(&["none.jsonl", "cannot read"]);
    for arguments in [["evaluate", &data, "--by", "language"].as_slice(), &["evaluate"]] {
        let ran = run(arguments);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    }
}
