//! PyTorch's autocast to bfloat16: convolutions and products are computed with 16 bits, what needs more with 32.

use std::marker::PhantomData;

use crate::engine::Device;

// Defined in autocast.cpp, which build.rs compiles.
unsafe extern "C" {
    safe fn eco_autocast_begin(cuda: bool);
    safe fn eco_autocast_end(cuda: bool);
}

/// This thread computes with bfloat16 on a device as long as this lives. It stays on its thread.
pub(crate) struct Autocast {
    cuda: bool,
    thread: PhantomData<*const ()>,
}

impl Autocast {
    /// Enters the mode.
    pub(crate) fn enter(device: Device) -> Self {
        let cuda = matches!(device, Device::Cuda(_));
        eco_autocast_begin(cuda);
        Self {
            cuda,
            thread: PhantomData,
        }
    }
}

impl Drop for Autocast {
    fn drop(&mut self) {
        eco_autocast_end(self.cuda);
    }
}

#[cfg(test)]
mod tests {
    use tch::{Kind, Tensor};

    use super::*;

    #[test]
    fn products_have_16_bits_while_it_lasts() {
        let ones = Tensor::from_slice(&[1.0_f32; 4]).view([2, 2]);
        let inside = {
            let _autocast = Autocast::enter(Device::Cpu);
            ones.matmul(&ones)
        };
        assert_eq!(inside.kind(), Kind::BFloat16);
        assert_eq!(ones.matmul(&ones).kind(), Kind::Float);
    }
}
