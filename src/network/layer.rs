//! Layers: hyper-parameters, tensors, shapes and costs; what computes them is an engine's business.

use super::attribute::{Attribute, Shown};
use super::error::{Error, Result};

/// Added to a batch norm's variance before the root, PyTorch's and Caffe's default.
pub const BATCH_NORM_EPSILON: f64 = 1e-5;
/// Weight of a new batch in a batch norm's running statistics; has no effect at inference.
pub const BATCH_NORM_MOMENTUM: f64 = 0.1;
/// A batch norm's count of the batches seen in training, an int64 scalar that inference never reads.
pub(super) const COUNTER: &str = "num_batches_tracked";

/// A sliding window: kernel, stride and zero padding, the same along every axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Extent in elements.
    pub kernel: usize,
    /// Step in elements.
    pub stride: usize,
    /// Zeros added at both ends of an axis.
    pub padding: usize,
}

/// A window of `kernel` elements per axis that moves by one and pads nothing.
pub const fn window(kernel: usize) -> Window {
    Window {
        kernel,
        stride: 1,
        padding: 0,
    }
}

impl Window {
    /// The same window moving by `stride`.
    pub const fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// The same window with `padding` zeros at both ends.
    pub const fn padding(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    /// Places of the window along an axis of `extent` elements; the last one may hang over the end where `ceil` is set
    /// (PyTorch's `ceil_mode`), as long as it starts inside. `None` where the window does not fit.
    pub fn places(self, extent: usize, ceil: bool) -> Option<usize> {
        let room = (extent + 2 * self.padding).checked_sub(self.kernel)?;
        let steps = if ceil {
            room.div_ceil(self.stride)
        } else {
            room / self.stride
        };
        let hangs_outside = ceil && steps * self.stride >= extent + self.padding;
        Some(steps + 1 - usize::from(hangs_outside))
    }
}

/// What a tensor of the state_dict is to its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Learned by gradient descent.
    Parameter,
    /// Kept beside the parameters: batch-norm statistics and counters.
    Buffer,
}

/// A parameter or buffer of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerTensor {
    /// Name within the layer, such as `weight`.
    pub name: &'static str,
    /// Its shape; empty for a scalar.
    pub shape: Vec<usize>,
    /// Parameter or buffer.
    pub role: Role,
}

/// A module without children. `axes` is 2 for `[batch, channels, height, width]` and 3 for
/// `[batch, channels, time, height, width]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layer {
    /// A convolution with bias.
    Convolution {
        /// Axes that the window slides along.
        axes: usize,
        /// Input channels.
        inputs: usize,
        /// Output channels.
        outputs: usize,
        /// Kernel, stride and padding.
        window: Window,
    },
    /// `(x - mean) / sqrt(variance + eps) * weight + bias` per channel, with running statistics.
    BatchNorm {
        /// Axes after the channels.
        axes: usize,
        /// Channels.
        channels: usize,
    },
    /// `max(x, 0)`, written over its input as the notebook declares it (`inplace=True`).
    Relu,
    /// Maximum over a window, the output size rounded up (`ceil_mode=True`), as everywhere in ECO.
    MaxPool2d(Window),
    /// Mean over a window; padding counts as zeros, PyTorch's default and Caffe's rule.
    AvgPool2d(Window),
    /// Mean over a window of time, height and width that moves by one and pads nothing.
    AvgPool3d([usize; 3]),
    /// Zeroes values at random in training; hands on its input in inference.
    Dropout {
        /// The probability of a zero, in percent.
        percent: u8,
    },
    /// An affine map of the last axis.
    Linear {
        /// Length of the last axis of the input.
        inputs: usize,
        /// Length of the last axis of the output.
        outputs: usize,
    },
}

