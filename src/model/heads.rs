//! The three heads: linear maps from a window's vector to calibrated scores, and how windows become a text.

use super::calibration::{Calibration, sigmoid, softmax};
use super::head_weights::{CUTS, HeadWeights, SENTIMENTS};
use super::manifest::{HeadSpec, HeadSpecs, WindowPooling};
use crate::assessment::{Probability, Sentiment, SentimentLabel, Urgency, UrgencyLevel};
use crate::error::ScoreError;

/// The three heads of a model.
#[derive(Debug)]
pub struct Heads {
    complaint: Head<1>,
    sentiment: Head<SENTIMENTS>,
    /// One weight vector for all four cumulative logits (McCullagh, *Regression models for ordinal data*, 1980): they
    /// differ in their biases only, so that probabilities of "above k" fall with k.
    urgency: Head<CUTS>,
    complaint_threshold: f32,
    urgency_thresholds: Vec<f32>,
}

/// One head: `outputs` logits from a vector.
#[derive(Debug)]
struct Head<const OUTPUTS: usize> {
    /// `[OUTPUTS, hidden]`, or `[1, hidden]` shared by all outputs.
    weight: Vec<f32>,
    bias: [f32; OUTPUTS],
    calibration: Calibration,
    windows: WindowPooling,
}

/// Calibrated scores of one window, or of several pooled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowScores {
    /// Probability of a complaint.
    pub complaint: f32,
    /// Distribution over negative, neutral, positive.
    pub sentiment: [f32; SENTIMENTS],
    /// Expected urgency level divided by its highest, in `[0, 1]`.
    pub urgency: f32,
}

impl Heads {
    pub(super) fn new(weights: HeadWeights, specs: &HeadSpecs) -> Self {
        Self {
            complaint: Head::new(weights.complaint_weight, weights.complaint_bias, &specs.complaint),
            sentiment: Head::new(weights.sentiment_weight, weights.sentiment_bias, &specs.sentiment),
            urgency: Head::new(weights.urgency_weight, weights.urgency_bias, &specs.urgency),
            complaint_threshold: specs.complaint.thresholds[0],
            urgency_thresholds: specs.urgency.thresholds.clone(),
        }
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        self.complaint.parameters() + self.sentiment.parameters() + self.urgency.parameters()
    }

    /// Scores one window from its vector of `hidden_size` values.
    ///
    /// # Errors
    /// [`ScoreError::NotFinite`] if a score is not a number.
    pub fn score(&self, vector: &[f32]) -> Result<WindowScores, ScoreError> {
        let finite = |head, values: &[f32]| {
            if values.iter().all(|value| value.is_finite()) { Ok(()) } else { Err(ScoreError::NotFinite { head }) }
        };
        let [complaint] = self.complaint.logits(vector);
        let mut sentiment = self.sentiment.logits(vector);
        softmax(&mut sentiment);
        let above = self.urgency.logits(vector).map(sigmoid);
        // E[level] = Σ_k P(level > k).
        let urgency = above.iter().sum::<f32>() / CUTS as f32;
        let complaint = sigmoid(complaint);
        finite("complaint", &[complaint])?;
        finite("sentiment", &sentiment)?;
        finite("urgency", &[urgency])?;
        Ok(WindowScores { complaint, sentiment, urgency })
    }

    /// Pools the scores of a text's windows, each with the number of its tokens, by the manifest's rule for each head.
    ///
    /// # Panics
    /// If there is no window.
    pub fn pool(&self, windows: &[(WindowScores, usize)]) -> WindowScores {
        let pool = |rule, score: &dyn Fn(&WindowScores) -> f32| match rule {
            WindowPooling::Max => windows.iter().map(|(scores, _)| score(scores)).fold(0.0, f32::max),
            WindowPooling::Mean => {
                let total: usize = windows.iter().map(|&(_, tokens)| tokens).sum();
                let share = |tokens: usize| tokens as f32 / total as f32;
                windows.iter().map(|(scores, tokens)| score(scores) * share(*tokens)).sum()
            }
        };
        assert!(!windows.is_empty(), "a text has at least one window");
        if let &[(only, _)] = windows {
            return only;
        }
        let mut sentiment = [0.0; SENTIMENTS];
        for (label, pooled) in sentiment.iter_mut().enumerate() {
            *pooled = pool(self.sentiment.windows, &|scores| scores.sentiment[label]);
        }
        // Maxima over windows need not sum to one.
        let sum: f32 = sentiment.iter().sum();
        WindowScores {
            complaint: pool(self.complaint.windows, &|scores| scores.complaint),
            sentiment: sentiment.map(|value| value / sum),
            urgency: pool(self.urgency.windows, &|scores| scores.urgency),
        }
    }

    /// Whether a probability of complaint reaches the threshold.
    pub fn is_complaint(&self, complaint: f32) -> bool {
        complaint >= self.complaint_threshold
    }

    /// A distribution with its likeliest label; on a tie the more negative one.
    pub fn sentiment(&self, distribution: [f32; SENTIMENTS]) -> Sentiment {
        let mut label = 0;
        for (index, &value) in distribution.iter().enumerate() {
            if value > distribution[label] {
                label = index;
            }
        }
        let [negative, neutral, positive] = distribution.map(probability);
        Sentiment { label: SentimentLabel::ALL[label], negative, neutral, positive }
    }

