//! Writes checkpoint containers byte by byte, so that tests can get them wrong on purpose.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;

pub(crate) mod caffe;

/// Pickle opcodes as bytes.
pub(crate) mod pickle {
    /// BINUNICODE.
    pub(crate) fn text(text: &str) -> Vec<u8> {
        let mut out = vec![b'X'];
        out.extend((text.len() as u32).to_le_bytes());
        out.extend(text.as_bytes());
        out
    }

    /// LONG1 of eight bytes.
    pub(crate) fn int(value: i64) -> Vec<u8> {
        let mut out = vec![0x8a, 8];
        out.extend(value.to_le_bytes());
        out
    }

    pub(crate) fn ints(values: &[i64]) -> Vec<u8> {
        let mut out = vec![b'('];
        values.iter().for_each(|&v| out.extend(int(v)));
        out.push(b't');
        out
    }

    pub(crate) fn global(module: &str, name: &str) -> Vec<u8> {
        format!("c{module}\n{name}\n").into_bytes()
    }

    /// PROTO 2, `body`, STOP.
    pub(crate) fn whole(body: &[u8]) -> Vec<u8> {
        [b"\x80\x02", body, b"."].concat()
    }
}

/// A tensor as a pickle describes it, with every number free to be wrong.
#[derive(Clone)]
pub(crate) struct TensorForge {
    pub storage: &'static str,
    pub key: String,
    pub numel: i64,
    pub offset: i64,
    pub shape: Vec<i64>,
    pub stride: Vec<i64>,
}

impl TensorForge {
    /// A sound tensor of `rows` by `columns` floats.
    pub(crate) fn new(key: &str, rows: i64, columns: i64) -> Self {
        Self {
            storage: "FloatStorage",
            key: key.to_string(),
            numel: rows * columns,
            offset: 0,
            shape: vec![rows, columns],
            stride: vec![columns, 1],
        }
    }

    /// The persistent id of the storage, and what a legacy stream appends to it.
    pub(crate) fn persistent_id(&self, legacy: &[u8]) -> Vec<u8> {
        [
            &b"("[..],
            &pickle::text("storage"),
            &pickle::global("torch", self.storage),
            &pickle::text(&self.key),
            &pickle::text("cpu"),
            &pickle::int(self.numel),
            legacy,
            b"tQ",
        ]
        .concat()
    }

    pub(crate) fn pickled(&self, legacy: &[u8]) -> Vec<u8> {
        [
            &pickle::global("torch._utils", "_rebuild_tensor_v2")[..],
            b"(",
            &self.persistent_id(legacy),
            &pickle::int(self.offset),
            &pickle::ints(&self.shape),
            &pickle::ints(&self.stride),
            b"\x89",
            &pickle::global("collections", "OrderedDict"),
            b")RtR",
        ]
        .concat()
    }
}

/// A dictionary with these items, each value already pickled.
pub(crate) fn dict(items: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = [&pickle::global("collections", "OrderedDict")[..], b")R("].concat();
    for (key, value) in items {
        out.extend(pickle::text(key));
        out.extend(value);
    }
    out.push(b'u');
    out
}

/// A zip record with every field free to be wrong.
#[derive(Clone, Default)]
pub(crate) struct Record {
    pub name: String,
    pub local_name: Option<String>,
    pub data: Vec<u8>,
    pub flags: u16,
    pub method: u16,
    pub claimed_size: Option<u32>,
    /// Size before it was packed.
    pub unpacked: Option<u32>,
    pub claimed_offset: Option<u32>,
    pub extra: Vec<u8>,
}

impl Record {
    pub(crate) fn new(name: &str, data: &[u8]) -> Self {
        Self {
            name: name.to_string(),
            data: data.to_vec(),
            ..Self::default()
        }
    }

    /// The same record deflated.
    pub(crate) fn deflated(self) -> Self {
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&self.data).unwrap();
        Self {
            unpacked: Some(self.data.len() as u32),
            data: packed.finish().unwrap(),
            method: 8,
            ..self
        }
    }
}

