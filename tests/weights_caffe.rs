//! Caffe models as ECO's authors and others have them: every form gives the same tensors, and the use of the weights follows.

mod forge;

use std::collections::BTreeMap;
use std::path::Path;

use eco::network::Network;
use eco::recipe::{Architecture, Preprocess, Sampling};
use eco::weights::{
    Checkpoint, Container, Dtype, Hint, Import, ImportOptions, Inspector, Metadata, Models, open,
};
use forge::caffe::{
    blob, bytes, layer, layers, model, models, net, number, packed, shape, spec, values, varint,
    with_layer, written,
};
use prost::Message;

/// Whether every tensor of the small model has its values, bit for bit.
fn assert_is_the_model(content: &[u8]) {
    let file = written(content);
    let loaded = open(&file.path, &models(5)).unwrap_or_else(|error| panic!("{error}"));
    for spec in spec(5).iter().filter(|spec| !spec.is_counter()) {
        let tensor = loaded.tensor(&spec.name).unwrap();
        assert_eq!(tensor.shape, spec.shape, "{}", spec.name);
        assert_eq!(tensor.data.as_ref(), packed(&values(spec)), "{}", spec.name);
    }
}

fn import(content: &[u8], classes: usize) -> (Metadata, Vec<Hint>) {
    let file = written(content);
    let import = Import::prepare(&file.path, &models(classes), &ImportOptions::default()).unwrap();
    (import.metadata().clone(), import.report().hints.clone())
}

#[test]
fn every_tensor_of_both_networks_arrives_bit_for_bit() {
    for (architecture, total, norms) in
        [(Architecture::Lite, 216, 30), (Architecture::Full, 566, 80)]
    {
        let network = Network::new(architecture, 400, 16).unwrap();
        let spec = network.state_dict();
        let file = written(&net("o3d", &layers(&spec, "fc8", values)));
        let loaded = open(&file.path, &Models::every().unwrap());
        let loaded = loaded.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(loaded.metadata().architecture, architecture);
        let report = loaded.report();
        assert_eq!((report.matched, report.total), (total, total));
        assert_eq!(
            (report.counters_filled, report.squeezed),
            (norms, 4 * norms)
        );
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
}

#[test]
fn blobs_in_every_form_that_protobuf_allows_are_the_same() {
    assert_is_the_model(&model(5));
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
        assert_is_the_model(&with_layer("conv1_7x7_s2", other));
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
    assert_is_the_model(&with_layer("fc8", layer("fc8", "InnerProduct", &head)));
    assert_is_the_model(&with_layer(
        "conv1_7x7_s2_bn",
        layer("conv1_7x7_s2_bn", "BN", &norm),
    ));
}

#[test]
fn the_head_is_found_by_its_kind_whatever_its_name() {
    for head in ["fc8", "fc8N", "fc8u", "fc8h", "my_head", "fc_final"] {
        let file = written(&net("", &layers(&spec(51), head, values)));
        assert_eq!(
            open(&file.path, &models(400)).unwrap().classes(),
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
    let import = Import::prepare(&file.path, &models(174), &options).unwrap();
    let metadata = import.metadata();
    assert_eq!(metadata.preprocess, Preprocess::Caffe);
    assert_eq!(
        (metadata.sampling, metadata.segments),
        (Some(Sampling::Official), 8)
    );
}

#[test]
fn a_layer_that_keeps_its_name_is_not_listed_as_renamed() {
    let file = written(&net("o3d", &layers(&spec(5), "fc_final", values)));
    let checkpoint = Checkpoint::open(&file.path).unwrap();
    let top = checkpoint.structure().top();
    assert!(top.iter().all(|top| top.key != "fc_final"), "{top:?}");
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
    pub(crate) struct Net {
        #[prost(string, tag = "1")]
        pub name: String,
        #[prost(message, repeated, tag = "100")]
        pub layer: Vec<Layer>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Layer {
        #[prost(string, tag = "1")]
        pub name: String,
        #[prost(string, tag = "2")]
        pub kind: String,
        #[prost(message, repeated, tag = "7")]
        pub blobs: Vec<Blob>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Blob {
        #[prost(float, repeated, tag = "5")]
        pub data: Vec<f32>,
        #[prost(message, optional, tag = "7")]
        pub shape: Option<Shape>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Shape {
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
    let loaded = open(&imported, &Models::every().unwrap()).unwrap();
    assert_eq!(loaded.metadata().preprocess, Preprocess::Caffe320x240);
    assert_eq!(
        loaded.metadata().source_file.as_deref(),
        Some("x.caffemodel")
    );
    assert!(loaded.tensor("fc_final.bias").is_ok());
}
