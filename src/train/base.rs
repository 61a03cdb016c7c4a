//! What a run starts from: the weights of a checkpoint, or of an earlier stage.

use super::checkpoint::{Checkpoint, Files};
use super::error::TrainError;
use super::export;
use super::network::Network;
use super::recipe::BaseSpec;
use crate::model::BaseModel;

/// The base, with the layers that the recipe keeps.
pub(super) fn read(spec: &BaseSpec) -> Result<BaseModel, TrainError> {
    let folder = spec.folder();
    let model_error = |source| TrainError::Model { path: folder.into(), source };
    let mut base = BaseModel::read(folder).map_err(model_error)?;
    if let Some(stage) = &spec.stage
        && let Some(checkpoint) = Checkpoint::read(&Files::of(&stage.work).best, &stage.fingerprint())?
    {
        // The folder holds int8 weights. Rounding them between stages would lose what small steps gained.
        let mut network = Network::of_recipe(stage, &base, false);
        checkpoint.restore(&mut network)?;
        network.merge_guide(stage.guide_share);
        base = base.with_weights(&export::unrounded(&network.weights())).map_err(model_error)?;
    }
    if let Some(layers) = &spec.layers {
        base.keep_layers(layers).map_err(|index| TrainError::Recipe {
            path: folder.into(),
            message: format!("field `base.layers`: found {index}, expected each layer of the base once at most"),
        })?;
    }
    Ok(base)
}
