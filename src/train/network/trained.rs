//! A network that is fitted.

use std::collections::BTreeMap;

use tch::{Kind, Reduction, Tensor};

use super::dropout::{Masks, Place};
use super::error::{Error, Result};
use super::forward::{Pass, Training};
use super::groups::{Member, members, statistics};
use super::input::{Input, Middle};
use super::layout::channels_last;
use super::sgd::{self, Rule};
use super::start::{Head, Tensors, owned, size, start};
use crate::engine::layers::{Handle, values};
use crate::engine::{Autocast, ClipBatch, Device, tf32};
use crate::network::{Network, TensorSpec};
use crate::train::checkpoint::{About, Checkpoint, Part};
use crate::train::recipe::{Arithmetic, Recipe, Tuned};
use crate::train::record::Running;
use crate::train::schedule::{Course, Position};
use crate::weights::{Dtype, RawTensor, Weights};

/// Added to the norm that a gradient is divided by, as `torch.nn.utils.clip_grad_norm_` does.
const CLIP_EPSILON: f32 = 1e-6;
/// A target that counts for nothing, PyTorch's default. No class has it.
const IGNORED: i64 = -100;

/// What a fit starts with, beside weights.
#[derive(Debug, Clone)]
pub struct Start {
    /// Classes to tell apart.
    pub classes: usize,
    /// Where the head comes from.
    pub head: Head,
    /// Frames per clip; the weights' own number where this is `None`.
    pub segments: Option<usize>,
    /// How the network is fitted.
    pub recipe: Recipe,
    /// Where.
    pub device: Device,
}

/// What the network answers, in training or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The mean loss over the clips, with the recipe's label smoothing in training.
    pub loss: f64,
    /// `[clips, classes]`.
    pub logits: Vec<f32>,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stepped {
    /// Clips of the step.
    pub clips: usize,
    /// The norm of the gradient of their mean loss, before it was clipped.
    pub gradient_norm: f64,
}

/// A trained tensor's name, group and momentum.
struct Trained {
    member: Member,
    momentum: Tensor,
}

/// A step that has begun.
struct Pending {
    clips: usize,
    /// Of the sum of the losses over the clips that a step should have, one per trained tensor; none before the first clips.
    gradients: Vec<Tensor>,
    /// Statistics before the step.
    statistics: Vec<(String, Tensor)>,
}

/// A network with tensors of its own, some of which learn.
pub struct TrainedNetwork {
    network: Network,
    recipe: Recipe,
    device: Device,
    tensors: Tensors,
    trained: Vec<Trained>,
    /// Names of the statistics that training changes.
    statistics: Vec<String>,
    new: Vec<String>,
    pending: Option<Pending>,
}

impl TrainedNetwork {
    /// A network that starts with copies of `weights`. What they lack, and a head that does not fit, is initialised as the
    /// authors do, from the recipe's seed.
    ///
    /// # Errors
    /// A recipe or a network that cannot be, weights that cannot be read, and what libtorch reports.
    pub fn new(weights: &Weights, with: Start) -> Result<Self> {
        with.recipe.check()?;
        let about = weights.metadata();
        let segments = with.segments.unwrap_or(about.segments);
        let network = Network::new(about.architecture, with.classes, segments)?;
        let seed = with.recipe.seed;
        let (tensors, new) = start(&network, weights, with.head, seed, with.device)?;
        let begun = Self::with_tensors(network, with.recipe, with.device, tensors)?;
        Ok(Self { new, ..begun })
    }

