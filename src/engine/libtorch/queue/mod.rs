//! Batches one after the other on a GPU: copying, computing and the CPU's own work go on at the same time.
//!
//! A batch has a slot: pinned memory for its pixels and its answer, and the GPU's copy of the pixels. One stream copies pixels,
//! another computes; events say who waits for whom. A batch as large as the one before it is taken down as a graph, and replayed
//! from then on for batches of that size, once its first answer has been seen to be the ordinary one's. On a CPU all of it runs
//! in order.

mod graph;
mod streams;

use std::collections::VecDeque;
use std::slice;
use std::time::{Duration, Instant};

use tch::{Kind, Tensor};

use super::inference::InferenceMode;
use super::layers::{Handle, values};
use crate::engine::device::Device;
use crate::engine::error::{Error, Result};
use crate::engine::queue::{GraphUse, Queue};
use crate::engine::{Output, Precision};
use crate::recipe::{CHANNELS, FRAME_SIZE, Preprocess};
use graph::Graph;
use streams::{Event, Stream, copy};

/// What is computed of every batch, and where.
pub(super) struct Work<'e> {
    pub device: Device,
    pub precision: Precision,
    /// Frames of a clip.
    pub segments: usize,
    /// Values of a clip before the head.
    pub features: usize,
    pub classes: usize,
    pub channels_last: bool,
    /// Features and logits of clips, `[clips, segments, 3, 224, 224]`.
    pub forward: Box<dyn Fn(Handle) -> Result<(Handle, Handle)> + 'e>,
}

/// Batches on a device.
pub(super) struct DeviceQueue<'e> {
    work: Work<'e>,
    means: Tensor,
    /// `None` on a CPU.
    streams: Option<Streams>,
    idle: Vec<Slot>,
    running: VecDeque<Slot>,
    recorded: Recorded,
}

#[derive(Clone, Copy)]
struct Streams {
    copies: Stream,
    computes: Stream,
}

/// What the network makes of a batch, where it was computed.
struct Answer {
    features: Tensor,
    logits: Tensor,
}

/// The memory of a batch on its way.
struct Slot {
    clips: usize,
    /// Pixels where the CPU writes them, and where the device reads them: `[clips, segments, 224, 224, 3]`.
    written: Tensor,
    pixels: Tensor,
    answer: Answer,
    times: Times,
}

/// When the device has done what.
enum Times {
    Gpu {
        copied: Event,
        begun: Event,
        computed: Event,
        answered: Event,
    },
    Cpu(Duration),
}

/// A batch that is replayed, and what leads to it.
enum Recorded {
    /// How many clips the last batch had.
    Untried(usize),
    Made {
        clips: usize,
        /// What the graph reads and writes, always the same memory.
        pixels: Tensor,
        answer: Answer,
        /// `None` on a CPU, where the network runs again over the same memory.
        graph: Option<Graph>,
    },
    Refused(String),
}

impl<'e> DeviceQueue<'e> {
    pub(super) fn new(work: Work<'e>, preprocess: Preprocess) -> Result<Self> {
        let streams = match work.device {
            Device::Cpu => None,
            Device::Cuda(index) => Some(Streams {
                copies: Stream::new(index)?,
                computes: Stream::new(index)?,
            }),
        };
        let means = Tensor::f_from_slice(&preprocess.means_bgr())?;
        Ok(Self {
            means: means.f_to_device(work.device.into())?,
            work,
            streams,
            idle: Vec::new(),
            running: VecDeque::new(),
            recorded: Recorded::Untried(0),
        })
    }

    fn shape(&self, clips: usize) -> [i64; 5] {
        let size = FRAME_SIZE as i64;
        let segments = self.work.segments as i64;
        [clips as i64, segments, size, size, CHANNELS as i64]
    }

