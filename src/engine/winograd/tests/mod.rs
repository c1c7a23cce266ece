//! The kernels against plain ones in float64, and what the scalar form and threads may not change.

mod convolutions;
mod pools;
mod problem;
mod products;

use super::amx::Amx;
use super::simd::Isa;

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

/// Every form of the kernels that runs here: the portable one, the best, and AVX2 where the best is wider.
pub(super) fn forms() -> Vec<Isa> {
    let mut forms = vec![Isa::Portable];
    let best = Isa::detect();
    #[cfg(target_arch = "x86_64")]
    if best.panel() > 16 {
        let avx2 = pulp::x86::V3::try_new();
        forms.extend(avx2.map(|avx2| Isa::Native(pulp::Arch::V3(avx2))));
    }
    if matches!(best, Isa::Native(_)) {
        forms.push(best);
    }
    forms
}

/// What a form is called in a message.
pub(super) fn name(isa: Isa) -> String {
    match isa {
        Isa::Portable => "portable".into(),
        Isa::Native(_) => format!("{} lanes", isa.panel() / 2),
    }
}

/// Every way to compute a volume's products on AMX that runs here.
pub(super) fn units() -> Vec<(Isa, Amx)> {
    let best = Isa::detect();
    let mut units = vec![(Isa::Portable, Amx::emulated())];
    if matches!(best, Isa::Native(_)) {
        units.push((best, Amx::emulated()));
    }
    match Amx::detect() {
        Some(amx) => units.push((best, amx)),
        None => println!("skipped: this CPU or system has no AMX, which is emulated only"),
    }
    units
}

/// Deterministic values with mean 0 and variance 1, roughly normal.
pub(super) struct Random(pub u64);

impl Random {
    pub(super) fn next(&mut self) -> f32 {
        let mut sum = 0.0;
        for _ in 0..12 {
            self.0 = self
                .0
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            sum += (self.0 >> 40) as f32 / 16777216.0;
        }
        sum - 6.0
    }

    pub(super) fn take(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.next()).collect()
    }
}

pub(super) fn relative_error(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let error: f64 = found
        .iter()
        .zip(expected)
        .map(|(&f, e)| (f64::from(f) - e).powi(2))
        .sum();
    (error / expected.iter().map(|e| e * e).sum::<f64>()).sqrt()
}
