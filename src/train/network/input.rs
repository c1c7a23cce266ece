//! What is given to the network: clips, or what comes before the last stage.

use tch::Tensor;

use super::error::{Error, Result};
use super::start::size;
use crate::engine::layers::{Handle, values};
use crate::engine::{ClipBatch, Device};
use crate::network::Network;

/// What comes before the last stage, of some clips. When the last stage alone is trained, it never changes: it can be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Middle {
    /// All values, clip after clip: as many of each.
    pub values: Vec<f32>,
    /// How many clips.
    pub clips: usize,
}

impl Middle {
    /// Values of one clip in a network: `256 * segments / 2 * 14 * 14`, and in ECO-Full `segments * 1024` more.
    pub fn len_per_clip(network: &Network) -> usize {
        let shapes = network.middle_shapes();
        shapes
            .iter()
            .map(|shape| shape.iter().product::<usize>())
            .sum()
    }

    /// From tensors as [`Network::middle_of`] makes them.
    pub(super) fn from_tensors(tensors: &[Handle], clips: usize) -> Result<Self> {
        let flat = |Handle(tensor): &Handle| tensor.f_reshape([clips as i64, -1]);
        let flat: Vec<Tensor> = tensors
            .iter()
            .map(flat)
            .collect::<std::result::Result<_, _>>()?;
        Ok(Self {
            values: values(&Tensor::f_cat(&flat, 1)?)?,
            clips,
        })
    }

    /// Back to the tensors.
    pub(super) fn tensors(&self, network: &Network, device: Device) -> Result<Vec<Handle>> {
        let (clips, length) = (self.clips, Self::len_per_clip(network));
        let found = self.values.len();
        if clips == 0 || found != clips * length {
            return Err(Error::Length {
                found,
                clips,
                length,
            });
        }
        let shapes = network.middle_shapes();
        let lengths = shapes
            .iter()
            .map(|shape| shape.iter().product::<usize>() as i64);
        let lengths: Vec<i64> = lengths.collect();
        let all = Tensor::f_from_slice(&self.values)?.f_view([clips as i64, length as i64])?;
        let parts = all
            .f_split_with_sizes(&lengths[..], 1)?
            .into_iter()
            .enumerate();
        let parts = parts.zip(&shapes).map(|((place, part), shape)| {
            // The first has clips, the second frames along its first axis.
            let mut shape = match place {
                0 => [&[1], &shape[..]].concat(),
                _ => shape.clone(),
            };
            shape[0] *= clips;
            let part = part.f_contiguous()?.f_view(&size(&shape)[..])?;
            Ok(Handle(part.f_to_device(device.into())?))
        });
        parts.collect()
    }
}

/// Clips, in one form or the other.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// Their frames.
    Clips(&'a ClipBatch),
    /// What comes before the last stage, where nothing else is trained.
    Middle(&'a Middle),
}

impl Input<'_> {
    /// How many clips.
    pub fn clips(&self) -> usize {
        match self {
            Self::Clips(batch) => batch.clips,
            Self::Middle(middle) => middle.clips,
        }
    }
}
