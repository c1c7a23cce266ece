//! How fast imported weights become a network: `cargo bench --bench load -- WEIGHTS RUNS [touch]`.
//!
//! Prints the milliseconds of each run as a line of JSON, as `scripts/bench_load.py` reads it. A run goes from the path
//! to the network with every tensor in its place; `touch` then adds up all values, so that every page of the mapped file
//! is read.

use std::error::Error;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use eco::engine::{Device, network};
use eco::network::state_dict;
use eco::weights::{Loaded, open};

const SEGMENTS: usize = 16;
const CLASSES: usize = 400;

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

/// Milliseconds from the path to the network.
fn run(path: &Path, touch: bool) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let spec = network::spec(CLASSES)?;
    // The network borrows from the file until the process ends.
    let loaded: &'static Loaded = Box::leak(Box::new(open(path, &spec)?));
    let net = black_box(network::from_file(loaded, SEGMENTS, Device::Cpu)?);
    if touch {
        // By libtorch, as Python does it: a loop of our own would measure its additions.
        for entry in state_dict(&net) {
            drop(black_box(entry.tensor.sum(entry.tensor.kind())));
        }
    }
    Ok(start.elapsed().as_secs_f64() * 1e3)
}
