//! Caffe models: those of ECO's authors, those that others have, and those that are no ECO.

mod forge;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use eco::network::Network;
use eco::recipe::{Architecture, Preprocess, Sampling};
use eco::weights::{
    Checkpoint, Container, Dtype, Hint, Import, ImportOptions, Inspector, LoadError, LoadOptions,
    Metadata, Strictness, TensorSpec, Verdict, open,
};
use forge::caffe::{
    blob, bytes, layer, layers, net, number, packed, shape, text, varint, video_data,
};
use prost::Message;
use tempfile::TempDir;

/// The parts of ECO-Lite in small: a convolution with its batch norm, the first 3D convolution, the head.
fn spec(classes: usize) -> Vec<TensorSpec> {
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
fn values(spec: &TensorSpec) -> Vec<f32> {
    let start = spec.name.len() as f32 + 0.25;
    let count = spec.shape.iter().product::<usize>();
    (0..count)
        .map(|place| start + place as f32 / 1024.0)
        .collect()
}

fn model(classes: usize) -> Vec<u8> {
    net("o3d", &layers(&spec(classes), "fc8u", values))
}

/// The small model with the layer `name` in another form, or without it.
fn with_layer(name: &str, other: Option<Vec<u8>>) -> Vec<u8> {
    let start = text(1, name);
    let layers = layers(&spec(5), "fc8", values).into_iter();
    let changed = layers.filter_map(|layer| match layer.starts_with(&start) {
        true => other.clone(),
        false => Some(layer),
    });
    net("o3d", &changed.collect::<Vec<_>>())
}

struct Written {
    path: PathBuf,
    _folder: TempDir,
}

fn written(content: &[u8]) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.caffemodel");
    std::fs::write(&path, content).unwrap();
    Written {
        path,
        _folder: folder,
    }
}

/// The error that opening these bytes ends in.
fn refused(content: &[u8]) -> String {
    let file = written(content);
    match Checkpoint::open(&file.path) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("was read"),
    }
}

/// Whether every tensor of the small model has its values, bit for bit.
fn assert_is_the_model(content: &[u8]) {
    let file = written(content);
    let loaded = open(&file.path, &spec(5)).unwrap_or_else(|error| panic!("{error}"));
    for spec in spec(5).iter().filter(|spec| !spec.is_counter()) {
        let tensor = loaded.tensor(&spec.name).unwrap();
        assert_eq!(tensor.shape, spec.shape, "{}", spec.name);
        assert_eq!(tensor.data.as_ref(), packed(&values(spec)), "{}", spec.name);
    }
}

fn import(content: &[u8], classes: usize) -> (Metadata, Vec<Hint>) {
    let file = written(content);
    let import = Import::prepare(&file.path, &spec(classes), &ImportOptions::default()).unwrap();
    (import.metadata().clone(), import.report().hints.clone())
}

#[test]
fn every_tensor_of_eco_lite_arrives_bit_for_bit() {
    let network = Network::new(Architecture::Lite, 400, 16).unwrap();
    let spec = network.state_dict();
    let file = written(&net("o3d", &layers(&spec, "fc8", values)));
    let loaded = open(&file.path, &spec).unwrap_or_else(|error| panic!("{error}"));
    let report = loaded.report();
    assert_eq!((report.matched, report.total), (216, 216));
    assert_eq!((report.counters_filled, report.squeezed), (30, 120));
    assert_eq!(report.container, Container::Caffe);
    for spec in &spec {
        let tensor = loaded.tensor(&spec.name).unwrap();
        assert_eq!(tensor.shape, spec.shape, "{}", spec.name);
        match spec.is_counter() {
            true => assert_eq!(tensor.data.as_ref(), [0; 8]),
            false => assert!(tensor.data == packed(&values(spec)), "{}", spec.name),
        }
    }
}

