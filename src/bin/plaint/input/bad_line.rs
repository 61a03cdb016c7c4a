//! Why a line cannot be scored.

use super::lines::MAX_LINE;

/// The message names the field, what was found and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    #[error("line is empty")]
    Empty,
    #[error("line is too long: found {found} bytes, expected at most {MAX_LINE}")]
    TooLong { found: u64 },
    #[error("line is not UTF-8: found the byte 0x{byte:02X} at position {position}, expected a character")]
    NotUtf8 { byte: u8, position: usize },
    #[error("line is not JSON: {message} at position {position}, expected a JSON object")]
    NotJson { message: String, position: usize },
    #[error("line: found {found}, expected a JSON object")]
    NotAnObject { found: &'static str },
    #[error("field `{field}`: found nothing, expected a string; {present}")]
    Missing { field: String, present: String },
    #[error("field `{field}`: found {found}, expected a string")]
    NotAString { field: String, found: &'static str },
    #[error("field `{field}`: found a string with a broken escape ({message}), expected whole characters")]
    BrokenString { field: String, message: String },
    #[error("field `{field}`: found a record of {found} fields, expected at least {expected}")]
    ShortRecord { field: String, found: usize, expected: usize },
    #[error("record: found a quote that is not closed at the end of the file, expected `\"`")]
    OpenQuote,
}

/// `bytes` as a string.
pub fn utf8(bytes: &[u8]) -> Result<&str, BadLine> {
    std::str::from_utf8(bytes).map_err(|error| {
        let index = error.valid_up_to();
        BadLine::NotUtf8 { byte: bytes[index], position: index + 1 }
    })
}
