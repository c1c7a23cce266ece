//! The engine on the emulated unit, and that beside the unit where there is one.

mod convolutions;
mod emulation;
mod layout;
mod networks;
mod numbers;
mod pools;
mod problem;
mod unit;

use emulation::Emulation;

use super::convolution::Scratch;
use super::hands::Hands;
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::threads::{self, PerThread};

/// The emulated unit on this CPU's vectors.
fn emulation() -> Emulation {
    Emulation(Isa::detect())
}

/// Runs some work on one thread, or on several of a pool of their own.
fn with_hands(threads: usize, work: impl FnOnce(&mut Hands<'_, Scratch>) + Send) {
    if threads == 1 {
        return work(&mut Hands::Alone(&mut Scratch::default()));
    }
    let each: PerThread<Scratch> = (0..threads).map(|_| Scratch::default()).collect();
    let pool = threads::pool(threads).unwrap();
    pool.install(|| work(&mut Hands::All(&each)));
}
