//! PyTorch's inference mode: tensors made in it know nothing of gradients, which `no_grad` keeps track of.

use std::ffi::c_void;
use std::ptr::NonNull;

// Defined in inference.cpp, which build.rs compiles.
unsafe extern "C" {
    safe fn eco_inference_begin() -> NonNull<c_void>;
    fn eco_inference_end(mode: NonNull<c_void>);
}

/// This thread is in inference mode as long as this lives.
pub(super) struct InferenceMode(NonNull<c_void>);

impl InferenceMode {
    /// Enters the mode.
    pub(super) fn enter() -> Self {
        Self(eco_inference_begin())
    }
}

impl Drop for InferenceMode {
    fn drop(&mut self) {
        // SAFETY: it was begun on this thread (a pointer is not sent to another), and is ended once.
        unsafe { eco_inference_end(self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Tensor;

    /// Changing a tensor that was made in the mode is refused outside of it, and there alone.
    #[test]
    fn tensors_are_of_inference_mode_while_it_lasts() {
        let mut inside = {
            let _mode = InferenceMode::enter();
            let mut tensor = Tensor::from(1.0);
            let _ = tensor.f_add_(&Tensor::from(1.0)).unwrap();
            tensor
        };
        let refused = inside.f_add_(&Tensor::from(1.0)).unwrap_err();
        assert!(refused.to_string().contains("inference"), "{refused}");
        let mut outside = Tensor::from(1.0);
        let _ = outside.f_add_(&Tensor::from(1.0)).unwrap();
    }
}
