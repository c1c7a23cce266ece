//! The table of `eco summary` against PyTorch's forward hooks and torchinfo.

mod common;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use common::{made_once, script};
use eco::network::Network;
use eco::recipe::Architecture;
use eco::show::summary::{Row, Summary};
use serde_json::Value;

/// Networks, segments and batches that `scripts/describe.py table` describes.
const CASES: [(Architecture, usize, usize); 5] = [
    (Architecture::Lite, 4, 1),
    (Architecture::Lite, 8, 3),
    (Architecture::Lite, 16, 1),
    (Architecture::Full, 8, 3),
    (Architecture::Full, 16, 1),
];

/// What PyTorch and torchinfo say of one of them.
fn described((architecture, segments, batch): (Architecture, usize, usize)) -> Value {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        made_once("describe.py", "table", |folder| {
            script("describe.py", [OsStr::new("table"), folder.as_os_str()]);
        })
    });
    let arch = match architecture {
        Architecture::Lite => "lite",
        Architecture::Full => "full",
    };
    let path = folder.join(format!("{arch}_{segments}_{batch}.json"));
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn summary((architecture, segments, batch): (Architecture, usize, usize)) -> Summary {
    let net = Network::new(architecture, 400, segments).unwrap();
    Summary::new(&net, batch).unwrap()
}

fn shape(value: &Value) -> Vec<usize> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn shapes_are_those_of_pytorchs_forward_hooks() {
    for case in CASES {
        let summary = summary(case);
        let rows: HashMap<&str, &Row> = summary.layers.iter().map(|r| (&r.name[..], r)).collect();
        let described = described(case);
        let mut runs: HashMap<&str, usize> = HashMap::new();
        for run in described["runs"].as_array().unwrap() {
            let name = run["name"].as_str().unwrap();
            if name.is_empty() {
                assert_eq!(summary.input, shape(&run["inputs"][0]));
                continue;
            }
            let row = rows[name];
            assert_eq!(row.type_name, run["type"], "{name}");
            let shapes = |first: &Option<Vec<usize>>, others: &[Vec<usize>]| {
                let all: Vec<&Vec<usize>> = first.iter().chain(others).collect();
                serde_json::to_value(all).unwrap()
            };
            assert_eq!(
                shapes(&row.input, &row.other_inputs),
                run["inputs"],
                "{name}"
            );
            assert_eq!(
                shapes(&row.output, &row.other_outputs),
                run["outputs"],
                "{name}"
            );
            *runs.entry(name).or_default() += 1;
        }
        for row in &summary.layers {
            let expected = runs.get(&row.name[..]).copied().unwrap_or(0);
            assert_eq!(row.runs, expected, "{}", row.name);
        }
        assert_eq!(rows["eco_3d.res_3d_3.res3b_relu"].runs, 2);
        assert_eq!(rows["eco_3d.res_3d_3.res3b_1_relu"].runs, 0);
    }
}

#[test]
fn parameters_and_macs_of_every_layer_are_torchinfos() {
    for case in CASES {
        let summary = summary(case);
        let layers = summary.layers.iter().filter(|row| row.is_layer);
        let rows: HashMap<&str, &Row> = layers
            .map(|row| (row.name.rsplit('.').next().unwrap(), row))
            .collect();
        let described = described(case);
        for layer in described["layers"].as_array().unwrap() {
            let row = rows[layer["name"].as_str().unwrap()];
            assert_eq!(row.parameters, layer["parameters"], "{}", row.name);
            assert_eq!(row.macs, layer["macs"], "{}", row.name);
        }
    }
}

#[test]
fn totals_are_torchinfos() {
    for case in CASES {
        let totals = summary(case).totals.to_string();
        let ours: HashMap<&str, &str> = totals
            .lines()
            .map(|l| l.split_once(": ").unwrap())
            .collect();
        let described = described(case);
        let theirs = described["totals"].as_array().unwrap();
        assert_eq!(theirs.len(), 8);
        for line in theirs {
            let (name, value) = line.as_str().unwrap().split_once(": ").unwrap();
            // torchinfo names its unit with a Python enum, which newer Pythons print in full.
            let name = name
                .replace("Units.GIGABYTES", "G")
                .replace("Units.TERABYTES", "T");
            assert_eq!(ours[&name[..]], value, "{name}");
        }
    }
}

