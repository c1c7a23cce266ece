//! Caffe models that are no ECO, lie or are damaged: each is named for what it is.

mod forge;

use eco::weights::{
    Checkpoint, Hint, Import, ImportOptions, LoadError, LoadOptions, Strictness, Verdict, open,
};
use forge::caffe::{
    blob, bytes, layer, model, models, net, number, packed, shape, spec, text, values, video_data,
    with_layer, written,
};

/// The error that opening these bytes ends in.
fn refused(content: &[u8]) -> String {
    let file = written(content);
    match Checkpoint::open(&file.path) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("was read"),
    }
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
            layer("conv1_7x7_s2_bn", "BN", &blobs),
        ));
        let error = match Import::prepare(&file.path, &models(5), &ImportOptions::default()) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{bad} was read"),
        };
        assert!(
            error.contains(&format!("the variance of channel 2 is {shown}")),
            "{error}"
        );
        assert!(error.contains("conv1_7x7_s2_bn"), "{error}");
        let loaded = open(&file.path, &models(5)).unwrap();
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
        with_layer("conv1_7x7_s2_bn", layer("conv1_7x7_s2_bn", kind, &blobs))
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
        let Err(LoadError::Mismatch(report)) = open(&file.path, &models(5)) else {
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
        let import = Import::prepare(&file.path, &models(5), &options).unwrap();
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
        match open(&file.path, &models(5)).err() {
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
