use crate::text::names;

/// What numbers an engine computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// 32 bits, all of them read.
    #[default]
    Fp32,
    /// 32 bits, of which a GPU's units for matrices read 19: a 10-bit fraction.
    Tf32,
    /// 16 bits with a 10-bit fraction: for GPUs.
    Fp16,
    /// 16 bits with the range of 32: for GPUs, and for CPUs with AMX.
    Bf16,
}

names!(Precision {
    Fp32 = "fp32",
    Tf32 = "tf32",
    Fp16 = "fp16",
    Bf16 = "bf16",
});