    /// The memory for so many clips: what a batch of that size had, else new.
    fn slot(&mut self, clips: usize) -> Result<Slot> {
        if let Some(place) = self.idle.iter().position(|slot| slot.clips == clips) {
            return Ok(self.idle.swap_remove(place));
        }
        self.idle.clear();
        let device: tch::Device = self.work.device.into();
        let on_host = |shape: &[i64], kind| {
            let made = Tensor::f_empty(shape, (kind, tch::Device::Cpu))?;
            match self.streams {
                Some(_) => streams::pinned(&made),
                None => Ok(made),
            }
        };
        let per_clip = |values: usize| [clips as i64, values as i64];
        let shape = self.shape(clips);
        let slot = Slot {
            clips,
            written: on_host(&shape, Kind::Uint8)?,
            pixels: Tensor::f_empty(shape, (Kind::Uint8, device))?,
            answer: Answer {
                features: on_host(&per_clip(self.work.features), Kind::Float)?,
                logits: on_host(&per_clip(self.work.classes), Kind::Float)?,
            },
            times: match self.streams {
                Some(_) => Times::Gpu {
                    copied: Event::new(),
                    begun: Event::new(),
                    computed: Event::new(),
                    answered: Event::new(),
                },
                None => Times::Cpu(Duration::ZERO),
            },
        };
        if let Some(streams) = self.streams {
            // Its memory may have belonged to work on another stream that is not done.
            streams.computes.wait_for_all()?;
        }
        Ok(slot)
    }

    /// Waits until the device is done with all memory. An error has been reported by whoever met it first.
    fn wait_for_all(&self) {
        if let Some(streams) = self.streams {
            let _ = streams.computes.wait_for_all();
        }
    }

    /// Asks the device for everything about the batch whose pixels the slot has.
    fn begin(&mut self, slot: &mut Slot) -> Result<()> {
        let Some(Streams { copies, computes }) = self.streams else {
            let started = Instant::now();
            copy(&slot.written, &mut slot.pixels)?;
            slot.answer.take(&self.answer(&slot.pixels)?)?;
            slot.times = Times::Cpu(started.elapsed());
            return Ok(());
        };
        let Times::Gpu {
            copied,
            begun,
            computed,
            answered,
        } = &mut slot.times
        else {
            return Ok(());
        };
        {
            let _copies = copies.enter()?;
            copy(&slot.written, &mut slot.pixels)?;
            copied.record(copies)?;
        }
        let _computes = computes.enter()?;
        copied.block(computes)?;
        begun.record(computes)?;
        let answer = self.answer(&slot.pixels)?;
        computed.record(computes)?;
        slot.answer.take(&answer)?;
        answered.record(computes)
    }

    /// What the network makes of pixels. Where it is replayed, the answer's memory is the next one's as well.
    fn answer(&mut self, pixels: &Tensor) -> Result<Answer> {
        let clips = pixels.size()[0] as usize;
        match &mut self.recorded {
            Recorded::Made {
                clips: recorded,
                pixels: reads,
                answer,
                graph,
            } if *recorded == clips => {
                copy(pixels, reads)?;
                match graph {
                    Some(graph) => graph.replay()?,
                    None => answer.take(&compute(&self.work, &self.means, reads)?)?,
                }
                Ok(answer.shared())
            }
            Recorded::Untried(last) if *last == clips => self.record(clips, pixels),
            Recorded::Untried(last) => {
                *last = clips;
                compute(&self.work, &self.means, pixels)
            }
            Recorded::Made { .. } | Recorded::Refused(_) => {
                compute(&self.work, &self.means, pixels)
            }
        }
    }

    /// Computes a batch, and takes the same down for the ones to come. Whatever is wrong with that, the batch has its answer.
    fn record(&mut self, clips: usize, pixels: &Tensor) -> Result<Answer> {
        let ordinary = compute(&self.work, &self.means, pixels)?;
        self.recorded = match self.replayable(clips, pixels, &ordinary) {
            Ok(made) => made,
            Err(error) => Recorded::Refused(error.to_string()),
        };
        Ok(ordinary)
    }

    fn replayable(&self, clips: usize, pixels: &Tensor, ordinary: &Answer) -> Result<Recorded> {
        let mut reads = pixels.f_empty_like()?;
        copy(pixels, &mut reads)?;
        let work = || compute(&self.work, &self.means, &reads);
        let (graph, answer) = match self.streams {
            Some(streams) => {
                // The graph has memory of its own, as much again.
                streams.computes.wait_for_all()?;
                streams::give_back_memory()?;
                let (graph, answer) = Graph::record(work)?;
                graph.replay()?;
                (Some(graph), answer)
            }
            None => (None, work()?),
        };
        let limit = match self.work.precision {
            Precision::Fp32 => 1e-6,
            Precision::Tf32 | Precision::Fp16 | Precision::Bf16 => 1e-3,
        };
        let distance = answer.distance(ordinary)?;
        if distance.is_nan() || distance > limit {
            return Err(Error::Torch(format!(
                "its answer differs by {distance:.1e} from the ordinary one"
            )));
        }
        Ok(Recorded::Made {
            clips,
            pixels: reads,
            answer,
            graph,
        })
    }
}

