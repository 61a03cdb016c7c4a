//! A larger model whose scores a smaller one learns.

use tch::{Kind, Tensor};

use super::collate::Batch;
use super::error::TrainError;
use super::loss::Losses;
use super::network::{Forward, Logits, Network};
use super::recipe::TeacherSpec;
use super::target::Target;
use super::watch::to_rows;
use crate::model::{BaseModel, BertConfig};

/// A network that only answers.
pub(super) struct Teacher<'a> {
    spec: &'a TeacherSpec,
    network: Network,
}

impl<'a> Teacher<'a> {
    /// Opens the teacher of a student of the shape `student`.
    pub(super) fn read(spec: &'a TeacherSpec, student: &BertConfig, bf16: bool) -> Result<Self, TrainError> {
        let BaseModel { config, weights, heads, .. } =
            BaseModel::read(&spec.folder).map_err(|source| TrainError::Model { path: spec.folder.clone(), source })?;
        if (config.vocab_size, config.hidden_size) != (student.vocab_size, student.hidden_size) {
            let message = format!(
                "field `teacher.folder`: found a model of {} word pieces and hidden size {}, expected {} and {}, as in the base",
                config.vocab_size, config.hidden_size, student.vocab_size, student.hidden_size
            );
            return Err(TrainError::Recipe { path: spec.folder.clone(), message });
        }
        Ok(Self { spec, network: Network::new(&config, &weights, &heads, bf16) })
    }

    /// The loss of a batch: labels, the teacher's probabilities, and the distance to its vectors.
    pub(super) fn loss(&self, batch: &Batch, student: &Forward, labels: &Losses) -> Tensor {
        let answer = {
            let _no_grad = tch::no_grad_guard();
            self.network.forward(batch, false, || false)
        };
        let targets: Vec<Target> = probabilities(&answer.logits, batch.samples.len());
        let taught = Losses::new(&student.logits, &targets).total();
        let distance = (&student.pooled - &answer.pooled).square().sum(Kind::Float);
        let share = f64::from(self.spec.share);
        labels.total() * (1.0 - share) + taught * share + distance * f64::from(self.spec.vectors)
    }
}

/// What the logits say, as targets of full weight.
fn probabilities(logits: &Logits, texts: usize) -> Vec<Target> {
    let softened = Logits {
        complaint: logits.complaint.sigmoid(),
        sentiment: logits.sentiment.softmax(-1, Kind::Float),
        urgency: logits.urgency.sigmoid(),
    };
    let rows = to_rows(&softened, &vec![Target::default(); texts]);
    let target = |row: super::watch::Row| Target {
        complaint: row.complaint,
        complaint_weight: 1.0,
        sentiment: row.sentiment,
        sentiment_weight: 1.0,
        has_neutral: true,
        urgency: row.urgency,
        urgency_weight: 1.0,
    };
    rows.into_iter().map(target).collect()
}
