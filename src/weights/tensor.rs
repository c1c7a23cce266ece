//! A tensor as bytes, and the conversions a checkpoint needs.

use std::borrow::Cow;

use half::{bf16, f16};
pub use safetensors::Dtype;

pub use crate::network::TensorSpec;
pub(crate) use crate::network::is_counter;

/// A tensor in a file, not yet read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Dotted path through the checkpoint's dictionaries (`state_dict.module.new_fc.weight`).
    pub name: String,
    /// Element type.
    pub dtype: Dtype,
    /// Extents, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
}

impl TensorInfo {
    /// Number of elements, saturating where a hostile shape overflows.
    pub fn numel(&self) -> usize {
        numel(&self.shape)
    }

    /// Number of bytes the values take.
    pub fn bytes(&self) -> usize {
        self.numel().saturating_mul(self.dtype.bitsize()) / 8
    }
}

fn numel(shape: &[usize]) -> usize {
    shape
        .iter()
        .fold(1, |count: usize, &extent| count.saturating_mul(extent))
}

/// A tensor's bytes: row-major, contiguous, little-endian, borrowed from a mapped file where possible.
#[derive(Debug, Clone)]
pub struct RawTensor<'a> {
    /// Element type.
    pub dtype: Dtype,
    /// Extents, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// `numel * dtype` bytes.
    pub data: Cow<'a, [u8]>,
}

impl RawTensor<'_> {
    /// Number of elements.
    pub fn numel(&self) -> usize {
        numel(&self.shape)
    }

    /// The values of a float32 tensor: borrowed when the bytes are aligned, copied otherwise.
    /// `None` for any other element type.
    pub fn f32s(&self) -> Option<Cow<'_, [f32]>> {
        if self.dtype != Dtype::F32 {
            return None;
        }
        #[cfg(target_endian = "little")]
        if let Ok(values) = bytemuck::try_cast_slice(&self.data) {
            return Some(Cow::Borrowed(values));
        }
        Some(Cow::Owned(
            values::<4>(&self.data).map(f32::from_le_bytes).collect(),
        ))
    }

    /// The values as 64-bit floats, one at a time; `None` for element types without a value in
    /// that sense (complex, 8-bit floats and narrower).
    pub fn values(&self) -> Option<Box<dyn Iterator<Item = f64> + '_>> {
        let d = &self.data;
        Some(match self.dtype {
            Dtype::F64 => Box::new(values::<8>(d).map(f64::from_le_bytes)),
            Dtype::F32 => Box::new(values::<4>(d).map(|b| f64::from(f32::from_le_bytes(b)))),
            Dtype::F16 => Box::new(values::<2>(d).map(|b| f64::from(f16::from_le_bytes(b)))),
            Dtype::BF16 => Box::new(values::<2>(d).map(|b| f64::from(bf16::from_le_bytes(b)))),
            Dtype::I64 => Box::new(values::<8>(d).map(|b| i64::from_le_bytes(b) as f64)),
            Dtype::U64 => Box::new(values::<8>(d).map(|b| u64::from_le_bytes(b) as f64)),
            Dtype::I32 => Box::new(values::<4>(d).map(|b| f64::from(i32::from_le_bytes(b)))),
            Dtype::U32 => Box::new(values::<4>(d).map(|b| f64::from(u32::from_le_bytes(b)))),
            Dtype::I16 => Box::new(values::<2>(d).map(|b| f64::from(i16::from_le_bytes(b)))),
            Dtype::U16 => Box::new(values::<2>(d).map(|b| f64::from(u16::from_le_bytes(b)))),
            Dtype::I8 => Box::new(d.iter().map(|&b| f64::from(b as i8))),
            Dtype::U8 | Dtype::BOOL => Box::new(d.iter().map(|&b| f64::from(b))),
            _ => return None,
        })
    }

    /// How many values are NaN or infinite. Integers never are.
    pub fn non_finite(&self) -> usize {
        match self.dtype {
            Dtype::F32 => match self.f32s() {
                Some(values) => values.iter().filter(|v| !v.is_finite()).count(),
                None => 0,
            },
            Dtype::F64 | Dtype::F16 | Dtype::BF16 => match self.values() {
                Some(values) => values.filter(|v| !v.is_finite()).count(),
                None => 0,
            },
            _ => 0,
        }
    }
}

impl<'a> RawTensor<'a> {
    /// The tensor in `shape`: with fewer input channels, axis 1, the first ones of every output channel; else the same
    /// elements.
    pub(super) fn first_inputs(self, shape: &[usize]) -> Self {
        let (wanted, all) = (numel(shape), self.numel());
        let data = match shape.first() {
            Some(&outputs @ 1..) if wanted < all => {
                let row = self.data.len() / outputs;
                let rows = self.data.chunks_exact(row);
                rows.flat_map(|values| &values[..row * wanted / all])
                    .copied()
                    .collect()
            }
            _ => self.data,
        };
        Self {
            dtype: self.dtype,
            shape: shape.to_vec(),
            data,
        }
    }