impl Layer {
    /// The class name that PyTorch prints.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Convolution { axes: 2, .. } => "Conv2d",
            Self::Convolution { .. } => "Conv3d",
            Self::BatchNorm { axes: 2, .. } => "BatchNorm2d",
            Self::BatchNorm { .. } => "BatchNorm3d",
            Self::Relu => "ReLU",
            Self::MaxPool2d(_) => "MaxPool2d",
            Self::AvgPool2d(_) => "AvgPool2d",
            Self::AvgPool3d(_) => "AvgPool3d",
            Self::Dropout { .. } => "Dropout",
            Self::Linear { .. } => "Linear",
        }
    }

    /// The operator that computes it, by libtorch's name.
    pub fn operator(&self) -> &'static str {
        match self {
            Self::Convolution { .. } => "aten::_convolution",
            Self::BatchNorm { .. } => "aten::batch_norm",
            Self::Relu => "aten::relu_",
            Self::MaxPool2d(_) => "aten::max_pool2d",
            Self::AvgPool2d(_) => "aten::avg_pool2d",
            Self::AvgPool3d(_) => "aten::avg_pool3d",
            Self::Dropout { .. } => "aten::dropout",
            Self::Linear { .. } => "aten::linear",
        }
    }

    /// The hyper-parameters, in the order in which PyTorch prints them.
    pub fn attributes(&self) -> Vec<Attribute> {
        let plain = |window: &Window| {
            vec![
                Attribute::named("kernel_size", window.kernel),
                Attribute::named("stride", window.stride),
                Attribute::named("padding", window.padding),
            ]
        };
        match self {
            Self::Convolution {
                axes,
                inputs,
                outputs,
                window,
            } => {
                let per_axis = |value: usize| [value; 3][..*axes].to_vec();
                let padding = Attribute::named("padding", &per_axis(window.padding)[..]);
                vec![
                    Attribute::value("in_channels", *inputs),
                    Attribute::value("out_channels", *outputs),
                    Attribute::named("kernel_size", &per_axis(window.kernel)[..]),
                    Attribute::named("stride", &per_axis(window.stride)[..]),
                    match window.padding {
                        0 => padding.shown(Shown::Hidden),
                        _ => padding,
                    },
                ]
            }
            Self::BatchNorm { channels, .. } => vec![
                Attribute::value("num_features", *channels),
                Attribute::named("eps", BATCH_NORM_EPSILON),
                Attribute::named("momentum", BATCH_NORM_MOMENTUM),
                Attribute::named("affine", true),
                Attribute::named("bias", true),
                Attribute::named("track_running_stats", true),
            ],
            Self::Relu => vec![Attribute::named("inplace", true)],
            Self::MaxPool2d(window) => {
                let mut attributes = plain(window);
                attributes.push(Attribute::named("dilation", 1_usize));
                attributes.push(Attribute::named("ceil_mode", true));
                attributes
            }
            Self::AvgPool2d(window) => plain(window),
            Self::AvgPool3d(kernel) => vec![
                Attribute::named("kernel_size", &kernel[..]),
                Attribute::named("stride", 1_usize),
                Attribute::named("padding", 0_usize),
            ],
            Self::Dropout { percent } => vec![
                Attribute::named("p", f64::from(*percent) / 100.0),
                Attribute::named("inplace", false),
            ],
            Self::Linear { inputs, outputs } => vec![
                Attribute::named("in_features", *inputs),
                Attribute::named("out_features", *outputs),
                Attribute::named("bias", true),
            ],
        }
    }

    /// The tensors it owns, in PyTorch's `state_dict()` order.
    pub fn tensors(&self) -> Vec<LayerTensor> {
        let tensor = |name, shape: &[usize], role| LayerTensor {
            name,
            shape: shape.to_vec(),
            role,
        };
        let affine = |weight: &[usize], bias: usize| {
            vec![
                tensor("weight", weight, Role::Parameter),
                tensor("bias", &[bias], Role::Parameter),
            ]
        };
        match *self {
            Self::Convolution {
                axes,
                inputs,
                outputs,
                window,
            } => {
                let kernel = [window.kernel; 3];
                affine(&[&[outputs, inputs], &kernel[..axes]].concat(), outputs)
            }
            Self::BatchNorm { channels, .. } => {
                let mut tensors = affine(&[channels], channels);
                tensors.push(tensor("running_mean", &[channels], Role::Buffer));
                tensors.push(tensor("running_var", &[channels], Role::Buffer));
                tensors.push(tensor(COUNTER, &[], Role::Buffer));
                tensors
            }
            Self::Linear { inputs, outputs } => affine(&[outputs, inputs], outputs),
            _ => Vec::new(),
        }
    }

    /// Learned numbers.
    pub fn parameters(&self) -> usize {
        let tensors = self.tensors().into_iter();
        let learned = tensors.filter(|tensor| tensor.role == Role::Parameter);
        learned
            .map(|tensor| tensor.shape.iter().product::<usize>())
            .sum()
    }

    /// Multiply-accumulates for one output of shape `output`, by torchinfo's rule: a convolution uses each of its
    /// parameters once per output position, any other layer once per sample.
    pub fn macs(&self, output: &[usize]) -> usize {
        let uses: usize = match (self, output) {
            (Self::Convolution { .. }, [batch, _, positions @ ..]) => {
                batch * positions.iter().product::<usize>()
            }
            (_, [batch, ..]) => *batch,
            (_, []) => 1,
        };
        uses * self.parameters()
    }

    /// The shape that comes out for an input of shape `input`.
    ///
    /// # Errors
    /// [`Error::InputShape`].
    pub fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let sizes: Option<Vec<usize>> = match (self, input) {
            (
                Self::Convolution {
                    axes,
                    inputs,
                    outputs,
                    window,
                },
                [batch, channels, extents @ ..],
            ) if channels == inputs && extents.len() == *axes => {
                let places = extents.iter().map(|&extent| window.places(extent, false));
                [Some(*batch), Some(*outputs)]
                    .into_iter()
                    .chain(places)
                    .collect()
            }
            (Self::BatchNorm { axes, channels }, [_, found, extents @ ..])
                if channels == found && extents.len() == *axes =>
            {
                Some(input.to_vec())
            }
            (Self::Relu | Self::Dropout { .. }, _) => Some(input.to_vec()),
            (Self::MaxPool2d(window), [batch, channels, height, width]) => {
                let [height, width] = [height, width].map(|&extent| window.places(extent, true));
                [Some(*batch), Some(*channels), height, width]
                    .into_iter()
                    .collect()
            }
            (Self::AvgPool2d(window), [batch, channels, height, width]) => {
                let [height, width] = [height, width].map(|&extent| window.places(extent, false));
                [Some(*batch), Some(*channels), height, width]
                    .into_iter()
                    .collect()
            }
            (Self::AvgPool3d(kernel), [batch, channels, extents @ ..]) if extents.len() == 3 => {
                let places = extents.iter().zip(kernel);
                let places = places
                    .map(|(&extent, &kernel)| (extent + 1).checked_sub(kernel).filter(|&n| n > 0));
                [Some(*batch), Some(*channels)]
                    .into_iter()
                    .chain(places)
                    .collect()
            }
            (Self::Linear { inputs, outputs }, [rest @ .., last]) if last == inputs => {
                Some([rest, &[*outputs]].concat())
            }
            _ => None,
        };
        sizes.ok_or_else(|| Error::InputShape {
            module: self.type_name(),
            expected: self.expected_input(),
            found: input.to_vec(),
        })
    }

    fn expected_input(&self) -> String {
        let channels = match self {
            Self::Convolution { inputs, .. } => inputs.to_string(),
            Self::BatchNorm { channels, .. } => channels.to_string(),
            Self::Linear { inputs, .. } => return format!("[..., {inputs}]"),
            _ => "channels".to_owned(),
        };
        match self {
            Self::Convolution { axes: 3, .. }
            | Self::BatchNorm { axes: 3, .. }
            | Self::AvgPool3d(_) => format!("[batch, {channels}, time, height, width]"),
            _ => format!("[batch, {channels}, height, width]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_would_start_in_the_padding_is_left_out() {
        let pool = window(3).stride(2);
        assert_eq!(pool.places(112, true), Some(56));
        assert_eq!(pool.places(112, false), Some(55));
        assert_eq!(pool.places(7, true), Some(3));
        assert_eq!(pool.places(2, true), None);
        // PyTorch: MaxPool2d(2, 2, 1, ceil_mode=True) makes 3 of 4.
        assert_eq!(window(2).stride(2).padding(1).places(4, true), Some(3));
        // A third window would start at 3, behind the input and its padding of 1.
        assert_eq!(window(1).stride(3).padding(1).places(2, true), Some(1));
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused_with_what_would() {
        let conv = Layer::Convolution {
            axes: 3,
            inputs: 96,
            outputs: 128,
            window: window(3).padding(1),
        };
        assert_eq!(
            conv.output_shape(&[2, 96, 4, 28, 28]),
            Ok(vec![2, 128, 4, 28, 28])
        );
        let error = conv.output_shape(&[2, 64, 4, 28, 28]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "input has shape [2, 64, 4, 28, 28], Conv3d needs [batch, 96, time, height, width]"
        );
        assert!(
            Layer::AvgPool3d([4, 7, 7])
                .output_shape(&[1, 512, 2, 7, 7])
                .is_err()
        );
    }
}