    /// A score with its level: the number of thresholds that it reaches.
    pub fn urgency(&self, score: f32) -> Urgency {
        let level = self.urgency_thresholds.iter().filter(|&&threshold| score >= threshold).count();
        Urgency { score: probability(score), level: UrgencyLevel::ALL[level] }
    }
}

impl<const OUTPUTS: usize> Head<OUTPUTS> {
    fn new(weight: Vec<f32>, bias: [f32; OUTPUTS], spec: &HeadSpec) -> Self {
        Self { weight, bias, calibration: spec.calibration, windows: spec.windows }
    }

    /// Calibrated logits. Sums in order of the vector, so that they depend on nothing but the vector.
    fn logits(&self, vector: &[f32]) -> [f32; OUTPUTS] {
        let hidden = vector.len();
        let mut logits = self.bias;
        for (output, logit) in logits.iter_mut().enumerate() {
            let row = if self.weight.len() == hidden { 0 } else { output };
            let weights = &self.weight[row * hidden..(row + 1) * hidden];
            let dot: f32 = weights.iter().zip(vector).map(|(weight, value)| weight * value).sum();
            *logit = self.calibration.apply(output, *logit + dot);
        }
        logits
    }

    fn parameters(&self) -> usize {
        self.weight.len() + OUTPUTS
    }
}

/// Rounding may leave a sum of probabilities a hair outside `[0, 1]`.
pub(crate) fn probability(value: f32) -> Probability {
    Probability::new(value.clamp(0.0, 1.0)).expect("finite: checked where it was computed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads(windows: WindowPooling) -> Heads {
        Heads {
            complaint: Head { weight: vec![1.0, 0.0], bias: [0.0], calibration: Calibration::None, windows },
            sentiment: Head {
                weight: vec![0.0, -1.0, 0.0, 0.0, 0.0, 1.0],
                bias: [0.0; 3],
                calibration: Calibration::None,
                windows,
            },
            urgency: Head {
                weight: vec![1.0, 1.0],
                bias: [2.0, 0.0, -1.0, -3.0],
                calibration: Calibration::Platt { scale: 2.0, offset: 1.0, cubic: 0.0 },
                windows,
            },
            complaint_threshold: 0.5,
            urgency_thresholds: vec![0.1, 0.3, 0.6, 0.8],
        }
    }

    #[test]
    fn scores_by_hand() {
        let scores = heads(WindowPooling::Max).score(&[0.0, 1.0]).unwrap();
        assert_eq!(scores.complaint, 0.5);
        let e = 1f32.exp();
        let sum = e + 1.0 + 1.0 / e;
        for (found, expected) in scores.sentiment.into_iter().zip([1.0 / e / sum, 1.0 / sum, e / sum]) {
            assert!((found - expected).abs() < 1e-6);
        }
        // Cumulative logits 2·(1 + bias) + 1 = 7, 3, 1, -3.
        let expected = (sigmoid(7.0) + sigmoid(3.0) + sigmoid(1.0) + sigmoid(-3.0)) / 4.0;
        assert!((scores.urgency - expected).abs() < 1e-6);
    }

    #[test]
    fn an_infinite_vector_is_an_error_that_names_the_head() {
        let error = heads(WindowPooling::Max).score(&[f32::NAN, 0.0]).unwrap_err();
        assert!(matches!(error, ScoreError::NotFinite { head: "complaint" }), "{error}");
    }

    #[test]
    fn windows_pool_by_the_rule_of_the_head() {
        let window = |complaint, sentiment, urgency| WindowScores { complaint, sentiment, urgency };
        let windows = [(window(0.1, [0.2, 0.6, 0.2], 0.3), 30), (window(0.9, [0.8, 0.2, 0.0], 0.1), 10)];
        let max = heads(WindowPooling::Max).pool(&windows);
        assert_eq!((max.complaint, max.urgency), (0.9, 0.3));
        assert!((max.sentiment.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        let mean = heads(WindowPooling::Mean).pool(&windows);
        for (found, expected) in [
            (mean.complaint, 0.3),
            (mean.sentiment[0], 0.35),
            (mean.sentiment[1], 0.5),
            (mean.sentiment[2], 0.15),
            (mean.urgency, 0.25),
        ] {
            assert!((found - expected).abs() < 1e-6, "{mean:?}");
        }
    }

    #[test]
    fn decisions_at_and_around_the_thresholds() {
        let heads = heads(WindowPooling::Max);
        assert!(heads.is_complaint(0.5) && !heads.is_complaint(0.499));
        for (score, level) in
            [(0.0, "none"), (0.099, "none"), (0.1, "low"), (0.3, "normal"), (0.6, "high"), (0.8, "critical")]
        {
            assert_eq!(heads.urgency(score).level.as_str(), level, "{score}");
        }
        assert_eq!(heads.sentiment([0.4, 0.4, 0.2]).label, SentimentLabel::Negative);
        assert_eq!(heads.sentiment([0.1, 0.2, 0.7]).label, SentimentLabel::Positive);
    }
}
