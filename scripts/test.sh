#!/usr/bin/env bash
# All tests, with every feature: fetches libtorch first (once, into a cache), so the first run takes a while.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/libtorch.sh
cargo test --features cli,metrics,tracing,train "$@"
