//! What `torch.save` wrote from 0.1.10 to 1.5: a stream of pickles, then raw storages.

use std::collections::HashMap;

use super::pickle::contents::contents;
use super::pickle::machine::{MAX_OPS, Pickle};
use super::pickle::storage_id::declared;
use super::pickle::tensors::Tensors;
use super::refusal::Refusal;
use super::stored::{Storage, Stored};
use super::structure::Structure;

/// Reads the five pickles of a stream: magic number, protocol, system, object, keys of the storages. Then, for each key,
/// come the number of elements, in eight bytes, and the elements.
pub(super) fn read(stream: &[u8]) -> Result<(Stored, Vec<String>, Structure), Refusal> {
    let mut budget = MAX_OPS;
    let mut rest = stream;
    let malformed = |reason: &str| Refusal::Malformed(reason.to_string());
    for _ in ["magic number", "protocol"] {
        Pickle::take(&mut rest, &mut budget)?;
    }
    match Pickle::take(&mut rest, &mut budget)?.little_endian() {
        Some(true) => {}
        Some(false) => return Err(Refusal::BigEndian),
        None => return Err(malformed("it does not say in which order its bytes are")),
    }
    let start = stream.len() - rest.len();
    let object = Pickle::take(&mut rest, &mut budget)?;
    let pickle = Storage::plain(start..stream.len() - rest.len());
    let keys = Pickle::take(&mut rest, &mut budget)?.keys();
    let keys = keys.ok_or_else(|| malformed("its list of storages is no list of keys"))?;
    let sizes = declared(&object);
    let mut sizes =
        sizes.ok_or_else(|| malformed("its storages are described in an unknown way"))?;

    let mut storages = HashMap::with_capacity(keys.len());
    for key in keys {
        let size = sizes.remove(&key);
        let (element, count) =
            size.ok_or_else(|| malformed("it lists a storage that nothing uses"))?;
        let cut = || Refusal::Damaged("it ends before the end of its tensors".to_string());
        let (told, after) = rest.split_first_chunk().ok_or_else(cut)?;
        if i64::from_le_bytes(*told) != count as i64 {
            return Err(malformed(
                "a storage has another number of elements than its tensors say",
            ));
        }
        let start = stream.len() - after.len();
        // The product was checked where the storage is described.
        rest = after.get(element * count..).ok_or_else(cut)?;
        storages.insert(key, Storage::plain(start..start + element * count));
    }
    if !sizes.is_empty() {
        return Err(malformed(
            "its list of storages lacks one that a tensor uses",
        ));
    }
    let found = contents(&object, Tensors::OnStorages)?;
    let (names, tensors) = found.tensors.into_iter().unzip();
    let stored = Stored {
        pickle,
        storages,
        tensors,
    };
    Ok((stored, names, found.structure))
}
