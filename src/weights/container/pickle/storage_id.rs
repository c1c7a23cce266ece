//! Persistent ids: how a pickle refers to storages and, in tar archives, to tensors.

use std::collections::BTreeMap;

use super::machine::Pickle;
use super::values::{Arena, Object, Value};
use crate::weights::container::view;
use crate::weights::tensor::Dtype;

/// What `('storage', class, key, location, count, view)` refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::weights::container) struct StorageId {
    /// Element type; `None` for a storage of bytes.
    pub(super) dtype: Option<Dtype>,
    pub(super) key: String,
    /// Elements, or bytes, of the whole storage.
    count: usize,
    /// First element and number of elements of the part that may be looked at.
    view: Option<(usize, usize)>,
}

/// Why a persistent id refers to nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum IdError {
    /// A storage class whose elements have no plain bytes.
    Class(String),
    Malformed,
}

impl StorageId {
    /// Reads the id in the tuple `id`.
    pub(super) fn read(arena: &Arena<'_>, id: Value<'_>) -> Result<Self, IdError> {
        let (&[kind, class, key, _location, count], rest) = arena
            .elements(id)
            .split_first_chunk::<5>()
            .ok_or(IdError::Malformed)?;
        let (Value::Text(b"storage"), Value::Global(_, class)) = (kind, class) else {
            return Err(IdError::Malformed);
        };
        let dtype = storage_dtype(class)?;
        let count = count.index().ok_or(IdError::Malformed)?;
        let view = match rest {
            [] | [Value::None] => None,
            &[view] => match arena.elements(view) {
                &[_, start, len] => start.index().zip(len.index()),
                _ => None,
            }
            .filter(|_| dtype.is_some())
            .map(Some)
            .ok_or(IdError::Malformed)?,
            _ => return Err(IdError::Malformed),
        };
        let id = Self {
            dtype,
            key: key_text(key).ok_or(IdError::Malformed)?,
            count,
            view,
        };
        let (start, len) = view.unwrap_or((0, count));
        let end = start.checked_add(len).filter(|&end| end <= count);
        end.and(id.bytes()).map(|_| id).ok_or(IdError::Malformed)
    }

    fn element(&self) -> usize {
        self.dtype.map_or(1, view::size)
    }

    /// Size of the storage in bytes.
    fn bytes(&self) -> Option<usize> {
        self.count.checked_mul(self.element())
    }

    /// The bytes that a tensor may look at: first, and one past the last.
    pub(super) fn window(&self) -> (usize, usize) {
        let (start, len) = self.view.unwrap_or((0, self.count));
        (start * self.element(), (start + len) * self.element())
    }
}

/// A key, which PyTorch writes as text or as a number.
pub(super) fn key_text(key: Value<'_>) -> Option<String> {
    match key {
        Value::Text(text) => String::from_utf8(text.to_vec()).ok(),
        Value::Int(value) => Some(value.to_string()),
        _ => None,
    }
}

/// The elements of a storage class; `None` for bytes.
pub(super) fn storage_dtype(class: &[u8]) -> Result<Option<Dtype>, IdError> {
    Ok(Some(match class {
        b"DoubleStorage" => Dtype::F64,
        b"FloatStorage" => Dtype::F32,
        b"HalfStorage" => Dtype::F16,
        b"BFloat16Storage" => Dtype::BF16,
        b"LongStorage" => Dtype::I64,
        b"IntStorage" => Dtype::I32,
        b"ShortStorage" => Dtype::I16,
        b"CharStorage" => Dtype::I8,
        b"ByteStorage" => Dtype::U8,
        b"BoolStorage" => Dtype::BOOL,
        b"UntypedStorage" => return Ok(None),
        class => return Err(IdError::Class(String::from_utf8_lossy(class).into_owned())),
    }))
}

/// An element type by its name in `torch`.
pub(super) fn torch_dtype(name: &[u8]) -> Option<Dtype> {
    Some(match name {
        b"float64" | b"double" => Dtype::F64,
        b"float32" | b"float" => Dtype::F32,
        b"float16" | b"half" => Dtype::F16,
        b"bfloat16" => Dtype::BF16,
        b"int64" | b"long" => Dtype::I64,
        b"int32" | b"int" => Dtype::I32,
        b"int16" | b"short" => Dtype::I16,
        b"int8" => Dtype::I8,
        b"uint64" => Dtype::U64,
        b"uint32" => Dtype::U32,
        b"uint16" => Dtype::U16,
        b"uint8" => Dtype::U8,
        b"bool" => Dtype::BOOL,
        b"float8_e4m3fn" => Dtype::F8_E4M3,
        b"float8_e5m2" => Dtype::F8_E5M2,
        _ => return None,
    })
}

/// Every storage that a pickle refers to: bytes per element and number of elements by key. A legacy stream has no other
/// list of sizes.
///
/// `None` when a reference is malformed or two contradict each other.
pub(in crate::weights::container) fn declared(
    pickle: &Pickle<'_>,
) -> Option<BTreeMap<String, (usize, usize)>> {
    let mut sizes = BTreeMap::new();
    for object in pickle.arena.objects() {
        if let Object::Persistent(id) = object {
            let id = StorageId::read(&pickle.arena, *id).ok()?;
            let size = (id.element(), id.count);
            if *sizes.entry(id.key).or_insert(size) != size {
                return None;
            }
        }
    }
    Some(sizes)
}
