//! SIMD: the instruction set, found at run time, and the operations that kernels share.

#![allow(unsafe_code, reason = "cache lines are prefetched by address")]

pub use pulp::{Simd, WithSimd};
use std::any::TypeId;

/// The instruction set that kernels run on.
#[derive(Clone, Copy)]
pub enum Isa {
    /// Plain Rust on eight lanes: the same kernels, for tests, for Miri and for any CPU.
    Portable,
    /// The best the CPU has.
    Native(pulp::Arch),
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
            // Not by `dispatch`, for which every kernel is compiled once more, with vectors of one lane.
            #[cfg(target_arch = "x86_64")]
            Self::Native(pulp::Arch::V3(simd)) => Simd::vectorize(simd, kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Native(pulp::Arch::V4(simd)) => Simd::vectorize(simd, kernel),
            #[cfg(target_arch = "aarch64")]
            Self::Native(pulp::Arch::Neon(simd)) => Simd::vectorize(simd, kernel),
            Self::Native(_) | Self::Portable => kernel.with_simd(pulp::Scalar256b),
        }
    }

    /// Whether multiply-add is one instruction, as it is with AVX2, AVX-512 and NEON.
    pub fn is_fast(self) -> bool {
        let is_neon = cfg!(target_arch = "aarch64");
        !matches!(self, Self::Portable) && (is_neon || self.panel() >= 16)
    }

    /// Output channels of one panel of a matrix product: two vectors.
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

/// Defines a function `name(isa, arguments)` that runs `body(s, arguments)`, compiled for the instruction set. `body` is generic
/// over [`Simd`], and over what stands in brackets: an algorithm, the number of its points, and further types. It and
/// everything it calls with vectors must be `#[inline(always)]`.
macro_rules! kernel {
    (
        $(#[$attribute:meta])*
        $public:vis fn $name:ident $([$axis:ident, $points:ident $(, $more:ident: $bound:ident)*])?
        ($($argument:ident: $type:ty),* $(,)?) = $body:ident
    ) => {
        $(#[$attribute])*
        $public fn $name $(<$axis: Axis, const $points: usize $(, $more: $bound)*>)? (
            isa: Isa, $($argument: $type),*
        ) {
            struct Kernel<Arguments, Types>(Arguments, std::marker::PhantomData<Types>);
            impl $(<$axis: Axis, const $points: usize $(, $more: $bound)*>)? WithSimd
                for Kernel<($($type,)*), ($($axis, [(); $points], $($more)*)?)>
            {
                type Output = ();
                #[inline(always)]
                fn with_simd<S: Simd>(self, s: S) {
                    let ($($argument,)*) = self.0;
                    $body::<S $(, $axis, $points $(, $more)*)?>(s, $($argument),*);
                }
            }
            let types = std::marker::PhantomData::<($($axis, [(); $points], $($more)*)?)>;
            isa.run(Kernel(($($argument,)*), types));
        }
    };
}
pub(crate) use kernel;

/// Asserts a condition that unsafe code rests on, in debug builds and in unit tests, those of release builds included.
macro_rules! bound {
    ($($condition:tt)*) => {
        if cfg!(any(test, debug_assertions)) {
            assert!($($condition)*);
        }
    };
}
pub(crate) use bound;

/// Whether this is the portable form, known when a kernel is compiled.
#[inline(always)]
pub fn is_portable<S: Simd>() -> bool {
    TypeId::of::<S>() == TypeId::of::<pulp::Scalar256b>()
}

/// `max(x, floor)`, NaN if `x` is NaN, as PyTorch's ReLU gives it.
#[inline(always)]
pub fn floor_at<S: Simd>(s: S, x: S::f32s, floor: S::f32s) -> S::f32s {
    if is_portable::<S>() {
        // Rust's maximum of a number and NaN is the number.
        s.select_f32s(s.less_than_f32s(x, floor), floor, x)
    } else {
        // If either is NaN, x86 takes the second operand and ARM gives NaN.
        s.max_f32s(floor, x)
    }
}

/// The larger one, NaN if either is NaN.
#[inline(always)]
pub fn larger<S: Simd>(s: S, a: S::f32s, b: S::f32s) -> S::f32s {
    s.select_f32s(s.equal_f32s(a, a), floor_at(s, b, a), a)
}

/// The vector at `at` of a slice.
#[inline(always)]
pub fn load<S: Simd>(slice: &[f32], at: usize) -> S::f32s {
    pulp::bytemuck::pod_read_unaligned(pulp::bytemuck::cast_slice(&slice[at..at + S::F32_LANES]))
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

/// Prefetches the cache line at `pointer`; does nothing where there is no memory.
#[inline(always)]
pub fn prefetch<const LEVEL: i32>(pointer: *const f32) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch reads nothing and never faults; SSE is part of x86-64.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<LEVEL>(pointer.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = pointer;
}
