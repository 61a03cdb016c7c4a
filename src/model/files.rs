//! The bytes of a model folder and their checksums.

use std::borrow::Cow;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::manifest::{FileEntry, Manifest};
use crate::error::LoadError;

/// Name of the manifest within a model folder.
pub const MANIFEST_FILE: &str = "manifest.json";
/// Name of the encoder's configuration within a model folder.
pub const CONFIG_FILE: &str = "config.json";
/// Name of the tokenizer within a model folder.
pub const TOKENIZER_FILE: &str = "tokenizer.json";
/// Name of the weights within a model folder.
pub const WEIGHTS_FILE: &str = "model.safetensors";

/// The files of a model as bytes, wherever they came from.
#[derive(Debug, Clone)]
pub struct ModelFiles {
    /// `manifest.json`.
    pub manifest: Cow<'static, [u8]>,
    /// `config.json`.
    pub config: Cow<'static, [u8]>,
    /// `tokenizer.json`.
    pub tokenizer: Cow<'static, [u8]>,
    /// `model.safetensors`.
    pub weights: Cow<'static, [u8]>,
}

/// A manifest or configuration is a page of JSON; anything larger is not one.
const MAX_JSON_BYTES: u64 = 1 << 20;

impl ModelFiles {
    /// Reads the files of a model folder.
    ///
    /// # Errors
    /// [`LoadError::Io`] if one cannot be read, [`LoadError::Checksum`] if its length is not the manifest's (so that
    /// a file of the wrong size is not read at all), or whatever is wrong with the manifest.
    pub fn read(folder: &Path) -> Result<Self, LoadError> {
        let manifest_bytes = read(folder, MANIFEST_FILE, MAX_JSON_BYTES, None)?;
        let manifest = Manifest::parse(&manifest_bytes)?;
        let entry = |name| manifest.files.iter().find_map(|(file, entry)| (file == name).then_some(entry));
        Ok(Self {
            manifest: manifest_bytes.into(),
            config: read(folder, CONFIG_FILE, MAX_JSON_BYTES, entry(CONFIG_FILE))?.into(),
            tokenizer: read(folder, TOKENIZER_FILE, u64::MAX, entry(TOKENIZER_FILE))?.into(),
            weights: read(folder, WEIGHTS_FILE, u64::MAX, entry(WEIGHTS_FILE))?.into(),
        })
    }

    /// The model that was compiled in.
    #[cfg(feature = "embedded-model")]
    pub fn embedded() -> Self {
        macro_rules! embedded {
            ($file:literal) => {
                Cow::Borrowed(
                    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/plaint-base/", $file)).as_slice(),
                )
            };
        }
        Self {
            manifest: embedded!("manifest.json"),
            config: embedded!("config.json"),
            tokenizer: embedded!("tokenizer.json"),
            weights: embedded!("model.safetensors"),
        }
    }

    /// Compares a file with the length and SHA-256 that the manifest states.
    pub(super) fn verify(&self, manifest: &Manifest, file: &'static str) -> Result<(), LoadError> {
        let bytes = match file {
            CONFIG_FILE => &self.config,
            TOKENIZER_FILE => &self.tokenizer,
            _ => &self.weights,
        };
        let entry = manifest.files.get(file).ok_or_else(|| {
            super::json::field_error(MANIFEST_FILE, format!("files.{file}"), "nothing", "its length and sha256")
        })?;
        check_length(file, bytes.len() as u64, entry)?;
        let found = sha256_hex(bytes);
        if !found.eq_ignore_ascii_case(&entry.sha256) {
            return Err(LoadError::Checksum { file, what: "sha256", found, expected: entry.sha256.clone() });
        }
        Ok(())
    }
}

fn read(folder: &Path, file: &'static str, limit: u64, entry: Option<&FileEntry>) -> Result<Vec<u8>, LoadError> {
    let path = folder.join(file);
    let io_error = |source| LoadError::Io { path: path.clone(), source };
    let handle = File::open(&path).map_err(io_error)?;
    let length = handle.metadata().map_err(io_error)?.len();
    if let Some(entry) = entry {
        check_length(file, length, entry)?;
    }
    if length > limit {
        let message = format!("found {length} bytes, expected at most {limit}");
        return Err(LoadError::Format { file, format: "JSON file", message });
    }
    // A sparse file may claim more than there is memory: an error, not an abort.
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length as usize).map_err(|_| io_error(ErrorKind::OutOfMemory.into()))?;
    // `take`: a file that grows while we read it must not grow past what was checked.
    handle.take(length).read_to_end(&mut bytes).map_err(io_error)?;
    Ok(bytes)
}

fn check_length(file: &'static str, found: u64, entry: &FileEntry) -> Result<(), LoadError> {
    if found == entry.bytes {
        return Ok(());
    }
    let in_bytes = |count: u64| format!("{count} bytes");
    Err(LoadError::Checksum { file, what: "length", found: in_bytes(found), expected: in_bytes(entry.bytes) })
}

/// Lower-case hexadecimal SHA-256 of `bytes`.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_of_the_standard_test_vector() {
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
