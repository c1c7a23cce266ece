//! How fast imported weights become a network: `cargo bench --bench load -- WEIGHTS RUNS [touch]`.
//!
//! Prints the milliseconds of each run as a line of JSON, as `scripts/bench_load.py` reads it. A run goes from the path
//! to every tensor of the network, checked and in its place; with `touch` all values are added up, so that every page of
//! the mapped file is read.

use std::error::Error;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use eco::weights::Weights;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1).filter(|arg| arg != "--bench");
    // `cargo test --benches` and `cargo bench` alone give no file.
    let Some(path) = args.next().map(PathBuf::from) else {
        eprintln!("usage: cargo bench --bench load -- WEIGHTS RUNS [touch]");
        return Ok(());
    };
    let runs = args.next().ok_or("how many runs?")?;
    let runs: usize = runs.to_string_lossy().parse()?;
    let touch = args.next().is_some();
    let times: Result<Vec<f64>, _> = (0..runs).map(|_| run(&path, touch)).collect();
    println!("{}", serde_json::to_string(&times?)?);
    Ok(())
}

/// Milliseconds from the path to the tensors.
fn run(path: &Path, touch: bool) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let weights = Weights::open(path)?;
    for spec in weights.specs().iter().filter(|spec| !spec.is_counter()) {
        let values = black_box(weights.floats(&spec.name)?);
        if touch {
            black_box(sum(&values));
        }
    }
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// The sum in sixteen parts, which the compiler keeps in vectors: memory is the limit, not addition.
fn sum(values: &[f32]) -> f32 {
    let mut sums = [0.0; 16];
    for part in values.chunks(16) {
        sums.iter_mut()
            .zip(part)
            .for_each(|(sum, value)| *sum += value);
    }
    sums.iter().sum()
}
