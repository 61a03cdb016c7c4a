//! The command line: pairs of an option and its value.

use std::error::Error;

use plaint::{EncoderKind, Precision};

pub struct Options {
    pub model: String,
    pub sequences: String,
    pub threads: usize,
    pub encoder: EncoderKind,
    pub precision: Precision,
    /// `auto` or the name of a kernel.
    pub kernel: String,
}

impl Options {
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            model: "models/plaint-base".to_owned(),
            sequences: String::new(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            encoder: EncoderKind::Cpu,
            precision: Precision::Auto,
            kernel: "auto".to_owned(),
        };
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name}: found nothing after it, expected a value"))?;
            let wrong = |expected: &str| format!("{name}: {expected}");
            match name.as_str() {
                "--model" => options.model = value,
                "--sequences" => options.sequences = value,
                "--threads" => {
                    options.threads =
                        value.parse().map_err(|_| wrong(&format!("found `{value}`, expected a number of threads")))?;
                }
                "--encoder" => options.encoder = value.parse().map_err(|error: String| wrong(&error))?,
                "--precision" => options.precision = value.parse().map_err(|error: String| wrong(&error))?,
                "--kernel" => options.kernel = value,
                _ => return Err(format!("found option `{name}`, expected one of those atop main.rs").into()),
            }
        }
        if options.sequences.is_empty() {
            return Err("--sequences: not given, expected a file of scenarios".into());
        }
        Ok(options)
    }
}
