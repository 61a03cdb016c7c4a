//! Which model it was.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::files::{ModelFiles, sha256_hex};
use super::manifest::Manifest;

/// Name, version and checksum of a model.
///
/// ```
/// # #[cfg(feature = "embedded-model")] {
/// let engine = plaint::Engine::embedded()?;
/// assert_eq!(engine.model_id().name, "plaint-base");
/// println!("{}", engine.model_id()); // plaint-base 0.6.0 (89f144b4)
/// # } Ok::<(), plaint::LoadError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ModelId {
    /// Name, from the manifest.
    pub name: String,
    /// Version, from the manifest.
    pub version: String,
    /// SHA-256 of `manifest.json`, in hexadecimal. The manifest states the checksums of all other files that are read, so
    /// it stands for weights, tokenizer, calibration and thresholds together.
    pub checksum: String,
}

impl ModelId {
    pub(crate) fn of(manifest: &Manifest, files: &ModelFiles) -> Self {
        let checksum = sha256_hex(&files.manifest);
        Self { name: manifest.name.clone(), version: manifest.version.clone(), checksum }
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = self.checksum.get(..8).unwrap_or(&self.checksum);
        write!(f, "{} {} ({short})", self.name, self.version)
    }
}
