//! The engine on libtorch: any device, the reference.

pub(crate) mod autocast;
mod folding;
mod inference;
pub(crate) mod layers;
mod observe;
mod queue;
mod reserved;
pub(crate) mod tf32;
mod tree;

use std::collections::{HashMap, HashSet};

use tch::{Kind, Tensor};

pub(super) use observe::observe;
pub use reserved::Reserved;

use super::device::Device;
use super::error::{Error, Result};
use super::precision::Precision;
use super::queue::Queue;
use super::{ClipBatch, Engine, EngineKind, Maps, Output};
use crate::network::Network;
use crate::recipe::{CHANNELS, FRAME_SIZE, Preprocess};
use crate::weights::Weights;
use inference::InferenceMode;
use layers::{Handle, values};
use queue::{DeviceQueue, Work};
use tree::{Forward, Tree};

impl From<Device> for tch::Device {
    fn from(device: Device) -> Self {
        match device {
            Device::Cpu => Self::Cpu,
            Device::Cuda(index) => Self::Cuda(index),
        }
    }
}

impl From<Precision> for Kind {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::Fp32 | Precision::Tf32 => Self::Float,
            Precision::Fp16 => Self::Half,
            Precision::Bf16 => Self::BFloat16,
        }
    }
}

impl From<tch::TchError> for Error {
    fn from(error: tch::TchError) -> Self {
        Self::of_libtorch(&error.to_string())
    }
}

impl Error {
    /// libtorch's message, without the C++ stack trace that it appends.
    fn of_libtorch(text: &str) -> Self {
        let message = text.lines().next().unwrap_or_default();
        let message = message
            .trim_start_matches("Internal torch error: ")
            .to_owned();
        match message.contains("out of memory") {
            true => Self::OutOfMemory(message),
            false => Self::Torch(message),
        }
    }
}

/// The network, run by libtorch where its tensors are.
pub struct Libtorch {
    network: Network,
    tensors: HashMap<String, Tensor>,
    /// Batch norms that the convolutions before them have taken in.
    folded: HashSet<String>,
    device: Device,
    precision: Precision,
}

impl Libtorch {
    /// An engine on `device`, computing in `precision`.
    ///
    /// It owns its tensors, arranged and converted for speed: batch norms folded into convolutions where nothing else
    /// needs what comes between them, and channels last where that is quicker.
    ///
    /// # Errors
    /// Weights that cannot be read, and what libtorch reports.
    pub fn new(
        network: Network,
        weights: &Weights,
        device: Device,
        precision: Precision,
    ) -> Result<Self> {
        if matches!(device, Device::Cuda(_)) {
            // Every batch but the last has one size: finding its fastest kernels once pays.
            tch::Cuda::cudnn_set_benchmark(true);
        }
        let _no_grad = tch::no_grad_guard();
        let mut tree = Tree::new(network, weights)?;
        let folded = folding::fold(&mut tree)?;
        let mut tensors = HashMap::new();
        for (name, tensor) in tree.tensors {
            if tensor.f_kind()? != Kind::Float {
                continue;
            }
            let converted = tensor
                .f_to_device(device.into())?
                .f_to_kind(precision.into())?;
            let arranged = match likes_channels_last(device, precision) {
                true => layers::channels_last(&converted)?,
                false => converted,
            };
            // Its own memory: the weights may be closed.
            let is_view = arranged.data_ptr() == tensor.data_ptr();
            tensors.insert(name, if is_view { arranged.copy() } else { arranged });
        }
        weights.release_pages();
        Ok(Self {
            network: tree.network,
            tensors,
            folded,
            device,
            precision,
        })
    }

    /// Values of the host as a tensor of the engine's device and precision.
    fn input(&self, values: &[f32], shape: &[usize]) -> Result<Handle> {
        let shape: Vec<i64> = shape.iter().map(|&extent| extent as i64).collect();
        let tensor = Tensor::f_from_slice(values)?.f_view(&shape[..])?;
        Ok(Handle(
            tensor
                .f_to_device(self.device.into())?
                .f_to_kind(self.precision.into())?,
        ))
    }