    /// The network of a checkpoint, as it was.
    ///
    /// # Errors
    /// A checkpoint without all tensors, and what libtorch reports.
    pub fn resume(checkpoint: &Checkpoint<'_>, device: Device) -> Result<Self> {
        let about = &checkpoint.about;
        about.recipe.check()?;
        let network = Network::new(about.architecture, about.classes, about.segments)?;
        let read = |part, spec: &TensorSpec| -> Result<Tensor> {
            let raw = checkpoint.tensor(part, &spec.name, &spec.shape)?;
            owned(spec, raw, device)
        };
        let specs = network.state_dict();
        let tensors = specs
            .iter()
            .map(|spec| Ok((spec.name.clone(), read(Part::Weights, spec)?)))
            .collect::<Result<_>>()?;
        let mut resumed = Self::with_tensors(network, about.recipe.clone(), device, tensors)?;
        for Trained { member, momentum } in &mut resumed.trained {
            if let Some(spec) = specs.iter().find(|spec| spec.name == member.name) {
                *momentum = read(Part::Momentum, spec)?;
            }
        }
        Ok(resumed)
    }

    pub(super) fn with_tensors(
        network: Network,
        recipe: Recipe,
        device: Device,
        mut tensors: Tensors,
    ) -> Result<Self> {
        if device != Device::Cpu {
            channels_last(&mut tensors)?;
            tf32::allow(false);
        }
        let mut trained = Vec::new();
        for member in members(&network, &recipe) {
            if let Some(tensor) = tensors.get_mut(&member.name) {
                *tensor = tensor.set_requires_grad(true);
                let momentum = tensor.f_zeros_like()?.f_detach()?;
                trained.push(Trained { member, momentum });
            }
        }
        Ok(Self {
            statistics: statistics(&network, &recipe),
            network,
            recipe,
            device,
            tensors,
            trained,
            new: Vec::new(),
            pending: None,
        })
    }

    /// The network without tensors.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Bytes of all tensors, and of the momentum.
    pub fn bytes(&self) -> [u64; 2] {
        let bytes = |values: usize| (values * size_of::<f32>()) as u64;
        let momentum = self.trained.iter().map(|trained| trained.momentum.numel());
        [
            self.tensors
                .values()
                .map(|tensor| bytes(tensor.numel()))
                .sum(),
            momentum.map(bytes).sum(),
        ]
    }

    /// How it is fitted.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Names of the tensors that were not taken from the weights, in order.
    pub fn new_tensors(&self) -> &[String] {
        &self.new
    }

    /// Runs clips of known classes forward and backward: a part of the step at `at`, which begins with the first clips after
    /// the last step. How a step's clips are divided into calls makes no difference but in batch norms that normalise by the
    /// statistics of each call.
    ///
    /// # Errors
    /// Clips and classes that do not fit, a loss that is no number, and what libtorch reports. The step is then given up.
    pub fn accumulate(
        &mut self,
        input: Input<'_>,
        classes: &[usize],
        at: Position,
    ) -> Result<Answer> {
        let mut pending = match self.pending.take() {
            Some(pending) => pending,
            None => self.begin(),
        };
        let made = self.backward(input, classes, at, pending.clips);
        match made.and_then(|(answer, gradients)| {
            pending.add(gradients)?;
            Ok(answer)
        }) {
            Ok(answer) => {
                pending.clips += input.clips();
                self.pending = Some(pending);
                Ok(answer)
            }
            Err(error) => {
                self.give_up(pending)?;
                Err(error)
            }
        }
    }

    /// Steps along the gradient of the mean loss of all clips since the last step, clipped to the recipe's norm.
    ///
    /// # Errors
    /// No clips since the last step, a gradient that is no number, after which the step is given up, and what libtorch
    /// reports.
    pub fn step(&mut self, learning_rate: f64) -> Result<Stepped> {
        let mut pending = self.pending.take().ok_or(Error::NoClips)?;
        let _no_grad = tch::no_grad_guard();
        // 1 but for a step with fewer clips than the others.
        let share = self.clips_per_step() / pending.clips as f64;
        let gradient_norm = norm(&pending.gradients)? * share;
        if !gradient_norm.is_finite() {
            self.give_up(pending)?;
            return Err(Error::Gradient(gradient_norm));
        }
        // In float32 and in this order, as PyTorch computes it.
        let scale = self.recipe.clip.map_or(1.0, |most| {
            let reciprocal = 1.0 / (gradient_norm as f32 + CLIP_EPSILON);
            f64::from((reciprocal * most as f32).min(1.0))
        });
        let gradients = std::mem::take(&mut pending.gradients);
        for (Trained { member, momentum }, gradient) in self.trained.iter_mut().zip(gradients) {
            let rule = Rule {
                share: share * scale,
                rate: learning_rate * member.rate,
                decay: member.decay,
                momentum: self.recipe.momentum,
                update: self.recipe.update,
            };
            if let Some(tensor) = self.tensors.get_mut(&member.name) {
                sgd::step(rule, tensor, gradient, momentum)?;
            }
        }
        Ok(Stepped {
            clips: pending.clips,
            gradient_norm,
        })
    }

