//! `plaint score`: texts in, one JSON object a line out.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use plaint::{Assessment, Engine};
use serde::Serialize;

use crate::Outcome;
use crate::fatal::Fatal;
use crate::input::{self, Format, Id, Input, Line, Origin, Receiver, Sender, Source};
use crate::options::{EngineOptions, ModelOptions};
use crate::output::write_lines;
use crate::progress::Progress;

/// Score texts: one JSON object a line on stdout, in the order of the input
///
/// Reads the texts of --text, then the files; without either, stdin.
#[derive(Debug, clap::Args)]
#[command(after_long_help = FORMATS)]
pub struct Args {
    /// Files to read (.jsonl, .ndjson, .json: JSON Lines; .csv; .txt: one text a line); `-` is stdin
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A text to score; may be given several times
    #[arg(long = "text", value_name = "TEXT", allow_hyphen_values = true)]
    texts: Vec<String>,
    /// Format of all files and of stdin [default: by the name of the file; JSON Lines for stdin]
    #[arg(long, value_name = "FORMAT")]
    input_format: Option<Format>,
    /// Field (JSON Lines) or column (CSV) that holds the text
    #[arg(long, value_name = "NAME", default_value = "text")]
    field: String,
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    engine: EngineOptions,
}

const FORMATS: &str = r#"Input:
  jsonl  {"id": 7, "text": "Wo bleibt mein Paket?"}   other fields are ignored
  csv    a header with the column `text` and perhaps `id`; commas, semicolons or tabs
  txt    one text a line

Output:
  {"id":7,"complaint":0.97,"is_complaint":true,
   "sentiment":{"label":"negative","negative":0.93,"neutral":0.06,"positive":0.01},
   "urgency":{"score":0.81,"level":"high"},"coverage":{"tokens":23,"windows":1,"complete":true}}
  on one line. Without an id of its own a text has the number of its line, counted from 1.
  A line that cannot be scored (more than 4 MiB, not UTF-8, no text, ...) gives {"line":7,"error":"..."}
  in its place; the others are scored.

Exit status: 0 all texts were scored, 1 some were not, 2 usage or load error."#;

/// What a scored line prints: `id` first, then the fields of the assessment.
#[derive(Serialize)]
struct Scored<'a> {
    id: IdOrNumber<'a>,
    #[serde(flatten)]
    assessment: Assessment,
}

#[derive(Serialize)]
#[serde(untagged)]
enum IdOrNumber<'a> {
    Id(&'a Id),
    Number(u64),
}

/// What a bad line prints.
#[derive(Serialize)]
struct Failed {
    line: u64,
    error: String,
}

pub fn run(args: Args) -> Result<Outcome, Fatal> {
    let mut files = args.files;
    if files.is_empty() && args.texts.is_empty() {
        files.push(PathBuf::from("-"));
    }
    let sources = input::open(&files, args.input_format, &args.field)?;
    let typed = sources.iter().any(|source| source.is_terminal);
    if typed {
        let _ = writeln!(io::stderr(), "plaint: reading what you type; Ctrl-D ends it (see `plaint score --help`)");
    }
    let progress = (!typed).then(|| Progress::new(sources.iter().map(|source| source.size).sum()));

    // Input is read while the model loads and while texts are scored. The thread is not waited for unless it has
    // closed the queue: it may hang in a read for ever.
    let (sender, receiver) = input::queue();
    let texts = args.texts;
    let reading = thread::spawn(move || feed(texts, sources, &sender));
    let engine = args.engine.open(&args.model.files()?)?;
    let outcome = score_all(&engine, &receiver, progress)?;
    // The process ends now, and the system takes the memory back at once; piece by piece takes some 40 ms.
    std::mem::forget(engine);
    match reading.join() {
        Ok(read) => read.map(|()| outcome),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Reads all inputs in their order, until nobody listens.
fn feed(texts: Vec<String>, sources: Vec<Source>, queue: &Sender) -> Result<(), Fatal> {
    let origin = Arc::new(Origin::default());
    for (number, text) in (1..).zip(texts) {
        let (origin, content) = (Arc::clone(&origin), Ok(Input { id: None, text }));
        if !queue.send(Line { origin, number, bytes: 0, content }) {
            return Ok(());
        }
    }
    for mut source in sources {
        while let Some(line) = source.next()? {
            if !queue.send(line) {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn score_all(engine: &Engine, queue: &Receiver, mut progress: Option<Progress>) -> Result<Outcome, Fatal> {
    let mut outcome = Outcome::Complete;
    let mut output = Vec::new();
    while let Some(batch) = queue.batch() {
        let texts: Vec<&str> =
            batch.iter().filter_map(|line| line.content.as_ref().ok()).map(|input| input.text.as_str()).collect();
        let mut assessments = engine.score_batch(&texts).into_iter();
        output.clear();
        for line in &batch {
            let scored = match &line.content {
                Err(error) => Err(line.origin.describe(error)),
                Ok(input) => match assessments.next().expect("one result a text") {
                    Ok(assessment) => Ok((input.id.as_ref(), assessment)),
                    Err(error) => Err(line.origin.describe_score_error(&error)),
                },
            };
            if scored.is_err() {
                outcome = Outcome::SomeInputsFailed;
            }
            print(&mut output, line.number, scored).map_err(Fatal::Write)?;
        }
        match &mut progress {
            Some(progress) => {
                progress.advance(batch.len() as u64, batch.iter().map(|line| line.bytes).sum());
                progress.aside(|| write_lines(&output))?;
            }
            None => write_lines(&output)?,
        }
    }
    Ok(outcome)
}

/// Appends the object of one line.
fn print(
    output: &mut Vec<u8>,
    number: u64,
    scored: Result<(Option<&Id>, Assessment), String>,
) -> Result<(), io::Error> {
    match scored {
        Ok((id, assessment)) => {
            let id = id.map_or(IdOrNumber::Number(number), IdOrNumber::Id);
            serde_json::to_writer(&mut *output, &Scored { id, assessment })?;
        }
        Err(error) => serde_json::to_writer(&mut *output, &Failed { line: number, error })?,
    }
    output.push(b'\n');
    Ok(())
}
