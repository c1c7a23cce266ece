//! Files made to attack their reader: each ends in an error or a sound load, without a panic, in
//! bounded time and memory, and nothing in it is executed.

mod forge;

use std::path::Path;
use std::time::{Duration, Instant};

use eco::recipe::Architecture;
use eco::weights::{
    Checkpoint, Inspector, LoadError, Model, Models, TensorSpec, WeightsError, open,
};

use forge::{Member, Record, TensorForge, caffe, dict, floats, pickle};
use rayon::prelude::*;
use tempfile::TempDir;

/// Longer than any small file takes, on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(20);
/// Mutated files per container.
const MUTATIONS: u64 = 20_000;
/// Peak memory over all tests of this file, in KB.
const MEMORY: u64 = 1_500_000;

fn models() -> Models {
    Models::from(Model {
        architecture: Architecture::Lite,
        tensors: vec![TensorSpec {
            name: "a.weight".to_string(),
            shape: vec![2, 3],
        }],
    })
}

/// Lists a file and reads every value in it.
fn inspect(path: &Path) -> Result<usize, WeightsError> {
    let checkpoint = Checkpoint::open(path)?;
    Ok(Inspector::new(&checkpoint).count())
}

/// Loads a file for a model with one tensor.
fn load(path: &Path) -> Result<Vec<u8>, LoadError> {
    let loaded = open(path, &models())?;
    Ok(loaded.tensor("a.weight")?.data.into_owned())
}

/// Writes `bytes` to a file of this thread's own and reads it, within the time allowed.
fn timed<T>(bytes: &[u8], read: impl FnOnce(&Path) -> T) -> T {
    thread_local!(static FOLDER: TempDir = tempfile::tempdir().unwrap());
    FOLDER.with(|folder| {
        let path = folder.path().join("attack.pth");
        // A new file each time: a file that is overwritten is flushed to the disk.
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, bytes).unwrap();
        let start = Instant::now();
        let result = read(&path);
        assert!(start.elapsed() < PATIENCE, "took {:?}", start.elapsed());
        let files = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 1, "something was written");
        result
    })
}

/// Lists and loads `bytes`: the bytes of the model's one tensor.
fn attack(bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    timed(bytes, |path| {
        let _ = inspect(path);
        load(path)
    })
}

fn refused(bytes: &[u8]) -> String {
    match attack(bytes) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("was read"),
    }
}

fn zip_of(body: &[u8]) -> Vec<u8> {
    forge::zip(&forge::torch_records(body, &[("0", floats(6))]))
}

fn zip_with(tensor: &TensorForge) -> Vec<u8> {
    zip_of(&dict(&[("a.weight", tensor.pickled(b""))]))
}

fn sound_tensor() -> TensorForge {
    TensorForge::new("0", 2, 3)
}

/// The sound tensor and something beside it.
fn beside(value: &[u8]) -> Vec<u8> {
    zip_of(&dict(&[
        ("a.weight", sound_tensor().pickled(b"")),
        ("x", value.to_vec()),
    ]))
}

