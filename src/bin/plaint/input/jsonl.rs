//! A line of JSON Lines: an object with a text and perhaps an id.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::bad_line::BadLine;
use super::{Id, Input};

pub fn parse(line: &str, field: &str) -> Result<Input, BadLine> {
    // Raw values: an id must come out as it went in, and fields that we do not read cost nothing.
    let mut fields: BTreeMap<String, &RawValue> = serde_json::from_str(line).map_err(|error| {
        if error.is_data() {
            BadLine::NotAnObject { found: kind(line.trim_start()) }
        } else {
            BadLine::NotJson { message: message(&error), position: error.column() }
        }
    })?;
    let Some(text) = fields.get(field) else {
        return Err(BadLine::Missing { field: field.to_owned(), present: present(&fields) });
    };
    if !text.get().starts_with('"') {
        return Err(BadLine::NotAString { field: field.to_owned(), found: kind(text.get()) });
    }
    let text = serde_json::from_str(text.get())
        .map_err(|error| BadLine::BrokenString { field: field.to_owned(), message: message(&error) })?;
    let id = fields.remove("id").filter(|id| id.get() != "null").map(|id| Id::Json(id.to_owned()));
    Ok(Input { id, text })
}

/// What kind of value this is, by its first character.
fn kind(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// The fields that are there, for people who misspelt one.
fn present(fields: &BTreeMap<String, &RawValue>) -> String {
    const MOST: usize = 8;
    let mut names: Vec<String> = fields.keys().take(MOST).map(|name| name.chars().take(40).collect()).collect();
    match fields.len() {
        0 => return "the object is empty".to_owned(),
        1..=MOST => {}
        _ => names.push("...".to_owned()),
    }
    format!("the object has {}", names.join(", "))
}

/// What serde_json says, without the position in its own words.
fn message(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.split(" at line ").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_of(line: &str) -> Option<String> {
        parse(line, "text").unwrap().id.map(|id| serde_json::to_string(&id).unwrap())
    }

    #[test]
    fn an_id_is_echoed_as_it_stands() {
        for id in
            ["123456789012345678901234567890", "1.10", "-0.0", "1e999", r#""\u0041é""#, r#"{"a": [1, 2]}"#, "false"]
        {
            assert_eq!(id_of(&format!(r#"{{"id": {id} , "text":"x"}}"#)).as_deref(), Some(id));
        }
        assert_eq!(id_of(r#"{"id":null,"text":"x"}"#), None);
        assert_eq!(id_of(r#"{"text":"x"}"#), None);
    }

    #[test]
    fn errors_name_the_field_and_what_was_found_and_expected() {
        for (line, expected) in [
            ("hello", "line is not JSON: expected value at position 1, expected a JSON object"),
            (r#"{"text":"x""#, "line is not JSON: EOF while parsing an object at position 11, expected a JSON object"),
            (r#"{"text":"x"} {}"#, "line is not JSON: trailing characters at position 14, expected a JSON object"),
            (" [1]", "line: found an array, expected a JSON object"),
            ("null", "line: found null, expected a JSON object"),
            ("-7", "line: found a number, expected a JSON object"),
            ("{}", "field `text`: found nothing, expected a string; the object is empty"),
            (r#"{"id":1,"body":2}"#, "field `text`: found nothing, expected a string; the object has body, id"),
            (r#"{"text":null}"#, "field `text`: found null, expected a string"),
            (r#"{"text":["x"]}"#, "field `text`: found an array, expected a string"),
            (r#"{"text":{}}"#, "field `text`: found an object, expected a string"),
            (r#"{"text":3}"#, "field `text`: found a number, expected a string"),
            (r#"{"text":true}"#, "field `text`: found a boolean, expected a string"),
        ] {
            assert_eq!(parse(line, "text").unwrap_err().to_string(), expected, "{line}");
        }
    }

    #[test]
    fn strange_lines_give_an_error_or_a_result_and_no_panic() {
        let lone_surrogate = parse(r#"{"text":"\ud83d!"}"#, "text").unwrap_err();
        assert!(matches!(lone_surrogate, BadLine::BrokenString { .. }), "{lone_surrogate}");
        assert!(matches!(parse(r#"{"\udc00":1}"#, "text"), Err(BadLine::NotJson { .. })));
        assert_eq!(parse(r#"{"text":"a","text":"b"}"#, "text").unwrap().text, "b");
        assert_eq!(parse(r#"{"te\u0078t":"a"}"#, "text").unwrap().text, "a");
        let deep = format!(r#"{{"x":{}1{},"text":"a"}}"#, "[".repeat(1 << 20), "]".repeat(1 << 20));
        assert_eq!(parse(&deep, "text").unwrap().text, "a");
    }
}
