//! A model folder on disk that goes away with its owner.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use plaint::model::{CONFIG_FILE, MANIFEST_FILE, ModelFiles, TOKENIZER_FILE, WEIGHTS_FILE};

/// A directory of its own under cargo's directory for test files.
pub struct Folder(PathBuf);

impl Folder {
    pub fn empty() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("folder-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn with(files: &ModelFiles) -> Self {
        let folder = Self::empty();
        for (name, bytes) in [
            (MANIFEST_FILE, &files.manifest),
            (CONFIG_FILE, &files.config),
            (TOKENIZER_FILE, &files.tokenizer),
            (WEIGHTS_FILE, &files.weights),
        ] {
            fs::write(folder.file(name), bytes).unwrap();
        }
        folder
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