    /// Gives up a step that has begun: the network is as the last step made it.
    ///
    /// # Errors
    /// What libtorch reports.
    pub fn discard(&mut self) -> Result<()> {
        match self.pending.take() {
            Some(pending) => self.give_up(pending),
            None => Ok(()),
        }
    }

    /// What the network answers at inference, with its tensors as they are. The loss is without label smoothing.
    ///
    /// # Errors
    /// Clips and classes that do not fit, and what libtorch reports.
    pub fn evaluate(&self, input: Input<'_>, classes: &[usize]) -> Result<Answer> {
        let _no_grad = tch::no_grad_guard();
        let targets = self.targets(classes, input.clips())?;
        let mut pass = self.pass(None);
        let logits = self.logits(&mut pass, input)?;
        let (loss, _) = losses(&logits, &targets, 0.0)?;
        answer(loss, &logits, classes.len())
    }

    /// What comes before the last stage, to be kept and given as [`Input::Middle`].
    ///
    /// # Errors
    /// A recipe that trains it, clips that do not fit, and what libtorch reports.
    pub fn middle(&self, clips: &ClipBatch) -> Result<Middle> {
        let _autocast = self.autocast();
        let middle = self.middle_tensors(Input::Clips(clips))?;
        Middle::from_tensors(&middle, clips.clips)
    }

    /// The tensors as they are, in the order of PyTorch's `state_dict()`.
    ///
    /// # Errors
    /// What libtorch reports.
    pub fn state_dict(&self) -> Result<Vec<(String, RawTensor<'static>)>> {
        let specs = self.network.state_dict().into_iter();
        let raw = specs.filter_map(|spec| Some((raw(self.tensors.get(&spec.name)?), spec.name)));
        raw.map(|(raw, name)| Ok((name, raw?))).collect()
    }

