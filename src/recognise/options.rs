use std::fmt;
use std::path::PathBuf;

use crate::clip::{Crops, OpenOptions, Position, Sliding};
use crate::engine::{DeviceRequest, EngineChoice, Precision};
use crate::recipe::{Architecture, Preprocess, Sampling};
use crate::weights::LabelSource;

/// Which weights to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WeightsSource {
    /// The embedded demo: it recognises simple motions of drawn shapes and knows nothing about Kinetics.
    Demo,
    /// A file in any container: safetensors, a PyTorch checkpoint, a Caffe model.
    File(PathBuf),
    /// Random values with which a network runs as fast as with any: to measure it, not to use its answers.
    MadeUp(Architecture),
}

/// The path, `demo`, or `made up`.
impl fmt::Display for WeightsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Demo => f.write_str("demo"),
            Self::File(path) => path.display().fmt(f),
            Self::MadeUp(_) => f.write_str("made up"),
        }
    }
}

/// How a [`Recogniser`](super::Recogniser) is built and how it looks at clips. Start from [`Options::new`] and replace what
/// differs:
///
/// ```
/// use eco::recognise::{Options, WeightsSource};
///
/// let options = Options {
///     threads: Some(2),
///     ..Options::new(WeightsSource::Demo)
/// };
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    /// The weights.
    pub weights: WeightsSource,
    /// Class names. By default the weights' own; for 400 classes without names, Kinetics'; else numbers.
    pub labels: Option<LabelSource>,
    /// Where the network runs.
    pub device: DeviceRequest,
    /// The implementation of the network.
    pub engine: EngineChoice,
    /// The number format of the computation.
    pub precision: Precision,
    /// Threads of the network. By default one per core. Decoding uses rayon's global pool; see
    /// [`use_threads`](super::use_threads).
    pub threads: Option<usize>,
    /// Views that go through the network together. By default 1 on a CPU, 8 on a GPU.
    pub batch: Option<usize>,
    /// Frames per view, a multiple of 4. By default the weights' own number.
    pub segments: Option<usize>,
    /// The formula that picks frames. By default the weights' own.
    pub sampling: Option<Sampling>,
    /// Resize, crop and means. By default the weights' own.
    pub preprocess: Option<Preprocess>,
    /// Temporal views per answer, at least 1; their scores are averaged.
    pub clips: usize,
    /// Crops per frame; their scores are averaged.
    pub crops: Crops,
    /// Where to begin; by default at the first frame.
    pub from: Option<Position>,
    /// Where to end; by default after the last frame.
    pub to: Option<Position>,
    /// Windows that each get an answer of their own.
    pub sliding: Option<Sliding>,
    /// How clips are opened.
    pub open: OpenOptions,
    /// The number of clips, where it is known. It is a hint: for a few frames the fastest engine is not worth compiling, and
    /// no more loading threads are started than there are clips.
    pub expected_clips: Option<usize>,
}

impl Options {
    /// The defaults: one view of the whole clip, prepared as the weights say, on the first usable GPU, else on the CPU.
    pub fn new(weights: WeightsSource) -> Self {
        Self {
            weights,
            labels: None,
            device: DeviceRequest::Auto,
            engine: EngineChoice::Auto,
            precision: Precision::Fp32,
            threads: None,
            batch: None,
            segments: None,
            sampling: None,
            preprocess: None,
            clips: 1,
            crops: Crops::One,
            from: None,
            to: None,
            sliding: None,
            open: OpenOptions::default(),
            expected_clips: None,
        }
    }

    /// Whether answers are about parts of clips.
    pub fn selects_parts(&self) -> bool {
        self.from.is_some() || self.to.is_some() || self.sliding.is_some()
    }
}
