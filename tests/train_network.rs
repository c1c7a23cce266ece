//! Fitting the network, beside PyTorch.

mod common;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use eco::engine::{BeforeLastStage, ClipBatch, Device};
use eco::train::network::{Answer, Error, Head, Input, Start, TrainedNetwork, keep_freed_memory};
use eco::train::{Arithmetic, BatchNorm, Checkpoint, Course, Dropout, Position, Recipe, Tuned};
use eco::weights::{RawTensor, Weights};
use serde::Deserialize;

/// The bits are the same wherever both sides were seen to run: they ask the same library for the same operators in the same
/// order. Without that, no tolerance would do. Where a ReLU or a max pool chooses otherwise, the gradient jumps: weights that
/// differ by 1e-7 give gradients that differ by 5e-3 in the deepest layers.
const TOLERANCE: f64 = 1e-5;

#[derive(Deserialize)]
struct Case {
    arch: String,
    recipe: Recipe,
    steps: Vec<usize>,
}

#[derive(Deserialize)]
struct Cases {
    labels: Vec<usize>,
    cases: BTreeMap<String, Case>,
}

/// What `scripts/train_reference.py start` makes.
struct Reference {
    folder: PathBuf,
    cases: Cases,
    clips: ClipBatch,
}

impl Reference {
    fn get() -> &'static Self {
        static REFERENCE: OnceLock<Reference> = OnceLock::new();
        REFERENCE.get_or_init(|| {
            let folder = common::made_once("train_reference.py", "start", |folder| {
                common::script(
                    "train_reference.py",
                    [OsStr::new("start"), folder.as_os_str()],
                );
            });
            let cases = fs::read(folder.join("cases.json")).unwrap();
            let clips = common::Tensors::read(&folder.join("clips.safetensors"));
            Self {
                cases: serde_json::from_slice(&cases).unwrap(),
                clips: common::batch(clips.get("clips")),
                folder,
            }
        })
    }

    fn weights(&self, arch: &str) -> PathBuf {
        self.folder.join(format!("{arch}.safetensors"))
    }

    /// Clips and classes, counted on from the first for ever.
    fn clips(&self, first: usize, count: usize) -> (ClipBatch, Vec<usize>) {
        let places = (first..first + count).map(|place| place % self.clips.clips);
        let mut batch = ClipBatch::zeros(count, self.clips.segments);
        let length = batch.clip_len();
        for (to, from) in places.clone().enumerate() {
            let values = &self.clips.values[from * length..][..length];
            batch.clip_mut(to).copy_from_slice(values);
        }
        (
            batch,
            places.map(|place| self.cases.labels[place]).collect(),
        )
    }

    fn start(&self, arch: &str, recipe: &Recipe) -> TrainedNetwork {
        let weights = Weights::open(&self.weights(arch)).unwrap();
        TrainedNetwork::new(&weights, with(recipe, weights.classes())).unwrap()
    }

    /// Makes step number `step`.
    fn step(&self, network: &mut TrainedNetwork, step: usize) -> Vec<Answer> {
        let Recipe {
            batch, accumulate, ..
        } = *network.recipe();
        let answers = (0..accumulate)
            .map(|part| {
                let (clips, classes) = self.clips((step * accumulate + part) * batch, batch);
                let at = Position { epoch: 0, step };
                network
                    .accumulate(Input::Clips(&clips), &classes, at)
                    .unwrap()
            })
            .collect();
        let rate = network.recipe().learning_rate;
        network.step(rate).unwrap();
        answers
    }
}

fn with(recipe: &Recipe, classes: usize) -> Start {
    Start {
        classes,
        head: Head::Kept,
        segments: Some(4),
        recipe: recipe.clone(),
        device: Device::Cpu,
    }
}

/// These tests fill all cores and some memory: one at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn checkpoint(network: &TrainedNetwork, next: Position) -> Checkpoint<'static> {
    let course = Course::default();
    network
        .checkpoint(next, course, "data".into(), "start".into())
        .unwrap()
}

