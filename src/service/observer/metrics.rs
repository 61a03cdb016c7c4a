//! An observer for the `metrics` crate.

use metrics::{counter, gauge, histogram};

use super::{BatchReport, Observer, Settled};
use crate::model::ModelId;
use crate::service::error::ServiceError;
use crate::service::request::Priority;

/// Hands figures to the recorder of the `metrics` crate, whatever it is. Times are in seconds.
///
/// | name | kind | labels |
/// | --- | --- | --- |
/// | `plaint_accepted_total` | counter | `priority` |
/// | `plaint_rejected_total` | counter | `priority`, `reason` (`overloaded`, `closed`) |
/// | `plaint_settled_total` | counter | `priority`, `outcome` (`scored`, `failed`, `expired`, `abandoned`, `cancelled`) |
/// | `plaint_queue_seconds`, `plaint_request_seconds` | histogram | `priority` |
/// | `plaint_tokenize_seconds`, `plaint_encode_seconds` | histogram, a batch | |
/// | `plaint_batch_texts`, `plaint_batch_tokens`, `plaint_batch_fill` | histogram, a batch | |
/// | `plaint_waiting_texts`, `plaint_waiting_tokens` | gauge, set with each batch | `priority` |
/// | `plaint_swaps_total` | counter | |
/// | `plaint_model` | gauge, 1 for the model that serves, 0 for others that did | `model` |
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// The last model that was told of.
    model: std::sync::Arc<std::sync::Mutex<Option<String>>>,
}

impl Metrics {
    /// An observer; the recorder is the one that is installed when things happen.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Observer for Metrics {
    fn accepted(&self, priority: Priority) {
        counter!("plaint_accepted_total", "priority" => priority.as_str()).increment(1);
    }

    fn rejected(&self, priority: Priority, error: &ServiceError) {
        let reason = if matches!(error, ServiceError::Overloaded { .. }) { "overloaded" } else { "closed" };
        counter!("plaint_rejected_total", "priority" => priority.as_str(), "reason" => reason).increment(1);
    }

    fn settled(&self, request: &Settled) {
        let priority = request.priority.as_str();
        counter!("plaint_settled_total", "priority" => priority, "outcome" => request.outcome.as_str()).increment(1);
        histogram!("plaint_queue_seconds", "priority" => priority).record(request.queued);
        histogram!("plaint_request_seconds", "priority" => priority).record(request.total);
    }

    fn batch(&self, batch: &BatchReport<'_>) {
        histogram!("plaint_tokenize_seconds").record(batch.tokenize);
        histogram!("plaint_encode_seconds").record(batch.encode);
        histogram!("plaint_batch_texts").record(batch.texts as f64);
        histogram!("plaint_batch_tokens").record(batch.tokens as f64);
        histogram!("plaint_batch_fill").record(batch.fill);
        for (priority, waiting) in Priority::ALL.into_iter().zip(batch.waiting) {
            gauge!("plaint_waiting_texts", "priority" => priority.as_str()).set(waiting.texts as f64);
            gauge!("plaint_waiting_tokens", "priority" => priority.as_str()).set(waiting.tokens as f64);
        }
    }

    fn swapped(&self, model: &ModelId) {
        let name = model.to_string();
        let mut last = self.model.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // The first model of a service was not swapped in.
        if let Some(last) = last.replace(name.clone()) {
            counter!("plaint_swaps_total").increment(1);
            gauge!("plaint_model", "model" => last).set(0.0);
        }
        gauge!("plaint_model", "model" => name).set(1.0);
    }
}
