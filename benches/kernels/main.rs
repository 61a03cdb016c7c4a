//! The inner loops of the `cpu` encoder, for every kernel and precision that this machine has, on one thread.
//!
//! `cargo bench --bench kernels --features bench-internals` runs all; `… -- product/int8` a part. Throughput is in
//! operations a second for products and attention (a multiplication and an addition are two), each with its share of
//! what the kernel's instruction reaches on registers alone (`peak.rs`), measured right after; in values a second for the
//! rest.

mod peak;

use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use plaint::Precision;
use plaint::encoder::Kernel;
use plaint::encoder::steps::{self, Step};

/// Rows that go through a layer together.
const ROWS: usize = 96;
const HIDDEN: usize = 384;
const INTERMEDIATE: usize = 4 * HIDDEN;
const HEADS: usize = 12;
/// Inputs and outputs of a layer's maps: attention output, queries with keys and values, and the two of the feed-forward
/// part.
const MAPS: [(usize, usize); 4] =
    [(HIDDEN, HIDDEN), (HIDDEN, 3 * HIDDEN), (HIDDEN, INTERMEDIATE), (INTERMEDIATE, HIDDEN)];
const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::Bf16, Precision::Int8];

fn products(criterion: &mut Criterion) {
    for precision in PRECISIONS {
        let mut group = group(criterion, &format!("product/{precision}"));
        for kernel in Kernel::available() {
            for (inputs, outputs) in MAPS {
                for rows in [ROWS, 8] {
                    let step = steps::product(kernel, precision, [rows, inputs, outputs]);
                    let operations = 2 * rows * inputs * outputs;
                    let id = format!("{kernel}/{rows}x{inputs}x{outputs}");
                    with_share_of_peak(&mut group, &id, operations, (kernel, precision), step);
                }
            }
        }
    }
}

fn attention(criterion: &mut Criterion) {
    // Integers take the way of bf16.
    for precision in [Precision::F32, Precision::Bf16] {
        let mut group = group(criterion, &format!("attention/{precision}"));
        for kernel in Kernel::available() {
            for tokens in [8, 32, 128, 256, 512] {
                let step = steps::attention(kernel, precision, HEADS, HIDDEN / HEADS, tokens);
                // Queries with keys, and scores with values.
                let operations = 4 * tokens * tokens * HIDDEN;
                let id = format!("{kernel}/{tokens}");
                with_share_of_peak(&mut group, &id, operations, (kernel, precision), step);
            }
        }
    }
}

fn element_wise(criterion: &mut Criterion) {
    for kernel in Kernel::available() {
        let mut bench = |name: &str, values: usize, mut step: Step| {
            let mut group = group(criterion, name);
            group.throughput(Throughput::Elements(values as u64));
            group.bench_function(kernel.to_string(), |b| b.iter(&mut step));
        };
        bench("layer_norm", ROWS * HIDDEN, steps::layer_norm(kernel, ROWS, HIDDEN));
        bench("gelu", ROWS * INTERMEDIATE, steps::gelu(kernel, ROWS * INTERMEDIATE));
        for precision in PRECISIONS {
            if let Some(step) = steps::rounding(kernel, precision, ROWS, HIDDEN) {
                bench(&format!("round/{precision}"), ROWS * HIDDEN, step);
            }
        }
    }
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(20);
    group
}

/// Measures `step`, and then what the same number of operations takes on registers alone.
fn with_share_of_peak(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: &str,
    operations: usize,
    (kernel, precision): (Kernel, Precision),
    mut step: Step,
) {
    let (mut steps, mut elapsed) = (0, Duration::ZERO);
    group.throughput(Throughput::Elements(operations as u64));
    group.bench_function(id, |b| {
        b.iter_custom(|iterations| {
            let start = Instant::now();
            for _ in 0..iterations {
                step();
            }
            let time = start.elapsed();
            steps += iterations;
            elapsed += time;
            time
        });
    });
    // Once is a test, not a measurement.
    if steps > 1 {
        let reached = operations as f64 * steps as f64 / elapsed.as_secs_f64();
        match peak::of(kernel, precision) {
            Some(peak) => println!("{:24}{:.0} % of {:.0} G operations/s", "", 100.0 * reached / peak, peak / 1e9),
            None => println!("{:24}no one instruction to compare with", ""),
        }
    }
}

criterion_group!(benches, products, attention, element_wise);
criterion_main!(benches);
