//! What the small pickles around the object say: who wrote the file, and the tables of storages and tensors.

use super::machine::Pickle;
use super::storage_id::{key_text, storage_dtype};
use super::values::Value;
use crate::weights::tensor::Dtype;

/// `(new key, key of the storage, first element, number of elements)`.
pub(in crate::weights::container) type StorageView = (String, String, usize, usize);

impl Pickle<'_> {
    /// The root when it is a whole number that is not negative.
    pub(in crate::weights::container) fn count(&self) -> Option<usize> {
        self.root.index()
    }

    /// Whether the machine that wrote the file was little-endian, as its `sys_info` says.
    pub(in crate::weights::container) fn little_endian(&self) -> Option<bool> {
        let items = self.arena.items(self.root).iter();
        let mut found = items.filter(|(key, _)| *key == Value::Text(b"little_endian"));
        match found.next()? {
            (_, Value::Bool(little)) => Some(*little),
            _ => None,
        }
    }

    /// The keys of the storages of a legacy stream, in the order of their bytes.
    pub(in crate::weights::container) fn keys(&self) -> Option<Vec<String>> {
        let keys = self.arena.elements(self.root).iter();
        keys.map(|&key| key_text(key)).collect()
    }

    /// A row of a tar archive's table of storages: `(key, location, class)`.
    pub(in crate::weights::container) fn storage_row(&self) -> Option<(String, Dtype)> {
        match self.arena.elements(self.root) {
            &[key, _, Value::Global(_, class)] => {
                key_text(key).zip(storage_dtype(class).ok().flatten())
            }
            _ => None,
        }
    }

    /// A row of a tar archive's table of tensors, `(key, key of the storage, class)`, without the class.
    pub(in crate::weights::container) fn tensor_row(&self) -> Option<(String, String)> {
        match self.arena.elements(self.root) {
            &[key, storage, _] => key_text(key).zip(key_text(storage)),
            _ => None,
        }
    }

    /// A tar archive's table of storages that are parts of others.
    pub(in crate::weights::container) fn storage_views(&self) -> Option<Vec<StorageView>> {
        let rows = self.arena.elements(self.root).iter();
        rows.map(|&row| match self.arena.elements(row) {
            &[view, root, start, len] => Some((
                key_text(view)?,
                key_text(root)?,
                start.index()?,
                len.index()?,
            )),
            _ => None,
        })
        .collect()
    }
}