#[test]
fn costs_equal_a_count_by_hand() {
    let net = Network::new(Architecture::Lite, 400, 16).unwrap();
    let summary = Summary::new(&net, 1).unwrap();
    let weights: HashMap<String, Vec<usize>> = net
        .state_dict()
        .into_iter()
        .map(|spec| (spec.name, spec.shape))
        .collect();
    let mut macs = 0;
    for row in summary
        .layers
        .iter()
        .filter(|row| row.type_name.starts_with("Conv"))
    {
        let [batch, channels, positions @ ..] = &row.output.as_ref().unwrap()[..] else {
            panic!("{}", row.name)
        };
        let [out, of_one_output @ ..] = &weights[&format!("{}.weight", row.name)][..] else {
            panic!("{}", row.name)
        };
        assert_eq!(channels, out);
        let positions = batch * positions.iter().product::<usize>();
        let products = positions * out * of_one_output.iter().product::<usize>();
        // torchinfo counts the addition of the bias, too.
        assert_eq!(row.macs, products + positions * out, "{}", row.name);
        macs += products;
    }
    assert_eq!(summary.totals.parameters, 37_503_856);
    assert_eq!(summary.totals.buffers, 9_950);
    assert_eq!(macs / 100_000_000, 464);
    assert!((summary.totals.macs - macs) as f64 / (macs as f64) < 2e-3);
}

#[test]
fn a_block_carries_the_sums_of_its_layers() {
    let mut folded = summary((Architecture::Full, 16, 2));
    let all = summary((Architecture::Full, 16, 2));
    folded.fold(2);
    assert!(folded.layers.iter().all(|row| row.depth <= 2));
    assert_eq!(folded.totals, all.totals);
    for block in folded.layers.iter().filter(|row| !row.is_layer) {
        let inside = || {
            let layers = all.layers.iter().filter(|row| row.is_layer);
            layers.filter(|row| row.name.starts_with(&format!("{}.", block.name)))
        };
        assert_eq!(
            block.parameters,
            inside().map(|row| row.parameters).sum::<usize>()
        );
        assert_eq!(block.macs, inside().map(|row| row.macs).sum::<usize>());
    }
}

fn eco(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_eco"))
        .arg("summary")
        .args(args)
        .output()
        .unwrap()
}

fn stdout(args: &[&str]) -> String {
    let output = eco(args);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_format_says_the_same() {
    let json: Value = serde_json::from_str(&stdout(&["--format", "json"])).unwrap();
    let layers = json["layers"].as_array().unwrap();
    assert_eq!(json["totals"]["parameters"], 37_503_856);

    let csv = stdout(&["--format", "csv"]);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let column = |key| headers.iter().position(|header| header == key).unwrap();
    let (name, macs, output) = (column("name"), column("macs"), column("output"));
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), layers.len());
    for (record, layer) in records.iter().zip(layers) {
        assert_eq!(&record[name], layer["name"]);
        assert_eq!(&record[macs], layer["macs"].to_string());
        let shape = layer["output"].to_string().replace(',', ", ");
        assert_eq!(record[output], shape.replace("null", ""));
    }

    let text = stdout(&["--table"]);
    let markdown = stdout(&["--format", "markdown"]);
    for layer in layers {
        let name = layer["name"].as_str().unwrap();
        assert!(text.contains(name) && markdown.contains(&format!("| `{name}` |")));
    }
    assert!(
        text.ends_with("Estimated Total Size (MB): 921.52\n"),
        "{text}"
    );
    assert!(markdown.contains("| Total mult-adds (G) | 46.53 |"));
}

#[test]
fn options_reach_the_network() {
    let args = [
        "--format",
        "json",
        "--segments",
        "8",
        "--batch",
        "3",
        "--classes",
        "7",
        "--arch",
        "ECO-Lite",
        "--depth",
        "1",
    ];
    let json: Value = serde_json::from_str(&stdout(&args)).unwrap();
    assert_eq!(json["input"], serde_json::json!([3, 8, 3, 224, 224]));
    assert_eq!(json["classes"], 7);
    assert_eq!(json["layers"].as_array().unwrap().len(), 3);
    assert_eq!(
        json["layers"][0]["output"],
        serde_json::json!([24, 96, 28, 28])
    );
    assert_eq!(json["layers"][2]["output"], serde_json::json!([3, 7]));
}

#[test]
fn wrong_values_are_wrong_usage() {
    for args in [
        ["--segments", "6"],
        ["--classes", "0"],
        ["--batch", "0"],
        ["--depth", "0"],
        ["--format", "yaml"],
        ["--arch", "eco-huge"],
    ] {
        assert_eq!(eco(&args).status.code(), Some(2), "{args:?}");
    }
}

/// What the table may add to the start of the program; a forward pass alone would take a second.
const AT_ONCE: Duration = Duration::from_millis(100);

#[test]
fn the_table_runs_no_arithmetic_and_fills_no_weights() {
    let times = (0..5).map(|_| {
        let start = Instant::now();
        summary((Architecture::Lite, 16, 1));
        start.elapsed()
    });
    // The fastest, because other tests run at the same time.
    let best = times.min().unwrap();
    assert!(best < AT_ONCE, "{best:?}");
}