/// The network over pixels, `[clips, segments, 224, 224, 3]`, on their device.
fn compute(work: &Work<'_>, means: &Tensor, pixels: &Tensor) -> Result<Answer> {
    // As `Preprocess::normalise`: blue, green, red, less the means.
    let input = pixels
        .f_to_kind(Kind::Float)?
        .f_flip([4])?
        .f_sub_(means)?
        .f_permute([0, 1, 4, 2, 3])?
        .f_to_kind(work.precision.into())?;
    let input = match work.channels_last {
        true => input,
        false => input.f_contiguous()?,
    };
    let (Handle(features), Handle(logits)) = (work.forward)(Handle(input))?;
    Ok(Answer {
        features: features.f_to_kind(Kind::Float)?,
        logits: logits.f_to_kind(Kind::Float)?,
    })
}

impl Answer {
    /// Begins to copy the values of another one into this one's memory.
    fn take(&mut self, other: &Self) -> Result<()> {
        copy(&other.features, &mut self.features)?;
        copy(&other.logits, &mut self.logits)
    }

    /// The same memory.
    fn shared(&self) -> Self {
        Self {
            features: self.features.shallow_clone(),
            logits: self.logits.shallow_clone(),
        }
    }

    /// Relative L2 distance of the logits from other ones.
    fn distance(&self, other: &Self) -> Result<f64> {
        let difference = self.logits.f_sub(&other.logits)?.f_norm()?;
        let distance = difference.f_div(&other.logits.f_norm()?)?;
        Ok(f64::try_from(distance)?)
    }
}

impl Slot {
    /// Writes pixels where the device fetches them.
    fn write(&mut self, clips: &[&[u8]]) -> Result<()> {
        let length = self.written.numel() / self.clips;
        if let Some(other) = clips.iter().find(|clip| clip.len() != length) {
            return Err(Error::Length {
                unit: "clips' pixels",
                length,
                found: other.len(),
            });
        }
        // SAFETY: a tensor of bytes on the CPU without gaps (`DeviceQueue::slot`), as many as `numel`; nothing reads them, since
        // its last batch has been collected.
        let written = unsafe {
            slice::from_raw_parts_mut(self.written.data_ptr().cast::<u8>(), self.written.numel())
        };
        for (to, from) in written.chunks_exact_mut(length).zip(clips) {
            to.copy_from_slice(from);
        }
        Ok(())
    }
}

impl Queue for DeviceQueue<'_> {
    fn submit(&mut self, clips: &[&[u8]]) -> Result<()> {
        if clips.is_empty() {
            return Ok(());
        }
        let _mode = InferenceMode::enter();
        let mut slot = self.slot(clips.len())?;
        slot.write(clips)?;
        let begun = self.begin(&mut slot);
        if begun.is_err() {
            // The slot's memory may be in use.
            self.wait_for_all();
        }
        begun?;
        self.running.push_back(slot);
        Ok(())
    }

    fn is_ready(&self) -> Result<bool> {
        match self.running.front().map(|slot| &slot.times) {
            Some(Times::Gpu { answered, .. }) => answered.has_happened(),
            Some(Times::Cpu(_)) | None => Ok(true),
        }
    }

    fn collect(&mut self) -> Result<Option<(Output, Duration)>> {
        let Some(slot) = self.running.pop_front() else {
            return Ok(None);
        };
        let elapsed = match &slot.times {
            Times::Gpu {
                begun,
                computed,
                answered,
                ..
            } => {
                answered.wait()?;
                computed.since(begun)?
            }
            Times::Cpu(elapsed) => *elapsed,
        };
        let output = Output {
            features: values(&slot.answer.features)?,
            logits: values(&slot.answer.logits)?,
            classes: self.work.classes,
        };
        self.idle.push(slot);
        Ok(Some((output, elapsed)))
    }

    fn graph(&self) -> GraphUse<'_> {
        match &self.recorded {
            Recorded::Untried(_) => GraphUse::Untried,
            Recorded::Made { .. } => GraphUse::Replayed,
            Recorded::Refused(reason) => GraphUse::Refused(reason),
        }
    }
}

