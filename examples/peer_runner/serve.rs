//! The protocol of `benches/peers/README.md`: one JSON object a line, requests on stdin, answers on stdout.
//!
//! `benches/peers/candle` includes this file too.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::time::Instant;

use plaint::batch::{PackedBatch, plan};
use plaint::encoder::Encoder;
use serde::Deserialize;
use serde_json::{Value, json};

/// Scenarios by name.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Scenarios(BTreeMap<String, Scenario>);

#[derive(Deserialize)]
struct Scenario {
    /// Whether texts come one at a time.
    alone: bool,
    /// Token ids.
    sequences: Vec<Vec<u32>>,
}

impl Scenarios {
    pub fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let in_file = |error: &dyn Error| format!("{}: {error}", path.display());
        let bytes = fs::read(path).map_err(|error| in_file(&error))?;
        Ok(serde_json::from_slice(&bytes).map_err(|error| in_file(&error))?)
    }
}

/// An encoder and what the protocol says of it.
pub struct Peer<'a> {
    pub encoder: &'a dyn Encoder,
    pub version: String,
    pub hidden_size: usize,
    /// Tokens of a batch that `tune` tries; the first is used until then.
    pub budgets: &'a [usize],
}

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "do")]
    action: Action,
    scenario: String,
    /// Where `vectors` writes them: f32, little endian, `[sequences, hidden_size]`.
    file: Option<String>,
    #[serde(default = "once")]
    repeat: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Vectors,
    Tune,
    Time,
}

fn once() -> usize {
    1
}

/// Answers requests until stdin ends.
pub fn serve(peer: &Peer<'_>, scenarios: &Scenarios) -> Result<(), Box<dyn Error>> {
    let mut stdout = io::stdout().lock();
    let mut chosen = BTreeMap::new();
    writeln!(stdout, "{}", json!({ "version": peer.version, "runs": peer.encoder.describe() }))?;
    stdout.flush()?;
    for line in io::stdin().lock().lines() {
        let reply = answer(peer, scenarios, &mut chosen, &line?);
        writeln!(stdout, "{}", reply.unwrap_or_else(|error| json!({ "error": error.to_string() })))?;
        stdout.flush()?;
    }
    Ok(())
}

fn answer(
    peer: &Peer<'_>,
    scenarios: &Scenarios,
    chosen: &mut BTreeMap<String, usize>,
    line: &str,
) -> Result<Value, Box<dyn Error>> {
    let request: Request = serde_json::from_str(line)?;
    let Scenario { alone, sequences } = scenarios.0.get(&request.scenario).ok_or_else(|| {
        let names: Vec<_> = scenarios.0.keys().map(String::as_str).collect();
        format!("request: field `scenario`: found `{}`, expected one of {}", request.scenario, names.join(", "))
    })?;
    let budget = chosen.get(&request.scenario).copied().unwrap_or(peer.budgets[0]);
    match request.action {
        Action::Vectors => {
            let file = request.file.ok_or("request: field `file`: not given, expected where to write the vectors")?;
            let bytes: Vec<u8> = peer.encode(sequences, budget)?.into_iter().flat_map(f32::to_le_bytes).collect();
            fs::write(&file, bytes).map_err(|error| format!("{file}: {error}"))?;
            Ok(json!({ "sequences": sequences.len() }))
        }
        Action::Tune => {
            let (budget, tried) = peer.tune(sequences, *alone)?;
            chosen.insert(request.scenario, budget);
            let setting = if *alone { "one sequence".to_owned() } else { label(budget) };
            Ok(json!({ "setting": setting, "tried": tried }))
        }
        Action::Time => {
            let run = || if *alone { peer.one_by_one(sequences) } else { peer.batched(sequences, budget) };
            let mut total = run()?;
            for _ in 1..request.repeat {
                total.add(run()?);
            }
            Ok(json!({
                "seconds": total.seconds,
                "tokens": request.repeat * sequences.iter().map(Vec::len).sum::<usize>(),
                "checksum": total.checksum,
                "latencies": total.latencies,
            }))
        }
    }
}

fn label(budget: usize) -> String {
    format!("batches of {budget} tokens")
}

/// One run over a scenario, or several.
#[derive(Default)]
struct Run {
    seconds: f64,
    /// Sum of all values of all vectors: that the work was done.
    checksum: f64,
    /// Seconds of each sequence, when they came one at a time.
    latencies: Vec<f64>,
}

impl Run {
    fn add(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.checksum += other.checksum;
        self.latencies.extend(other.latencies);
    }
}

impl Peer<'_> {
    /// Vectors in the order of `sequences`. Planning and packing are part of the work.
    fn encode(&self, sequences: &[Vec<u32>], budget: usize) -> Result<Vec<f32>, Box<dyn Error>> {
        let lengths: Vec<usize> = sequences.iter().map(Vec::len).collect();
        let mut vectors = vec![0.0; sequences.len() * self.hidden_size];
        for indices in plan(&lengths, budget) {
            let mut batch = PackedBatch::new();
            for &index in &indices {
                batch.push(sequences[index].iter().copied());
            }
            let mut encoded = vec![0.0; indices.len() * self.hidden_size];
            self.encoder.encode(&batch, &mut encoded)?;
            for (index, vector) in indices.into_iter().zip(encoded.chunks_exact(self.hidden_size)) {
                vectors[index * self.hidden_size..][..self.hidden_size].copy_from_slice(vector);
            }
        }
        Ok(vectors)
    }

    fn batched(&self, sequences: &[Vec<u32>], budget: usize) -> Result<Run, Box<dyn Error>> {
        let start = Instant::now();
        let vectors = self.encode(sequences, budget)?;
        Ok(Run { seconds: start.elapsed().as_secs_f64(), checksum: sum(&vectors), latencies: Vec::new() })
    }

    fn one_by_one(&self, sequences: &[Vec<u32>]) -> Result<Run, Box<dyn Error>> {
        let mut run = Run::default();
        let mut vector = vec![0.0; self.hidden_size];
        for sequence in sequences {
            let start = Instant::now();
            let mut batch = PackedBatch::new();
            batch.push(sequence.iter().copied());
            self.encoder.encode(&batch, &mut vector)?;
            let seconds = start.elapsed().as_secs_f64();
            run.add(Run { seconds, checksum: sum(&vector), latencies: vec![seconds] });
        }
        Ok(run)
    }

    /// Warms up with every setting and takes the fastest.
    fn tune(&self, sequences: &[Vec<u32>], alone: bool) -> Result<(usize, BTreeMap<String, f64>), Box<dyn Error>> {
        let mut tried = BTreeMap::new();
        if alone {
            self.one_by_one(sequences)?;
            return Ok((self.budgets[0], tried));
        }
        let (mut best, mut least) = (self.budgets[0], f64::INFINITY);
        for &budget in self.budgets {
            self.batched(sequences, budget)?;
            let seconds = self.batched(sequences, budget)?.seconds;
            tried.insert(label(budget), seconds);
            if seconds < least {
                (best, least) = (budget, seconds);
            }
        }
        Ok((best, tried))
    }
}

fn sum(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value)).sum()
}
