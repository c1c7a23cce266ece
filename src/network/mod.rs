//! ECO-Lite as a tree of modules that carry the names of the PyTorch implementation, so that state_dicts load by name.
//!
//! Source: Zolfaghari, Singh and Brox, "ECO: Efficient Convolutional Network for Online Video Understanding", ECCV 2018
//! (arXiv 1804.09066); the arithmetic is that of the official PyTorch release, mzolfaghari/ECO-pytorch @ b175e7c.

mod attribute;
mod builder;
mod eco_2d;
mod eco_3d;
mod error;
mod flow;
pub mod layer;
mod module;
mod print;
mod trace;

use tch::Tensor;

pub use attribute::{Attribute, Setting, Shown};
pub use builder::{Builder, Shapes, Source};
pub use eco_2d::{BasicConv, Eco2d, InceptionA, InceptionB, InceptionC};
pub use eco_3d::{Eco3d, Resnet3d3, Resnet3d4, Resnet3d5};
pub use error::{Error, Result};
pub use flow::{Flow, Observer, Op, Value};
pub use module::{Entry, Module, Role, StateEntry, Visitor, parameters, state_dict, walk};
pub use print::Printed;
pub use trace::{Call, Graph, Layer, LayerTensor, Node};

use layer::Linear;
use module::through;

/// Frames the network looks at when nothing else is said; the official weights were trained with 16.
pub const DEFAULT_SEGMENTS: i64 = 16;
/// Height and width of a frame in pixels.
pub const FRAME_SIZE: i64 = 224;
/// Values per clip before the head.
pub const FEATURES: i64 = 512;

/// ECO-Lite: `[batch, segments, 3, 224, 224]` to logits `[batch, classes]`.
///
/// Input values are 0 to 255 minus the channel means, channels in blue, green, red order.
#[derive(Debug)]
#[allow(
    missing_docs,
    reason = "the fields are the parts, named as in the notebook"
)]
pub struct EcoLite {
    pub eco_2d: Eco2d,
    pub eco_3d: Eco3d,
    pub fc_final: Linear,
    segments: i64,
}

impl EcoLite {
    /// Builds the network from the tensors of `source`.
    ///
    /// # Errors
    /// `segments` that are not a positive multiple of 4, no classes, and whatever the source reports.
    pub fn new(classes: i64, segments: i64, source: &mut dyn Source) -> Result<Self> {
        if segments <= 0 || segments % 4 != 0 {
            return Err(Error::Segments(segments));
        }
        if classes <= 0 {
            return Err(Error::Classes(classes));
        }
        let mut builder = Builder::new(source);
        Ok(Self {
            eco_2d: Eco2d::new(&mut builder.child("eco_2d"))?,
            eco_3d: Eco3d::new(segments, &mut builder.child("eco_3d"))?,
            fc_final: Linear::new(FEATURES, classes, &mut builder.child("fc_final"))?,
            segments,
        })
    }

    /// Frames per clip.
    pub fn segments(&self) -> i64 {
        self.segments
    }

    /// Classes the head tells apart.
    pub fn classes(&self) -> i64 {
        self.fc_final.out_features
    }

    /// Runs `clips` (`[batch, segments, 3, 224, 224]`) without gradients.
    ///
    /// # Errors
    /// Another shape than the above, or an error of libtorch.
    pub fn run(&self, clips: &Tensor) -> Result<Output> {
        self.run_in(&mut Flow::new(), clips)
    }

    /// The same in a flow that watches or skips modules.
    ///
    /// # Errors
    /// As [`EcoLite::run`].
    pub fn run_in(&self, flow: &mut Flow<'_>, clips: &Tensor) -> Result<Output> {
        if clips.size().first() == Some(&0) {
            return Err(self.input_shape(clips.size()));
        }
        let _no_grad = tch::no_grad_guard();
        let clips = flow.input(clips.shallow_clone());
        let features = self.features(flow, &clips)?;
        let logits = through!(flow, self, &features => fc_final);
        Ok(Output {
            features: features.into_tensor(),
            logits: logits.into_tensor(),
        })
    }

    /// The 512 values per clip before the head.
    fn features(&self, flow: &mut Flow<'_>, x: &Value) -> Result<Value> {
        let shape = x.size();
        let [_, segments, channels, height, width] = shape[..] else {
            return Err(self.input_shape(shape));
        };
        if [segments, channels, height, width] != [self.segments, 3, FRAME_SIZE, FRAME_SIZE] {
            return Err(self.input_shape(shape));
        }
        let frames = flow.view(x, &[-1, channels, height, width])?;
        let out = through!(flow, self, &frames => eco_2d);
        let out = flow.view(&out, &[&[-1, segments], &out.size()[1..]].concat())?;
        Ok(through!(flow, self, &out => eco_3d))
    }

    fn input_shape(&self, found: Vec<i64>) -> Error {
        let expected = format!("[batch, {}, 3, {FRAME_SIZE}, {FRAME_SIZE}]", self.segments);
        Error::InputShape {
            module: self.type_name(),
            expected,
            found,
        }
    }
}

impl Module for EcoLite {
    fn type_name(&self) -> &'static str {
        "ECO_Lite"
    }

    fn children(&self) -> Vec<(&'static str, &dyn Module)> {
        vec![
            ("eco_2d", &self.eco_2d),
            ("eco_3d", &self.eco_3d),
            ("fc_final", &self.fc_final),
        ]
    }

    fn forward(&self, flow: &mut Flow<'_>, x: &Value) -> Result<Value> {
        let features = self.features(flow, x)?;
        Ok(through!(flow, self, &features => fc_final))
    }
}

/// What the network says about a batch of clips.
#[derive(Debug)]
pub struct Output {
    /// `[batch, 512]`, the values before the head.
    pub features: Tensor,
    /// `[batch, classes]`, before softmax.
    pub logits: Tensor,
}
