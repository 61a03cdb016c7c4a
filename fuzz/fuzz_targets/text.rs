//! Any bytes as text, whole and cut into a batch: a result or a typed error, alone and in company the same.
#![no_main]

#[path = "../../tests/common/tiny_model.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod tiny_model;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use plaint::model::Model;
use plaint::text::{LongText, ReadingLimits, TextReader, Tokenizer};
use plaint::{Engine, ScoreError};
use tiny_model::TinyModel;

/// Small limits, so that small inputs reach them.
const MAX_BYTES: usize = 200;
const WINDOW: usize = 16;
const OVERLAP: usize = 3;

/// A model's engine, and its reader by itself.
struct Subject {
    engine: Engine,
    reader: TextReader,
    /// Ids that no text may yield.
    control: Vec<u32>,
}

static SUBJECTS: LazyLock<Vec<Subject>> = LazyLock::new(|| ["none", "social-v2"].map(subject).into());

fn subject(cleaning: &'static str) -> Subject {
    let model = TinyModel {
        hidden: 16,
        heads: 2,
        intermediate: 20,
        layers: 1,
        max_tokens: WINDOW,
        window_tokens: WINDOW,
        overlap: OVERLAP,
        max_bytes: MAX_BYTES,
        cleaning,
        ..TinyModel::default()
    };
    let files = model.files();
    // One thread: a panic ends the process, wherever it is caught.
    let engine = Engine::builder().threads(1).batch_tokens(50).from_files(&files).expect("a good model");
    let Model { manifest, tokenizer, .. } = Model::load(&files).expect("a good model");
    let control = vec![tiny_model::START, tiny_model::END, tiny_model::PAD as u32, tokenizer.vocab_size() as u32 - 1];
    let limits = ReadingLimits {
        max_bytes: MAX_BYTES,
        window_tokens: WINDOW,
        overlap_tokens: OVERLAP,
        long_text: LongText::AllWindows,
    };
    Subject { engine, reader: TextReader { recipe: manifest.cleaning, tokenizer, limits }, control }
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let texts: Vec<&str> = std::iter::once(&*text).chain(text.split('\u{1e}')).collect();
    for subject in &*SUBJECTS {
        let together = subject.engine.score_batch(&texts);
        assert_eq!(together.len(), texts.len());
        for (text, result) in texts.iter().zip(together) {
            assert_eq!(result, subject.engine.score(text), "in company and alone");
            check(subject, text, result);
        }
    }
});

fn check(subject: &Subject, text: &str, result: Result<plaint::Assessment, ScoreError>) {
    match (subject.reader.read(text), result) {
        (Err(read), Err(scored)) => assert_eq!((&read, &scored), (&ScoreError::Empty, &ScoreError::Empty)),
        (Ok(read), Ok(assessment)) => {
            let coverage = assessment.coverage;
            assert_eq!(coverage.tokens, read.ids.len());
            assert_eq!(coverage.windows, read.windows.len());
            assert_eq!(coverage.complete, text.trim().len() <= MAX_BYTES);
            assert!(read.windows.iter().all(|window| window.len() <= WINDOW - Tokenizer::SPECIAL_TOKENS));
            assert!(!read.ids.iter().any(|id| subject.control.contains(id)), "a control token in {:?}", read.ids);
        }
        (read, scored) => panic!("read {read:?}, scored {scored:?}"),
    }
}
