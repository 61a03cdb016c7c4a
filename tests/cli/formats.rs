//! JSON Lines, CSV and plain lines.

use serde_json::json;

use crate::{COMPLAINT, Files, run, run_with, score};

#[test]
fn byte_order_mark_crlf_and_a_missing_last_line_end_are_accepted() {
    let ran = score("\u{feff}{\"text\":\"ok\",\"id\":\"a\"}\r\n{\"text\":\"ok\",\"id\":\"b\"}", 0);
    assert_eq!(ran.ids(), [json!("a"), json!("b")]);
    assert!(score("", 0).stdout.is_empty());
}

#[test]
fn a_text_has_the_same_scores_in_every_format() {
    let json = json!({"text": COMPLAINT}).to_string();
    let csv = format!("\u{feff}\"text\"\r\n\"{COMPLAINT}\"\r\n");
    let txt = format!("\u{feff}{COMPLAINT}\r\n");
    let files = Files::new(&[
        ("a.JSONL", json.as_bytes()),
        ("b.ndjson", json.as_bytes()),
        ("c.json", json.as_bytes()),
        ("d.csv", csv.as_bytes()),
        ("e.txt", txt.as_bytes()),
        ("f", txt.as_bytes()),
    ]);
    let expected = run(&["score", "--text", COMPLAINT]).lines()[0]["complaint"].clone();
    for name in ["a.JSONL", "b.ndjson", "c.json", "d.csv", "e.txt"] {
        assert_eq!(run(&["score", &files.path(name)]).lines()[0]["complaint"], expected, "{name}");
    }
    assert_eq!(run(&["score", &files.path("f"), "--input-format", "txt"]).lines()[0]["complaint"], expected);
    assert_eq!(run_with(&["score", "--input-format", "csv"], csv).lines()[0]["complaint"], expected);
    assert_eq!(run_with(&["score", "--input-format", "txt", "-"], txt).lines()[0]["complaint"], expected);
    let body = json!({"body": COMPLAINT}).to_string();
    assert_eq!(run_with(&["score", "--field", "body"], body).lines()[0]["complaint"], expected);
    run(&["score", &files.path("f")]).assert_refused(&[&files.path("f"), "--input-format"]);
}

#[test]
fn csv_records_keep_their_ids_lines_and_places() {
    let csv = "id;note;message\r\n007;;\"zwei\r\nZeilen; \"\"so\"\"\"\r\nkurz\r\n\r\n;;ok\r\nx;;\r\ny;;ok";
    let ran = run_with(&["score", "--input-format", "csv", "--field", "message"], csv);
    let expected = [json!("007"), json!(-4), json!(-5), json!(6), json!(-7), json!("y")];
    assert_eq!((ran.status, ran.ids()), (1, expected.to_vec()));
    let lines = ran.lines();
    assert_eq!(lines[1]["error"], json!("field `message`: found a record of 1 fields, expected at least 3"));
    assert_eq!(lines[2]["error"], json!("line is empty"));
    let alone = run(&["score", "--text", "zwei\nZeilen; \"so\""]);
    assert_eq!(lines[0]["complaint"], alone.lines()[0]["complaint"]);
}

#[test]
fn a_csv_file_without_the_column_is_refused() {
    let files = Files::new(&[("a.txt", b"ok\n"), ("b.csv", b"id,body\n1,x\n"), ("c.csv", b"")]);
    run(&["score", &files.path("a.txt"), &files.path("b.csv")])
        .assert_refused(&["b.csv", "`text`", "id, body", "--field"]);
    run(&["score", &files.path("c.csv")]).assert_refused(&["c.csv", "`text`", "empty"]);
}
