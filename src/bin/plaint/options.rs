//! Options that sub-commands share: which model, and how it is run.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use plaint::model::ModelFiles;
use plaint::{EncoderKind, Engine, Precision};

use crate::fatal::Fatal;

#[derive(Debug, Args)]
pub struct ModelOptions {
    /// Folder of a model [default: the model compiled into this program]
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
}

impl ModelOptions {
    /// `--model`.
    pub fn folder(&self) -> Option<PathBuf> {
        self.model.clone()
    }

    pub fn files(&self) -> Result<ModelFiles, Fatal> {
        match &self.model {
            Some(folder) => Ok(ModelFiles::read(folder)?),
            #[cfg(feature = "embedded-model")]
            None => Ok(ModelFiles::embedded()),
            #[cfg(not(feature = "embedded-model"))]
            None => Err(Fatal::NoModel),
        }
    }
}

#[derive(Debug, Args)]
pub struct EngineOptions {
    /// What computes: plaint's own CPU kernels, libtorch, or slow and obvious loops
    #[arg(long, value_name = "NAME", default_value = "cpu", value_parser = encoder_parser())]
    pub encoder: EncoderKind,
    /// Arithmetic of the encoder
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = precision_parser())]
    pub precision: Precision,
    /// Threads that compute [default: all that the system offers]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

impl EngineOptions {
    pub fn open(&self, files: &ModelFiles) -> Result<Engine, Fatal> {
        let mut builder = Engine::builder().encoder(self.encoder).precision(self.precision);
        if let Some(threads) = self.threads {
            builder = builder.threads(threads.into());
        }
        Ok(builder.from_files(files)?)
    }

    /// Has what the library computes outside the engine (resampling) keep to the threads asked for.
    pub fn limit_resampling(&self) {
        if let Some(threads) = self.threads {
            // Fails only if rayon's pool is in use already or the system gives no threads: then its default serves.
            let _ = rayon::ThreadPoolBuilder::new().num_threads(threads.into()).build_global();
        }
    }
}

// The possible values, so that `--help` lists them.
fn encoder_parser() -> impl TypedValueParser<Value = EncoderKind> {
    PossibleValuesParser::new(EncoderKind::ALL.iter().map(|kind| kind.as_str())).try_map(|name| name.parse())
}

fn precision_parser() -> impl TypedValueParser<Value = Precision> {
    PossibleValuesParser::new(Precision::ALL.iter().map(|precision| precision.as_str())).try_map(|name| name.parse())
}
