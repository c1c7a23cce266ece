//! The kernels against plain ones in float64, and what the scalar form and threads may not change.

mod convolutions;
mod pools;
mod problem;
mod products;

use crate::engine::cpu::amx::Amx;
use crate::engine::cpu::buffer::LINE;
use crate::engine::cpu::simd::Isa;
pub(super) use crate::engine::cpu::testing::{Random, forms, name, relative_error};

/// Relative L2 error against float64. F(4x4x4), the worst, has 1.9e-6 at 128 channels.
pub(super) const TOLERANCE: f64 = 4e-6;

/// Debug builds and Miri are slow: the same code, fewer channels.
pub(super) const CHANNELS: usize = if cfg!(miri) {
    4
} else if cfg!(debug_assertions) {
    16
} else {
    128
};

/// Output channels: whole panels of the widest vectors, under Miri one of the portable form's.
pub(super) const OUTPUTS: usize = if cfg!(miri) { 16 } else { 32 };

/// Every way to compute a volume's products on AMX that runs here.
pub(super) fn units() -> Vec<(Isa, Amx)> {
    let best = Isa::detect();
    let mut units = vec![(Isa::Portable, Amx::emulated())];
    // A register has 16 columns: the two vectors of a panel of NEON have half of them, and no such CPU has the unit.
    if matches!(best, Isa::Native(_)) && best.panel().is_multiple_of(LINE) {
        units.push((best, Amx::emulated()));
    }
    match Amx::detect() {
        Some(amx) => units.push((best, amx)),
        None => println!("skipped: this CPU or system has no AMX, which is emulated only"),
    }
    units
}