#[test]
fn blobs_in_every_form_that_protobuf_allows_are_the_same() {
    assert_is_the_model(&with_layer("none", None));
    let conv = &spec(5)[..2];
    let (weight, bias) = (values(&conv[0]), values(&conv[1]));
    let extents = [4, 3, 1, 1];
    let pieces = [
        bytes(5, &packed(&weight[..5])),
        shape(&extents),
        bytes(5, &packed(&weight[5..])),
    ];
    let single = |value: &f32| [varint(5 << 3 | 5), value.to_le_bytes().to_vec()].concat();
    let unpacked: Vec<u8> = weight.iter().flat_map(single).collect();
    let doubles: Vec<u8> = weight
        .iter()
        .flat_map(|&v| f64::from(v).to_le_bytes())
        .collect();
    let old: Vec<u8> = (1..)
        .zip(extents)
        .flat_map(|(field, extent)| number(field, extent))
        .collect();
    let single_dims: Vec<u8> = extents
        .iter()
        .flat_map(|&extent| number(1, extent))
        .collect();
    let data = bytes(5, &packed(&weight));
    for (form, weight) in [
        ("pieces", pieces.concat()),
        ("unpacked", [unpacked.clone(), shape(&extents)].concat()),
        (
            "mixed",
            [
                bytes(5, &packed(&weight[..11])),
                unpacked[55..].to_vec(),
                shape(&extents),
            ]
            .concat(),
        ),
        ("doubles", [bytes(8, &doubles), shape(&extents)].concat()),
        ("old extents", [old, data.clone()].concat()),
        (
            "extents one by one",
            [data.clone(), bytes(7, &single_dims)].concat(),
        ),
        (
            "with gradients",
            [data.clone(), bytes(6, &packed(&weight)), shape(&extents)].concat(),
        ),
        ("shape first", [shape(&extents), data.clone()].concat()),
        (
            "an unknown field",
            [data, number(77, 5), shape(&extents)].concat(),
        ),
    ] {
        println!("{form}");
        let other = layer("conv1_7x7_s2", "Convolution", &[weight, blob(&[4], &bias)]);
        assert_is_the_model(&with_layer("conv1_7x7_s2", Some(other)));
    }
}

#[test]
fn the_four_axes_of_old_files_are_taken_for_what_they_are() {
    let old = |extents: [u64; 4], values: &[f32]| {
        let extents = (1..)
            .zip(extents)
            .flat_map(|(field, extent)| number(field, extent));
        [extents.collect(), bytes(5, &packed(values))].concat()
    };
    let spec = spec(5);
    let head = [
        old([1, 1, 5, 2], &values(&spec[9])),
        old([1, 1, 1, 5], &values(&spec[10])),
    ];
    let norm: Vec<Vec<u8>> = spec[2..6]
        .iter()
        .map(|spec| old([1, 1, 1, 4], &values(spec)))
        .collect();
    assert_is_the_model(&with_layer(
        "fc8",
        Some(layer("fc8", "InnerProduct", &head)),
    ));
    assert_is_the_model(&with_layer(
        "conv1_7x7_s2_bn",
        Some(layer("conv1_7x7_s2_bn", "BN", &norm)),
    ));
}

#[test]
fn the_head_is_found_by_its_kind_whatever_its_name() {
    for head in ["fc8", "fc8N", "fc8u", "fc8h", "my_head", "fc_final"] {
        let file = written(&net("", &layers(&spec(51), head, values)));
        assert_eq!(
            open(&file.path, &spec(400)).unwrap().classes(),
            Some(51),
            "{head}"
        );
    }
}

#[test]
fn a_file_of_another_network_keeps_its_names() {
    let fc = |name: &str| layer(name, "InnerProduct", &[blob(&[2, 2], &[1.0; 4])]);
    let file = written(&net(
        "AlexNet",
        &[fc("fc6"), layer("p", "PReLU", &[blob(&[2], &[0.5; 2])])],
    ));
    let checkpoint = Checkpoint::open(&file.path).unwrap();
    let names: Vec<&str> = checkpoint
        .tensors()
        .iter()
        .map(|tensor| tensor.name.as_str())
        .collect();
    assert_eq!(names, ["fc6.weight", "p.blob_0"]);
    assert_eq!(
        Inspector::new(&checkpoint)
            .map(|row| row.stats.unwrap().mean)
            .collect::<Vec<_>>(),
        [Some(1.0), Some(0.5)]
    );
}

