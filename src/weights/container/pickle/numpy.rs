//! NumPy's arrays and numbers, as NumPy pickles them.

use std::ops::Range;

use super::machine::Pickle;
use super::values::{Call, Value};
use crate::weights::container::structure::Scalar;
use crate::weights::container::view::{Bytes, View, size};
use crate::weights::tensor::Dtype;

/// A NumPy element type in one of the two byte orders.
struct ElementType {
    dtype: Dtype,
    big_endian: bool,
}

/// What an array is to a reader of weights.
#[derive(Debug, PartialEq)]
pub(super) enum Array {
    Values(View),
    /// An array of objects, texts or records, or one that contradicts itself.
    NoNumbers,
    BigEndian,
}

impl<'a> Pickle<'a> {
    /// The array that `call` makes, if it makes one.
    pub(super) fn array(&self, call: &Call<'a>) -> Option<Array> {
        let parts = match call.name().as_str() {
            "numpy.core.multiarray._reconstruct" | "numpy._core.multiarray._reconstruct" => {
                // BUILD (version, shape, dtype, whether it is column-major, bytes)
                match *self.arena.elements(call.state?) {
                    [_, shape, dtype, Value::Bool(fortran), data] => (shape, dtype, fortran, data),
                    _ => return Some(Array::NoNumbers),
                }
            }
            "numpy.core.numeric._frombuffer" | "numpy._core.numeric._frombuffer" => {
                match *self.arena.arguments(call) {
                    [data, dtype, shape, order] => (shape, dtype, order == Value::Text(b"F"), data),
                    _ => return Some(Array::NoNumbers),
                }
            }
            _ => return None,
        };
        let (shape, dtype, fortran, data) = parts;
        Some(match self.element_type(dtype) {
            Some(ElementType {
                big_endian: true, ..
            }) => Array::BigEndian,
            Some(ElementType { dtype, .. }) => self
                .view(shape, dtype, fortran, data)
                .map_or(Array::NoNumbers, Array::Values),
            None => Array::NoNumbers,
        })
    }

    fn view(&self, shape: Value<'a>, dtype: Dtype, fortran: bool, data: Value<'a>) -> Option<View> {
        let shape = self.arena.elements(shape).iter();
        let shape: Vec<usize> = shape.map(|extent| extent.index()).collect::<Option<_>>()?;
        let (bytes, latin1) = self.bytes(data)?;
        let held = match latin1 {
            true => std::str::from_utf8(bytes).ok()?.chars().count(),
            false => bytes.len(),
        };
        let at = self.place(bytes);
        let make = match fortran {
            true => View::column_major,
            false => View::contiguous,
        };
        make(
            dtype,
            shape,
            held / size(dtype),
            Bytes::Pickled { at, latin1 },
        )
        .ok()
    }

    /// Where in the stream `bytes`, which was cut out of it, lies.
    fn place(&self, bytes: &[u8]) -> Range<usize> {
        let start = bytes.as_ptr().addr() - self.stream.as_ptr().addr();
        start..start + bytes.len()
    }

    /// Bytes, and whether they are spelled as text, which protocol 2 does: `_codecs.encode(text, 'latin1')`.
    fn bytes(&self, value: Value<'a>) -> Option<(&'a [u8], bool)> {
        match value {
            // Python 2 wrote bytes as text without an encoding.
            Value::Bytes(bytes) | Value::Text(bytes) => Some((bytes, false)),
            _ => {
                let call = self.arena.call(value)?;
                match (call.name().as_str(), self.arena.arguments(call)) {
                    ("_codecs.encode", &[Value::Text(text), Value::Text(b"latin1")]) => {
                        Some((text, true))
                    }
                    _ => None,
                }
            }
        }
    }

    /// `dtype('f4', ...)`, with the byte order in what BUILD gave it.
    fn element_type(&self, value: Value<'a>) -> Option<ElementType> {
        let call = self
            .arena
            .call(value)
            .filter(|call| call.name() == "numpy.dtype")?;
        let (Value::Text(kind) | Value::Bytes(kind)) = *self.arena.arguments(call).first()? else {
            return None;
        };
        let order = call
            .state
            .and_then(|state| self.arena.elements(state).get(1).copied());
        let big_endian = order == Some(Value::Text(b">")) || order == Some(Value::Bytes(b">"));
        let dtype = match kind {
            b"f8" => Dtype::F64,
            b"f4" => Dtype::F32,
            b"f2" => Dtype::F16,
            b"i8" => Dtype::I64,
            b"i4" => Dtype::I32,
            b"i2" => Dtype::I16,
            b"i1" => Dtype::I8,
            b"u8" => Dtype::U64,
            b"u4" => Dtype::U32,
            b"u2" => Dtype::U16,
            b"u1" => Dtype::U8,
            b"b1" => Dtype::BOOL,
            _ => return None,
        };
        Some(ElementType { dtype, big_endian })
    }

    /// The number that `call` makes, if it makes one: `scalar(dtype, bytes)`.
    pub(super) fn number(&self, call: &Call<'a>) -> Option<Scalar> {
        if !matches!(
            call.name().as_str(),
            "numpy.core.multiarray.scalar" | "numpy._core.multiarray.scalar"
        ) {
            return None;
        }
        let &[dtype, data] = self.arena.arguments(call) else {
            return None;
        };
        let ElementType { dtype, big_endian } = self.element_type(dtype)?;
        let (bytes, latin1) = self.bytes(data)?;
        let mut bytes = match latin1 {
            true => latin1_bytes(bytes)?,
            false => bytes.to_vec(),
        };
        if big_endian {
            bytes.reverse();
        }
        Some(match dtype {
            Dtype::F64 => Scalar::Float(f64::from_le_bytes(bytes.try_into().ok()?)),
            Dtype::F32 => Scalar::Float(f32::from_le_bytes(bytes.try_into().ok()?).into()),
            Dtype::I64 => Scalar::Int(i64::from_le_bytes(bytes.try_into().ok()?)),
            Dtype::I32 => Scalar::Int(i32::from_le_bytes(bytes.try_into().ok()?).into()),
            _ => return None,
        })
    }
}

/// The bytes that UTF-8 text of characters up to U+00FF spells.
pub(in crate::weights::container) fn latin1_bytes(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).ok())
        .collect()
}
