use crate::text::names;

/// What numbers an engine computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// 32 bits, as PyTorch does.
    #[default]
    Fp32,
    /// 16 bits with a 10-bit fraction: for GPUs.
    Fp16,
    /// 16 bits with the range of 32.
    Bf16,
}

names!(Precision {
    Fp32 = "fp32",
    Fp16 = "fp16",
    Bf16 = "bf16",
});
