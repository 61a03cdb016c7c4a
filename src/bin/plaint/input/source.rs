//! Files and stdin, opened and read line by line in their format.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;

use super::bad_line::{BadLine, utf8};
use super::csv::CsvReader;
use super::lines::LineReader;
use super::{Input, Line, Origin, jsonl};
use crate::fatal::Fatal;

/// How texts lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object a line
    Jsonl,
    /// A header, then one text a record
    Csv,
    /// One text a line
    Txt,
}

impl Format {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" | "json" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            "txt" => Some(Self::Txt),
            _ => None,
        }
    }
}

/// An open input.
pub struct Source {
    name: String,
    origin: Arc<Origin>,
    lines: LineReader,
    parser: Parser,
    /// Bytes, if it is a file of a known size.
    pub size: Option<u64>,
    /// Whether somebody types it.
    pub is_terminal: bool,
}

enum Parser {
    Jsonl { field: String },
    Csv(Box<CsvReader>),
    Txt,
}

/// Opens all `files`, or none: `-` is stdin. Headers of CSV files are read, so that a missing column shows here.
pub fn open(files: &[PathBuf], format: Option<Format>, field: &str) -> Result<Vec<Source>, Fatal> {
    let several = files.len() > 1;
    let opened = files.iter().map(|path| Opened::open(path, format)).collect::<Result<Vec<_>, Fatal>>()?;
    opened.into_iter().map(|opened| opened.start(several, field)).collect()
}

/// A file of which nothing is read yet.
struct Opened {
    name: String,
    format: Format,
    lines: LineReader,
    size: Option<u64>,
    is_terminal: bool,
}

impl Opened {
    fn open(path: &Path, format: Option<Format>) -> Result<Self, Fatal> {
        if path == Path::new("-") {
            let (lines, is_terminal) = (LineReader::new(Box::new(io::stdin())), io::stdin().is_terminal());
            let (name, format) = ("stdin".to_owned(), format.unwrap_or(Format::Jsonl));
            return Ok(Self { name, format, lines, size: None, is_terminal });
        }
        let name = path.display().to_string();
        let cannot_open = |source| Fatal::Open { name: name.clone(), source };
        let file = File::open(path).map_err(cannot_open)?;
        let metadata = file.metadata().map_err(cannot_open)?;
        if metadata.is_dir() {
            return Err(cannot_open(io::ErrorKind::IsADirectory.into()));
        }
        let Some(format) = format.or_else(|| Format::of(path)) else { return Err(Fatal::Format { name }) };
        let (size, is_terminal) = (metadata.is_file().then_some(metadata.len()), file.is_terminal());
        Ok(Self { name, format, lines: LineReader::new(Box::new(file)), size, is_terminal })
    }

    fn start(self, several: bool, field: &str) -> Result<Source, Fatal> {
        let Self { name, format, mut lines, size, is_terminal } = self;
        let parser = match format {
            Format::Jsonl => Parser::Jsonl { field: field.to_owned() },
            Format::Txt => Parser::Txt,
            Format::Csv => {
                let reader = CsvReader::new(&mut lines, field)
                    .map_err(|source| Fatal::Read { name: name.clone(), source })?
                    .map_err(|found| Fatal::Column { name: name.clone(), field: field.to_owned(), found })?;
                Parser::Csv(Box::new(reader))
            }
        };
        let field = (format != Format::Txt).then(|| field.to_owned());
        let origin = Arc::new(Origin { file: several.then(|| name.clone()), field });
        Ok(Source { name, origin, lines, parser, size, is_terminal })
    }
}

impl Source {
    /// The next line, good or bad; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Line>, Fatal> {
        self.read().map_err(|source| Fatal::Read { name: self.name.clone(), source })
    }

    fn read(&mut self) -> io::Result<Option<Line>> {
        let (number, bytes, content) = match &mut self.parser {
            Parser::Csv(reader) => match reader.next(&mut self.lines)? {
                Some((place, content)) => (place.number, place.bytes, content),
                None => return Ok(None),
            },
            parser => {
                if !self.lines.advance()? {
                    return Ok(None);
                }
                (self.lines.number(), self.lines.bytes(), self.lines.line().and_then(|line| parser.parse(line)))
            }
        };
        Ok(Some(Line { origin: Arc::clone(&self.origin), number, bytes, content }))
    }
}

impl Parser {
    /// A format in which a line is a text.
    fn parse(&self, line: &[u8]) -> Result<Input, BadLine> {
        let line = utf8(line)?;
        if line.trim().is_empty() {
            return Err(BadLine::Empty);
        }
        match self {
            Self::Jsonl { field } => jsonl::parse(line, field),
            _ => Ok(Input { id: None, text: line.to_owned() }),
        }
    }
}
