//! What a run leaves on disk so that another can go on: safetensors with the parameters, their moments, and the progress.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::error::TrainError;
use super::files::{read_if_there, replace};
use super::network::Network;
use super::optimizer::Parameter;

/// Where a run keeps what it needs to go on.
pub(super) struct Files {
    /// Everything as of the last look at the development data.
    pub last: PathBuf,
    /// The weights of the best look.
    pub best: PathBuf,
}

impl Files {
    /// Those of a recipe's `work` folder.
    pub(super) fn of(work: &Path) -> Self {
        Self { last: work.join("last.safetensors"), best: work.join("best.safetensors") }
    }
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Optimizer steps done.
    pub steps: usize,
    /// Texts drawn.
    pub drawn: usize,
    /// Lowest development loss so far.
    pub best_loss: f32,
    /// Looks at the development data since then.
    pub looks_without_gain: usize,
}

impl Default for Progress {
    fn default() -> Self {
        Self { steps: 0, drawn: 0, best_loss: f32::MAX, looks_without_gain: 0 }
    }
}

impl Progress {
    /// Notes a development loss; tells whether it is the best so far.
    pub(super) fn look(&mut self, loss: f32) -> bool {
        let best = loss < self.best_loss;
        if best {
            self.best_loss = loss;
        }
        self.looks_without_gain = if best { 0 } else { self.looks_without_gain + 1 };
        best
    }
}

/// A checkpoint read from disk.
pub(super) struct Checkpoint {
    path: PathBuf,
    bytes: Vec<u8>,
    progress: Progress,
}

const FINGERPRINT: &str = "fingerprint";
const PROGRESS: &str = "progress";

impl Checkpoint {
    /// Reads a checkpoint, if there is one.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] if it belongs to another recipe.
    pub(super) fn read(path: &Path, fingerprint: &str) -> Result<Option<Self>, TrainError> {
        let Some(bytes) = read_if_there(path)? else { return Ok(None) };
        let error = |message: String| TrainError::Checkpoint { path: path.into(), message };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|failure| error(failure.to_string()))?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let found = metadata.get(FINGERPRINT).map_or("nothing", String::as_str);
        if found != fingerprint {
            return Err(error(format!(
                "found a checkpoint of recipe {found}, expected {fingerprint}; remove the file to start anew"
            )));
        }
        let progress = match metadata.get(PROGRESS) {
            Some(json) => serde_json::from_str(json).map_err(|failure| error(format!("progress: {failure}")))?,
            None => Progress::default(),
        };
        Ok(Some(Self { path: path.into(), bytes, progress }))
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Puts parameters, and moments if there are any, into `network`.
    pub(super) fn restore(&self, network: &mut Network) -> Result<(), TrainError> {
        let error = |message: String| TrainError::Checkpoint { path: self.path.clone(), message };
        let tensors = SafeTensors::deserialize(&self.bytes).map_err(|failure| error(failure.to_string()))?;
        let values = |name: &str, length: usize| {
            let view = tensors.tensor(name).map_err(|failure| error(format!("tensor `{name}`: {failure}")))?;
            let values: Vec<f32> = view.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
            if values.len() == length {
                Ok(values)
            } else {
                Err(error(format!("tensor `{name}`: found {} values, expected {length}", values.len())))
            }
        };
        network.restore(|name, length| {
            let mut parameter = Parameter::new(values(name, length)?);
            if tensors.tensor(&format!("{name}.first")).is_ok() {
                parameter.first = values(&format!("{name}.first"), length)?;
                parameter.second = values(&format!("{name}.second"), length)?;
            }
            Ok(parameter)
        })
    }

    /// Writes everything that a later run needs to go on.
    pub(super) fn write(
        path: &Path,
        network: &Network,
        progress: &Progress,
        fingerprint: &str,
    ) -> Result<(), TrainError> {
        let json = serde_json::to_string(progress).expect("numbers");
        let metadata = [(FINGERPRINT, fingerprint.to_owned()), (PROGRESS, json)];
        let tensors = network.state().flat_map(|(name, parameter)| {
            let moments = [(format!("{name}.first"), &parameter.first), (format!("{name}.second"), &parameter.second)];
            std::iter::once((name.to_owned(), &parameter.weights)).chain(moments)
        });
        save(path, tensors, metadata.into_iter())
    }

    /// Writes the parameters alone.
    pub(super) fn write_weights(path: &Path, network: &Network, fingerprint: &str) -> Result<(), TrainError> {
        let tensors = network.state().map(|(name, parameter)| (name.to_owned(), &parameter.weights));
        save(path, tensors, [(FINGERPRINT, fingerprint.to_owned())].into_iter())
    }
}

fn save<'a>(
    path: &Path,
    tensors: impl Iterator<Item = (String, &'a Vec<f32>)>,
    metadata: impl Iterator<Item = (&'static str, String)>,
) -> Result<(), TrainError> {
    let bytes: Vec<(String, Vec<u8>)> =
        tensors.map(|(name, values)| (name, values.iter().flat_map(|value| value.to_le_bytes()).collect())).collect();
    let views = bytes.iter().map(|(name, bytes)| {
        let view = TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes).expect("four bytes a value");
        (name, view)
    });
    let metadata: HashMap<String, String> = metadata.map(|(key, value)| (key.to_owned(), value)).collect();
    replace(path, |partial| {
        safetensors::serialize_to_file(views, Some(metadata), partial)
            .map_err(|error| std::io::Error::other(error.to_string()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_counted_since_the_best() {
        let mut progress = Progress::default();
        assert!(progress.look(2.0) && progress.look(1.0));
        assert!(!progress.look(1.5) && !progress.look(1.2));
        assert_eq!((progress.best_loss, progress.looks_without_gain), (1.0, 2));
        assert!(progress.look(0.5));
        assert_eq!(progress.looks_without_gain, 0);
    }
}