#[test]
fn the_number_of_classes_says_what_the_authors_trained_on() {
    for (classes, preprocess, known, labels) in [
        (400, Preprocess::Caffe, true, Some("abseiling")),
        (101, Preprocess::Caffe, true, Some("ApplyEyeMakeup")),
        (51, Preprocess::Caffe320x240, true, None),
        (
            174,
            Preprocess::Caffe320x240,
            true,
            Some("Holding something"),
        ),
        (7, Preprocess::Caffe, false, None),
    ] {
        let (metadata, hints) = import(&model(classes), classes);
        assert_eq!(metadata.preprocess, preprocess, "{classes}");
        assert_eq!(metadata.sampling, Some(Sampling::Caffe));
        assert_eq!(metadata.segments, 16);
        let assumed = metadata.assumed;
        assert_eq!(
            (assumed.preprocess, assumed.segments),
            (!known, !known),
            "{classes}"
        );
        // The order of Something-Something's classes is inferred.
        assert_eq!(assumed.labels, classes == 174);
        let first = metadata.labels.as_ref().map(|labels| labels[0].as_str());
        assert_eq!(first, labels, "{classes}");
        let offered = Hint::Labels {
            classes: 51,
            lists: vec!["hmdb51-sorted", "hmdb51-tsn"],
        };
        assert_eq!(hints.contains(&offered), classes == 51);
        let read = Metadata::from_map(&metadata.to_map()).unwrap().unwrap();
        assert_eq!(read.preprocess, preprocess);
    }
}

#[test]
fn what_is_said_at_import_goes_before_what_the_classes_tell() {
    let file = written(&model(174));
    let options = ImportOptions {
        preprocess: Some(Preprocess::Caffe),
        sampling: Some(Sampling::Official),
        segments: Some(8),
        ..ImportOptions::default()
    };
    let import = Import::prepare(&file.path, &spec(174), &options).unwrap();
    let metadata = import.metadata();
    assert_eq!(metadata.preprocess, Preprocess::Caffe);
    assert_eq!(
        (metadata.sampling, metadata.segments),
        (Some(Sampling::Official), 8)
    );
}

#[test]
fn variances_that_are_none_are_refused_with_their_place() {
    for (bad, shown) in [(-0.5, "-0.5"), (f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
        let norm = &spec(5)[2..6];
        let mut blobs: Vec<Vec<u8>> = norm
            .iter()
            .map(|spec| blob(&[1, 4], &values(spec)))
            .collect();
        blobs[3] = blob(&[1, 4], &[1.0, 0.0, bad, 2.0]);
        let file = written(&with_layer(
            "conv1_7x7_s2_bn",
            Some(layer("conv1_7x7_s2_bn", "BN", &blobs)),
        ));
        let error = match Import::prepare(&file.path, &spec(5), &ImportOptions::default()) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{bad} was read"),
        };
        assert!(
            error.contains(&format!("the variance of channel 2 is {shown}")),
            "{error}"
        );
        assert!(error.contains("conv1_7x7_s2_bn"), "{error}");
        let loaded = open(&file.path, &spec(5)).unwrap();
        assert!(
            loaded
                .tensor("eco_2d.basic_conv.conv1_7x7_s2_bn.running_var")
                .is_err()
        );
        assert!(
            loaded
                .tensor("eco_2d.basic_conv.conv1_7x7_s2_bn.running_mean")
                .is_ok()
        );
    }
}

#[test]
fn models_of_other_kinds_are_named_for_what_they_are() {
    let one = || vec![blob(&[1], &[1.0])];
    let old_format = [
        text(1, "CaffeNet"),
        bytes(2, &[text(4, "conv1"), number(5, 4)].concat()),
    ];
    let scale = |kind: &str, blobs: usize| {
        let blobs: Vec<Vec<u8>> = (0..blobs).map(|_| blob(&[4], &[1.0; 4])).collect();
        with_layer(
            "conv1_7x7_s2_bn",
            Some(layer("conv1_7x7_s2_bn", kind, &blobs)),
        )
    };
    let raw = layer(
        "conv1",
        "Convolution",
        &[[number(10, 2), bytes(12, b"12"), shape(&[1])].concat()],
    );
    for (content, words) in [
        (old_format.concat(), "old format of Caffe (V1"),
        (scale("BatchNorm", 3), "BatchNorm and Scale"),
        (scale("Scale", 2), "BatchNorm and Scale"),
        (scale("BN", 3), "BatchNorm and Scale"),
        (scale("BN", 5), "BatchNorm and Scale"),
        (net("x", &[raw]), "raw_data"),
        (
            net("x", &[video_data()]),
            "none of its 1 layers holds weights",
        ),
        (
            net(
                "x",
                &[layer("a", "Convolution", &[one(), one(), one()].concat())],
            ),
            "3 blobs",
        ),
        (net("x", &[layer("", "Convolution", &one())]), "no name"),
    ] {
        let error = refused(&content);
        assert!(error.contains(words), "{error}");
        assert!(error.contains("(Caffe model)"), "{error}");
        assert!(error.lines().count() == 2, "no advice: {error}");
    }
}

