//! A tensor as a view of a storage: which of its values, in which order.

use std::borrow::Cow;
use std::ops::Range;

use crate::weights::tensor::Dtype;

/// Where the bytes are that a view looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bytes {
    /// A storage beside the pickle, by its key.
    Storage(String),
    /// A part of the pickle itself, as NumPy stores arrays.
    Pickled {
        /// Where in the pickle.
        at: Range<usize>,
        /// The bytes are spelled as text, one character up to U+00FF each, in UTF-8.
        latin1: bool,
    },
}

/// Which values of a storage make a tensor. Counts, strides and offsets are in elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    strides: Vec<usize>,
    start: usize,
    pub(super) bytes: Bytes,
}

impl View {
    /// A view that starts at element `start` of a storage with `available` elements.
    ///
    /// # Errors
    /// What contradicts itself, or reaches beyond the storage.
    pub(super) fn new(
        dtype: Dtype,
        shape: Vec<usize>,
        strides: Vec<usize>,
        start: usize,
        available: usize,
        bytes: Bytes,
    ) -> Result<Self, &'static str> {
        const TOO_LARGE: &str = "a tensor's shape is larger than any memory";
        if shape.len() != strides.len() {
            return Err("a tensor has as many strides as it has no dimensions");
        }
        let numel = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        let numel = numel.ok_or(TOO_LARGE)?;
        numel.checked_mul(size(dtype)).ok_or(TOO_LARGE)?;
        let view = Self {
            dtype,
            shape,
            strides,
            start,
            bytes,
        };
        let end = view.reach().and_then(|reach| start.checked_add(reach));
        match end {
            Some(end) if end <= available => Ok(view),
            _ => Err("a tensor reaches beyond its storage"),
        }
    }

    /// A row-major view of `available` elements, all of them in use.
    pub(super) fn contiguous(
        dtype: Dtype,
        shape: Vec<usize>,
        available: usize,
        bytes: Bytes,
    ) -> Result<Self, &'static str> {
        let strides = row_major(&shape);
        Self::new(dtype, shape, strides, 0, available, bytes)
    }

    /// As [`View::contiguous`], with the first axis varying fastest.
    pub(super) fn column_major(
        dtype: Dtype,
        shape: Vec<usize>,
        available: usize,
        bytes: Bytes,
    ) -> Result<Self, &'static str> {
        let reversed: Vec<usize> = shape.iter().rev().copied().collect();
        let strides = row_major(&reversed).into_iter().rev().collect();
        Self::new(dtype, shape, strides, 0, available, bytes)
    }

    /// Elements from the first to one past the last that are looked at; `None` on overflow.
    fn reach(&self) -> Option<usize> {
        if self.shape.contains(&0) {
            return Some(0);
        }
        let mut axes = self.shape.iter().zip(&self.strides);
        axes.try_fold(1usize, |reach, (&extent, &stride)| {
            reach.checked_add((extent - 1).checked_mul(stride)?)
        })
    }

    /// Number of bytes that the values take.
    pub(super) fn len(&self) -> usize {
        self.shape.iter().product::<usize>() * size(self.dtype)
    }

    /// The bytes of the storage that are looked at.
    pub(super) fn range(&self) -> Range<usize> {
        let start = self.start * size(self.dtype);
        start..start + self.reach().unwrap_or_default() * size(self.dtype)
    }

    /// The values in row-major order; `window` is what [`View::range`] names.
    pub(super) fn values<'m>(&self, window: Cow<'m, [u8]>) -> Cow<'m, [u8]> {
        let axes = self.shape.iter().zip(&self.strides);
        let mut contiguous = row_major(&self.shape).into_iter().zip(axes);
        // The stride of an axis with one place means nothing.
        if contiguous.all(|(wanted, (&extent, &stride))| extent <= 1 || stride == wanted) {
            return window;
        }
        Cow::Owned(match size(self.dtype) {
            1 => self.gather::<1>(&window),
            2 => self.gather::<2>(&window),
            4 => self.gather::<4>(&window),
            _ => self.gather::<8>(&window),
        })
    }

    /// Collects the values, of `N` bytes each, in row-major order.
    fn gather<const N: usize>(&self, window: &[u8]) -> Vec<u8> {
        let values = window.as_chunks::<N>().0;
        let mut out = Vec::with_capacity(self.len() / N);
        let (Some((&inner, outer)), Some((&step, strides))) =
            (self.shape.split_last(), self.strides.split_last())
        else {
            return window.to_vec();
        };
        let mut index = vec![0; outer.len()];
        let mut at = 0;
        loop {
            out.extend((0..inner).map(|place| values[at + place * step]));
            let mut axis = outer.len();
            loop {
                if axis == 0 {
                    return out.into_flattened();
                }
                axis -= 1;
                index[axis] += 1;
                at += strides[axis];
                if index[axis] < outer[axis] {
                    break;
                }
                at -= strides[axis] * outer[axis];
                index[axis] = 0;
            }
        }
    }
}

/// Bytes per element.
pub(super) fn size(dtype: Dtype) -> usize {
    dtype.bitsize() / 8
}

fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis]);
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(shape: &[usize], strides: &[usize], start: usize) -> Result<View, &'static str> {
        let bytes = Bytes::Storage("0".to_string());
        View::new(
            Dtype::U8,
            shape.to_vec(),
            strides.to_vec(),
            start,
            12,
            bytes,
        )
    }

    fn values(shape: &[usize], strides: &[usize], start: usize) -> Vec<u8> {
        let storage: Vec<u8> = (0..12).collect();
        let view = view(shape, strides, start).unwrap();
        view.values(Cow::Borrowed(&storage[view.range()]))
            .into_owned()
    }

    #[test]
    fn values_come_in_the_order_of_the_shape_whatever_the_strides() {
        assert_eq!(values(&[2, 3], &[3, 1], 6), [6, 7, 8, 9, 10, 11]);
        assert_eq!(values(&[2, 3], &[1, 2], 0), [0, 2, 4, 1, 3, 5]);
        assert_eq!(values(&[2, 2, 2], &[1, 6, 3], 0), [0, 3, 6, 9, 1, 4, 7, 10]);
        assert_eq!(values(&[3], &[0], 5), [5, 5, 5]);
        assert_eq!(values(&[1, 2], &[99, 1], 4), [4, 5]);
        assert_eq!(values(&[], &[], 7), [7]);
        assert_eq!(values(&[2, 0], &[1, 1], 12), [0u8; 0]);
    }

    #[test]
    fn a_column_major_view_reads_down_the_columns() {
        let bytes = Bytes::Storage("0".to_string());
        let view = View::column_major(Dtype::U8, vec![2, 3], 6, bytes).unwrap();
        let stored = [0, 3, 1, 4, 2, 5];
        assert_eq!(
            view.values(Cow::Borrowed(&stored)).as_ref(),
            [0, 1, 2, 3, 4, 5]
        );
    }

    #[test]
    fn what_reaches_beyond_the_storage_is_refused() {
        assert!(view(&[12], &[1], 1).is_err());
        assert!(view(&[2], &[12], 0).is_err());
        assert!(view(&[usize::MAX, 2], &[0, 0], 0).is_err());
        assert!(view(&[2], &[usize::MAX], 0).is_err());
        assert!(view(&[2], &[1, 1], 0).is_err());
        assert!(view(&[2, 6], &[6, 1], 0).is_ok());
    }
}
