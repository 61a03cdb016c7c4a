//! What the integration tests share.
#![allow(dead_code, reason = "every test program uses a part of it")]

pub mod folder;
pub mod texts;
pub mod tiny_model;
