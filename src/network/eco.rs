//! The whole network: what stands at the top of the tree.

use super::eco_2d::{MAP_CHANNELS, eco_2d};
use super::eco_2d_s::{self, eco_2d_s};
use super::eco_3d::{FEATURES, LAST_STAGE, MIDDLE_CHANNELS, MIDDLE_MAP, eco_3d};
use super::error::{Error, Result};
use super::forward::{Backend, run, run_part};
use super::layer::{COUNTER, Layer};
use super::module::{Block, Child, Function, Module, Part, Var, join};
use super::trace::Graph;
use crate::recipe::{Architecture, CHANNELS, FRAME_SIZE, SEGMENTS_STEP};

/// The names of the 3D net, and of the linear layer that ends the network.
const VOLUME: &str = "eco_3d";
const HEAD: &str = "fc_final";
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

/// Whether the module or tensor with this full name belongs to the last stage: the end of the 3D net and the head.
pub fn is_of_the_last_stage(path: &str) -> bool {
    let within = |name: &str| {
        path.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('.'))
    };
    within(HEAD) || within(&join(VOLUME, LAST_STAGE))
}

/// Whether the tensor with this full name belongs to the head.
pub fn is_of_the_head(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(layer, _)| layer == HEAD)
}

/// Whether the tensor of this name is one of batch norm's step counters.
pub fn is_counter(name: &str) -> bool {
    name.rsplit('.').next() == Some(COUNTER)
}

