//! A blob: the values of one tensor and their shape.

use std::borrow::Cow;
use std::ops::Range;

use super::error::Fault;
use super::wire::{Message, Value, packed};
use crate::weights::tensor::Dtype;

/// Most axes of a blob, Caffe's own limit (kMaxBlobAxes).
const MAX_AXES: usize = 32;

/// Fields of BlobProto. Old files give four extents (num, channels, height, width) instead of a shape.
const FIRST_EXTENT: u32 = 1;
const LAST_EXTENT: u32 = 4;
const DATA: u32 = 5;
const SHAPE: u32 = 7;
const DOUBLE_DATA: u32 = 8;
/// Of NVIDIA's Caffe, and in what OpenCV's shrinkCaffeModel writes (opencv-caffe.proto).
const RAW_DATA: u32 = 12;
/// The field of BlobShape.
const DIM: u32 = 1;

/// Where the values of a blob lie, and their shape.
#[derive(Debug)]
pub(super) struct Blob {
    /// The message in the file.
    at: Range<usize>,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    /// The values, where they lie in one piece; else the message is walked over again.
    whole: Option<Range<usize>>,
}

/// The values of one precision, as far as they were seen.
#[derive(Default)]
struct Values {
    bytes: usize,
    pieces: usize,
    /// The last piece.
    at: Range<usize>,
}

impl Values {
    /// Takes one more piece: a packed list, or a single value.
    fn add(&mut self, at: &Range<usize>) {
        if !at.is_empty() {
            self.bytes += at.len();
            self.pieces += 1;
            self.at = at.clone();
        }
    }
}

impl Blob {
    /// Reads the description of the blob at `at`.
    pub(super) fn read(file: &[u8], at: Range<usize>) -> Result<Self, Fault> {
        let (mut singles, mut doubles) = (Values::default(), Values::default());
        let (mut dims, mut extents) = (Vec::new(), [None; LAST_EXTENT as usize]);
        for field in Message::new(file, at.clone()) {
            let field = field?;
            match (field.number, &field.value) {
                (FIRST_EXTENT..=LAST_EXTENT, Value::Varint(extent)) => {
                    extents[(field.number - FIRST_EXTENT) as usize] = Some(*extent);
                }
                (DATA, Value::Bytes(at) | Value::Fixed32(at)) => singles.add(at),
                (DOUBLE_DATA, Value::Bytes(at) | Value::Fixed64(at)) => doubles.add(at),
                (SHAPE, Value::Bytes(at)) => read_shape(file, at.clone(), &mut dims)?,
                (RAW_DATA, _) => return Err(Fault::RawData),
                (FIRST_EXTENT..=LAST_EXTENT | DATA | DOUBLE_DATA | SHAPE, _) => {
                    return Err(Fault::Type("blob"));
                }
                _ => {}
            }
        }
        let (dtype, values) = match (singles.bytes, doubles.bytes) {
            (_, 0) => (Dtype::F32, singles),
            (0, _) => (Dtype::F64, doubles),
            _ => return Err(Fault::BothPrecisions),
        };
        let size = dtype.bitsize() / 8;
        if !values.bytes.is_multiple_of(size) {
            return Err(Fault::Unaligned(values.bytes));
        }
        if dims.is_empty() && extents.iter().any(Option::is_some) {
            // An extent that is not given is 0, protobuf's default, and refused.
            dims = extents.map(Option::unwrap_or_default).to_vec();
        }
        let shape = checked(&dims, values.bytes / size)?;
        let whole = (values.pieces == 1).then_some(values.at);
        Ok(Self {
            at,
            dtype,
            shape,
            whole,
        })
    }

    /// Makes the matrix `[1, 1, N, K]` of an old file, where every blob has four axes, `[N, K]`.
    pub(super) fn drop_axes_of_old_files(&mut self) {
        if let [1, 1, rows, columns] = self.shape[..] {
            self.shape = vec![rows, columns];
        }
    }

    /// The values in row-major order, borrowed where they lie in `file` in one piece.
    pub(super) fn values<'f>(&self, file: &'f [u8]) -> Result<Cow<'f, [u8]>, Fault> {
        let bytes = |at: &Range<usize>| file.get(at.clone()).unwrap_or_default();
        if let Some(at) = &self.whole {
            return Ok(Cow::Borrowed(bytes(at)));
        }
        let count: usize = self.shape.iter().product();
        let mut values = Vec::with_capacity(count * self.dtype.bitsize() / 8);
        for field in Message::new(file, self.at.clone()) {
            let field = field?;
            if let (
                DATA | DOUBLE_DATA,
                Value::Bytes(at) | Value::Fixed32(at) | Value::Fixed64(at),
            ) = (field.number, &field.value)
            {
                values.extend_from_slice(bytes(at));
            }
        }
        Ok(Cow::Owned(values))
    }
}

/// Adds the extents of the BlobShape at `at`, a packed list in any number of pieces or one by one.
fn read_shape(file: &[u8], at: Range<usize>, dims: &mut Vec<u64>) -> Result<(), Fault> {
    let mut add = |extent: u64| match dims.len() {
        MAX_AXES.. => Err(Fault::Axes(MAX_AXES)),
        _ => {
            dims.push(extent);
            Ok(())
        }
    };
    for field in Message::new(file, at) {
        let field = field?;
        match (field.number, field.value) {
            (DIM, Value::Varint(extent)) => add(extent)?,
            (DIM, Value::Bytes(at)) => {
                for extent in packed(file, at) {
                    add(extent?)?;
                }
            }
            (DIM, _) => return Err(Fault::Type("shape")),
            _ => {}
        }
    }
    Ok(())
}

/// The extents as a shape of `held` values.
fn checked(dims: &[u64], held: usize) -> Result<Vec<usize>, Fault> {
    if dims.is_empty() {
        return Err(Fault::NoShape(held));
    }
    // Extents are signed numbers of 64 bits in the file.
    let extent = |&extent: &u64| match usize::try_from(extent as i64) {
        Ok(extent) if extent > 0 => Ok(extent),
        _ => Err(Fault::Extent(extent as i64)),
    };
    let shape: Vec<usize> = dims.iter().map(extent).collect::<Result<_, _>>()?;
    match shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) {
        Some(count) if count == held => Ok(shape),
        Some(_) => Err(Fault::Count { shape, held }),
        None => Err(Fault::TooLarge(shape)),
    }
}
