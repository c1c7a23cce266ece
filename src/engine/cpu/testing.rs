//! What the tests of several engines need.

use super::simd::Isa;

/// Every form of the kernels that runs here: the portable one, the best, and AVX2 where the best is wider.
pub(crate) fn forms() -> Vec<Isa> {
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
pub(crate) fn name(isa: Isa) -> String {
    match isa {
        Isa::Portable => "portable".into(),
        Isa::Native(_) => format!("{} lanes", isa.panel() / 2),
    }
}

/// Deterministic values with mean 0 and variance 1, roughly normal.
pub(crate) struct Random(pub u64);

impl Random {
    pub(crate) fn next(&mut self) -> f32 {
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

    pub(crate) fn take(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.next()).collect()
    }
}

pub(crate) fn relative_error(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let error: f64 = found
        .iter()
        .zip(expected)
        .map(|(&f, e)| (f64::from(f) - e).powi(2))
        .sum();
    (error / expected.iter().map(|e| e * e).sum::<f64>()).sqrt()
}
