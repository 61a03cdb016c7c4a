//! An observer for the `tracing` crate.

use tracing::{Level, debug, info, info_span, span_enabled, warn};

use super::{BatchReport, Observer, Outcome, Settled, Stage};
use crate::model::ModelId;
use crate::service::error::ServiceError;
use crate::service::request::Priority;

/// Puts a span around each stage of a batch and tells of the rest in events, all with the target `plaint::service`.
///
/// | name | kind | fields |
/// | --- | --- | --- |
/// | `tokenize` | span, info | `texts` |
/// | `encode` | span, info | `texts`, `tokens` |
/// | `batch` | event, debug | `model`, `texts`, `tokens`, `fill`, `tokenize_us`, `encode_us` |
/// | `settled` | event, debug if scored, else info | `priority`, `outcome`, `queue_us`, `total_us` |
/// | `rejected` | event, warn | `priority`, `error` |
/// | `model` | event, info | `model` |
#[derive(Debug, Clone, Copy, Default)]
pub struct Tracing;

const TARGET: &str = "plaint::service";

impl Observer for Tracing {
    fn rejected(&self, priority: Priority, error: &ServiceError) {
        warn!(target: TARGET, priority = priority.as_str(), %error, "rejected");
    }

    fn settled(&self, request: &Settled) {
        let (priority, outcome) = (request.priority.as_str(), request.outcome.as_str());
        let (queue_us, total_us) = (request.queued.as_micros() as u64, request.total.as_micros() as u64);
        if request.outcome == Outcome::Scored {
            debug!(target: TARGET, priority, outcome, queue_us, total_us, "settled");
        } else {
            info!(target: TARGET, priority, outcome, queue_us, total_us, "settled");
        }
    }

    fn stage(&self, stage: Stage, work: &mut dyn FnMut()) {
        if !span_enabled!(target: TARGET, Level::INFO) {
            return work();
        }
        let span = match stage {
            Stage::Tokenize { texts } => info_span!(target: TARGET, "tokenize", texts),
            Stage::Encode { texts, tokens } => info_span!(target: TARGET, "encode", texts, tokens),
        };
        span.in_scope(work);
    }

    fn batch(&self, batch: &BatchReport<'_>) {
        let BatchReport { model, texts, tokens, fill, .. } = *batch;
        let (tokenize_us, encode_us) = (batch.tokenize.as_micros() as u64, batch.encode.as_micros() as u64);
        debug!(target: TARGET, %model, texts, tokens, fill, tokenize_us, encode_us, "batch");
    }

    fn swapped(&self, model: &ModelId) {
        info!(target: TARGET, %model, "model");
    }
}
