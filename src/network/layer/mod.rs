//! The layers: each owns its tensors and hyper-parameters, prints itself as PyTorch does and knows its forward.

mod batch_norm;
mod conv;
mod linear;
mod pool;
mod relu;

pub use batch_norm::{BatchNorm2d, BatchNorm3d, EPS};
pub use conv::{Conv2d, Conv3d};
pub use linear::Linear;
pub use pool::{AvgPool2d, AvgPool3d, MaxPool2d};
pub use relu::ReLU;

/// A sliding window: kernel, stride and zero padding, the same along every axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Extent in elements.
    pub kernel: i64,
    /// Step in elements.
    pub stride: i64,
    /// Zeros added at both ends of an axis.
    pub padding: i64,
}

/// A window of `kernel` elements per axis that moves by one and pads nothing.
pub const fn window(kernel: i64) -> Window {
    Window {
        kernel,
        stride: 1,
        padding: 0,
    }
}

impl Window {
    /// The same window moving by `stride`.
    pub const fn stride(self, stride: i64) -> Self {
        Self { stride, ..self }
    }

    /// The same window with `padding` zeros at both ends.
    pub const fn padding(self, padding: i64) -> Self {
        Self { padding, ..self }
    }
}