/// ECO without tensors: `[batch, segments, 3, 224, 224]` to logits `[batch, classes]`.
///
/// Input values are 0 to 255 minus the channel means, channels in blue, green, red order.
///
/// The forward pass has three parts, so that windows and streams can use what was computed of a frame again:
/// [`maps`](Network::maps) works on frames by themselves, [`features_of`](Network::features_of) on the maps of whole clips,
/// [`logits_of`](Network::logits_of) on their features.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    architecture: Architecture,
    root: Module,
    maps: Part,
    features: Part,
    logits: Part,
    /// What the features are made by, cut before the last stage: the frames of a clip together, the 3D net in two, and what
    /// follows it.
    clips: Part,
    eco_3d: Child,
    volume: [Part; 2],
    joined: Part,
    segments: usize,
    classes: usize,
}

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
        let is_full = architecture == Architecture::Full;
        let mut root = Block::new(match architecture {
            Architecture::Lite => "ECO_Lite",
            Architecture::Full => "ECO_Full",
        });
        let eco_2d = root.child("eco_2d", eco_2d(architecture));
        let (volume_net, volume_parts) = eco_3d(segments);
        let eco_3d = root.child(VOLUME, volume_net);
        let full = is_full.then(|| Full::define(&mut root, segments));
        let head = Layer::Linear {
            inputs: features(architecture),
            outputs: classes,
        };
        let fc_final = root.child(HEAD, head);

        let frames = view(&[CHANNELS, FRAME_SIZE, FRAME_SIZE]);
        let frames = root.compute(frames, &[Block::INPUT]);
        let made = root.call(eco_2d, &[frames]);
        let mut kept = vec![made[0]];
        if let Some(full) = &full {
            kept.extend(root.call(full.eco_2d_s, &made));
        }
        let maps = root.part(0, &[Block::INPUT], &kept);

        let from = root.len();
        let clips = view(&[segments, MAP_CHANNELS, MAP_SIZE, MAP_SIZE]);
        let clips = root.compute(clips, &kept[..1]);
        let clips_part = root.part(from, &kept[..1], &[clips]);
        let volume = root.run(clips, &[eco_3d]);
        let end = root.len();
        let joined = match &full {
            None => volume,
            Some(full) => full.join(&mut root, kept[1], volume, segments),
        };
        let features = root.part(from, &kept, &[joined]);
        let joined_part = root.part(end, &[&[volume], &kept[1..]].concat(), &[joined]);

        let from = root.len();
        let logits = root.run(joined, &[fc_final]);
        let logits = root.part(from, &[joined], &[logits]);
        Ok(Self {
            architecture,
            root: root.into(),
            maps,
            features,
            logits,
            clips: clips_part,
            eco_3d,
            volume: volume_parts,
            joined: joined_part,
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

    /// The names of the head's weight, `[classes, features]`, and of its bias, `[classes]`.
    pub fn head_tensors(&self) -> [String; 2] {
        ["weight", "bias"].map(|name| join(HEAD, name))
    }

    /// Values per clip before the head: 512 of the 3D net; in ECO-Full 1024 of the 2D net before them.
    pub fn features(&self) -> usize {
        features(self.architecture)
    }

    /// Shape of the input for `batch` clips: `[batch, segments, 3, 224, 224]`.
    pub fn input_shape(&self, batch: usize) -> [usize; 5] {
        [batch, self.segments, CHANNELS, FRAME_SIZE, FRAME_SIZE]
    }

    /// Shapes of what [`Network::maps`] makes of one frame: `[96, 28, 28]` for the 3D net, and in ECO-Full the frame's
    /// features of the 2D net, `[1024, 1, 1]`.
    pub fn map_shapes(&self) -> Vec<[usize; 3]> {
        let maps = [MAP_CHANNELS, MAP_SIZE, MAP_SIZE];
        match self.architecture {
            Architecture::Lite => vec![maps],
            Architecture::Full => vec![maps, [eco_2d_s::FEATURES, 1, 1]],
        }
    }

    /// Values of the maps of one frame: 96 * 28 * 28, and 1024 more in ECO-Full.
    pub fn map_len(&self) -> usize {
        let lengths = self.map_shapes().into_iter();
        lengths.map(|shape| shape.iter().product::<usize>()).sum()
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
        only(run(backend, "", &self.root, vec![clips]))
    }

    /// Runs what works on frames by themselves: frames, `[..., 3, 224, 224]`, to `[frames, 96, 28, 28]`, and in ECO-Full
    /// `[frames, 1024, 1, 1]` after it.
    ///
    /// # Errors
    /// The backend's.
    pub fn maps<B: Backend>(
        &self,
        backend: &mut B,
        frames: B::Value,
    ) -> std::result::Result<Vec<B::Value>, B::Error> {
        run_part(backend, "", &self.root, &self.maps, vec![frames])
    }

    /// Runs what works on clips: what [`Network::maps`] made of `segments` frames per clip to features,
    /// `[batch, features]`, in ECO-Full the 2D net's before the 3D net's.
    ///
    /// # Errors
    /// The backend's.
    pub fn features_of<B: Backend>(
        &self,
        backend: &mut B,
        maps: Vec<B::Value>,
    ) -> std::result::Result<B::Value, B::Error> {
        only(run_part(backend, "", &self.root, &self.features, maps))
    }

    /// The first part of [`Network::features_of`]: to the input of the last stage, `[batch, 256, segments / 2, 14, 14]`. In
    /// ECO-Full the features of frames follow, as [`Network::maps`] made them.
    ///
    /// # Errors
    /// The backend's.
    pub fn middle_of<B: Backend>(
        &self,
        backend: &mut B,
        mut maps: Vec<B::Value>,
    ) -> std::result::Result<Vec<B::Value>, B::Error> {
        let rest = maps.split_off(1);
        let clips = run_part(backend, "", &self.root, &self.clips, maps)?;
        let (name, eco_3d) = self.root.child(self.eco_3d);
        let mut middle = run_part(backend, name, eco_3d, &self.volume[0], clips)?;
        middle.extend(rest);
        Ok(middle)
    }

    /// The second part: what [`Network::middle_of`] made to features.
    ///
    /// # Errors
    /// The backend's.
    pub fn features_of_middle<B: Backend>(
        &self,
        backend: &mut B,
        mut middle: Vec<B::Value>,
    ) -> std::result::Result<B::Value, B::Error> {
        let rest = middle.split_off(1);
        let (name, eco_3d) = self.root.child(self.eco_3d);
        let mut made = run_part(backend, name, eco_3d, &self.volume[1], middle)?;
        made.extend(rest);
        only(run_part(backend, "", &self.root, &self.joined, made))
    }

    /// The node of this network's graph whose value the last stage reads, the first of [`Network::middle_of`].
    pub fn middle_node(&self, graph: &Graph) -> usize {
        let path = join(VOLUME, LAST_STAGE);
        let last_stage = graph.calls.iter().find(|call| call.path == path);
        last_stage.map_or(graph.output(), |call| call.inputs[0])
    }

    /// Shapes of what [`Network::middle_of`] makes of one clip.
    pub fn middle_shapes(&self) -> Vec<Vec<usize>> {
        let volume = vec![MIDDLE_CHANNELS, self.segments / 2, MIDDLE_MAP, MIDDLE_MAP];
        match self.architecture {
            Architecture::Lite => vec![volume],
            Architecture::Full => vec![volume, vec![self.segments, eco_2d_s::FEATURES, 1, 1]],
        }
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
        only(run_part(
            backend,
            "",
            &self.root,
            &self.logits,
            vec![features],
        ))
    }
}

/// What ECO-Full has beyond ECO-Lite.
struct Full {
    eco_2d_s: Child,
    consensus: Child,
    drop: Child,
}

impl Full {
    fn define(root: &mut Block, segments: usize) -> Self {
        Self {
            eco_2d_s: root.child("eco_2d_s", eco_2d_s()),
            consensus: root.child(
                "global_pool2D_reshape_consensus",
                Layer::AvgPool3d([segments, 1, 1]),
            ),
            drop: root.child("global_pool3D_drop", Layer::Dropout { percent: 30 }),
        }
    }

    /// The mean over the frames of a clip, and the 3D net's features after it: `[batch, 1536]`.
    fn join(&self, root: &mut Block, frames: Var, volume: Var, segments: usize) -> Var {
        let frames = root.compute(view(&[segments, eco_2d_s::FEATURES, 1, 1]), &[frames]);
        let frames = root.compute(Function::Transpose(1, 2), &[frames]);
        let mean = root.run(frames, &[self.consensus]);
        let mean = root.compute(view(&[eco_2d_s::FEATURES]), &[mean]);
        let volume = root.run(volume, &[self.drop]);
        root.compute(Function::Concatenate, &[mean, volume])
    }
}

fn features(architecture: Architecture) -> usize {
    match architecture {
        Architecture::Lite => FEATURES,
        Architecture::Full => eco_2d_s::FEATURES + FEATURES,
    }
}

/// The value of a part that makes one.
fn only<V, E>(values: std::result::Result<Vec<V>, E>) -> std::result::Result<V, E> {
    values.map(|mut values| values.swap_remove(0))
}

/// Items of this shape, as many as there are.
fn view(item: &[usize]) -> Function {
    let item = item.iter().map(|&extent| extent as i64);
    Function::View([-1].into_iter().chain(item).collect())
}