    /// The values of a float32 tensor, its bytes given up: borrowed when they are borrowed and aligned, else copied.
    /// `None` for any other element type.
    pub fn into_f32s(self) -> Option<Cow<'a, [f32]>> {
        match self.data {
            #[cfg(target_endian = "little")]
            Cow::Borrowed(bytes) if self.dtype == Dtype::F32 => {
                match bytemuck::try_cast_slice(bytes) {
                    Ok(values) => Some(Cow::Borrowed(values)),
                    Err(_) => Some(Cow::Owned(
                        values::<4>(bytes).map(f32::from_le_bytes).collect(),
                    )),
                }
            }
            _ => self.f32s().map(|values| Cow::Owned(values.into_owned())),
        }
    }

    /// A finite value that would become infinite in 16 bits, if there is one.
    pub(super) fn beyond_half(&self) -> Option<f64> {
        let mut values = self.values()?;
        values.find(|&value| value.is_finite() && f16::from_f64(value).is_infinite())
    }

    /// The same tensor with another element type, or `None` where a conversion makes no sense.
    ///
    /// Float types convert to float32 and float16 by rounding to nearest, ties to even, as
    /// PyTorch's `.to()` does; numbers of any kind convert to 64-bit integers.
    pub fn convert(self, to: Dtype) -> Option<RawTensor<'a>> {
        if self.dtype == to {
            return Some(self);
        }
        if !convertible(self.dtype, to) {
            return None;
        }
        let values = self.values()?;
        let mut data = Vec::with_capacity(self.data.len() * to.bitsize() / self.dtype.bitsize());
        match to {
            // Going through f64 is exact for f16 and bf16, and rounds once for f64 itself.
            Dtype::F32 => values.for_each(|v| data.extend((v as f32).to_le_bytes())),
            Dtype::F16 => values.for_each(|v| data.extend(f16::from_f64(v).to_le_bytes())),
            Dtype::I64 => values.for_each(|v| data.extend((v as i64).to_le_bytes())),
            _ => return None,
        }
        Some(RawTensor {
            dtype: to,
            shape: self.shape.clone(),
            data: Cow::Owned(data),
        })
    }
}

/// Whether weights of one element type may become another: floats to floats, and any number to
/// the 64-bit integer of a counter. Quantised or integer weights have lost their scale.
pub(crate) fn convertible(from: Dtype, to: Dtype) -> bool {
    let float = matches!(from, Dtype::F64 | Dtype::F32 | Dtype::F16 | Dtype::BF16);
    let integer = matches!(
        from,
        Dtype::I64
            | Dtype::U64
            | Dtype::I32
            | Dtype::U32
            | Dtype::I16
            | Dtype::U16
            | Dtype::I8
            | Dtype::U8
    );
    match to {
        Dtype::F32 | Dtype::F16 => float,
        Dtype::I64 => float || integer,
        _ => from == to,
    }
}

fn values<const N: usize>(data: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    data.as_chunks::<N>().0.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(dtype: Dtype, bytes: &[u8]) -> RawTensor<'_> {
        let numel = bytes.len() * 8 / dtype.bitsize();
        RawTensor {
            dtype,
            shape: vec![numel],
            data: Cow::Borrowed(bytes),
        }
    }

    #[test]
    fn values_that_16_bits_cannot_hold_are_found() {
        let tensor = |values: &[f32]| {
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            RawTensor {
                dtype: Dtype::F32,
                shape: vec![values.len()],
                data: bytes.into(),
            }
        };
        assert_eq!(tensor(&[1.0, 1e6]).beyond_half(), Some(1e6));
        assert_eq!(
            tensor(&[65504.0, -65504.0, f32::INFINITY]).beyond_half(),
            None
        );
    }

    #[test]
    fn half_precision_becomes_the_same_number_in_float32() {
        let bytes: Vec<u8> = [1.5f32, -0.333_251_95, 65504.0]
            .iter()
            .flat_map(|&v| f16::from_f32(v).to_le_bytes())
            .collect();
        let out = raw(Dtype::F16, &bytes).convert(Dtype::F32).unwrap();
        assert_eq!(out.f32s().unwrap().as_ref(), [1.5, -0.333_251_95, 65504.0]);
    }

    #[test]
    fn a_counter_saved_as_float_becomes_an_integer() {
        let bytes = 7f32.to_le_bytes();
        let out = raw(Dtype::F32, &bytes).convert(Dtype::I64).unwrap();
        assert_eq!(out.data.as_ref(), 7i64.to_le_bytes());
    }

    #[test]
    fn integer_weights_do_not_become_float_weights() {
        assert!(raw(Dtype::I8, &[1, 2]).convert(Dtype::F32).is_none());
    }

    #[test]
    fn unaligned_bytes_still_read_as_floats() {
        let mut bytes = vec![0u8];
        bytes.extend(2.5f32.to_le_bytes());
        let tensor = RawTensor {
            dtype: Dtype::F32,
            shape: vec![1],
            data: Cow::Borrowed(&bytes[1..]),
        };
        assert_eq!(tensor.f32s().unwrap().as_ref(), [2.5]);
    }

    #[test]
    fn nan_and_infinity_are_counted() {
        let bytes: Vec<u8> = [1.0, f32::NAN, f32::INFINITY]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        assert_eq!(raw(Dtype::F32, &bytes).non_finite(), 2);
    }
}