#[test]
fn sound_files_of_every_container_are_read() {
    for (name, bytes) in forge::sound() {
        match (name, attack(&bytes)) {
            ("pickle", Err(LoadError::Mismatch(_))) => {}
            (_, Ok(values)) => assert_eq!(values, floats(6), "{name}"),
            (_, Err(error)) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn a_file_cut_at_any_byte_is_an_error_or_the_whole() {
    for (name, bytes) in forge::sound() {
        (0..bytes.len()).into_par_iter().for_each(|len| {
            if let Ok(values) = timed(&bytes[..len], load) {
                // Only padding may be missing.
                assert_eq!(name, "tar", "{name} cut at {len}");
                assert_eq!(values, floats(6));
            }
        });
    }
}

/// A small generator of numbers (SplitMix64), so that a case can be run again by its number.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// One to four changes: a byte, a run of bytes, a number at an extreme, a piece moved or dropped.
fn mutate(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut numbers = Numbers(seed);
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(out.len());
        let len = (1 + numbers.below(8)).min(out.len() - at);
        match numbers.below(6) {
            0 => out[at] = numbers.next() as u8,
            1 => out[at] ^= 1 << numbers.below(8),
            2 => out[at..at + len].fill([0x00, 0xff, 0x7f, 0x80][numbers.below(4)]),
            3 => {
                let piece = out[at..at + len].to_vec();
                let to = numbers.below(out.len());
                out.splice(to..to, piece);
            }
            4 if out.len() > len => drop(out.drain(at..at + len)),
            _ => out.truncate(at.max(1)),
        }
    }
    out
}

#[test]
fn twenty_thousand_mutations_of_every_container_end_well() {
    for (name, bytes) in forge::sound() {
        (0..MUTATIONS).into_par_iter().for_each(|seed| {
            let mutated = mutate(&bytes, seed);
            let outcome = std::panic::catch_unwind(|| match seed % 2 {
                0 => drop(timed(&mutated, inspect)),
                _ => drop(timed(&mutated, load)),
            });
            assert!(outcome.is_ok(), "{name}: mutation {seed} panics");
        });
    }
    assert!(peak_memory() < MEMORY, "{} KB", peak_memory());
}

/// Peak resident memory of this process in KB; 0 where the system does not say.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.and_then(|l| l.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

#[test]
fn lengths_that_lie_allocate_nothing() {
    for body in [
        &b"X\xff\xff\xff\xff"[..],
        b"T\xff\xff\xff\x7f",
        b"B\xff\xff\xff\xff",
        b"\x8a\xff",
        b"\x8b\x00\x00\x00\x80",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x96\xff\xff\xff\xff\xff\xff\xff\x00",
    ] {
        refused(&zip_of(body));
        refused(&pickle::whole(body));
    }
    // The largest memo index is a key like any other.
    let body = [
        &dict(&[("a.weight", sound_tensor().pickled(b""))])[..],
        b"r\xff\xff\xff\xff",
    ]
    .concat();
    assert!(attack(&zip_of(&body)).is_ok());
}

#[test]
fn a_million_levels_do_not_overflow_the_stack() {
    let tuples = [&b")"[..], &vec![0x85; 1_000_000]].concat();
    let lists = [vec![b']'; 500_000], vec![b'a'; 499_999]].concat();
    let dicts = [
        b"}X\x01\0\0\0k".repeat(300_000),
        b"N".to_vec(),
        vec![b's'; 300_000],
    ]
    .concat();
    for body in [tuples, lists, dicts] {
        refused(&beside(&body));
    }
    // As many as the reader takes, on a thread with a small stack.
    let body = beside(&[&b")"[..], &vec![0x85; 990]].concat());
    let small = std::thread::Builder::new().stack_size(1 << 20);
    assert!(
        small
            .spawn(move || attack(&body).is_ok())
            .unwrap()
            .join()
            .is_ok()
    );
}

#[test]
fn copies_of_copies_cost_no_memory() {
    // DUP, TUPLE2 doubles with every step; so does fetching a tuple twice to build the next.
    let doubled = [&b")"[..], &b"2\x86".repeat(200)].concat();
    let mut fetched = b"]q\x00".to_vec();
    for level in 1..60u8 {
        fetched.extend([b'h', level - 1, b'h', level - 1, 0x86, b'q', level]);
    }
    // One long text, fetched again and again.
    let text = [
        &pickle::text(&"x".repeat(1 << 20))[..],
        b"q\x01(",
        &b"h\x01".repeat(5000),
        b"t",
    ]
    .concat();
    for body in [doubled, fetched, text] {
        let _ = attack(&beside(&body));
    }
    assert!(peak_memory() < MEMORY, "{} KB", peak_memory());
}

#[test]
fn a_structure_that_holds_itself_ends() {
    for body in [
        &b"]q\x00h\x00a"[..],
        b"}q\x00X\x01\0\0\0kh\x00s",
        b"]q\x00h\x00\x85a",
    ] {
        let _ = attack(&beside(body));
        let _ = attack(&zip_of(body));
    }
}

#[test]
fn every_opcode_on_an_empty_stack_is_an_error_and_no_panic() {
    for op in 0..=255u8 {
        for tail in [
            &b""[..],
            b"\0\0\0\0\0\0\0\0",
            b"\x01\n\n",
            b"(",
            b"(u",
            b"0\n0\n",
        ] {
            let _ = attack(&zip_of(&[&[op], tail].concat()));
        }
    }
    // MARK as a value, an odd number of items, a mark that is not there.
    for body in [
        &b"("[..],
        b"(\x85",
        b"}(Nu",
        b"}(NNNu",
        b"u",
        b"e",
        b"t",
        b"(q\x00",
    ] {
        refused(&zip_of(body));
    }
}

#[test]
fn persistent_ids_of_the_wrong_form_are_errors() {
    let text = pickle::text("storage");
    let class = pickle::global("torch", "FloatStorage");
    for id in [
        b"NQ".to_vec(),
        b")Q".to_vec(),
        [&b"("[..], &text, b"tQ"].concat(),
        [&b"("[..], &text, &class, b"NNNtQ"].concat(),
        [
            &b"(K\x01"[..],
            &class,
            &pickle::text("0"),
            &pickle::text("cpu"),
            b"K\x06tQ",
        ]
        .concat(),
        [
            &b"("[..],
            &text,
            &pickle::text("FloatStorage"),
            b"K\x00K\x00K\x06tQ",
        ]
        .concat(),
        [
            &b"("[..],
            &text,
            &class,
            &pickle::text("../../etc/passwd"),
            b"NK\x06tQ",
        ]
        .concat(),
        b"P0\n".to_vec(),
    ] {
        let _ = attack(&beside(&id));
    }
}

#[test]
fn tensors_that_reach_beyond_their_storage_are_refused() {
    let sound = sound_tensor();
    let wrong = [
        TensorForge {
            numel: 7,
            offset: 1,
            ..sound.clone()
        },
        TensorForge {
            numel: 1 << 40,
            offset: 1 << 39,
            ..sound.clone()
        },
        TensorForge {
            numel: i64::MAX,
            ..sound.clone()
        },
        TensorForge {
            numel: -1,
            ..sound.clone()
        },
        TensorForge {
            offset: 1,
            ..sound.clone()
        },
        TensorForge {
            offset: -1,
            ..sound.clone()
        },
        TensorForge {
            offset: i64::MAX,
            ..sound.clone()
        },
        TensorForge {
            stride: vec![-3, 1],
            ..sound.clone()
        },
        TensorForge {
            stride: vec![i64::MAX, i64::MAX],
            ..sound.clone()
        },
        TensorForge {
            stride: vec![3],
            ..sound.clone()
        },
        TensorForge {
            shape: vec![-2, -3],
            ..sound.clone()
        },
        TensorForge {
            shape: vec![1 << 32, 1 << 32],
            stride: vec![0, 0],
            ..sound.clone()
        },
        TensorForge {
            shape: vec![1 << 60],
            stride: vec![0],
            ..sound.clone()
        },
        TensorForge {
            key: "1".to_string(),
            ..sound.clone()
        },
        TensorForge {
            storage: "DoubleStorage",
            ..sound.clone()
        },
        TensorForge {
            storage: "NoStorage",
            ..sound
        },
    ];
    for (number, tensor) in wrong.iter().enumerate() {
        assert!(attack(&zip_with(tensor)).is_err(), "case {number} was read");
    }
}

#[test]
fn a_repeated_value_is_not_unfolded() {
    // 2^31 floats from one, in many tensors: listing them must not read them.
    let wide = TensorForge {
        shape: vec![1 << 31],
        stride: vec![0],
        ..sound_tensor()
    }
    .pickled(b"");
    let names: Vec<String> = (0..100).map(|n| format!("w{n}")).collect();
    let mut items: Vec<(&str, Vec<u8>)> =
        names.iter().map(|n| (n.as_str(), wide.clone())).collect();
    items.push(("a.weight", sound_tensor().pickled(b"")));
    refused(&zip_of(&dict(&items)));
    assert!(peak_memory() < MEMORY, "{} KB", peak_memory());
}

#[test]
fn two_readings_of_one_storage_stay_within_it() {
    let long = TensorForge {
        storage: "LongStorage",
        numel: 3,
        shape: vec![3],
        stride: vec![1],
        ..sound_tensor()
    };
    let items = [
        ("a.weight", sound_tensor().pickled(b"")),
        ("x", long.pickled(b"")),
    ];
    let _ = attack(&zip_of(&dict(&items)));
    let items = [
        ("a.weight", sound_tensor().pickled(b"N")),
        ("x", long.pickled(b"N")),
    ];
    assert!(
        attack(&forge::legacy(
            &dict(&items),
            &["0"],
            &[(6, floats(6))],
            true
        ))
        .is_err()
    );
}

#[test]
fn nothing_that_a_file_names_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("ran");
    let command = pickle::text(&format!("touch {}", marker.display()));
    for (module, name) in [
        ("posix", "system"),
        ("os", "system"),
        ("builtins", "eval"),
        ("nt", "system"),
    ] {
        let call = [&pickle::global(module, name)[..], &command, b"\x85R"].concat();
        assert!(
            attack(&beside(&call)).is_ok(),
            "weights beside a call are still weights"
        );
        refused(&pickle::whole(&call));
        refused(&zip_of(&call));
        let path = folder.path().join("named.pth");
        std::fs::write(&path, beside(&call)).unwrap();
        let loaded = open(&path, &models()).unwrap();
        assert_eq!(loaded.report().suspicious, [format!("{module}.{name}")]);
    }
    let inst = [&b"("[..], &command, b"iposix\nsystem\n"].concat();
    let object = [
        &b"("[..],
        &pickle::global("posix", "system"),
        &command,
        b"o",
    ]
    .concat();
    for body in [inst, object, b"\x82\x01".to_vec(), b"\x98".to_vec()] {
        let _ = attack(&beside(&body));
    }
    assert!(!marker.exists());
}

#[test]
fn an_archive_that_is_the_start_of_its_own_end_is_refused() {
    let end = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    for len in 4..=end.len() {
        assert!(attack(&end[..len]).is_err(), "{len} bytes");
    }
}

#[test]
fn zip_archives_that_lie_are_refused() {
    let body = dict(&[("a.weight", sound_tensor().pickled(b""))]);
    let sound = forge::torch_records(&body, &[("0", floats(6))]);
    let with = |change: &dyn Fn(&mut Vec<Record>)| {
        let mut records = sound.clone();
        change(&mut records);
        forge::zip(&records)
    };
    let encrypted = refused(&with(&|r| r[0].flags = 1));
    assert!(encrypted.contains("encrypted"), "{encrypted}");
    refused(&with(&|r| r[3].claimed_offset = Some(0xffff_0000)));
    refused(&with(&|r| r[3].claimed_size = Some(0xffff_0000)));
    refused(&with(&|r| r[0].claimed_size = Some(0x7000_0000)));
    refused(&with(&|r| r[0].method = 8));
    refused(&with(&|r| r[3].method = 99));
    refused(&with(&|r| r.push(r[0].clone())));
    refused(&with(&|r| {
        r.push(Record::new("other/data.pkl", b"\x80\x02N."))
    }));
    refused(&with(&|r| r[0].name = "m/data.pkl/".to_string()));
    // Sizes that say "see the zip64 field", where that is missing, short, or absurd.
    for extra in [
        &b""[..],
        b"\x01\x00\x04\x00\xff\xff\xff\xff",
        &[&b"\x01\x00\x10\x00"[..], &[0xff; 16]].concat(),
    ] {
        refused(&with(&|r| {
            r[3].claimed_size = Some(u32::MAX);
            r[3].extra = extra.to_vec();
        }));
    }
    // Names and overlaps harm nobody: only data.pkl and what it refers to is read, nothing unpacked.
    assert!(attack(&with(&|r| r.push(Record::new("../../x", b"y")))).is_ok());
    assert!(attack(&with(&|r| r[3].local_name = Some("m/data/1".to_string()))).is_ok());
    let _ = attack(&with(&|r| r[3].claimed_offset = Some(0)));
}

#[test]
fn a_polyglot_is_not_taken_for_a_checkpoint() {
    let sound = forge::sound();
    let zip = &sound["zip"];
    refused(&[&b"#!/bin/sh\necho\n"[..], zip].concat());
    refused(&[&b"\x89PNG\r\n\x1a\n"[..], zip].concat());
    // A comment that holds an end record of its own, and bytes after the end.
    let mut commented = zip.clone();
    let len = commented.len();
    commented[len - 2..].copy_from_slice(&22u16.to_le_bytes());
    commented.extend(b"PK\x05\x06");
    commented.extend([0; 18]);
    let _ = attack(&commented);
    let _ = attack(&[zip, &b"trailing"[..]].concat());
    // A tar whose first bytes are a pickle.
    let mut tar = sound["tar"].clone();
    tar[..2].copy_from_slice(b"\x80\x02");
    refused(&tar);
}

#[test]
fn decompression_bombs_are_refused_before_they_unpack() {
    let bomb = |name: &str, byte: u8, megabytes: usize| {
        let body = dict(&[("a.weight", sound_tensor().pickled(b""))]);
        let mut records: Vec<Record> = forge::torch_records(&body, &[("0", floats(6))])
            .into_iter()
            .filter(|record| record.name != name)
            .collect();
        records.push(Record::new(name, &vec![byte; megabytes << 20]));
        let packed: Vec<Record> = records.into_iter().map(Record::deflated).collect();
        forge::zip(&packed)
    };
    let sound = forge::torch_records(
        &dict(&[("a.weight", sound_tensor().pickled(b""))]),
        &[("0", floats(6))],
    );
    let packed: Vec<Record> = sound.into_iter().map(Record::deflated).collect();
    assert_eq!(attack(&forge::zip(&packed)).unwrap(), floats(6));
    refused(&bomb("m/data/0", 0, 128));
    refused(&bomb("m/data.pkl", b'N', 48));
    let long = refused(&bomb("m/data.pkl", b'N', 8));
    assert!(long.contains("instructions"), "{long}");
    assert!(peak_memory() < MEMORY, "{} KB", peak_memory());
}

#[test]
fn tar_archives_that_lie_are_refused() {
    let with = |change: &dyn Fn(&mut Vec<Member>)| {
        let mut members = forge::tar_members();
        change(&mut members);
        forge::tar(&members)
    };
    for kind in [b'S', b'1', b'2', b'3', b'6', b'L', b'K'] {
        refused(&with(&|m| m[1].kind = kind));
    }
    for member in 0..4 {
        let missing = refused(&with(&|m| drop(m.remove(member))));
        assert!(missing.contains("lacks"), "{missing}");
    }
    refused(&with(&|m| m[1].claimed_size = Some(0o77_777_777_777)));
    refused(&with(&|m| m[1].claimed_size = Some(100 << 20)));
    refused(&with(&|m| {
        m.push(Member::new("pickle", b"\x80\x02N.".to_vec()))
    }));
    let sparse = Member {
        kind: b'x',
        ..Member::new("p", b"22 GNU.sparse.major=1\n".to_vec())
    };
    refused(&forge::tar(
        &[vec![sparse], forge::tar_members()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>(),
    ));
    // A table that counts more than it holds, and one whose storage is longer than the table.
    refused(&with(&|m| m[1].data[2..4].copy_from_slice(b"K\x09")));
    refused(&with(&|m| m[2].data[2..4].copy_from_slice(b"K\x09")));
}

#[test]
fn legacy_streams_that_lie_are_refused() {
    let body = dict(&[("a.weight", sound_tensor().pickled(b"N"))]);
    let storage = || vec![(6, floats(6))];
    assert!(attack(&forge::legacy(&body, &["0"], &storage(), true)).is_ok());
    refused(&forge::legacy(&body, &["0"], &[(7, floats(6))], true));
    refused(&forge::legacy(&body, &["0"], &[(-1, floats(6))], true));
    refused(&forge::legacy(&body, &["0"], &[(6, floats(5))], true));
    refused(&forge::legacy(&body, &[], &storage(), true));
    refused(&forge::legacy(&body, &["0", "9"], &storage(), true));
    let big = refused(&forge::legacy(&body, &["0"], &storage(), false));
    assert!(big.contains("big-endian"), "{big}");
    for view in [
        &b"(X\x01\0\0\x009K\x05K\x06t"[..],
        b"(NNNt",
        b"K\x01",
        b"(X\x01\0\0\x009K\x00K\x05t",
    ] {
        let body = dict(&[("a.weight", sound_tensor().pickled(view))]);
        refused(&forge::legacy(&body, &["0"], &storage(), true));
    }
}

#[test]
fn safetensors_headers_that_lie_are_refused() {
    let entry = |begin: u64, end: u64| {
        format!(r#"{{"dtype":"F32","shape":[2,3],"data_offsets":[{begin},{end}]}}"#)
    };
    let sound = entry(0, 24);
    let data = floats(12);
    for header in [
        format!(r#"{{"a.weight":{sound}}}"#),
        format!(r#"{{"a.weight":{},"b":{}}}"#, sound, entry(28, 52)),
        format!(r#"{{"a.weight":{},"b":{}}}"#, sound, entry(20, 44)),
        format!(r#"{{"a.weight":{sound},"a.weight":{}}}"#, entry(24, 48)),
        r#"{"a.weight":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,48]}}"#
            .into(),
        r#"{"a.weight":{"dtype":"F32","shape":[-2,3],"data_offsets":[0,48]}}"#.into(),
        r#"{"a.weight":{"dtype":"X9","shape":[12],"data_offsets":[0,48]}}"#.into(),
        r#"{"a.weight":{"dtype":"F32","shape":[12],"data_offsets":[48,0]}}"#.into(),
        r#"{"a.weight":3}"#.into(),
        r#"{"__metadata__":{"k":1}}"#.into(),
        "{".repeat(100_000),
        "[".repeat(100_000),
    ] {
        assert!(
            attack(&forge::safetensors(&header, &data)).is_err(),
            "{header:.80}"
        );
    }
    // A header of 7 MB whose tensors all lie on one another.
    let entries: Vec<String> = (0..100_000).map(|n| format!(r#""t{n}":{sound}"#)).collect();
    let crowded = format!("{{{}}}", entries.join(","));
    refused(&forge::safetensors(&crowded, &floats(6)));
    // Not UTF-8.
    let mut bytes = forge::safetensors(&format!(r#"{{"a.weight":{sound}}}"#), &floats(6));
    bytes[11] = 0xff;
    refused(&bytes);
    for length in [u64::MAX, 1 << 63, 100_000_001, 17 << 20, 1 << 20] {
        let mut bytes = forge::sound()["safetensors"].clone();
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        refused(&bytes);
    }
}

#[test]
fn caffe_models_of_a_million_parts_are_read_in_bounds() {
    let empty = caffe::net("x", &vec![Vec::new(); 2_000_000]);
    assert!(refused(&empty).contains("none of its 2000000 layers"));
    // As many blobs as are read, of one value each.
    let blobs = vec![caffe::blob(&[1], &[1.0]); 64];
    let layers: Vec<Vec<u8>> = (0..10_000)
        .map(|number: u32| caffe::layer(&number.to_string(), "PReLU", &blobs))
        .collect();
    refused(&caffe::net("x", &layers));
    // One value in two million pieces, and a shape of as many extents.
    let pieces = caffe::bytes(5, b"").repeat(2_000_000);
    let weight = caffe::blob(&[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let weight = [pieces, weight].concat();
    let sound = caffe::net("x", &[caffe::layer("a", "Convolution", &[weight])]);
    assert_eq!(attack(&sound).unwrap(), floats(6));
    let shape = caffe::shape(&vec![1; 2_000_000]);
    let value = [caffe::bytes(5, &floats(1)), shape].concat();
    let long = refused(&caffe::net(
        "x",
        &[caffe::layer("a", "Convolution", &[value])],
    ));
    assert!(long.contains("more than 32 axes"), "{long}");
    assert!(peak_memory() < MEMORY, "{} KB", peak_memory());
}

/// Adding the header's size to the last offset must not wrap around to the size of the file.
#[test]
fn safetensors_offsets_near_two_to_the_64_do_not_wrap() {
    let eighth = 1u64 << 61;
    let tensor = |n: u64, end: u64| {
        let size = end - n * eighth;
        format!(
            r#""t{n}":{{"dtype":"U8","shape":[{size}],"data_offsets":[{},{end}]}}"#,
            n * eighth
        )
    };
    for short in 0..200 {
        let mut parts: Vec<String> = (0..7).map(|n| tensor(n, (n + 1) * eighth)).collect();
        parts.push(tensor(7, u64::MAX - short));
        let bytes = forge::safetensors(&format!("{{{}}}", parts.join(",")), &[1, 2, 3, 4]);
        refused(&bytes);
    }
}

#[test]
fn an_index_reads_plain_names_beside_it_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(
        folder.path().join("secret.safetensors"),
        &forge::sound()["safetensors"],
    )
    .unwrap();
    std::fs::write(
        inside.join("part.safetensors"),
        &forge::sound()["safetensors"],
    )
    .unwrap();
    let index = inside.join("m.index.json");
    let with = |text: &str| {
        std::fs::write(&index, text).unwrap();
        load(&index)
    };
    assert!(with(r#"{"weight_map":{"a.weight":"part.safetensors"}}"#).is_ok());
    for name in [
        "../secret.safetensors",
        "/etc/passwd",
        "..",
        "",
        "m.index.json",
        "missing.bin",
    ] {
        assert!(
            with(&format!(r#"{{"weight_map":{{"a.weight":"{name}"}}}}"#)).is_err(),
            "{name}"
        );
    }
    for text in [
        r#"{"weight_map":{"a.weight":{"file":"part.safetensors"}}}"#,
        r#"{"weight_map":[1]}"#,
        r#"{"weight_map":{"b.weight":"part.safetensors"}}"#,
        r#"{"weight_map":{"a"#,
    ] {
        assert!(with(text).is_err(), "{text}");
    }
}
