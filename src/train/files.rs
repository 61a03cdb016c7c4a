//! Files that a run leaves for itself: whole or not there.

use std::io::ErrorKind;
use std::path::Path;

use super::error::TrainError;

/// Reads a file, if there is one.
///
/// # Errors
/// [`TrainError::Io`].
pub(super) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, TrainError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(TrainError::io(path)(error)),
    }
}

/// Lets `write` write beside the goal first: a run that is cut off meanwhile leaves the old file whole.
///
/// # Errors
/// [`TrainError::Io`].
pub(super) fn replace(path: &Path, write: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<(), TrainError> {
    let partial = path.with_extension("partial");
    write(&partial).and_then(|()| std::fs::rename(&partial, path)).map_err(TrainError::io(&partial))
}