/// Bytes of all tensors by name.
fn bytes(tensors: Vec<(String, RawTensor<'static>)>) -> BTreeMap<String, Vec<u8>> {
    let bytes = |(name, tensor): (String, RawTensor<'static>)| (name, tensor.data.into_owned());
    tensors.into_iter().map(bytes).collect()
}

fn state(network: &TrainedNetwork) -> BTreeMap<String, Vec<u8>> {
    bytes(network.state_dict().unwrap())
}

fn floats(bytes: &[u8]) -> Vec<f64> {
    let values = bytes.as_chunks().0.iter();
    values
        .map(|&value| f32::from_le_bytes(value).into())
        .collect()
}

/// The largest relative L2 difference of a tensor, and its name.
fn largest_difference(
    found: &BTreeMap<String, Vec<u8>>,
    expected: &BTreeMap<String, Vec<u8>>,
) -> (f64, String) {
    let norm = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>().sqrt();
    let mut largest = (0.0, String::new());
    for (name, expected) in expected {
        if *expected == found[name] {
            continue;
        }
        let (found, expected) = (floats(&found[name]), floats(expected));
        let away: Vec<f64> = found.iter().zip(&expected).map(|(a, b)| a - b).collect();
        let difference = norm(&away) / norm(&expected);
        if difference > largest.0 {
            largest = (difference, name.clone());
        }
    }
    largest
}

/// A recipe for tests that compare two ways of the same fit: some of everything.
fn mixed(tune: Tuned) -> Recipe {
    let cases = &Reference::get().cases.cases;
    Recipe {
        tune,
        clip: Some(0.5),
        dropout: Dropout {
            head: 0.3,
            frames: 0.3,
            volume: 0.3,
        },
        ..cases["lite-accumulated"].recipe.clone()
    }
}

fn assert_equals_pytorch(name: &str) {
    let _turn = turn();
    let reference = Reference::get();
    let case = &reference.cases.cases[name];
    let folder = tempfile::tempdir().unwrap();
    let mut network = reference.start(&case.arch, &case.recipe);
    let last = *case.steps.last().unwrap();
    let mut files = Vec::new();
    for step in 0..last {
        reference.step(&mut network, step);
        if case.steps.contains(&(step + 1)) {
            let file = folder.path().join(format!("step-{}.safetensors", step + 1));
            checkpoint(&network, Position::default())
                .write(&file)
                .unwrap();
            files.push(file);
        }
    }
    let args = [
        "compare".as_ref(),
        reference.folder.as_os_str(),
        name.as_ref(),
    ];
    let args = args
        .into_iter()
        .chain(files.iter().map(|file| file.as_os_str()));
    let printed = common::script("train_reference.py", args);
    let steps: BTreeMap<usize, BTreeMap<String, f64>> = serde_json::from_str(&printed).unwrap();
    assert_eq!(steps.keys().copied().collect::<Vec<_>>(), case.steps);
    for (step, differences) in steps {
        let most = differences
            .iter()
            .max_by(|a, b| a.1.total_cmp(b.1))
            .unwrap();
        println!(
            "{name}, step {step}: {} tensors, {} differs by {:.1e}",
            differences.len(),
            most.0,
            most.1
        );
        for (tensor, difference) in &differences {
            assert!(
                *difference < TOLERANCE,
                "{name}, step {step}: {tensor} differs by {difference:e}"
            );
        }
    }
}

#[test]
fn steps_with_batch_statistics_are_pytorchs() {
    assert_equals_pytorch("lite-trained");
}

#[test]
fn steps_of_several_passes_are_pytorchs() {
    assert_equals_pytorch("lite-accumulated");
}

#[test]
fn steps_with_frozen_statistics_are_pytorchs() {
    assert_equals_pytorch("lite-frozen");
}

#[test]
fn steps_of_eco_full_are_pytorchs() {
    assert_equals_pytorch("full-trained");
    assert_equals_pytorch("full-frozen");
}

#[test]
fn steps_of_the_last_stage_are_pytorchs() {
    assert_equals_pytorch("lite-last");
    assert_equals_pytorch("full-last");
}

#[test]
fn with_16_bits_answers_are_close_and_steps_go_the_same_way() {
    let _turn = turn();
    let reference = Reference::get();
    let with_32 = Recipe {
        dropout: Dropout::NONE,
        ..mixed(Tuned::Last)
    };
    let with_16 = Recipe {
        precision: Arithmetic::Bf16,
        ..with_32.clone()
    };
    let (clips, classes) = reference.clips(0, 2);
    let [mut with_32, mut with_16] = [with_32, with_16].map(|recipe| {
        let network = reference.start("lite", &recipe);
        let answer = network.evaluate(Input::Clips(&clips), &classes).unwrap();
        (network, answer.logits)
    });
    let norm = |values: &[f32]| values.iter().map(|v| v * v).sum::<f32>().sqrt();
    let apart: Vec<f32> = with_32
        .1
        .iter()
        .zip(&with_16.1)
        .map(|(a, b)| a - b)
        .collect();
    let apart = norm(&apart) / norm(&with_32.1);
    assert!(apart > 0.0 && apart < 2e-2, "{apart}");
    // Weights stay 32 bits wide, and change where they change with 32 bits.
    for network in [&mut with_32.0, &mut with_16.0] {
        reference.step(network, 0);
    }
    let [with_32, with_16] = [&with_32.0, &with_16.0].map(state);
    let before = state(&reference.start("lite", &mixed(Tuned::Last)));
    let name = "fc_final.weight";
    let values = |bytes: &[u8]| -> Vec<f32> {
        let values = bytes.as_chunks().0.iter();
        values.map(|&value| f32::from_le_bytes(value)).collect()
    };
    let step = |after: &BTreeMap<String, Vec<u8>>| -> Vec<f32> {
        let (before, after) = (values(&before[name]), values(&after[name]));
        after.iter().zip(before).map(|(a, b)| a - b).collect()
    };
    let (a, b) = (step(&with_32), step(&with_16));
    let product: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
    let cosine = product / (norm(&a) * norm(&b));
    assert!(cosine > 0.99 && cosine < 1.0, "{cosine}");
}

#[test]
fn a_fit_that_goes_on_from_a_checkpoint_equals_one_that_never_stopped_in_every_bit() {
    let _turn = turn();
    let reference = Reference::get();
    for (arch, tune) in [("lite", Tuned::All), ("full", Tuned::Last)] {
        let recipe = mixed(tune);
        let mut straight = reference.start(arch, &recipe);
        reference.step(&mut straight, 0);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        let next = Position { epoch: 0, step: 1 };
        checkpoint(&straight, next).write(&path).unwrap();
        let read = Checkpoint::read(&path).unwrap();
        assert_eq!(read.about.next, next);
        let mut resumed = TrainedNetwork::resume(&read, Device::Cpu).unwrap();
        for network in [&mut straight, &mut resumed] {
            (1..3).for_each(|step| drop(reference.step(network, step)));
        }
        let end = Position { epoch: 0, step: 3 };
        let [straight, resumed] = [&straight, &resumed].map(|network| {
            let checkpoint = checkpoint(network, end);
            let path = folder.path().join("end.safetensors");
            checkpoint.write(&path).unwrap();
            fs::read(path).unwrap()
        });
        assert!(straight == resumed, "{arch}, {tune}");
    }
}

#[test]
fn the_last_stage_alone_learns_from_clips_or_from_what_was_kept_of_them() {
    let _turn = turn();
    let reference = Reference::get();
    for arch in ["lite", "full"] {
        // So fast that every tensor moves.
        let recipe = Recipe {
            learning_rate: 0.1,
            ..mixed(Tuned::Last)
        };
        let mut whole = reference.start(arch, &recipe);
        let mut kept = reference.start(arch, &recipe);
        let before = state(&whole);
        let at = Position::default();
        for step in 0..2 {
            reference.step(&mut whole, step);
            for part in 0..2 {
                let (clips, classes) = reference.clips((step * 2 + part) * 2, 2);
                let middle = kept.middle(&clips).unwrap();
                let at = Position { step, ..at };
                kept.accumulate(Input::Middle(&middle), &classes, at)
                    .unwrap();
            }
            kept.step(recipe.learning_rate).unwrap();
        }
        let after = state(&whole);
        for (name, before) in before {
            let is_last = name.starts_with("eco_3d.res_3d_5.") || name.starts_with("fc_final.");
            // The bias of a convolution before a batch norm that takes the mean away learns nothing but rounding.
            if !is_last || !name.ends_with(".bias") {
                assert_eq!(after[&name] != before, is_last, "{arch}: {name}");
            }
        }
        assert!(after == state(&kept), "{arch}");
        let (clips, classes) = reference.clips(0, 2);
        let middle = kept.middle(&clips).unwrap();
        let [one, other] = [Input::Clips(&clips), Input::Middle(&middle)]
            .map(|input| kept.evaluate(input, &classes).unwrap());
        assert_eq!(one, other);

        // The quicker engine computes the same with other roundings.
        let weights = Weights::open(&reference.folder.join(format!("{arch}.safetensors"))).unwrap();
        let network = kept.network().clone();
        let before = BeforeLastStage::compile(network, &weights, 2).unwrap();
        let values = before.run(&clips).unwrap();
        let difference = |of: &dyn Fn(f64, f64) -> f64| {
            let both = values.iter().zip(&middle.values);
            both.map(|(&a, &b)| of(f64::from(a), f64::from(b)))
                .sum::<f64>()
        };
        let error = (difference(&|a, b| (a - b).powi(2)) / difference(&|_, b| b * b)).sqrt();
        assert!(error < TOLERANCE, "{arch}: {error:e}");
    }
}

#[test]
fn a_step_is_the_mean_over_its_clips_however_they_are_divided() {
    let _turn = turn();
    let reference = Reference::get();
    let recipe = Recipe {
        batch_norm: BatchNorm::Frozen,
        ..mixed(Tuned::Last)
    };
    let stepped = |parts: &[usize]| {
        let mut network = reference.start("full", &recipe);
        let mut first = 0;
        for &count in parts {
            let (clips, classes) = reference.clips(first, count);
            let at = Position { epoch: 3, step: 1 };
            network
                .accumulate(Input::Clips(&clips), &classes, at)
                .unwrap();
            first += count;
        }
        let stepped = network.step(0.1).unwrap();
        assert_eq!(stepped.clips, 3);
        state(&network)
    };
    let (whole, divided) = (stepped(&[3]), stepped(&[2, 1]));
    let (difference, name) = largest_difference(&divided, &whole);
    assert!(difference < TOLERANCE, "{name}: {difference:e}");
}

#[test]
fn a_loss_that_is_no_number_changes_nothing() {
    let _turn = turn();
    let reference = Reference::get();
    let mut network = reference.start("lite", &mixed(Tuned::All));
    reference.step(&mut network, 0);
    let before = state(&network);
    let (mut clips, classes) = reference.clips(0, 2);
    let at = Position { epoch: 0, step: 1 };
    network
        .accumulate(Input::Clips(&clips), &classes, at)
        .unwrap();
    assert!(state(&network) != before);
    let unfinished = network.checkpoint(at, Course::default(), "d".into(), "s".into());
    assert!(matches!(unfinished, Err(Error::UnfinishedStep)));
    clips.clip_mut(1)[7] = f32::NAN;
    let error = network
        .accumulate(Input::Clips(&clips), &classes, at)
        .unwrap_err();
    assert_eq!(error.to_string(), "the loss is NaN");
    assert!(state(&network) == before);
    assert!(matches!(network.step(0.1), Err(Error::NoClips)));

    let (clips, classes) = reference.clips(0, 2);
    network
        .accumulate(Input::Clips(&clips), &classes, at)
        .unwrap();
    network.discard().unwrap();
    assert!(state(&network) == before);
}

#[test]
fn a_gradient_that_is_no_number_changes_nothing() {
    let _turn = turn();
    let reference = Reference::get();
    let weights = Weights::open(&reference.weights("lite")).unwrap();
    let names = weights.specs().iter().map(|spec| spec.name.clone());
    let mut tensors: Vec<_> = names
        .map(|name| (name.clone(), weights.tensor(&name).unwrap()))
        .collect();
    // The loss is about 1e30 then, and the squares of the gradient are infinite.
    for (name, tensor) in &mut tensors {
        if name == "fc_final.weight" {
            let values = tensor.f32s().unwrap().into_owned().into_iter();
            let bytes = values.flat_map(|value| (value * 1e30).to_le_bytes());
            tensor.data = bytes.collect::<Vec<u8>>().into();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.safetensors");
    eco::weights::write(&path, &tensors, &BTreeMap::new()).unwrap();
    let weights = Weights::open(&path).unwrap();
    let mut network = TrainedNetwork::new(&weights, with(&mixed(Tuned::Last), 5)).unwrap();
    let before = state(&network);
    let (clips, classes) = reference.clips(0, 2);
    network
        .accumulate(Input::Clips(&clips), &classes, Position::default())
        .unwrap();
    let error = network.step(0.1).unwrap_err();
    assert_eq!(error.to_string(), "the gradient has the norm inf");
    assert!(state(&network) == before);
}

#[test]
fn what_does_not_fit_is_refused_naming_both() {
    let _turn = turn();
    let reference = Reference::get();
    let mut network = reference.start("lite", &mixed(Tuned::All));
    let (clips, _) = reference.clips(0, 2);
    let at = Position::default();
    let mut message = |clips: &ClipBatch, classes: &[usize]| {
        let refused = network.accumulate(Input::Clips(clips), classes, at);
        refused.unwrap_err().to_string()
    };
    assert_eq!(message(&clips, &[1]), "1 classes were given for 2 clips");
    assert_eq!(
        message(&clips, &[1, 5]),
        "class 5 was given, and the head has 5, counted from 0"
    );
    let shape = message(&ClipBatch::zeros(1, 8), &[1]);
    assert!(shape.contains("[1, 8, 3, 224, 224]"), "{shape}");
    assert!(matches!(network.middle(&clips), Err(Error::AllTuned)));
}

#[test]
fn a_head_of_other_classes_and_what_partial_weights_lack_are_new() {
    let _turn = turn();
    let reference = Reference::get();
    let recipe = mixed(Tuned::Last);
    let path = reference.weights("lite");
    let weights = Weights::open(&path).unwrap();
    let new = |weights: &Weights, classes, head| {
        let start = Start {
            head,
            ..with(&recipe, classes)
        };
        TrainedNetwork::new(weights, start).unwrap()
    };
    let head = ["fc_final.weight", "fc_final.bias"];
    assert!(new(&weights, 5, Head::Kept).new_tensors().is_empty());
    assert_eq!(new(&weights, 5, Head::New).new_tensors(), head);
    let mut network = new(&weights, 9, Head::Kept);
    assert_eq!(network.new_tensors(), head);
    assert_eq!(network.network().classes(), 9);
    reference.step(&mut network, 0);

    let folder = tempfile::tempdir().unwrap();
    let partial = folder.path().join("partial.safetensors");
    let names = weights.specs().iter().map(|spec| &spec.name);
    let there =
        names.filter(|name| !name.starts_with("eco_3d.res_3d_5") && !head.contains(&name.as_str()));
    let there: Vec<(String, RawTensor<'_>)> = there
        .map(|name| (name.clone(), weights.tensor(name).unwrap()))
        .collect();
    eco::weights::write(&partial, &there, &BTreeMap::new()).unwrap();
    assert!(Weights::open(&partial).is_err());
    let partial = Weights::open_partial(&partial).unwrap();
    assert_eq!(partial.classes(), 0);
    let mut network = new(&partial, 5, Head::Kept);
    assert_eq!(network.new_tensors().len(), 5 * 2 + 4 * 5 + 2);
    let answers = reference.step(&mut network, 0);
    assert!(answers.iter().all(|answer| answer.loss.is_finite()));
}

#[test]
fn a_few_clips_are_learned_by_heart() {
    let _turn = turn();
    let reference = Reference::get();
    let recipe = Recipe {
        learning_rate: 0.003,
        dropout: Dropout::NONE,
        ..mixed(Tuned::Last)
    };
    let mut network = reference.start("lite", &recipe);
    let (clips, classes) = reference.clips(0, 4);
    let middle = network.middle(&clips).unwrap();
    let input = Input::Middle(&middle);
    let mut losses = Vec::new();
    for step in 0..20 {
        let answer = network
            .accumulate(input, &classes, Position { epoch: 0, step })
            .unwrap();
        losses.push(answer.loss);
        network.step(recipe.learning_rate).unwrap();
    }
    println!("{losses:.2?}");
    assert!(losses[19] < 0.7 * losses[0], "{losses:.2?}");
}

/// Seconds of a step on the clock and of processors, ours and PyTorch's in turn. Where others use the machine, the second kind
/// tells more, with OMP_NUM_THREADS=1: threads that wait for one another use processors as well.
///
/// `MALLOC_ARENA_MAX=1 cargo test --release --test train_network -- --ignored --nocapture --test-threads 1`: a test's thread has an
/// arena of its own otherwise, which keeps less memory than the one of the main thread.
#[test]
#[ignore = "measures time: needs a machine of its own"]
fn a_step_costs_what_pytorchs_does() {
    const STEPS: usize = 12;
    let _turn = turn();
    keep_freed_memory();
    let reference = Reference::get();
    for name in ["lite-trained", "lite-frozen", "lite-last", "full-trained"] {
        let case = &reference.cases.cases[name];
        let mut network = reference.start(&case.arch, &case.recipe);
        let mut python = Clock::start(&reference.folder, name);
        let mut times = Vec::new();
        for step in 0..STEPS {
            let (begin, used) = (Instant::now(), processor_seconds());
            reference.step(&mut network, step);
            let ours = [begin.elapsed().as_secs_f64(), processor_seconds() - used];
            let theirs = python.step();
            // The first steps allocate and warm up.
            if step >= 2 {
                times.push([ours, theirs]);
            }
        }
        for (kind, what) in ["clock", "processor"].iter().enumerate() {
            let [ours, theirs] = [0, 1].map(|side| {
                let mut times: Vec<f64> = times.iter().map(|both| both[side][kind]).collect();
                times.sort_by(f64::total_cmp);
                times
            });
            let show = |which: &str, ours: f64, theirs: f64| {
                let ratio = ours / theirs;
                println!(
                    "{name}, {what}, {which}: {ours:.2} s and {theirs:.2} s, ratio {ratio:.3}"
                );
            };
            show("best", ours[0], theirs[0]);
            show("median", ours[ours.len() / 2], theirs[theirs.len() / 2]);
        }
    }
}

/// Processor time of this process; 0 where the system does not show it as Linux does.
fn processor_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name before it may have spaces. Ticks are hundredths of seconds.
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let ticks = fields
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// PyTorch, which makes a step when it is asked to.
struct Clock {
    child: std::process::Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Clock {
    fn start(folder: &Path, case: &str) -> Self {
        let mut child = Command::new(common::python())
            .arg(common::root().join("scripts/train_reference.py"))
            .arg("clock")
            .args([folder.as_os_str(), case.as_ref()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, answers }
    }

    /// Seconds on the clock and of processors.
    fn step(&mut self) -> [f64; 2] {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let mut seconds = line.split_whitespace().map(|text| text.parse().unwrap());
        [seconds.next().unwrap(), seconds.next().unwrap()]
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
