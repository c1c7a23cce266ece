//! Why a Caffe model is refused.

use super::wire::WireError;
use crate::text::printable;

/// What is wrong with a model.
#[derive(Debug, thiserror::Error)]
pub(in crate::weights::container) enum CaffeError {
    /// Bytes that are no protobuf message.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Layers in the format that Caffe had until the summer of 2014.
    #[error(
        "its layers are in the old format of Caffe (V1, before the summer of 2014), which has no batch norm and so \
         cannot hold ECO"
    )]
    OldFormat,
    /// A description in binary form.
    #[error("none of its {layers} layers holds weights: it describes a network only")]
    NoWeights { layers: usize },
    #[error("it has no layers")]
    NoLayers,
    #[error("it has more than {0} layers with weights")]
    TooManyLayers(usize),
    /// Two layers that would be one.
    #[error("two of its layers are called {}", printable(.0))]
    Twice(String),
    /// A layer that cannot be read. `layer` is its name, or which it is where it has none.
    #[error("layer {} (at byte {at}): {fault}", printable(layer))]
    Layer {
        layer: String,
        at: usize,
        fault: Fault,
    },
}

/// What is wrong with a layer or with one of its blobs.
#[derive(Debug, thiserror::Error)]
pub(in crate::weights::container) enum Fault {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("its {0} is no text")]
    NoText(&'static str),
    #[error("it holds weights and has no name")]
    NoName,
    /// A known field with the wire type of something else.
    #[error("its {0} has another type than in Caffe")]
    Type(&'static str),
    #[error("it has more than {0} blobs")]
    TooManyBlobs(usize),
    /// Batch norms of the main branch of Caffe.
    #[error(
        "it is a {kind} with {blobs} blobs, the batch norm of the main branch of Caffe (BatchNorm and Scale). ECO's branch \
         has one layer, BN, with four blobs"
    )]
    OtherBatchNorm { kind: String, blobs: usize },
    #[error("a layer of type {kind} has {blobs} blobs, more than weight and bias")]
    Blobs { kind: String, blobs: usize },
    #[error(
        "its values are stored as raw_data (16 bits or others), which NVIDIA's Caffe and OpenCV write"
    )]
    RawData,
    #[error("a blob has values of 32 and of 64 bits")]
    BothPrecisions,
    #[error("a blob's values take {0} bytes, which is no multiple of their size")]
    Unaligned(usize),
    #[error("a blob has {0} values and no shape")]
    NoShape(usize),
    #[error("a blob has more than {0} axes")]
    Axes(usize),
    #[error("a blob has the extent {0}")]
    Extent(i64),
    #[error("a blob of shape {0:?} has more values than any memory")]
    TooLarge(Vec<usize>),
    #[error("a blob of shape {shape:?} holds {held} values")]
    Count { shape: Vec<usize>, held: usize },
    #[error("the variance of channel {channel} is {value}")]
    Variance { channel: usize, value: f32 },
}

impl Fault {
    /// This fault in the layer `layer`, which starts at byte `at`.
    pub(super) fn of(self, layer: impl Into<String>, at: usize) -> CaffeError {
        let (layer, fault) = (layer.into(), self);
        CaffeError::Layer { layer, at, fault }
    }
}

impl CaffeError {
    /// What to do; `None` where the file is damaged.
    pub(in crate::weights::container) fn advice(&self) -> Option<&'static str> {
        const CONVERT: &str = "The authors' ECO models have no such layers. For another network, give a checkpoint of PyTorch \
             that it was converted to.";
        match self {
            Self::OldFormat => Some(
                "The authors' ECO models are in the new format. Caffe's tool upgrade_net_proto_binary converts others.",
            ),
            Self::NoWeights { .. } => {
                Some("Give the .caffemodel that training wrote, about 150 MB for ECO-Lite.")
            }
            Self::Layer { fault, .. } => match fault {
                Fault::OtherBatchNorm { .. } | Fault::Blobs { .. } => Some(CONVERT),
                Fault::RawData => {
                    Some("Give the .caffemodel that this one was made of, with 32 bits a value.")
                }
                _ => None,
            },
            Self::Twice(_) => {
                Some("Caffe writes every layer once. Give the file as Caffe wrote it.")
            }
            Self::TooManyLayers(_) => Some(CONVERT),
            Self::Wire(_) | Self::NoLayers => None,
        }
    }
}
