//! A batch in the hands of a worker: filled and read while it waits, then encoded.

use std::time::{Duration, Instant};

use super::Shared;
use super::answer::Answer;
use super::dispatch::{Held, Place};
use super::entry::Entry;
use super::error::ServiceError;
use super::observer::{BatchReport, Stage};
use super::request::Priority;
use super::waiting::{Item, Left, Load};
use crate::assessment::Assessment;
use crate::engine::Engine;
use crate::error::ScoreError;
use crate::guard::guard;
use crate::text::ReadText;

/// Requests that were read by one engine.
#[derive(Default)]
pub struct Batch {
    /// Who read them and will encode them; `None` as long as there are none.
    engine: Option<Engine>,
    members: Vec<Member>,
    tokenize: Duration,
}

struct Member {
    entry: Entry,
    read: ReadText,
}

impl Batch {
    /// What the batch holds.
    pub fn held(&self) -> Held {
        let entries = || self.members.iter().map(|member| &member.entry);
        Held {
            load: Load { texts: self.members.len(), tokens: self.tokens() },
            oldest: entries().map(Entry::submitted).min(),
            next_expiry: entries().filter_map(Item::deadline).min(),
        }
    }

    /// Settles what has died and reads what came from the queue.
    pub fn fill(&mut self, left: Left<Entry>, shared: &Shared) {
        left.admitted.into_iter().for_each(std::task::Waker::wake);
        left.dead.into_iter().for_each(Entry::bury);
        let now = Instant::now();
        self.prune(now);
        if left.live.is_empty() {
            return;
        }
        let engine = shared.engine();
        let mut entries = left.live;
        entries.iter_mut().for_each(|entry| entry.take(now));
        if self.engine.as_ref().is_some_and(|old| !old.is_same(&engine)) {
            // A new model serves since: it reads all anew, so that no text gets a model older than itself.
            entries.splice(..0, self.members.drain(..).map(|member| member.entry));
        }
        let stage = Stage::Tokenize { texts: entries.len() };
        let mut read = Vec::new();
        shared.ledger.stage(stage, || read = entries.iter().map(|entry| read_guarded(&engine, entry.text())).collect());
        for (entry, read) in entries.into_iter().zip(read) {
            match read {
                Ok(read) => self.members.push(Member { entry, read }),
                Err(error) => entry.fail(error),
            }
        }
        self.engine = Some(engine);
        self.tokenize += now.elapsed();
    }

    /// Encodes the batch and answers its callers. The place at the encoder is free before they are.
    pub fn encode(mut self, place: Place<'_, Entry>, shared: &Shared) {
        let start = Instant::now();
        self.prune(start);
        let tokens = self.tokens();
        let Self { engine: Some(engine), members, tokenize } = self else { return };
        if members.is_empty() {
            return;
        }
        let texts: Vec<&ReadText> = members.iter().map(|member| &member.read).collect();
        let stage = Stage::Encode { texts: texts.len(), tokens };
        let results = shared.ledger.stage(stage, || together_or_alone(&texts, &|texts| engine.score_read(texts)));
        drop(place);
        let encode = start.elapsed();

        // Booked first: whoever has the answer finds it in the books.
        shared.ledger.batch();
        let texts = members.len();
        let model = engine.model_id();
        for (Member { entry, .. }, result) in members.into_iter().zip(results) {
            match result {
                Ok(assessment) => entry.settle(Ok(Answer { assessment, model: model.clone() })),
                Err(error) => entry.fail(error),
            }
        }
        shared.ledger.tell(|observer| {
            observer.batch(&BatchReport {
                model,
                texts,
                tokens,
                fill: tokens as f64 / shared.batch_tokens as f64,
                tokenize,
                encode,
                waiting: Priority::ALL.map(|priority| shared.dispatch.depth(priority).0),
            });
        });
    }

    /// Tells the callers that their texts will not be scored any more.
    pub fn cancel(self) {
        self.members.into_iter().for_each(|member| member.entry.settle(Err(ServiceError::Cancelled)));
    }

    fn tokens(&self) -> usize {
        self.members.iter().map(|member| member.read.encoded_tokens()).sum()
    }

    fn prune(&mut self, now: Instant) {
        self.members.extract_if(.., |member| member.entry.is_dead(now)).for_each(|member| member.entry.bury());
    }
}

fn read_guarded(engine: &Engine, text: &str) -> Result<ReadText, ScoreError> {
    guard(|| engine.read(text)).unwrap_or_else(|message| Err(ScoreError::Panicked { stage: "tokenize", message }))
}

type Results = Vec<Result<Assessment, ScoreError>>;

/// Scores all texts at once. If that panics, each is scored alone, so that one which cannot be scored takes no other down.
fn together_or_alone(texts: &[&ReadText], score: &dyn Fn(&[&ReadText]) -> Results) -> Results {
    match guard(|| score(texts)) {
        Ok(results) => results,
        Err(message) if texts.len() == 1 => vec![Err(ScoreError::Panicked { stage: "encode", message })],
        Err(_) => texts.chunks(1).flat_map(|text| together_or_alone(text, score)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_a_batch_panics_only_the_text_that_did_it_fails() {
        let texts: Vec<ReadText> = (0..9)
            .map(|id| ReadText { ids: vec![id], windows: std::iter::once(0..1).collect(), complete: true })
            .collect();
        let texts: Vec<&ReadText> = texts.iter().collect();
        let results = together_or_alone(&texts, &|texts| {
            assert!(texts.iter().all(|text| text.ids != [4]), "poison");
            texts.iter().map(|_| Err(ScoreError::Empty)).collect()
        });
        for (id, result) in results.into_iter().enumerate() {
            let expected = match id {
                4 => ScoreError::Panicked { stage: "encode", message: "poison".into() },
                _ => ScoreError::Empty,
            };
            assert_eq!(result, Err(expected), "text {id}");
        }
    }
}
