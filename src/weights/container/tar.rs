//! What `torch.save` wrote before 0.1.10: a tar archive with tables of storages and tensors, in which pickles alternate
//! with binary data.

use std::collections::HashMap;
use std::ops::Range;

use super::pickle::contents::contents;
use super::pickle::machine::{MAX_OPS, Pickle};
use super::pickle::tensors::Tensors;
use super::refusal::Refusal;
use super::stored::{Storage, Stored};
use super::structure::Structure;
use super::tar_directory::Members;
use super::view::{Bytes, View, size};
use crate::weights::tensor::Dtype;

/// Most dimensions of a tensor.
const MAX_RANK: i32 = 64;

/// A storage, or a part of one: its element type and its bytes in the file.
type Table = HashMap<String, (Dtype, Range<usize>)>;

/// Reads the four members of an archive. `archive` is the bytes of the file.
pub(super) fn read(
    archive: &[u8],
    members: &Members,
) -> Result<(Stored, Vec<String>, Structure), Refusal> {
    let mut budget = MAX_OPS;
    let system = Pickle::read(&archive[members.sys_info.clone()], &mut budget)?;
    match system.little_endian() {
        Some(true) => {}
        Some(false) => return Err(Refusal::BigEndian),
        None => return Err(malformed()),
    }
    let table = storages(archive, members.storages.clone(), &mut budget)?;
    let by_key = tensors(&archive[members.tensors.clone()], &table, &mut budget)?;
    let object = Pickle::read(&archive[members.pickle.clone()], &mut budget)?;
    let found = contents(&object, Tensors::ByKey(&by_key))?;
    let (names, tensors) = found.tensors.into_iter().unzip();
    let storages = table
        .into_iter()
        .map(|(key, (_, at))| (key, Storage::plain(at)));
    let stored = Stored {
        pickle: Storage::plain(members.pickle.clone()),
        storages: storages.collect(),
        tensors,
    };
    Ok((stored, names, found.structure))
}

fn malformed() -> Refusal {
    Refusal::Damaged("a table of tensors or storages is cut off or malformed".to_string())
}

/// A count, then per storage its key, place and class, the number of elements in eight bytes, and the elements; at the end
/// a list of storages that are parts of others.
fn storages(archive: &[u8], member: Range<usize>, budget: &mut usize) -> Result<Table, Refusal> {
    let mut table = Table::new();
    let mut rest = &archive[member.clone()];
    let count = Pickle::take(&mut rest, budget)?
        .count()
        .ok_or_else(malformed)?;
    for _ in 0..count {
        let row = Pickle::take(&mut rest, budget)?.storage_row();
        let (key, dtype) = row.ok_or_else(malformed)?;
        let bytes = index(&mut rest)?
            .checked_mul(size(dtype))
            .ok_or_else(malformed)?;
        let start = member.end - rest.len();
        rest = rest.get(bytes..).ok_or_else(malformed)?;
        table.insert(key, (dtype, start..start + bytes));
    }
    let views = Pickle::take(&mut rest, budget)?
        .storage_views()
        .ok_or_else(malformed)?;
    for (view, root, first, len) in views {
        let (dtype, at) = table.get(&root).cloned().ok_or_else(malformed)?;
        let byte = |element: usize| {
            let byte = element.checked_mul(size(dtype))?.checked_add(at.start)?;
            (byte <= at.end).then_some(byte)
        };
        let end = first.checked_add(len).and_then(byte);
        let (start, end) = byte(first).zip(end).ok_or_else(malformed)?;
        table.insert(view, (dtype, start..end));
    }
    Ok(table)
}

/// A count, then per tensor its key, its storage's and its class, the rank in eight bytes, the sizes, the strides and the
/// first element.
fn tensors(
    mut rest: &[u8],
    storages: &Table,
    budget: &mut usize,
) -> Result<HashMap<String, View>, Refusal> {
    let mut tensors = HashMap::new();
    let count = Pickle::take(&mut rest, budget)?
        .count()
        .ok_or_else(malformed)?;
    for _ in 0..count {
        let row = Pickle::take(&mut rest, budget)?.tensor_row();
        let (key, storage) = row.ok_or_else(malformed)?;
        let (dtype, at) = storages.get(&storage).ok_or_else(malformed)?;
        // The rank was written as four bytes into a field of eight.
        let (rank, _): (i32, [u8; 4]) = (i32::from_le_bytes(take(&mut rest)?), take(&mut rest)?);
        if !(0..=MAX_RANK).contains(&rank) {
            return Err(malformed());
        }
        let mut extents = || {
            (0..rank)
                .map(|_| index(&mut rest))
                .collect::<Result<_, _>>()
        };
        let (shape, strides) = (extents()?, extents()?);
        let first = index(&mut rest)?;
        let bytes = Bytes::Storage(storage);
        let view = View::new(
            *dtype,
            shape,
            strides,
            first,
            at.len() / size(*dtype),
            bytes,
        )
        .map_err(|reason| Refusal::Malformed(reason.to_string()))?;
        tensors.insert(key, view);
    }
    Ok(tensors)
}

/// A number of eight bytes that is not negative.
fn index(rest: &mut &[u8]) -> Result<usize, Refusal> {
    usize::try_from(i64::from_le_bytes(take(rest)?)).map_err(|_| malformed())
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Refusal> {
    let (taken, after) = rest.split_first_chunk::<N>().ok_or_else(malformed)?;
    *rest = after;
    Ok(*taken)
}
