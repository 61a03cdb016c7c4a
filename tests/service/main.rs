//! The service, promise by promise, on a tiny model whose encoder can be held up or made to fail.

#[path = "../common/mod.rs"]
mod common;

mod deadlines;
mod faults;
mod gate;
mod observer;
mod overload;
mod scores;
mod shutdown;
mod swap;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use common::tiny_model::TinyModel;
use plaint::Engine;
use plaint::model::ModelFiles;
use plaint::service::Service;

static FILES: LazyLock<ModelFiles> = LazyLock::new(|| TinyModel::default().files());

fn engine() -> Engine {
    Engine::builder().threads(1).from_files(&FILES).unwrap()
}

/// Far more than any step needs; a test that waits this long has found a hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `condition` holds.
fn eventually(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The books balance: nothing is in flight and nothing was lost.
fn assert_settled(service: &Service) {
    let stats = service.stats();
    assert_eq!(stats.accepted, stats.settled(), "{stats:?}");
}
