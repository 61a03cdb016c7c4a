//! JSON Lines, plain or gzipped, where a bad row loses no other.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use serde::de::DeserializeOwned;

use crate::error::OneLine;

/// A longer line is refused without being held.
const MAX_LINE: u64 = 4 << 20;

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A file could not be read to its end.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot read: {source}", OneLine(path.display()))]
pub struct ReadError {
    /// The file.
    pub path: PathBuf,
    /// What the operating system or the decompression said.
    pub source: io::Error,
}

/// One row of a file is not usable; the others are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {}: found {}, expected {expected}", OneLine(file.display()), place(field), OneLine(found))]
pub struct RowError {
    /// The file.
    pub file: PathBuf,
    /// 1-based number of the line.
    pub line: u64,
    /// The field, or `None` if the line is no object at all.
    pub field: Option<String>,
    /// What stands there.
    pub found: String,
    /// What should stand there.
    pub expected: String,
}

fn place(field: &Option<String>) -> String {
    field.as_ref().map_or_else(|| "line".to_owned(), |field| format!("field `{}`", OneLine(field)))
}

/// Where a row stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub file: &'a Path,
    pub line: u64,
}

impl Place<'_> {
    pub fn error(self, field: &str, found: impl Into<String>, expected: &str) -> RowError {
        let (file, field) = (self.file.to_owned(), Some(field.to_owned()));
        RowError { file, line: self.line, field, found: found.into(), expected: expected.to_owned() }
    }
}

/// Reads the rows of a file in their order; empty lines are passed over.
pub(super) fn read<T: DeserializeOwned>(
    path: &Path,
    mut each: impl FnMut(Place<'_>, Result<T, RowError>),
) -> Result<(), ReadError> {
    let mut read = || -> io::Result<()> {
        let mut lines = open(path)?;
        let mut bytes = Vec::new();
        for number in 1.. {
            bytes.clear();
            if (&mut lines).take(MAX_LINE).read_until(b'\n', &mut bytes)? == 0 {
                break;
            }
            let place = Place { file: path, line: number };
            if bytes.len() as u64 == MAX_LINE && !bytes.ends_with(b"\n") {
                lines.skip_until(b'\n')?;
                each(place, Err(no_object(place, format!("{MAX_LINE} bytes or more"))));
                continue;
            }
            let line = bytes.strip_prefix(BYTE_ORDER_MARK).filter(|_| number == 1).unwrap_or(&bytes);
            if !line.trim_ascii().is_empty() {
                each(place, parse(place, line));
            }
        }
        Ok(())
    };
    read().map_err(|source| ReadError { path: path.to_owned(), source })
}

/// Tells gzip by its first bytes, not by the name of the file.
fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let mut file = BufReader::new(File::open(path)?);
    if file.fill_buf()?.starts_with(GZIP_MAGIC) {
        Ok(Box::new(BufReader::new(MultiGzDecoder::new(file))))
    } else {
        Ok(Box::new(file))
    }
}

fn parse<T: DeserializeOwned>(place: Place<'_>, line: &[u8]) -> Result<T, RowError> {
    // Asked here because serde takes an array for a struct.
    if line.trim_ascii_start().first() != Some(&b'{') {
        return Err(no_object(place, String::from_utf8_lossy(line).trim().to_owned()));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    let row = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() { bad_field(place, path, &inner) } else { no_object(place, message(&inner)) }
    })?;
    deserializer.end().map_err(|error| no_object(place, message(&error)))?;
    Ok(row)
}

/// Takes serde's "X, expected Y" and "missing field `f`" apart.
fn bad_field(place: Place<'_>, path: String, error: &serde_json::Error) -> RowError {
    let message = message(error);
    if let Some(field) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return place.error(field, "nothing", "a value");
    }
    if path == "." {
        return no_object(place, message);
    }
    let (found, expected) = message.split_once(", expected ").unwrap_or((&message, "a usable value"));
    let found = found.strip_prefix("invalid type: ").or(found.strip_prefix("invalid value: ")).unwrap_or(found);
    place.error(&path, found, expected)
}

fn no_object(place: Place<'_>, found: String) -> RowError {
    let expected = "a JSON object".to_owned();
    RowError { file: place.file.to_owned(), line: place.line, field: None, found, expected }
}

/// What serde_json says, without the position within the line.
fn message(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.rsplit_once(" at line ").map_or(message.clone(), |(message, _)| message.to_owned())
}
