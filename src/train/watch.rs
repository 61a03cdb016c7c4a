//! A look at the development data.

use super::collate::Batch;
use super::loss::Losses;
use super::network::{Logits, Network, to_vec};
use super::target::{CUTS, SENTIMENTS, Target};
use crate::evaluate::metrics::Confusion;

/// How the network does on the development data, before calibration.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct DevScores {
    /// Mean cross-entropy of the complaint head.
    pub complaint_loss: f32,
    /// Macro-F1 at a probability of one half.
    pub complaint_f1: f64,
    /// Mean cross-entropy of the sentiment head.
    pub sentiment_loss: f32,
    /// Macro-F1 over three classes, on rows that have three.
    pub sentiment_f1: f64,
    /// Mean cross-entropy of the urgency head.
    pub urgency_loss: f32,
    /// Quadratic weighted kappa.
    pub urgency_kappa: f64,
}

impl DevScores {
    /// What training makes small: the sum over the heads.
    pub fn loss(&self) -> f32 {
        self.complaint_loss + self.sentiment_loss + self.urgency_loss
    }
}

/// Logits and targets of one text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub complaint: f32,
    pub sentiment: [f32; SENTIMENTS],
    pub urgency: [f32; CUTS],
    pub target: Target,
}

/// Scores the batches without training on them; also gives each text's logits.
pub(super) fn watch(network: &Network, batches: &[Batch]) -> (DevScores, Vec<Row>) {
    let (mut complaint, mut sentiment, mut urgency) = (Mean::default(), Mean::default(), Mean::default());
    let mut rows = Vec::new();
    for batch in batches {
        let _no_grad = tch::no_grad_guard();
        let logits = network.forward(batch, false, || false).logits;
        let targets: Vec<Target> = batch.samples.iter().map(|sample| sample.target).collect();
        let losses = Losses::new(&logits, &targets);
        complaint.add(losses.complaint.double_value(&[]), targets.iter().map(|target| target.complaint_weight));
        sentiment.add(losses.sentiment.double_value(&[]), targets.iter().map(|target| target.sentiment_weight));
        urgency.add(losses.urgency.double_value(&[]), targets.iter().map(|target| target.urgency_weight));
        rows.extend(to_rows(&logits, &targets));
    }
    let complaints = rows.iter().filter(|row| row.target.complaint_weight > 0.0);
    let complaints = complaints.map(|row| (usize::from(row.target.complaint > 0.5), usize::from(row.complaint > 0.0)));
    let sentiments = rows.iter().filter(|row| row.target.sentiment_weight > 0.0 && row.target.has_neutral);
    let sentiments = sentiments.map(|row| (highest(&row.target.sentiment), highest(&row.sentiment)));
    let levels = |values: [f32; CUTS], cut: f32| values.iter().filter(|&&value| value > cut).count();
    let urgencies = rows.iter().filter(|row| row.target.urgency_weight > 0.0);
    let urgencies = urgencies.map(|row| (levels(row.target.urgency, 0.5), levels(row.urgency, 0.0)));
    let scores = DevScores {
        complaint_loss: complaint.value(),
        complaint_f1: Confusion::new(2, complaints).macro_f1().unwrap_or(0.0),
        sentiment_loss: sentiment.value(),
        sentiment_f1: Confusion::new(SENTIMENTS, sentiments).macro_f1().unwrap_or(0.0),
        urgency_loss: urgency.value(),
        urgency_kappa: Confusion::new(CUTS + 1, urgencies).quadratic_kappa().unwrap_or(0.0),
    };
    (scores, rows)
}

/// The logits of each text.
pub(super) fn to_rows(logits: &Logits, targets: &[Target]) -> Vec<Row> {
    let complaint = to_vec(&logits.complaint);
    let (sentiment, urgency) = (to_vec(&logits.sentiment_of(targets)), to_vec(&logits.urgency));
    let parts = complaint.iter().zip(sentiment.as_chunks().0).zip(urgency.as_chunks().0).zip(targets);
    parts.map(|(((&complaint, &sentiment), &urgency), &target)| Row { complaint, sentiment, urgency, target }).collect()
}

fn highest(values: &[f32]) -> usize {
    (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(0)
}

/// A weighted mean.
#[derive(Default)]
struct Mean {
    sum: f64,
    weight: f64,
}

impl Mean {
    fn add(&mut self, sum: f64, weights: impl Iterator<Item = f32>) {
        self.sum += sum;
        self.weight += weights.map(f64::from).sum::<f64>();
    }

    fn value(&self) -> f32 {
        if self.weight > 0.0 { (self.sum / self.weight) as f32 } else { 0.0 }
    }
}