    /// Gives the tensors other values, such as those of a better network. Momentum stays.
    ///
    /// # Errors
    /// Another shape, and what libtorch reports.
    pub fn set(&mut self, values: &[(String, RawTensor<'_>)]) -> Result<()> {
        let _no_grad = tch::no_grad_guard();
        for spec in self.network.state_dict() {
            let value = values.iter().find(|(name, _)| *name == spec.name);
            if let (Some((_, value)), Some(tensor)) = (value, self.tensors.get_mut(&spec.name)) {
                tensor.f_copy_(&owned(&spec, value, self.device)?)?;
            }
        }
        Ok(())
    }

    /// All that is needed to go on from here: `next` is the next step, `data` and `start` are hashes of the clips and of the
    /// weights that the fit started from.
    ///
    /// # Errors
    /// A step that has begun, and what libtorch reports.
    pub fn checkpoint(
        &self,
        next: Position,
        course: Course,
        data: String,
        start: String,
    ) -> Result<Checkpoint<'static>> {
        if self.pending.is_some() {
            return Err(Error::UnfinishedStep);
        }
        let momentum = self.trained.iter().map(|Trained { member, momentum }| {
            let raw = raw(momentum)?;
            Ok((member.name.clone(), raw))
        });
        let about = About {
            architecture: self.network.architecture(),
            classes: self.network.classes(),
            segments: self.network.segments(),
            recipe: self.recipe.clone(),
            data,
            start,
            next,
            course,
            input: BTreeMap::new(),
            running: Running::default(),
            history: Vec::new(),
        };
        Ok(Checkpoint::new(about)
            .with(Part::Weights, self.state_dict()?)
            .with(Part::Momentum, momentum.collect::<Result<_>>()?))
    }

    /// Checks that all values are finite.
    ///
    /// # Errors
    /// [`Error::Values`] with the first tensor, in the order of the state_dict, that has others, and what libtorch reports.
    pub fn check_values(&self) -> Result<()> {
        let _no_grad = tch::no_grad_guard();
        for spec in self.network.state_dict() {
            if let Some(tensor) = self.tensors.get(&spec.name)
                && tensor.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0
            {
                return Err(Error::Values(spec.name));
            }
        }
        Ok(())
    }

    fn begin(&self) -> Pending {
        let copies = self.statistics.iter().filter_map(|name| {
            let tensor = self.tensors.get(name)?;
            Some((name.clone(), tensor.copy()))
        });
        Pending {
            clips: 0,
            gradients: Vec::new(),
            statistics: copies.collect(),
        }
    }

    fn give_up(&mut self, pending: Pending) -> Result<()> {
        let _no_grad = tch::no_grad_guard();
        for (name, before) in pending.statistics {
            if let Some(tensor) = self.tensors.get_mut(&name) {
                tensor.f_copy_(&before)?;
            }
        }
        Ok(())
    }

    /// The answer to clips, and the gradients of their part of the mean loss of a step. `first` clips of the step were there before.
    fn backward(
        &self,
        input: Input<'_>,
        classes: &[usize],
        at: Position,
        first: usize,
    ) -> Result<(Answer, Vec<Tensor>)> {
        let clips = input.clips();
        let targets = self.targets(classes, clips)?;
        let mut pass = self.pass(Some(Training {
            freezes_statistics: self.recipe.freezes_statistics(),
            masks: Masks {
                shares: self.recipe.dropout,
                seed: self.recipe.seed,
                at,
                first,
                clips,
            },
        }));
        let logits = self.logits(&mut pass, input)?;
        let (loss, sum) = losses(&logits, &targets, self.recipe.label_smoothing)?;
        if !loss.is_finite() {
            return Err(Error::Loss(loss / clips as f64));
        }
        let names = self.trained.iter().map(|trained| &trained.member.name);
        let trained: Vec<&Tensor> = names.filter_map(|name| self.tensors.get(name)).collect();
        let mean = sum.f_multiply_scalar(1.0 / self.clips_per_step())?;
        let gradients = Tensor::f_run_backward(&[mean], &trained, false, false)?;
        Ok((answer(loss, &logits, clips)?, gradients))
    }

    fn clips_per_step(&self) -> f64 {
        (self.recipe.batch * self.recipe.accumulate) as f64
    }

    fn logits(&self, pass: &mut Pass<'_>, input: Input<'_>) -> Result<Tensor> {
        let _autocast = self.autocast();
        let features = match (self.recipe.tune, input) {
            (Tuned::All, Input::Clips(clips)) => {
                let clips = self.clips(clips)?;
                let maps = self.network.maps(pass, clips)?;
                self.network.features_of(pass, maps)?
            }
            _ => {
                let mut middle = self.middle_tensors(input)?;
                for frames in &mut middle[1..] {
                    *frames = pass.drop(frames, Place::Frames)?;
                }
                self.network.features_of_middle(pass, middle)?
            }
        };
        let features = pass.drop(&features, Place::Head)?;
        let Handle(logits) = self.network.logits_of(pass, features)?;
        // The loss is computed with 32 bits in any case.
        Ok(logits.f_to_kind(Kind::Float)?)
    }

    /// Computes with the recipe's numbers as long as it lives.
    fn autocast(&self) -> Option<Autocast> {
        match self.recipe.precision {
            Arithmetic::Fp32 => None,
            Arithmetic::Bf16 => Some(Autocast::enter(self.device)),
        }
    }

    fn middle_tensors(&self, input: Input<'_>) -> Result<Vec<Handle>> {
        if self.recipe.tune == Tuned::All {
            return Err(Error::AllTuned);
        }
        let clips = match input {
            Input::Middle(middle) => return middle.tensors(&self.network, self.device),
            Input::Clips(clips) => self.clips(clips)?,
        };
        let _no_grad = tch::no_grad_guard();
        let mut pass = self.pass(None);
        let maps = self.network.maps(&mut pass, clips)?;
        Ok(self.network.middle_of(&mut pass, maps)?)
    }

    fn pass(&self, training: Option<Training>) -> Pass<'_> {
        Pass {
            tensors: &self.tensors,
            training,
        }
    }

