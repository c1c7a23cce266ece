//! Fitting a head, beside scikit-learn.

mod common;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use eco::train::head::{Balance, Head, Samples, fit};
use ndarray::{Array1, Array2, Axis};
use safetensors::SafeTensors;
use serde_json::Value;

/// How far the loss may be from scikit-learn's optimum, relatively.
const OPTIMUM: f64 = 1e-8;
/// How far logits may be from those of scikit-learn's head, relatively to their size.
const LOGITS: f64 = 1e-4;

/// What `scripts/head_reference.py` makes.
fn cases() -> PathBuf {
    common::made_once("head_reference.py", "cases", |folder| {
        common::script("head_reference.py", [OsStr::new(folder)]);
    })
}

struct Case {
    samples: Samples,
    balance: Balance,
    penalty: f64,
    loss: f64,
    head: Head,
}

impl Case {
    fn read(folder: &Path, name: &str) -> Self {
        let about = fs::read(folder.join(name).with_extension("json")).unwrap();
        let about: Value = serde_json::from_slice(&about).unwrap();
        let bytes = fs::read(folder.join(name).with_extension("safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let floats = |name: &str| -> Vec<f64> {
            let bytes = tensors.tensor(name).unwrap().data();
            let values = bytes.as_chunks().0.iter();
            values.map(|&value| f64::from_le_bytes(value)).collect()
        };
        let matrix = |name: &str| {
            let shape = tensors.tensor(name).unwrap().shape().to_vec();
            Array2::from_shape_vec((shape[0], shape[1]), floats(name)).unwrap()
        };
        let classes = tensors.tensor("classes").unwrap().data();
        let classes = classes.as_chunks().0.iter();
        Self {
            samples: Samples {
                features: matrix("features"),
                classes: classes
                    .map(|&class| i64::from_le_bytes(class) as usize)
                    .collect(),
                class_count: about["classes"].as_u64().unwrap() as usize,
            },
            balance: match about["balanced"].as_bool().unwrap() {
                true => Balance::Classes,
                false => Balance::Samples,
            },
            penalty: about["penalty"].as_f64().unwrap(),
            loss: about["loss"].as_f64().unwrap(),
            head: Head {
                weight: matrix("weight"),
                bias: Array1::from_vec(floats("bias")),
            },
        }
    }

    /// What scikit-learn minimises, for a head on features as they are.
    fn objective(&self, head: &Head) -> f64 {
        let features = &self.samples.features;
        let deviation = features.std_axis(Axis(0), 0.0);
        let weight = &head.weight * &deviation;
        let logits = head.logits(features);
        let shares = self.samples.shares(self.balance);
        let losses = logits.rows().into_iter().zip(&self.samples.classes);
        let losses = losses.map(|(logits, &class)| {
            let most = logits.fold(f64::NEG_INFINITY, |most, &logit| most.max(logit));
            most + logits.mapv(|logit| (logit - most).exp()).sum().ln() - logits[class]
        });
        let loss: f64 = losses.zip(shares).map(|(loss, share)| loss * share).sum();
        loss + self.penalty / 2.0 * (&weight * &weight).sum()
    }
}

fn largest(values: &Array2<f64>) -> f64 {
    values.fold(0.0, |most, value| most.max(value.abs()))
}

#[test]
fn a_head_is_the_optimum_that_scikit_learn_finds() {
    let folder = cases();
    for name in ["plain", "weak", "balanced", "two", "many"] {
        let case = Case::read(&folder, name);
        // The test measures what scikit-learn does.
        let theirs = case.objective(&case.head);
        assert!(
            (theirs / case.loss - 1.0).abs() < 1e-9,
            "{name}: {theirs} {}",
            case.loss
        );
        let start = Instant::now();
        let head = fit(&case.samples, case.balance, case.penalty);
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{name}: {seconds:.2} s, {:e}",
            case.objective(&head) / theirs - 1.0
        );
        let ours = case.objective(&head);
        assert!(
            (ours / theirs - 1.0).abs() < OPTIMUM,
            "{name}: {ours} {theirs}"
        );
        let theirs = case.head.logits(&case.samples.features);
        let difference = largest(&(head.logits(&case.samples.features) - &theirs));
        // A constant on all logits of a sample changes no score, and neither head has one: their weights add up to 0.
        assert!(
            difference < LOGITS * largest(&theirs),
            "{name}: {difference}"
        );
    }
}

#[test]
fn the_same_samples_give_the_same_bits_on_any_number_of_threads() {
    let case = Case::read(&cases(), "plain");
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| fit(&case.samples, case.balance, case.penalty))
    };
    let (one, three) = (on(1), on(3));
    assert_eq!(one.weight, three.weight);
    assert_eq!(one.bias, three.bias);
}
