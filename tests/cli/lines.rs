//! A line in, an object out, in the same place.

use serde_json::json;

use crate::{COMPLAINT, Files, Ran, run, score};

#[test]
fn a_scored_text_is_an_object_with_its_fields_in_order() {
    let ran = run(&["score", "--text", COMPLAINT]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    // Numbers become N and the labels L: what remains is the shape, in the order of the bytes.
    let number = regex::Regex::new(r"-?[0-9][0-9.e+-]*").unwrap();
    let label = regex::Regex::new(r#""(label|level)":"[a-z]+""#).unwrap();
    let shape = label.replace_all(&number.replace_all(&ran.stdout, "N"), r#""$1":"L""#).into_owned();
    assert_eq!(
        shape,
        concat!(
            r#"{"id":N,"complaint":N,"is_complaint":true,"#,
            r#""sentiment":{"label":"L","negative":N,"neutral":N,"positive":N},"#,
            r#""urgency":{"score":N,"level":"L"},"coverage":{"tokens":N,"windows":N,"complete":true}}"#,
            "\n"
        )
    );
    let line = &ran.lines()[0];
    assert_eq!((&line["id"], &line["sentiment"]["label"]), (&json!(1), &json!("negative")));
}

#[test]
fn the_messages_of_the_readme_are_told_apart() {
    let ran = run(&["score", concat!(env!("CARGO_MANIFEST_DIR"), "/examples/messages.jsonl")]);
    let lines = ran.lines();
    assert_eq!((ran.status, lines.len()), (0, 10));
    for line in lines {
        let id = line["id"].as_str().unwrap();
        assert_eq!(line["is_complaint"], json!(id.ends_with("-complaint")), "{id}");
    }
}

#[test]
fn an_id_is_echoed_byte_for_byte() {
    let ids = ["\"k-7\"", "7", "12345678901234567890123", "1.50", "-0.0", "true", "[1, {\"a\":null}]", "\"\\u00e9\""];
    let input: String = ids.iter().map(|id| format!("{{\"text\":\"ok\",\"id\":{id}}}\n")).collect();
    let ran = score(input, 0);
    for (line, id) in ran.stdout.lines().zip(ids) {
        assert!(line.starts_with(&format!("{{\"id\":{id},\"complaint\":")), "{line}");
    }
}

#[test]
fn without_an_id_the_line_or_text_number_is_the_id() {
    let files = Files::new(&[("a.jsonl", b"{\"text\":\"ok\",\"id\":null}\n{\"text\":\"ok\"}\n"), ("b.txt", b"ok\nok")]);
    let ran = run(&["score", "--text", "ok", &files.path("a.jsonl"), "--text", "-ok", &files.path("b.txt")]);
    assert_eq!((ran.status, ran.ids()), (0, vec![json!(1), json!(2), json!(1), json!(2), json!(1), json!(2)]));
}

// Bad lines

#[test]
fn a_bad_line_yields_an_error_in_its_place_and_the_rest_is_scored() {
    let bad: [(&[u8], &str); 13] = [
        (b"", "line is empty"),
        (b"  \t", "line is empty"),
        (b"no json", "line is not JSON: expected ident at position 2, expected a JSON object"),
        (b"{\"text\":\"x\"", "line is not JSON: EOF while parsing an object"),
        (b"[\"x\"]", "line: found an array, expected a JSON object"),
        (b"{\"body\":\"x\"}", "field `text`: found nothing, expected a string; the object has body"),
        (b"{\"text\":7}", "field `text`: found a number, expected a string"),
        (b"{\"text\":null}", "field `text`: found null, expected a string"),
        (b"{\"text\":\"\"}", "field `text`: text is empty"),
        (b"{\"text\":\" \\u00a0\\n\"}", "field `text`: text is empty"),
        (b"{\"text\":\"\xE4\"}", "line is not UTF-8: found the byte 0xE4 at position 10, expected a character"),
        (b"{\"text\":\"\\udc00 lone\"}", "field `text`: found a string with a broken escape"),
        (b"{\"text\":\"a\",\"text\":null}", "field `text`: found null"),
    ];
    let mut input = Vec::new();
    for (line, _) in bad {
        input.extend([line, b"\n{\"text\":\"ok\"}\n"].concat());
    }
    let ran = score(input, 1);
    let lines = ran.lines();
    assert_eq!(lines.len(), 2 * bad.len());
    for ((number, (_, error)), pair) in (1..).step_by(2).zip(bad).zip(lines.chunks(2)) {
        let found = pair[0]["error"].as_str().unwrap();
        assert!(found.starts_with(error), "{found}");
        assert_eq!(pair[0], json!({"line": number, "error": found}));
        assert_eq!(pair[1]["id"], json!(number + 1));
    }
}

#[test]
fn a_line_over_the_limit_is_skipped() {
    let long = format!("{{\"text\":\"{}\"}}", "x".repeat(10_000_000));
    let ran = score(format!("{{\"text\":\"ok\"}}\n{long}\n{{\"text\":\"ok\"}}\n"), 1);
    assert_eq!(ran.ids(), [json!(1), json!(-2), json!(3)]);
    let error = format!("line is too long: found {} bytes, expected at most {}", long.len() + 1, 4 << 20);
    assert_eq!(ran.lines()[1]["error"], json!(error));
}

#[test]
fn errors_name_the_file_where_there_are_several() {
    let files = Files::new(&[("a.txt", b"\nok\n"), ("b.jsonl", b"{\"text\":\"\"}\n")]);
    let (a, b) = (files.path("a.txt"), files.path("b.jsonl"));
    let errors =
        |ran: Ran| ran.lines().iter().filter_map(|l| Some(l["error"].as_str()?.to_owned())).collect::<Vec<_>>();
    assert_eq!(errors(run(&["score", &a])), ["line is empty"]);
    let both = errors(run(&["score", &a, &b]));
    assert_eq!(both[0], format!("{a}: line is empty"));
    assert!(both[1].starts_with(&format!("{b}: field `text`: text is empty")), "{}", both[1]);
    assert_eq!(run(&["score", "--text", "ok", "--text", ""]).ids(), [json!(1), json!(-2)]);
}
