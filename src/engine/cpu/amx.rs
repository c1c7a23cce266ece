//! AMX, x86's matrix unit: leave to use it, and its registers of 16 rows of 16 words.
//!
//! A word is a pair of bfloat16 numbers, or a sum in float32. In memory, words are held as floats.

#![allow(unsafe_code, reason = "instructions of the unit")]

use super::buffer::LINE;
use std::fmt;
use std::marker::PhantomData;

/// Rows of a register, at most.
pub const ROWS: usize = 16;
/// Numbers along the depth that are multiplied at a time.
pub const CHUNK: usize = 2 * LINE;

/// Leave to use the unit. A value exists only where the process may use the unit, or where it is emulated, for tests.
#[derive(Clone, Copy, Debug)]
pub struct Amx {
    emulated: bool,
}

/// What is missing where there is no unit to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The processor has no such unit, or no AVX-512 beside it.
    Unit,
    /// The system is not Linux, which alone is asked.
    Linux,
    /// Linux refuses.
    Permission,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unit => "which this processor does not have",
            Self::Linux => "which eco uses on Linux alone",
            Self::Permission => {
                "which Linux refuses to this process (it takes Linux 5.16 or later, and a sandbox or a virtual machine that \
                 allows it)"
            }
        })
    }
}

impl Amx {
    /// Asks for the unit. It is there if the processor has it, with AVX-512, and the system is Linux 5.16 or later.
    ///
    /// # Errors
    /// What is missing.
    pub fn ask() -> Result<Self, Missing> {
        match is_present() {
            true => permission().map(|()| Self { emulated: false }),
            false => Err(Missing::Unit),
        }
    }

    /// The unit, if there is one to use.
    pub fn detect() -> Option<Self> {
        Self::ask().ok()
    }

    /// The same in plain Rust; sums are added up in another order.
    #[cfg(test)]
    pub fn emulated() -> Self {
        Self { emulated: true }
    }

    /// Prepares this thread's registers, until the answer is dropped. The first seven have `rows` rows, the last one 16.
    ///
    /// # Panics
    /// When `rows` is neither 14 nor 16.
    pub fn configure(self, rows: usize) -> Configured {
        assert!(
            rows == 14 || rows == ROWS,
            "there is no configuration for {rows} rows"
        );
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if !self.emulated {
            static WHOLE: Configuration = Configuration::new(ROWS);
            static SHORT: Configuration = Configuration::new(14);
            let configuration = if rows == ROWS { &WHOLE } else { &SHORT };
            // SAFETY: the unit is there (an Amx exists), and this is a valid configuration of it.
            unsafe {
                std::arch::asm!(
                    "ldtilecfg [{}]",
                    in(reg) configuration.0.as_ptr(),
                    options(nostack, preserves_flags, readonly),
                );
            }
        }
        Configured {
            emulated: self.emulated,
            thread: PhantomData,
        }
    }
}

/// Whether the processor has AMX-TILE and AMX-BF16, and AVX-512.
fn is_present() -> bool {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{__cpuid, __cpuid_count};
        // In EDX of leaf 7.
        const FEATURES: u32 = 1 << 24 | 1 << 22;
        #[allow(unused_unsafe, reason = "newer compilers know that it is safe")]
        // SAFETY: every x86-64 processor has the instruction.
        let present =
            unsafe { __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & FEATURES == FEATURES };
        present && matches!(pulp::Arch::new(), pulp::Arch::V4(_))
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    false
}

/// Asks Linux to keep the registers of this process.
#[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
fn permission() -> Result<(), Missing> {
    // The arguments of arch_prctl(2): ARCH_REQ_XCOMP_PERM, and the state of the registers.
    const PERMISSION: [libc::c_ulong; 2] = [0x1023, 18];
    let [code, state] = PERMISSION;
    // SAFETY: the call changes nothing but the permission.
    match unsafe { libc::syscall(libc::SYS_arch_prctl, code, state) } {
        0 => Ok(()),
        _ => Err(Missing::Permission),
    }
}

/// Linux alone is asked.
#[cfg(not(all(target_arch = "x86_64", target_os = "linux", not(miri))))]
fn permission() -> Result<(), Missing> {
    Err(Missing::Linux)
}

/// What `ldtilecfg` reads.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[repr(align(64))]
struct Configuration([u8; 64]);

#[cfg(all(target_arch = "x86_64", not(miri)))]
impl Configuration {
    /// Palette 1. Eight registers of 64 bytes per row, 16 bits each from byte 16 on, and their rows, from byte 48 on.
    const fn new(rows: usize) -> Self {
        let mut bytes = [0; 64];
        bytes[0] = 1;
        let mut register = 0;
        while register < 8 {
            bytes[16 + 2 * register] = (LINE * size_of::<f32>()) as u8;
            bytes[48 + register] = if register == 7 { ROWS } else { rows } as u8;
            register += 1;
        }
        Self(bytes)
    }
}

/// This thread's registers, prepared.
pub struct Configured {
    emulated: bool,
    thread: PhantomData<*const ()>,
}

impl Configured {
    /// Whether the unit is emulated.
    pub fn is_emulated(&self) -> bool {
        self.emulated
    }
}

impl Drop for Configured {
    fn drop(&mut self) {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if !self.emulated {
            // SAFETY: the unit is there.
            unsafe { std::arch::asm!("tilerelease", options(nostack, preserves_flags, nomem)) }
        }
    }
}