impl Drop for DeviceQueue<'_> {
    fn drop(&mut self) {
        // The memory of batches that nobody has collected is in use until then.
        self.wait_for_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{ClipBatch, Engine, Libtorch};
    use crate::recipe::Architecture;
    use crate::weights::Weights;

    const SEGMENTS: usize = 4;
    const CLIP: usize = SEGMENTS * ClipBatch::FRAME_LEN;

    fn engine(architecture: Architecture) -> Libtorch {
        let weights = Weights::made_up(architecture).unwrap();
        let network = weights.network(Some(SEGMENTS)).unwrap();
        Libtorch::new(network, &weights, Device::Cpu, Precision::Fp32).unwrap()
    }

    /// The pixels of a clip, each number of a clip with its own.
    fn clip(number: usize) -> Vec<u8> {
        (0..CLIP)
            .map(|at| (at * (3 + 2 * number) / 64 + 40 * number) as u8)
            .collect()
    }

    fn expected(engine: &Libtorch, clips: &[Vec<u8>]) -> Output {
        let mut batch = ClipBatch::zeros(clips.len(), SEGMENTS);
        for (index, clip) in clips.iter().enumerate() {
            let frames = clip.chunks_exact(ClipBatch::FRAME_LEN);
            let values = batch.clip_mut(index);
            for (frame, out) in frames.zip(values.chunks_exact_mut(ClipBatch::FRAME_LEN)) {
                Preprocess::Book.normalise(frame, out);
            }
        }
        engine.run(&batch).unwrap()
    }

    /// Batches that are computed, recorded and replayed, with another size in between, two at a time.
    #[test]
    fn every_batch_has_its_own_answer_in_turn() {
        for architecture in Architecture::ALL {
            let engine = engine(architecture);
            let mut queue = DeviceQueue::new(engine.work(), Preprocess::Book).unwrap();
            let batches: Vec<Vec<Vec<u8>>> = [
                vec![0, 1],
                vec![2, 3],
                vec![4, 0],
                vec![1],
                vec![3, 2],
                vec![2, 4],
            ]
            .into_iter()
            .map(|numbers| numbers.into_iter().map(clip).collect())
            .collect();
            let mut answers = Vec::new();
            let queue: &mut dyn Queue = &mut queue;
            let handed = batches
                .iter()
                .map(|batch| batch.iter().map(Vec::as_slice).collect());
            queue
                .run(handed, |number, answer, _| answers.push((number, answer)))
                .unwrap();
            assert_eq!(queue.graph(), GraphUse::Replayed);
            assert_eq!(answers.len(), batches.len());
            for (place, ((number, answer), clips)) in answers.iter().zip(&batches).enumerate() {
                assert_eq!(*number, place);
                let expected = expected(&engine, clips);
                assert!(answer.logits == expected.logits, "{architecture}");
                assert!(answer.features == expected.features, "{architecture}");
                assert_eq!(answer.classes, expected.classes);
            }
        }
    }

    #[test]
    fn clips_of_another_length_are_an_error_and_the_next_ones_are_not() {
        let engine = engine(Architecture::Lite);
        let mut queue = DeviceQueue::new(engine.work(), Preprocess::Official).unwrap();
        let clip = clip(0);
        let error = queue.submit(&[&clip, &clip[1..]]).unwrap_err().to_string();
        assert!(error.contains("clips' pixels"), "{error}");
        assert!(queue.is_ready().unwrap() && queue.collect().unwrap().is_none());
        queue.submit(&[&clip]).unwrap();
        assert!(queue.collect().unwrap().is_some());
    }

    /// What is replayed is not used when it answers otherwise.
    #[test]
    fn a_recording_that_answers_otherwise_is_refused() {
        let engine = engine(Architecture::Lite);
        let mut queue = DeviceQueue::new(engine.work(), Preprocess::Official).unwrap();
        let pixels = Tensor::from_slice(&clip(0)).view([1, SEGMENTS as i64, 224, 224, 3]);
        let ordinary = compute(&queue.work, &queue.means, &pixels).unwrap();
        for (factor, reason) in [(1.001, "differs by 1.0e-3"), (f64::NAN, "differs by NaN")] {
            let other = Answer {
                features: ordinary.features.shallow_clone(),
                logits: &ordinary.logits * factor,
            };
            let Err(error) = queue.replayable(1, &pixels, &other) else {
                panic!("{factor}");
            };
            assert!(error.to_string().contains(reason), "{error}");
            queue.recorded = Recorded::Refused(error.to_string());
            let answer = queue.answer(&pixels).unwrap();
            assert_eq!(answer.distance(&ordinary).unwrap(), 0.0);
        }
    }
}