    fn clips(&self, clips: &ClipBatch) -> Result<Handle> {
        let shape = clips.shape();
        self.network.check_input(&shape)?;
        let tensor = Tensor::f_from_slice(&clips.values)?.f_view(&size(&shape)[..])?;
        Ok(Handle(tensor.f_to_device(self.device.into())?))
    }

    fn targets(&self, classes: &[usize], clips: usize) -> Result<Tensor> {
        if classes.len() != clips {
            let classes = classes.len();
            return Err(Error::Labels { classes, clips });
        }
        let count = self.network.classes();
        if let Some(&class) = classes.iter().find(|&&class| class >= count) {
            let classes = count;
            return Err(Error::Class { class, classes });
        }
        let targets = Tensor::f_from_slice(&size(classes))?;
        Ok(targets.f_to_device(self.device.into())?)
    }
}

impl Pending {
    fn add(&mut self, gradients: Vec<Tensor>) -> Result<()> {
        if self.gradients.is_empty() {
            self.gradients = gradients;
            return Ok(());
        }
        for (sum, gradient) in self.gradients.iter_mut().zip(&gradients) {
            let _ = sum.f_add_(gradient)?;
        }
        Ok(())
    }
}

/// The sum of the losses of clips, as a number and as a tensor to go back from.
fn losses(logits: &Tensor, targets: &Tensor, smoothing: f64) -> Result<(f64, Tensor)> {
    let weight: Option<Tensor> = None;
    let sum = logits.f_cross_entropy_loss(targets, weight, Reduction::Sum, IGNORED, smoothing)?;
    Ok((sum.f_double_value(&[])?, sum))
}

fn answer(loss: f64, logits: &Tensor, clips: usize) -> Result<Answer> {
    Ok(Answer {
        loss: loss / clips as f64,
        logits: values(&logits.f_detach()?)?,
    })
}

/// The norm of all values of all tensors.
fn norm(tensors: &[Tensor]) -> Result<f64> {
    let norms = tensors
        .iter()
        .map(Tensor::f_norm)
        .collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(Tensor::f_stack(&norms, 0)?.f_norm()?.f_double_value(&[])?)
}

/// The bytes of a tensor.
fn raw(tensor: &Tensor) -> Result<RawTensor<'static>> {
    let shape: Vec<usize> = tensor
        .size()
        .iter()
        .map(|&extent| extent as usize)
        .collect();
    let (dtype, data) = match tensor.f_kind()? {
        Kind::Int64 => {
            let mut values = vec![0_i64; tensor.numel()];
            let tensor = tensor.f_to_device(tch::Device::Cpu)?;
            tensor.f_copy_data(&mut values, tensor.numel())?;
            let bytes = values.iter().flat_map(|value| value.to_le_bytes());
            (Dtype::I64, bytes.collect::<Vec<u8>>())
        }
        _ => {
            let values = values(&tensor.f_detach()?)?;
            let bytes = values.iter().flat_map(|value| value.to_le_bytes());
            (Dtype::F32, bytes.collect())
        }
    };
    Ok(RawTensor {
        dtype,
        shape,
        data: data.into(),
    })
}
