//! Records of a CSV file (RFC 4180), line by line, so that limits and line numbers are those of every other format.

use std::io;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

use super::bad_line::{BadLine, utf8};
use super::lines::{LineReader, MAX_LINE};
use super::{Id, Input};

/// What spreadsheets put between columns, in the order in which they are tried.
const DELIMITERS: &[u8] = b",;\t";

pub struct CsvReader {
    parser: Reader,
    record: Record,
    field: String,
    text_column: usize,
    id_column: Option<usize>,
}

/// A record as it lies in the file.
pub struct Place {
    /// Number of its first line.
    pub number: u64,
    /// Length of its lines.
    pub bytes: u64,
}

impl CsvReader {
    /// Reads the header; the inner error says what was found instead of a column `field`.
    pub fn new(lines: &mut LineReader, field: &str) -> io::Result<Result<Self, String>> {
        if !lines.advance()? {
            return Ok(Err("an empty file".to_owned()));
        }
        let mut record = Record::default();
        let mut parser = parser(lines.line().map_or(b',', |header| delimiter(header, field)));
        let header = match read_record(&mut parser, &mut record, lines)?.1 {
            Ok(()) => record.fields().map(|name| Ok(utf8(name)?.trim().to_owned())).collect(),
            Err(error) => Err(error),
        };
        let names: Vec<String> = match header {
            Ok(names) => names,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let column = |wanted: &str| names.iter().position(|name| name == wanted);
        let Some(text_column) = column(field) else {
            return Ok(Err(format!("the columns {}", names.join(", "))));
        };
        let id_column = column("id");
        Ok(Ok(Self { parser, record, field: field.to_owned(), text_column, id_column }))
    }

    /// The next record; `None` at the end.
    pub fn next(&mut self, lines: &mut LineReader) -> io::Result<Option<(Place, Result<Input, BadLine>)>> {
        if !lines.advance()? {
            return Ok(None);
        }
        let (place, read) = read_record(&mut self.parser, &mut self.record, lines)?;
        Ok(Some((place, read.and_then(|()| self.input()))))
    }

    fn input(&self) -> Result<Input, BadLine> {
        let column = |index| self.record.fields().nth(index).map(utf8).transpose();
        let text = column(self.text_column)?.ok_or_else(|| BadLine::ShortRecord {
            field: self.field.clone(),
            found: self.record.ends.len(),
            expected: self.text_column + 1,
        })?;
        let id = self.id_column.map_or(Ok(None), column)?.filter(|id| !id.is_empty());
        Ok(Input { id: id.map(|id| Id::Text(id.to_owned())), text: text.to_owned() })
    }
}

/// The fields of one record, one after the other, and where each ends.
#[derive(Default)]
struct Record {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Record {
    fn fields(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.bytes[start..end])
    }
}

fn parser(delimiter: u8) -> Reader {
    // A line reaches it with one `\n`, whatever ended it in the file.
    ReaderBuilder::new().delimiter(delimiter).terminator(Terminator::Any(b'\n')).build()
}

/// The first delimiter that yields the column; a comma if none does.
fn delimiter(header: &[u8], field: &str) -> u8 {
    let unquoted = |name: &[u8]| {
        name.trim_ascii()
            .strip_prefix(b"\"")
            .and_then(|name| name.strip_suffix(b"\""))
            .unwrap_or(name)
            .trim_ascii()
            .to_vec()
    };
    let yields = |delimiter: u8| header.split(|&byte| byte == delimiter).any(|name| unquoted(name) == field.as_bytes());
    DELIMITERS.iter().copied().find(|&delimiter| yields(delimiter)).unwrap_or(b',')
}

/// Reads the record that begins in the current line into `record`.
fn read_record(
    parser: &mut Reader,
    record: &mut Record,
    lines: &mut LineReader,
) -> io::Result<(Place, Result<(), BadLine>)> {
    let mut place = Place { number: lines.number(), bytes: 0 };
    record.bytes.clear();
    record.ends.clear();
    let mut error = None;
    loop {
        place.bytes += lines.bytes();
        match lines.line() {
            Ok(line) if place.number == lines.number() && line.trim_ascii().is_empty() => {
                return Ok((place, Err(BadLine::Empty)));
            }
            Ok(line) => {
                let complete = feed(parser, record, line);
                if place.bytes > MAX_LINE as u64 + 2 {
                    // Its end must be found, but nothing of it be kept.
                    error = Some(BadLine::TooLong { found: place.bytes });
                    *record = Record::default();
                }
                if complete {
                    return Ok((place, error.map_or(Ok(()), Err)));
                }
            }
            Err(too_long) => {
                // Whether a quote is open after it is unknown: the next line is taken for a new record.
                parser.reset();
                return Ok((place, Err(too_long)));
            }
        }
        if !lines.advance()? {
            parser.reset();
            return Ok((place, Err(error.unwrap_or(BadLine::OpenQuote))));
        }
    }
}

/// Gives the parser a line of a record; whether the record is complete.
fn feed(parser: &mut Reader, record: &mut Record, line: &[u8]) -> bool {
    for mut input in [line, b"\n"] {
        while !input.is_empty() {
            let (bytes, ends) = (record.bytes.len(), record.ends.len());
            record.bytes.resize(bytes + input.len(), 0);
            record.ends.resize(ends + 64, 0);
            let (result, read, written, ended) =
                parser.read_record(input, &mut record.bytes[bytes..], &mut record.ends[ends..]);
            record.bytes.truncate(bytes + written);
            record.ends.truncate(ends + ended);
            input = &input[read..];
            if let ReadRecordResult::Record | ReadRecordResult::End = result {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(file: &[u8], field: &str) -> (LineReader, Result<CsvReader, String>) {
        let mut lines = LineReader::new(Box::new(io::Cursor::new(file.to_vec())));
        let reader = CsvReader::new(&mut lines, field).unwrap();
        (lines, reader)
    }

    /// Number and text, or number and error, of each record.
    fn records(file: &[u8]) -> Vec<(u64, Result<String, BadLine>)> {
        let (mut lines, reader) = open(file, "text");
        let mut reader = reader.unwrap();
        let next =
            || reader.next(&mut lines).unwrap().map(|(place, input)| (place.number, input.map(|input| input.text)));
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn records_are_read_by_the_rules_of_rfc_4180() {
        let file = b"id,text\r\n1,\"two\r\nlines, \"\"quoted\"\"\n\n\"\n2,a 5\" screen\n3,\n4,last";
        let expected = [(2, "two\nlines, \"quoted\"\n\n"), (6, "a 5\" screen"), (7, ""), (8, "last")];
        assert_eq!(records(file), expected.map(|(number, text)| (number, Ok(text.to_owned()))));
    }

    #[test]
    fn bad_records_keep_their_place() {
        let mut file = b"id,text\nshort\n\n3,ok\n4,\xFF\n5,\"".to_vec();
        file.extend(b"two lines of half the limit\n".repeat(MAX_LINE / 25));
        file.extend(b"\"\n6,ok\n7,\"open\n");
        let found = records(&file);
        let errors: Vec<String> =
            found.iter().filter_map(|(number, text)| Some(format!("{number}: {}", text.as_ref().err()?))).collect();
        let after_long = 5 + MAX_LINE as u64 / 25 + 2;
        assert_eq!(errors[0], "2: field `text`: found a record of 1 fields, expected at least 2");
        assert_eq!(errors[1], "3: line is empty");
        assert!(errors[2].starts_with("5: line is not UTF-8: found the byte 0xFF"), "{}", errors[2]);
        assert!(errors[3].starts_with("6: line is too long"), "{}", errors[3]);
        assert_eq!(errors[4], format!("{}: {}", after_long + 1, BadLine::OpenQuote));
        assert_eq!(errors.len(), 5);
        let ok: Vec<u64> = found.iter().filter_map(|(number, text)| text.is_ok().then_some(*number)).collect();
        assert_eq!(ok, [4, after_long]);
    }

    #[test]
    fn the_delimiter_is_the_one_that_yields_the_column() {
        for header in ["id,text", "id;text", "\"id\"\t\"text\"", "a,b;text ;id"] {
            assert!(open(header.as_bytes(), "text").1.is_ok(), "{header}");
        }
        for (header, found) in [("a;b", "the columns a;b"), ("a, b", "the columns a, b"), ("", "an empty file")] {
            assert_eq!(open(header.as_bytes(), "text").1.err().as_deref(), Some(found));
        }
    }
}
