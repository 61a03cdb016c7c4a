//! Measures of quality, from labels and scores alone.
//!
//! A measure that is undefined (a recall without a text to recall, say) is `None`, never 0 or NaN.

mod calibration;
mod confusion;
mod ranking;
mod sweep;

pub use calibration::{Bin, Reliability, mean};
pub use confusion::Confusion;
pub use ranking::Ranking;
pub use sweep::{Cut, Sweep};

#[cfg(test)]
mod reference;
