//! What ends a command at once, with one line on stderr and exit status 2.

use std::io;
use std::path::PathBuf;

use plaint::LoadError;
use plaint::evaluate::ReadError;

#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Data(#[from] ReadError),
    #[error("data: found texts of the splits {found}, expected some of {expected}")]
    Split { expected: String, found: String },
    #[error(transparent)]
    Suite(#[from] plaint::compare::SuiteError),
    #[error(transparent)]
    Past(#[from] plaint::compare::regression::PastError),
    #[error("{name}: {message}")]
    Option { name: &'static str, message: String },
    #[error("{}: cannot write: {source}", path.display())]
    Save { path: PathBuf, source: io::Error },
    #[error("speed: {0}")]
    Speed(#[from] plaint::compare::runner::RunnerError),
    #[error("{name}: cannot open: {source}")]
    Open { name: String, source: io::Error },
    #[error("{name}: cannot read: {source}")]
    Read { name: String, source: io::Error },
    #[error(
        "{name}: found a file name that does not tell its format, expected one that ends in .jsonl, .ndjson, .json, \
         .csv or .txt; say which it is with --input-format jsonl|csv|txt"
    )]
    Format { name: String },
    #[error("{name}: found {found}, expected a CSV header with a column `{field}`; --field names another column")]
    Column { name: String, field: String, found: String },
    #[cfg(not(feature = "embedded-model"))]
    #[error("this build has no model compiled in: say where one is with --model DIR")]
    NoModel,
    #[cfg(feature = "train")]
    #[error(transparent)]
    Train(#[from] plaint::train::TrainError),
    #[error("cannot write to stdout: {0}")]
    Write(io::Error),
}
