//! The whole network: what stands at the top of the tree.

use super::eco_2d::{MAP_CHANNELS, eco_2d};
use super::eco_3d::{FEATURES, eco_3d};
use super::error::{Error, Result};
use super::forward::{Backend, run, run_part};
use super::layer::{COUNTER, Layer};
use super::module::{Block, Function, Module, join};
use super::trace::Graph;
use crate::recipe::{Architecture, CHANNELS, FRAME_SIZE, SEGMENTS_STEP};

/// Rows and columns of the maps that the 2D net hands to the 3D net.
const MAP_SIZE: usize = 28;

/// A tensor of a state_dict: its name and shape.
///
/// A network is described by its state_dict in definition order. A batch norm's counter is a 64-bit integer scalar,
/// everything else is float32.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// Name in the state_dict, for example `eco_2d.basic_conv.conv1_7x7_s2.weight`.
    pub name: String,
    /// Extents, outermost axis first; empty for a scalar.
    pub shape: Vec<usize>,
}

impl TensorSpec {
    /// Whether this is one of batch norm's step counters, which inference never reads.
    pub fn is_counter(&self) -> bool {
        is_counter(&self.name)
    }
}

/// Whether the tensor of this name is one of batch norm's step counters.
pub fn is_counter(name: &str) -> bool {
    name.rsplit('.').next() == Some(COUNTER)
}

/// ECO without tensors: `[batch, segments, 3, 224, 224]` to logits `[batch, classes]`.
///
/// Input values are 0 to 255 minus the channel means, channels in blue, green, red order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    architecture: Architecture,
    root: Module,
    segments: usize,
    classes: usize,
}

/// The part of the root's forward pass that makes the maps of the frames; features and logits come after it.
const MAPS: std::ops::Range<usize> = 0..2;
const FEATURES_PART: std::ops::Range<usize> = 2..4;

impl Network {
    /// A network for `segments` frames per clip, with a head of `classes` classes.
    ///
    /// # Errors
    /// `segments` that are not a positive multiple of 4, and no classes.
    pub fn new(architecture: Architecture, classes: usize, segments: usize) -> Result<Self> {
        if segments == 0 || !segments.is_multiple_of(SEGMENTS_STEP) {
            return Err(Error::Segments(segments));
        }
        if classes == 0 {
            return Err(Error::Classes(classes));
        }
        let mut root = Block::new(match architecture {
            Architecture::Lite => "ECO_Lite",
        });
        let head = Layer::Linear {
            inputs: FEATURES,
            outputs: classes,
        };
        let eco_2d = root.child("eco_2d", eco_2d());
        let eco_3d = root.child("eco_3d", eco_3d(segments));
        let fc_final = root.child("fc_final", head);
        let frames = view(&[CHANNELS, FRAME_SIZE, FRAME_SIZE]);
        let frames = root.compute(frames, &[Block::INPUT]);
        let maps = root.run(frames, &[eco_2d]);
        let clips = view(&[segments, MAP_CHANNELS, MAP_SIZE, MAP_SIZE]);
        let clips = root.compute(clips, &[maps]);
        root.run(clips, &[eco_3d, fc_final]);
        Ok(Self {
            architecture,
            root: root.into(),
            segments,
            classes,
        })
    }

    /// The tree of modules.
    pub fn root(&self) -> &Module {
        &self.root
    }

    /// Which network of the family it is.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// Frames per clip.
    pub fn segments(&self) -> usize {
        self.segments
    }

    /// Classes the head tells apart.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Values per clip before the head.
    pub fn features(&self) -> usize {
        FEATURES
    }

    /// Shape of the input for `batch` clips: `[batch, segments, 3, 224, 224]`.
    pub fn input_shape(&self, batch: usize) -> [usize; 5] {
        [batch, self.segments, CHANNELS, FRAME_SIZE, FRAME_SIZE]
    }

    /// Shape of the maps of one frame, which the 2D net hands to the 3D net: `[96, 28, 28]`.
    pub fn map_shape(&self) -> [usize; 3] {
        [MAP_CHANNELS, MAP_SIZE, MAP_SIZE]
    }

    /// Names and shapes of all tensors, in the order of PyTorch's `state_dict()`.
    pub fn state_dict(&self) -> Vec<TensorSpec> {
        let mut specs = Vec::new();
        self.root.walk(&mut |path, _, module| {
            let tensors = module.layer().map_or(Vec::new(), Layer::tensors);
            specs.extend(tensors.into_iter().map(|tensor| TensorSpec {
                name: join(path, tensor.name),
                shape: tensor.shape,
            }));
        });
        specs
    }

    /// The forward pass for `batch` clips as a graph.
    ///
    /// # Errors
    /// None for a network that [`Network::new`] made.
    pub fn graph(&self, batch: usize) -> Result<Graph> {
        Graph::trace(&self.root, &self.input_shape(batch))
    }

    /// Checks the shape of an input: some clips, each as large as the network takes them.
    ///
    /// # Errors
    /// [`Error::InputShape`].
    pub fn check_input(&self, shape: &[usize]) -> Result<()> {
        let [_, expected @ ..] = self.input_shape(1);
        match shape {
            [clips, rest @ ..] if *clips > 0 && *rest == expected => Ok(()),
            _ => Err(Error::InputShape {
                module: self.root.type_name(),
                expected: format!("[batch, {}", &format!("{expected:?}")[1..]),
                found: shape.to_vec(),
            }),
        }
    }

    /// Runs the whole network: clips to logits.
    ///
    /// # Errors
    /// The backend's.
    pub fn run<B: Backend>(
        &self,
        backend: &mut B,
        clips: B::Value,
    ) -> std::result::Result<B::Value, B::Error> {
        run(backend, "", &self.root, clips)
    }

    /// Runs the 2D net: frames, `[..., 3, 224, 224]`, to maps, `[frames, 96, 28, 28]`.
    ///
    /// # Errors
    /// The backend's.
    pub fn maps<B: Backend>(
        &self,
        backend: &mut B,
        frames: B::Value,
    ) -> std::result::Result<B::Value, B::Error> {
        run_part(backend, "", &self.root, MAPS, frames)
    }

    /// Runs the 3D net: the maps of `segments` frames per clip to features, `[batch, features]`.
    ///
    /// # Errors
    /// The backend's.
    pub fn features_of<B: Backend>(
        &self,
        backend: &mut B,
        maps: B::Value,
    ) -> std::result::Result<B::Value, B::Error> {
        run_part(backend, "", &self.root, FEATURES_PART, maps)
    }

    /// Runs the head: features to logits, `[batch, classes]`.
    ///
    /// # Errors
    /// The backend's.
    pub fn logits_of<B: Backend>(
        &self,
        backend: &mut B,
        features: B::Value,
    ) -> std::result::Result<B::Value, B::Error> {
        run_part(
            backend,
            "",
            &self.root,
            FEATURES_PART.end..FEATURES_PART.end + 1,
            features,
        )
    }
}

/// Items of this shape, as many as there are.
fn view(item: &[usize]) -> Function {
    let item = item.iter().map(|&extent| extent as i64);
    Function::View([-1].into_iter().chain(item).collect())
}