#[test]
fn what_the_training_of_eco_starts_from_is_named_and_read_in_part() {
    let conv = |name: &str, extents: &[u64]| {
        let count = extents.iter().product::<u64>() as usize;
        let bias = vec![0.5; extents[0] as usize];
        layer(
            name,
            "Convolution",
            &[
                blob(extents, &vec![0.25; count]),
                blob(&[extents[0]], &bias),
            ],
        )
    };
    let fc = |name: &str, classes: u64, inputs: u64| {
        let weight = blob(&[classes, inputs], &vec![0.0; (classes * inputs) as usize]);
        layer(
            name,
            "InnerProduct",
            &[weight, blob(&[classes], &vec![0.0; classes as usize])],
        )
    };
    let c3d = net(
        "C3D",
        &[
            conv("conv1", &[1, 3, 1, 1, 1]),
            conv("res2a_1", &[1, 1, 1, 1, 1]),
            conv("res3a_1", &[1, 1, 1, 1, 1]),
            conv("res3a_2", &[1, 128, 1, 1, 1]),
            conv("res3b_1", &[1, 1, 1, 1, 1]),
            fc("fc", 101, 512),
        ],
    );
    let inception = net(
        "BN-Inception",
        &[
            conv("conv1_7x7_s2", &[4, 3, 1, 1]),
            conv("inception_4a_1x1", &[1, 1, 1, 1]),
            conv("inception_5b_1x1", &[1, 1, 1, 1]),
            fc("fc_action", 5, 1024),
        ],
    );
    for (content, words, taken) in [
        (c3d, "C3D-ResNet18", "eco_3d.res_3d_3.res3a_2.bias"),
        (
            inception,
            "BN-Inception alone",
            "eco_2d.basic_conv.conv1_7x7_s2.weight",
        ),
    ] {
        let file = written(&content);
        let Err(LoadError::Mismatch(report)) = open(&file.path, &spec(5)) else {
            panic!("{words}: was loaded");
        };
        let [hint @ Hint::StartingPoint(_)] = &report.hints[..] else {
            panic!("{:?}", report.hints);
        };
        assert!(hint.to_string().contains(words), "{hint}");
        let options = ImportOptions {
            load: LoadOptions {
                strictness: Strictness::Partial,
                ..LoadOptions::default()
            },
            ..ImportOptions::default()
        };
        let import = Import::prepare(&file.path, &spec(5), &options).unwrap();
        assert_eq!(import.report().verdict, Verdict::Partial);
        let missing = &import.metadata().missing;
        assert!(!missing.iter().any(|name| name == taken), "{missing:?}");
        assert!(
            missing.iter().any(|name| name == "fc_final.bias"),
            "{missing:?}"
        );
        assert_eq!(import.metadata().classes, None);
    }
}

#[test]
fn names_that_would_be_one_are_refused() {
    let conv = |name: &str| layer(name, "Convolution", &[blob(&[1, 96], &[1.0; 96])]);
    let twice = refused(&net("x", &[conv("a"), conv("a")]));
    assert!(twice.contains("two of its layers are called a"), "{twice}");
    refused(&net("x", &[conv("res3a_2n"), conv("res3a_2")]));
    // Layers for training and for testing have one name, but no blobs.
    let data = [video_data(), video_data(), conv("a")];
    assert!(Checkpoint::open(&written(&net("x", &data)).path).is_ok());
}

