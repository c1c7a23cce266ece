//! Memory that is taken for nothing.

use tch::{Kind, Tensor};

use crate::engine::device::Device;
use crate::engine::error::{Error, Result};

/// Sizes of blocks in bytes. What is smaller than the last one stays free, for others who use the GPU.
const BLOCKS: [i64; 3] = [1 << 30, 1 << 28, 1 << 26];

/// Memory of a GPU that nobody else can use as long as this lives: to see what happens where there is too little.
pub struct Reserved(#[expect(dead_code, reason = "they are held, not read")] Vec<Tensor>);

impl Reserved {
    /// Takes nearly all memory that is free, that which libtorch keeps for later included.
    ///
    /// # Errors
    /// What libtorch reports, but for memory that has come to an end.
    pub fn nearly_all(device: Device) -> Result<Self> {
        let mut held = Vec::new();
        for bytes in BLOCKS {
            loop {
                match Tensor::f_empty([bytes], (Kind::Uint8, device.into())).map_err(Error::from) {
                    Ok(block) => held.push(block),
                    Err(Error::OutOfMemory(_)) => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(Self(held))
    }
}