/// A zip archive of stored records without checksums.
pub(crate) fn zip(records: &[Record]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for record in records {
        let offset = record.claimed_offset.unwrap_or(out.len() as u32);
        let size = record.claimed_size.unwrap_or(record.data.len() as u32);
        let local = record.local_name.as_ref().unwrap_or(&record.name);
        out.extend(b"PK\x03\x04\x00\x00");
        out.extend(record.flags.to_le_bytes());
        out.extend(record.method.to_le_bytes());
        out.extend([0; 8]);
        let unpacked = record.unpacked.unwrap_or(size);
        out.extend(size.to_le_bytes());
        out.extend(unpacked.to_le_bytes());
        out.extend((local.len() as u16).to_le_bytes());
        out.extend([0; 2]);
        out.extend(local.as_bytes());
        out.extend(&record.data);
        directory.extend(b"PK\x01\x02\x00\x00\x00\x00");
        directory.extend(record.flags.to_le_bytes());
        directory.extend(record.method.to_le_bytes());
        directory.extend([0; 8]);
        directory.extend(size.to_le_bytes());
        directory.extend(unpacked.to_le_bytes());
        directory.extend((record.name.len() as u16).to_le_bytes());
        directory.extend((record.extra.len() as u16).to_le_bytes());
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(record.name.as_bytes());
        directory.extend(&record.extra);
    }
    let start = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\x00\x00\x00\x00");
    out.extend((records.len() as u16).to_le_bytes());
    out.extend((records.len() as u16).to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    out
}

/// The records of a checkpoint: a pickle body and the storages by key.
pub(crate) fn torch_records(body: &[u8], storages: &[(&str, Vec<u8>)]) -> Vec<Record> {
    let mut records = vec![
        Record::new("m/data.pkl", &pickle::whole(body)),
        Record::new("m/byteorder", b"little"),
        Record::new("m/version", b"3\n"),
    ];
    records.extend(
        storages
            .iter()
            .map(|(key, data)| Record::new(&format!("m/data/{key}"), data)),
    );
    records
}

/// A legacy stream: a pickle body, the storage keys, and the storages as element count and bytes.
pub(crate) fn legacy(
    body: &[u8],
    keys: &[&str],
    storages: &[(i64, Vec<u8>)],
    little: bool,
) -> Vec<u8> {
    let mut out = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.".to_vec();
    out.extend(b"\x80\x02M\xe9\x03.");
    let endian = if little { b"\x88" } else { b"\x89" };
    out.extend(pickle::whole(
        &[&b"}"[..], &pickle::text("little_endian"), endian, b"s"].concat(),
    ));
    out.extend(pickle::whole(body));
    let listed: Vec<u8> = keys.iter().flat_map(|key| pickle::text(key)).collect();
    out.extend(pickle::whole(&[&b"]("[..], &listed, b"e"].concat()));
    for (count, data) in storages {
        out.extend(count.to_le_bytes());
        out.extend(data);
    }
    out
}

/// A tar member with type and size free to be wrong.
pub(crate) struct Member {
    pub name: &'static str,
    pub data: Vec<u8>,
    pub kind: u8,
    pub claimed_size: Option<u64>,
}

impl Member {
    pub(crate) fn new(name: &'static str, data: Vec<u8>) -> Self {
        Self {
            name,
            data,
            kind: b'0',
            claimed_size: None,
        }
    }
}

pub(crate) fn tar(members: &[Member]) -> Vec<u8> {
    let mut out = Vec::new();
    for member in members {
        let mut header = vec![0u8; 512];
        header[..member.name.len()].copy_from_slice(member.name.as_bytes());
        let size = member.claimed_size.unwrap_or(member.data.len() as u64);
        header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
        header[156] = member.kind;
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|&b| u32::from(b)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend(header);
        out.extend(&member.data);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// The members of a tar checkpoint with one tensor of 2 by 3 floats called `a.weight`.
pub(crate) fn tar_members() -> Vec<Member> {
    let system = [&b"}"[..], &pickle::text("little_endian"), b"\x88s"].concat();
    let mut storages = pickle::whole(b"K\x01");
    let id = [
        &b"(K\x07"[..],
        &pickle::text("cpu"),
        &pickle::global("torch", "FloatStorage"),
        b"t",
    ];
    storages.extend(pickle::whole(&id.concat()));
    storages.extend(6i64.to_le_bytes());
    storages.extend(floats(6));
    storages.extend(pickle::whole(b"]"));
    let mut tensors = pickle::whole(b"K\x01");
    let id = [
        &b"(K\x01K\x07"[..],
        &pickle::global("torch", "FloatTensor"),
        b"t",
    ];
    tensors.extend(pickle::whole(&id.concat()));
    tensors.extend([2, 0, 0, 0, 0, 0, 0, 0]);
    [2i64, 3, 3, 1, 0]
        .iter()
        .for_each(|v| tensors.extend(v.to_le_bytes()));
    let object = dict(&[("a.weight", [&pickle::text("1")[..], b"Q"].concat())]);
    vec![
        Member::new("sys_info", pickle::whole(&system)),
        Member::new("storages", storages),
        Member::new("tensors", tensors),
        Member::new("pickle", pickle::whole(&object)),
    ]
}

/// A safetensors file with this header.
pub(crate) fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend(header.as_bytes());
    out.extend(data);
    out
}

/// The bytes of the floats 0, 1, 2, ...
pub(crate) fn floats(count: usize) -> Vec<u8> {
    (0..count).flat_map(|v| (v as f32).to_le_bytes()).collect()
}

/// One sound file of every container, each with a tensor `a.weight` of 2 by 3 floats.
pub(crate) fn sound() -> BTreeMap<&'static str, Vec<u8>> {
    let tensor = TensorForge::new("0", 2, 3);
    let plain = dict(&[("a.weight", tensor.pickled(b""))]);
    let nested = [
        &b"}("[..],
        &pickle::text("state_dict"),
        &plain,
        &pickle::text("epoch"),
        b"K\x05u",
    ];
    let module = module(&tensor);
    let old = dict(&[("a.weight", tensor.pickled(b"N"))]);
    let storages = [("0", floats(6))];
    let header = r#"{"__metadata__":{"k":"v"},"a.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}"#;
    BTreeMap::from([
        ("zip", zip(&torch_records(&plain, &storages))),
        ("nested", zip(&torch_records(&nested.concat(), &storages))),
        ("module", zip(&torch_records(&module, &storages))),
        ("legacy", legacy(&old, &["0"], &[(6, floats(6))], true)),
        ("tar", tar(&tar_members())),
        (
            "pickle",
            pickle::whole(&[&b"}"[..], &pickle::text("lr"), b"K\x01s"].concat()),
        ),
        ("safetensors", safetensors(header, &floats(6))),
        (
            "caffe",
            caffe::net("o3d", &[caffe::video_data(), caffe_layer()]),
        ),
    ])
}

/// A layer `a` whose weights are the tensor `a.weight`.
fn caffe_layer() -> Vec<u8> {
    let values: Vec<f32> = (0..6).map(|value| value as f32).collect();
    caffe::layer("a", "Convolution", &[caffe::blob(&[2, 3], &values)])
}

/// A module with a child `a` that has a parameter `weight`.
fn module(tensor: &TensorForge) -> Vec<u8> {
    let table =
        |name: &str, items: Vec<u8>| [&pickle::text(name)[..], b"}(", &items, b"u"].concat();
    let state = |parameters: Vec<u8>, children: Vec<u8>| {
        [
            &b"}("[..],
            &table("_parameters", parameters),
            &table("_buffers", Vec::new()),
            &table("_modules", children),
            b"ub",
        ]
        .concat()
    };
    let class = |name: &str| [&pickle::global("__main__", name)[..], b")\x81"].concat();
    let weight = [&pickle::text("weight")[..], &tensor.pickled(b"")].concat();
    let child = [class("Layer"), state(weight, Vec::new())].concat();
    let children = [pickle::text("a"), child].concat();
    [class("Net"), state(Vec::new(), children)].concat()
}
