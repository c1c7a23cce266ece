//! From Caffe's layers to tensors by the names that PyTorch's release gives them.

use std::collections::HashSet;

use super::blob::Blob;
use super::error::{CaffeError, Fault};
use super::layer::Layer;

const CONVOLUTION: &str = "Convolution";
const INNER_PRODUCT: &str = "InnerProduct";
/// The batch norm of ECO's branch of Caffe: slope, offset, mean and variance, each `[1, C]`. Its variance is used as it is:
/// no factor, no inverse (bn_layer.cpp, the TEST phase).
const BN: &str = "BN";
const BN_BLOBS: [&str; 4] = ["weight", "bias", "running_mean", VARIANCE];
const VARIANCE: &str = "running_var";
const WEIGHT_AND_BIAS: [&str; 2] = ["weight", "bias"];
/// The batch norm of the main branch: mean and variance times a factor, the factor; its slope and offset are a layer Scale.
const OTHER_BATCH_NORMS: [&str; 2] = ["BatchNorm", "Scale"];

/// ECO's first 3D convolution, which reads 96 maps. The authors gave it a name of its own so that Caffe, which matches layers
/// by name, does not fill it from the 3D network that they started from, where it reads 128.
const FIRST_3D: &str = "res3a_2";
const FIRST_3D_OF_ECO: &str = "res3a_2n";
const FIRST_3D_INPUTS: usize = 96;
/// The classifier. Caffe's has another name for every data set: fc8, fc8N, fc8u, fc8h.
const HEAD: &str = "fc_final";

/// A blob under the name that it has in PyTorch.
#[derive(Debug)]
pub(super) struct Tensor {
    pub(super) name: String,
    /// The layer it is a blob of, and where that starts in the file.
    pub(super) layer: (String, usize),
    pub(super) blob: Blob,
}

impl Tensor {
    /// Whether it holds variances.
    pub(super) fn is_variance(&self) -> bool {
        self.name.ends_with(VARIANCE)
    }
}

/// A layer that is listed under another name.
#[derive(Debug)]
pub(super) struct Renamed {
    pub(super) layer: String,
    pub(super) kind: String,
    pub(super) name: &'static str,
}

/// The tensors of all layers, in their order, and the layers that have other names in PyTorch.
pub(super) fn list(layers: Vec<Layer>) -> Result<(Vec<Tensor>, Vec<Renamed>), CaffeError> {
    let mut tensors = Vec::new();
    let mut renamed = Vec::new();
    let mut seen = HashSet::new();
    let is_eco = layers.iter().any(is_first_3d);
    let heads = layers.iter().filter(|layer| layer.kind == INNER_PRODUCT);
    let has_one_head = heads.count() == 1;
    for layer in layers {
        let other = match layer.kind.as_str() {
            _ if is_eco && layer.name == FIRST_3D_OF_ECO => Some(FIRST_3D),
            INNER_PRODUCT if is_eco && has_one_head => Some(HEAD),
            _ => None,
        };
        let name = other.unwrap_or(&layer.name).to_string();
        let parameters = parameters(&layer).map_err(|fault| fault.of(&layer.name, layer.at))?;
        let Layer {
            at,
            name: called,
            kind,
            mut blobs,
        } = layer;
        if kind == INNER_PRODUCT {
            blobs
                .iter_mut()
                .take(1)
                .for_each(Blob::drop_axes_of_old_files);
        }
        if !seen.insert(name.clone()) {
            return Err(CaffeError::Twice(called));
        }
        tensors.extend(blobs.into_iter().zip(parameters).map(|(blob, parameter)| {
            let layer = (called.clone(), at);
            let name = format!("{name}.{parameter}");
            Tensor { name, layer, blob }
        }));
        let other = other.filter(|name| *name != called);
        renamed.extend(other.map(|name| Renamed {
            layer: called,
            kind,
            name,
        }));
    }
    Ok((tensors, renamed))
}

/// Whether this is the layer that only ECO has.
fn is_first_3d(layer: &Layer) -> bool {
    let inputs = layer.blobs.first().and_then(|blob| blob.shape.get(1));
    layer.name == FIRST_3D_OF_ECO || layer.name == FIRST_3D && inputs == Some(&FIRST_3D_INPUTS)
}

/// The names of a layer's blobs. Layers that ECO does not have count theirs.
fn parameters(layer: &Layer) -> Result<Vec<String>, Fault> {
    let blobs = layer.blobs.len();
    let named = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    match layer.kind.as_str() {
        BN if blobs == BN_BLOBS.len() => Ok(named(&BN_BLOBS)),
        kind if kind == BN || OTHER_BATCH_NORMS.contains(&kind) => Err(Fault::OtherBatchNorm {
            kind: kind.to_string(),
            blobs,
        }),
        kind @ (CONVOLUTION | INNER_PRODUCT) => match blobs {
            1 | 2 => Ok(named(&WEIGHT_AND_BIAS[..blobs])),
            _ => Err(Fault::Blobs {
                kind: kind.to_string(),
                blobs,
            }),
        },
        _ => Ok((0..blobs).map(|number| format!("blob_{number}")).collect()),
    }
}