#[test]
fn shapes_and_lengths_that_lie_are_refused_with_their_place() {
    let values = bytes(5, &packed(&[1.0; 6]));
    let with = |blob: Vec<u8>| refused(&net("x", &[layer("conv1", "Convolution", &[blob])]));
    for (shape, words) in [
        (shape(&[2, 4]), "a blob of shape [2, 4] holds 6 values"),
        (shape(&[2, 2]), "a blob of shape [2, 2] holds 6 values"),
        (shape(&[0, 6]), "the extent 0"),
        (shape(&[u64::MAX, 6]), "the extent -1"),
        (shape(&[1 << 33, 1 << 33]), "more values than any memory"),
        (shape(&[1 << 62, 4, 6]), "more values than any memory"),
        (shape(&[1; 40]), "more than 32 axes"),
        (shape(&[]), "6 values and no shape"),
        (number(1, 6), "the extent 0"),
        (number(7, 6), "another type"),
        (bytes(7, b"\x0d1234"), "another type"),
        (bytes(7, b"\x0a\x02\x80\x80"), "ends inside a number"),
        (bytes(7, b"\x0a\x7f\x01"), "claims 127 bytes"),
    ] {
        let error = with([values.clone(), shape].concat());
        assert!(error.contains(words), "{error}");
        assert!(error.contains("layer conv1 (at byte 6)"), "{error}");
    }
    let both = [values.clone(), bytes(8, &[0; 48]), shape(&[6])].concat();
    assert!(with(both).contains("32 and of 64 bits"));
    assert!(with([bytes(5, b"12345"), shape(&[1])].concat()).contains("5 bytes"));
    assert!(with(shape(&[1])).contains("holds 0 values"));
    let long = refused(&net(
        "x",
        &[layer(
            &"n".repeat(300),
            "Convolution",
            &[blob(&[1], &[1.0])],
        )],
    ));
    assert!(long.contains("its name is no text"), "{long}");
    let many: Vec<Vec<u8>> = (0..65).map(|_| blob(&[1], &[1.0])).collect();
    assert!(refused(&net("x", &[layer("a", "PReLU", &many)])).contains("more than 64 blobs"));
    let layers: Vec<Vec<u8>> = (0..10_001)
        .map(|n| layer(&n.to_string(), "PReLU", &[blob(&[1], &[1.0])]))
        .collect();
    assert!(refused(&net("x", &layers)).contains("more than 10000 layers"));
}

#[test]
fn a_model_that_is_cut_is_called_damaged() {
    let whole = model(5);
    let start = whole.len() - 400;
    for len in (start..whole.len() - 40).step_by(7) {
        let file = written(&whole[..len]);
        match open(&file.path, &spec(5)).err() {
            // Cut between two layers.
            Some(LoadError::Mismatch(report)) => assert!(!report.missing.is_empty()),
            Some(error) => assert!(error.to_string().contains("download it again"), "{error}"),
            None => panic!("cut at {len} and read"),
        }
    }
    // What a download that reserved its space and was stopped leaves.
    let zeros = [&whole[..whole.len() - 100], &[0; 100][..]].concat();
    assert!(refused(&zeros).contains("download it again"));
}

#[test]
fn inspecting_shows_the_net_and_the_layers_with_other_names() {
    let file = written(&model(5));
    let checkpoint = Checkpoint::open(&file.path).unwrap();
    let top: BTreeMap<&str, &str> = checkpoint
        .structure()
        .top()
        .iter()
        .map(|top| (top.key.as_str(), top.what.as_str()))
        .collect();
    assert_eq!(top["name"], "str \"o3d\"");
    assert_eq!(top["layers"], "8, 4 of them with weights");
    assert_eq!(top["fc8u"], "InnerProduct, listed as fc_final");
    assert_eq!(top["res3a_2n"], "Convolution, listed as res3a_2");
    let names: Vec<&str> = checkpoint
        .tensors()
        .iter()
        .map(|tensor| tensor.name.as_str())
        .collect();
    assert_eq!(
        names[..3],
        [
            "conv1_7x7_s2.weight",
            "conv1_7x7_s2.bias",
            "conv1_7x7_s2_bn.weight"
        ]
    );
    assert_eq!(checkpoint.tensors()[5].shape, [1, 4]);
    assert_eq!(checkpoint.tensors()[5].dtype, Dtype::F32);
}

