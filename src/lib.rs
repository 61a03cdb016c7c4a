//! Scores what customers write for **complaint**, **sentiment** and **urgency**, in one pass of a small transformer.
//!
//! ```
//! # #[cfg(feature = "embedded-model")] {
//! use plaint::{Engine, SentimentLabel, UrgencyLevel};
//!
//! let engine = Engine::embedded()?;
//! let assessment = engine.score("Seit drei Wochen kein Internet. Wann kommt endlich ein Techniker?")?;
//! assert!(assessment.is_complaint);
//! assert_eq!(assessment.sentiment.label, SentimentLabel::Negative);
//! assert!(assessment.urgency.level > UrgencyLevel::None);
//! assert!(assessment.coverage.complete);
//! # } Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The way of a text
//!
//! | step | room | in | out |
//! | --- | --- | --- | --- |
//! | read | [`text`] | `&str` | token ids in windows |
//! | batch | [`batch`] | windows | packed batches of a token budget |
//! | encode | [`encoder`] | packed batch | one vector a window |
//! | score | [`model`] | vector | calibrated probabilities |
//! | pool | [`model`] | windows of a text | [`Assessment`] |
//!
//! [`Engine`] walks it. Most users need nothing but `Engine` and [`Assessment`]; a server or a message consumer puts
//! [`service`] around it, and [`policy`] turns scores into decisions.
#![deny(missing_docs, rustdoc::broken_intra_doc_links)]
#![deny(clippy::unwrap_used)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod batch;
#[cfg(feature = "compare")]
pub mod compare;
pub mod encoder;
pub mod evaluate;
pub mod model;
pub mod policy;
pub mod service;
pub mod text;
#[cfg(feature = "train")]
pub mod train;

mod assessment;
mod engine;
mod error;
mod guard;
mod threads;
#[cfg(any(feature = "compare", feature = "train"))]
mod toml_text;

pub use assessment::{Assessment, Coverage, Probability, Sentiment, SentimentLabel, Urgency, UrgencyLevel};
pub use encoder::{EncoderKind, Precision};
pub use engine::{Engine, EngineBuilder, ScoreIter};
pub use error::{EncodeError, LoadError, ScoreError};
pub use text::LongText;
pub use threads::Threads;

/// The README's Rust blocks, as doctests.
#[cfg(all(doctest, feature = "embedded-model"))]
#[doc = include_str!("../README.md")]
struct Readme;
