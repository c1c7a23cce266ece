//! SIMD: the instruction set, found at run time, and the few operations the kernels share.

#![allow(unsafe_code, reason = "vectors are read and lines fetched by address")]

pub use pulp::{Simd, WithSimd};
use std::any::TypeId;
use std::fmt;

/// The instruction set that kernels run on.
#[derive(Clone, Copy)]
pub enum Isa {
    /// Plain Rust on eight lanes: the same kernels, for tests, for Miri and for any CPU.
    Portable,
    /// The best the CPU has.
    Native(pulp::Arch),
}

impl fmt::Debug for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Portable => f.write_str("portable"),
            Self::Native(_) => write!(f, "{} lanes", self.panel() / 2),
        }
    }
}

impl Isa {
    /// What this CPU has.
    pub fn detect() -> Self {
        let arch = pulp::Arch::new();
        if matches!(arch, pulp::Arch::Scalar) {
            Self::Portable
        } else {
            Self::Native(arch)
        }
    }

    /// Runs a kernel compiled for this instruction set.
    #[inline]
    pub fn run<K: WithSimd>(self, kernel: K) -> K::Output {
        match self {
            Self::Portable => kernel.with_simd(pulp::Scalar256b),
            Self::Native(arch) => arch.dispatch(kernel),
        }
    }

    /// Whether vectors are eight floats or more and multiply-add is one instruction.
    pub fn is_wide(self) -> bool {
        !matches!(self, Self::Portable) && self.panel() >= 16
    }

    /// Output channels of one GEMM panel: two vectors.
    pub fn panel(self) -> usize {
        struct Panel;
        impl WithSimd for Panel {
            type Output = usize;
            #[inline(always)]
            fn with_simd<S: Simd>(self, _: S) -> usize {
                2 * S::F32_LANES
            }
        }
        self.run(Panel)
    }
}

/// Whether this is the portable form, known when a kernel is compiled.
#[inline(always)]
pub fn is_portable<S: Simd>() -> bool {
    TypeId::of::<S>() == TypeId::of::<pulp::Scalar256b>()
}

/// `max(x, floor)`, keeping NaN as PyTorch's ReLU does.
#[inline(always)]
pub fn floor_at<S: Simd>(s: S, x: S::f32s, floor: S::f32s) -> S::f32s {
    if is_portable::<S>() {
        // Rust's maximum of a number and NaN is the number.
        s.select_f32s(s.less_than_f32s(x, floor), floor, x)
    } else {
        // Processors answer NaN: x86 the second of the two if one is NaN, ARM NaN.
        s.max_f32s(floor, x)
    }
}

/// The vector at `at` of a slice.
#[inline(always)]
pub fn load<S: Simd>(slice: &[f32], at: usize) -> S::f32s {
    pulp::bytemuck::pod_read_unaligned(pulp::bytemuck::cast_slice(&slice[at..at + S::F32_LANES]))
}

/// The same where checks would cost; debug builds check all the same.
///
/// # Safety
/// `at + lanes <= slice.len()`.
#[inline(always)]
pub unsafe fn load_unchecked<S: Simd>(slice: &[f32], at: usize) -> S::f32s {
    debug_assert!(at + S::F32_LANES <= slice.len(), "{at} of {}", slice.len());
    // SAFETY: in bounds (contract); any bits are a vector of floats.
    unsafe { slice.as_ptr().add(at).cast::<S::f32s>().read_unaligned() }
}

/// Writes a vector to a slice, from `at` on.
#[inline(always)]
pub fn store<S: Simd>(slice: &mut [f32], at: usize, value: S::f32s) {
    slice[at..at + S::F32_LANES].copy_from_slice(pulp::bytemuck::cast_slice(&[value]));
}

/// Into the first-level cache.
pub const NEAR: i32 = 3;
/// Into the second-level cache.
pub const FAR: i32 = 2;

/// Asks for the line at `pointer` to be brought near; nothing when no memory is there.
#[inline(always)]
pub fn prefetch<const LEVEL: i32>(pointer: *const f32) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch reads nothing and faults nowhere; SSE is part of x86-64.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<LEVEL>(pointer.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = pointer;
}
