//! `plaint inspect`: what a model is, and how it would run here.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::thread;

use plaint::model::{Calibration, HeadSpec, Manifest};
use plaint::{EncoderKind, Engine, Precision};
use serde::Serialize;
use serde_json::Value;

use crate::Outcome;
use crate::cpu;
use crate::fatal::Fatal;
use crate::options::ModelOptions;
use crate::output::write_lines;

/// Verify a model and show its manifest, files and parameters, and what this processor offers
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 the model is sound, 2 usage or load error.")]
pub struct Args {
    #[command(flatten)]
    model: ModelOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// All that is shown; with `--json` it is printed as it is.
#[derive(Debug, Serialize)]
struct Report<'a> {
    manifest: &'a Manifest,
    /// Every file matched its length and SHA-256: a model that does not is not opened.
    verified: bool,
    parameters: usize,
    encoder: String,
    precisions: BTreeMap<&'static str, Availability>,
    cpu: Cpu,
}

#[derive(Debug, Serialize)]
struct Availability {
    available: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct Cpu {
    architecture: &'static str,
    threads: usize,
    /// `null` where the system does not tell.
    features: BTreeMap<&'static str, Option<bool>>,
}

pub fn run(args: &Args) -> Result<Outcome, Fatal> {
    let files = args.model.files()?;
    let engine = Engine::from_files(&files)?;
    let report = Report {
        manifest: engine.manifest(),
        verified: true,
        parameters: engine.parameters(),
        encoder: engine.describe_encoder(),
        precisions: precisions(),
        cpu: Cpu {
            architecture: std::env::consts::ARCH,
            threads: thread::available_parallelism().map_or(1, usize::from),
            features: cpu::features().into_iter().collect(),
        },
    };
    let mut text = if args.json {
        serde_json::to_string(&report).map_err(|error| Fatal::Write(error.into()))?
    } else {
        report.to_string()
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    write_lines(text.as_bytes())?;
    Ok(Outcome::Complete)
}

fn precisions() -> BTreeMap<&'static str, Availability> {
    let availability = |precision| {
        let reason = EncoderKind::Cpu.supports(precision).err().map(|error| error.to_string());
        Availability { available: reason.is_none(), reason }
    };
    [Precision::Int8, Precision::Bf16, Precision::F32].map(|p| (p.as_str(), availability(p))).into()
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Manifest { name, version, description, languages, licence, windows, heads, files, provenance, .. } =
            self.manifest;
        writeln!(f, "{name} {version}")?;
        writeln!(f, "{description}\n")?;
        row(f, "languages", languages.join(", "))?;
        row(f, "licence", licence)?;
        row(f, "parameters", self.parameters)?;
        row(f, "cleaning", plain(&self.manifest.cleaning))?;
        row(f, "pooling", plain(&self.manifest.pooling))?;
        row(f, "windows", format_args!("{} tokens, {} of them shared", windows.tokens, windows.overlap))?;
        row(f, "texts up to", format_args!("{} bytes", windows.max_bytes))?;

        writeln!(f, "\nheads")?;
        row(f, "complaint", describe_head(&heads.complaint))?;
        row(f, "sentiment", describe_head(&heads.sentiment))?;
        row(f, "urgency", describe_head(&heads.urgency))?;

        writeln!(f, "\nfiles")?;
        for (file, entry) in files {
            writeln!(f, "  {file}: {} bytes, sha256 {}, verified", entry.bytes, entry.sha256)?;
        }

        writeln!(f, "\nprovenance")?;
        row(f, "base", &provenance.base)?;
        for (key, value) in &provenance.details {
            row(f, &key.replace('_', " "), plain(value))?;
        }

        writeln!(f, "\nthis machine")?;
        row(f, "encoder", &self.encoder)?;
        for (precision, Availability { reason, .. }) in &self.precisions {
            row(f, precision, reason.as_deref().unwrap_or("available"))?;
        }
        row(f, "processor", format_args!("{}, {} threads", self.cpu.architecture, self.cpu.threads))?;
        for (title, answer) in [("has", Some(true)), ("lacks", Some(false)), ("unknown", None)] {
            let named: Vec<_> =
                self.cpu.features.iter().filter(|(_, found)| **found == answer).map(|(name, _)| *name).collect();
            if !named.is_empty() {
                row(f, title, named.join(", "))?;
            }
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, title: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(f, "  {title:<14}{value}")
}

fn describe_head(head: &HeadSpec) -> String {
    let (kind, windows) = (plain(&head.kind), plain(&head.windows));
    let calibration = match head.calibration {
        Calibration::None => "none".to_owned(),
        Calibration::Platt { scale, offset, cubic: 0.0 } => format!("Platt (scale {scale}, offset {offset})"),
        Calibration::Platt { scale, offset, cubic } => {
            format!("Platt (scale {scale}, offset {offset}, cubic {cubic})")
        }
        Calibration::Temperature { temperature, offsets } => format!("temperature {temperature}, offsets {offsets:?}"),
        // A kind that came after this was written.
        other => plain(&other),
    };
    let mut text = format!("{kind}, calibration {calibration}, windows {windows}");
    if !head.thresholds.is_empty() {
        let thresholds: Vec<String> = head.thresholds.iter().map(f32::to_string).collect();
        let _ = write!(text, ", thresholds {}", thresholds.join(" "));
    }
    text
}

/// A value of the manifest as people read it: strings without quotes, lists and objects without brackets.
fn plain(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) => text,
        Ok(Value::Array(items)) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Ok(Value::Object(fields)) => fields.values().map(plain).collect::<Vec<_>>().join(" "),
        Ok(other) => other.to_string(),
        Err(error) => error.to_string(),
    }
}