    fn forward(&self) -> Forward<'_> {
        if self.device != Device::Cpu {
            tf32::allow(self.precision == Precision::Tf32);
        }
        Forward::new(&self.tensors).skipping(&self.folded)
    }

    /// What is computed of batches in a queue.
    fn work(&self) -> Work<'_> {
        Work {
            device: self.device,
            precision: self.precision,
            segments: self.network.segments(),
            features: self.network.features(),
            classes: self.network.classes(),
            channels_last: likes_channels_last(self.device, self.precision),
            forward: Box::new(|clips| self.answer_of(clips)),
        }
    }

    /// Features and logits of clips, `[clips, segments, 3, 224, 224]`.
    fn answer_of(&self, clips: Handle) -> Result<(Handle, Handle)> {
        let maps = self.network.maps(&mut self.forward(), clips)?;
        self.answer_of_maps(maps)
    }

    fn answer_of_maps(&self, maps: Vec<Handle>) -> Result<(Handle, Handle)> {
        let mut forward = self.forward();
        let features = self.network.features_of(&mut forward, maps)?;
        let logits = self.network.logits_of(&mut forward, features.clone())?;
        Ok((features, logits))
    }

    fn output(&self, (features, logits): (Handle, Handle)) -> Result<Output> {
        Ok(Output {
            features: values(&features.0)?,
            logits: values(&logits.0)?,
            classes: self.network.classes(),
        })
    }
}

impl Engine for Libtorch {
    fn kind(&self) -> EngineKind {
        EngineKind::Libtorch
    }

    fn device(&self) -> Device {
        self.device
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn network(&self) -> &Network {
        &self.network
    }

    fn maps(&self, frames: &[f32]) -> Result<Maps> {
        let _mode = InferenceMode::enter();
        let count = self.frames(frames.len())?;
        let frames = self.input(frames, &[count, CHANNELS, FRAME_SIZE, FRAME_SIZE])?;
        let maps = self.network.maps(&mut self.forward(), frames)?;
        let per_frame = |Handle(maps): &Handle| maps.f_reshape([count as i64, -1]);
        let maps: Vec<Tensor> = maps
            .iter()
            .map(per_frame)
            .collect::<std::result::Result<_, _>>()?;
        Ok(Maps::new(values(&Tensor::f_cat(&maps, 1)?)?, count))
    }

    fn answer(&self, maps: &Maps) -> Result<Output> {
        let _mode = InferenceMode::enter();
        self.clips(maps)?;
        let shapes = self.network.map_shapes();
        let lengths: Vec<i64> = shapes
            .iter()
            .map(|shape| shape.iter().product::<usize>() as i64)
            .collect();
        let Handle(all) = self.input(maps.values(), &[maps.frames(), self.network.map_len()])?;
        let parts = all.f_split_with_sizes(&lengths[..], 1)?;
        let parts = parts
            .iter()
            .zip(shapes)
            .map(|(part, [channels, height, width])| {
                let shape = [-1, channels as i64, height as i64, width as i64];
                part.f_reshape(shape).map(Handle)
            });
        self.output(self.answer_of_maps(parts.collect::<std::result::Result<_, _>>()?)?)
    }

    fn run(&self, batch: &ClipBatch) -> Result<Output> {
        let _mode = InferenceMode::enter();
        let shape = [
            batch.clips,
            batch.segments,
            CHANNELS,
            FRAME_SIZE,
            FRAME_SIZE,
        ];
        self.network.check_input(&shape)?;
        let input = self.input(&batch.values, &shape)?;
        self.output(self.answer_of(input)?)
    }

    fn queue(&self, preprocess: Preprocess) -> Result<Option<Box<dyn Queue + '_>>> {
        Ok(Some(Box::new(DeviceQueue::new(self.work(), preprocess)?)))
    }
}

/// oneDNN and a GPU's units for matrices like channels last; the ordinary units of a GPU, which compute full float32, do not.
fn likes_channels_last(device: Device, precision: Precision) -> bool {
    device == Device::Cpu || precision != Precision::Fp32
}