/// The messages of caffe.proto as prost writes and reads them.
mod second {
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Net {
        #[prost(string, tag = "1")]
        pub name: String,
        #[prost(message, repeated, tag = "100")]
        pub layer: Vec<Layer>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Layer {
        #[prost(string, tag = "1")]
        pub name: String,
        #[prost(string, tag = "2")]
        pub kind: String,
        #[prost(message, repeated, tag = "7")]
        pub blobs: Vec<Blob>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Blob {
        #[prost(float, repeated, tag = "5")]
        pub data: Vec<f32>,
        #[prost(message, optional, tag = "7")]
        pub shape: Option<Shape>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Shape {
        #[prost(int64, repeated, tag = "1")]
        pub dim: Vec<i64>,
    }
}

#[test]
fn prost_reads_the_same_and_what_it_writes_is_read() {
    let content = model(5);
    let net = second::Net::decode(content.as_slice()).unwrap();
    let file = written(&content);
    let checkpoint = Checkpoint::open(&file.path).unwrap();
    let blobs = net.layer.iter().flat_map(|layer| &layer.blobs);
    let mut compared = 0;
    for (index, (blob, tensor)) in blobs.zip(checkpoint.tensors()).enumerate() {
        let dims = &blob.shape.as_ref().unwrap().dim;
        let extents: Vec<i64> = tensor.shape.iter().map(|&extent| extent as i64).collect();
        assert_eq!(*dims, extents);
        assert_eq!(
            checkpoint.read(index).unwrap().data.as_ref(),
            packed(&blob.data)
        );
        compared += 1;
    }
    assert_eq!(compared, checkpoint.tensors().len());
    assert_is_the_model(&net.encode_to_vec());
}

fn command(folder: &Path) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_eco"));
    let home = folder.join("home");
    command
        .env("XDG_DATA_HOME", &home)
        .env("HOME", &home)
        .env_remove("ECO_WEIGHTS");
    command
}

#[test]
fn the_command_line_imports_a_model_and_says_how_it_is_used() {
    let spec = Network::new(Architecture::Lite, 51, 16)
        .unwrap()
        .state_dict();
    let file = written(&net(
        "o3d",
        &layers(&spec, "fc8h", |spec| vec![0.5; spec.shape.iter().product()]),
    ));
    let folder = tempfile::tempdir().unwrap();
    let output = command(folder.path())
        .arg("load-weights")
        .arg(&file.path)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    for words in [
        "matched 216 of 216 tensors",
        "Caffe model, 186 tensors",
        "preprocess caffe-320x240, sampling caffe, segments 16",
        "--labels hmdb51-sorted or --labels hmdb51-tsn",
    ] {
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
    let imported = folder.path().join("home/eco/weights/x.safetensors");
    let loaded = open(&imported, &spec).unwrap();
    assert_eq!(loaded.metadata().preprocess, Preprocess::Caffe320x240);
    assert_eq!(
        loaded.metadata().source_file.as_deref(),
        Some("x.caffemodel")
    );
    assert!(loaded.tensor("fc_final.bias").is_ok());
}

#[test]
fn what_lies_beside_models_is_named() {
    let mean = [
        number(1, 1),
        number(2, 3),
        number(3, 1),
        number(4, 1),
        bytes(5, &[0; 12]),
    ]
    .concat();
    let state = [
        number(1, 4000),
        text(2, "eco_iter_4000.caffemodel"),
        bytes(3, &[0; 90]),
    ]
    .concat();
    for (content, words) in [
        (state, ".solverstate"),
        (mean, ".binaryproto"),
        (
            b"name: \"o3d\"\nlayer {\n  name: \"data\"\n}\n".to_vec(),
            "prototxt",
        ),
        (b"\x89HDF\r\n\x1a\n\0\0\0\0".to_vec(), "HDF5"),
        (
            b"<!DOCTYPE html><html><head><title>Google Drive</title>".to_vec(),
            "HTML",
        ),
    ] {
        let error = refused(&content);
        assert!(error.contains(words), "{error}");
        assert_eq!(error.lines().count(), 2, "{error}");
    }
}
