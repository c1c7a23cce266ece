//! Writes Caffe models field by field, as protobuf does it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use eco::recipe::Architecture;
use eco::weights::{Model, Models, TensorSpec};
use tempfile::TempDir;

/// A number of seven bits a byte, lowest first.
pub(crate) fn varint(mut number: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
    out
}

/// A field with a number.
pub(crate) fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

/// A field with a text, a message or a packed list.
pub(crate) fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [
        &varint(field << 3 | 2)[..],
        &varint(value.len() as u64),
        value,
    ]
    .concat()
}

pub(crate) fn text(field: u64, value: &str) -> Vec<u8> {
    bytes(field, value.as_bytes())
}

pub(crate) fn packed(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// The field `shape` of a blob.
pub(crate) fn shape(extents: &[u64]) -> Vec<u8> {
    let dims: Vec<u8> = extents.iter().flat_map(|&extent| varint(extent)).collect();
    bytes(7, &bytes(1, &dims))
}

/// A blob as Caffe writes it: its values, then its shape.
pub(crate) fn blob(extents: &[u64], values: &[f32]) -> Vec<u8> {
    [bytes(5, &packed(values)), shape(extents)].concat()
}

pub(crate) fn layer(name: &str, kind: &str, blobs: &[Vec<u8>]) -> Vec<u8> {
    let blobs: Vec<u8> = blobs.iter().flat_map(|blob| bytes(7, blob)).collect();
    [
        text(1, name),
        text(2, kind),
        text(3, "in"),
        blobs,
        number(10, 0),
    ]
    .concat()
}

/// A model of these layers.
pub(crate) fn net(name: &str, layers: &[Vec<u8>]) -> Vec<u8> {
    let layers: Vec<u8> = layers.iter().flat_map(|layer| bytes(100, layer)).collect();
    [text(1, name), layers].concat()
}

/// The layer that reads clips in training: no blobs, and fields that only ECO's branch of Caffe has.
pub(crate) fn video_data() -> Vec<u8> {
    let source = [text(1, "list.txt"), number(4, 17), number(9, 320)].concat();
    [layer("data", "VideoData", &[]), bytes(140, &source)].concat()
}

/// The layers of a network with this state_dict as Caffe has them, the head under the name `head`, with others between
/// that have no blobs. `value` gives the values of a tensor.
pub(crate) fn layers(
    spec: &[TensorSpec],
    head: &str,
    value: impl Fn(&TensorSpec) -> Vec<f32>,
) -> Vec<Vec<u8>> {
    let mut layers = vec![video_data(), layer("label_data_1_split", "Split", &[])];
    let name = |spec: &TensorSpec| spec.name.rsplit('.').nth(1).unwrap().to_string();
    let tensors: Vec<&TensorSpec> = spec.iter().filter(|spec| !spec.is_counter()).collect();
    for parts in tensors.chunk_by(|a, b| name(a) == name(b)) {
        let is_norm = parts.len() == 4;
        let blobs: Vec<Vec<u8>> = parts
            .iter()
            .map(|spec| {
                let mut extents: Vec<u64> =
                    spec.shape.iter().map(|&extent| extent as u64).collect();
                if is_norm {
                    extents.insert(0, 1);
                }
                blob(&extents, &value(spec))
            })
            .collect();
        let name = name(parts[0]);
        let (called, kind) = match (name.as_str(), is_norm) {
            ("fc_final", _) => (head, "InnerProduct"),
            ("res3a_2", _) => ("res3a_2n", "Convolution"),
            (name, true) => (name, "BN"),
            (name, false) => (name, "Convolution"),
        };
        layers.push(layer(called, kind, &blobs));
        if is_norm {
            layers.push(layer(&format!("{called}_relu"), "ReLU", &[]));
        }
    }
    layers.push(layer("loss", "SoftmaxWithLoss", &[]));
    layers
}

/// ECO-Lite in small, for so many classes.
pub(crate) fn models(classes: usize) -> Models {
    Models::from(Model {
        architecture: Architecture::Lite,
        tensors: spec(classes),
    })
}

/// The parts of ECO-Lite in small: a convolution with its batch norm, the first 3D convolution, the head.
pub(crate) fn spec(classes: usize) -> Vec<TensorSpec> {
    let spec = |(name, shape): (&str, &[usize])| TensorSpec {
        name: name.to_string(),
        shape: shape.to_vec(),
    };
    let norm = "eco_2d.basic_conv.conv1_7x7_s2_bn";
    let vectors = ["weight", "bias", "running_mean", "running_var"];
    let vectors = vectors.map(|part| (format!("{norm}.{part}"), vec![4]));
    let mut all: Vec<TensorSpec> = [
        ("eco_2d.basic_conv.conv1_7x7_s2.weight", &[4, 3, 1, 1][..]),
        ("eco_2d.basic_conv.conv1_7x7_s2.bias", &[4]),
    ]
    .map(spec)
    .into();
    all.extend(vectors.map(|(name, shape)| TensorSpec { name, shape }));
    all.push(spec((&format!("{norm}.num_batches_tracked"), &[])));
    all.extend(
        [
            ("eco_3d.res_3d_3.res3a_2.weight", &[1, 96, 1, 1, 1][..]),
            ("eco_3d.res_3d_3.res3a_2.bias", &[1]),
            ("fc_final.weight", &[classes, 2]),
            ("fc_final.bias", &[classes]),
        ]
        .map(spec),
    );
    all
}

/// Values that tell tensors and places apart; all can be variances.
pub(crate) fn values(spec: &TensorSpec) -> Vec<f32> {
    let letters = spec.name.bytes().map(u32::from);
    let hash = letters.fold(7, |hash: u32, letter| {
        hash.wrapping_mul(31).wrapping_add(letter)
    });
    let start = (hash % 4096) as f32;
    let count = spec.shape.iter().product::<usize>();
    (0..count)
        .map(|place| start + (place % 4096) as f32 / 1024.0)
        .collect()
}

/// A model of them, for so many classes.
pub(crate) fn model(classes: usize) -> Vec<u8> {
    net("o3d", &layers(&spec(classes), "fc8u", values))
}

/// What follows the name of a net: its layers, and blobs in other forms.
pub(crate) fn parts() -> BTreeMap<&'static str, Vec<u8>> {
    let one = |blob: Vec<u8>| bytes(100, &layer("a", "Convolution", &[blob]));
    let (extents, values) = ([2, 3], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0_f32]);
    let single = |value: &f32| [varint(5 << 3 | 5), value.to_le_bytes().to_vec()].concat();
    let unpacked: Vec<u8> = values.iter().flat_map(single).collect();
    let doubles = values.map(|value| f64::from(value).to_le_bytes()).concat();
    let old = [
        text(4, "a"),
        number(5, 4),
        bytes(6, &blob(&extents, &values)),
    ]
    .concat();
    let model = layers(&spec(5), "fc8u", self::values);
    BTreeMap::from([
        (
            "model",
            model.iter().flat_map(|layer| bytes(100, layer)).collect(),
        ),
        ("unpacked", one([unpacked, shape(&extents)].concat())),
        (
            "doubles",
            one([bytes(8, &doubles), shape(&extents)].concat()),
        ),
        (
            "four_axes",
            one([number(3, 2), number(4, 3), bytes(5, &packed(&values))].concat()),
        ),
        ("old_layer", bytes(2, &old)),
    ])
}

/// The same for five classes, with the layer `name` in another form.
pub(crate) fn with_layer(name: &str, other: Vec<u8>) -> Vec<u8> {
    let start = text(1, name);
    let mut layers = layers(&spec(5), "fc8", values);
    let place = layers.iter().position(|layer| layer.starts_with(&start));
    layers[place.unwrap()] = other;
    net("o3d", &layers)
}

/// A file in a folder of its own.
pub(crate) struct Written {
    pub path: PathBuf,
    _folder: TempDir,
}

pub(crate) fn written(content: &[u8]) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.caffemodel");
    std::fs::write(&path, content).unwrap();
    Written {
        path,
        _folder: folder,
    }
}
