//! What passes through the network, layer by layer, and where it parts from another implementation.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use serde::Serialize;
use tch::Tensor;
use thiserror::Error;

use super::Format;
use super::activation_columns::{COLUMNS, COMPARED};
use super::statistics::{Statistics, values};
use super::table::Table;
use crate::network::{self as model, EcoLite, Flow, Module, Observer, Value};
use crate::weights::{Checkpoint, Dtype, WeightsError};

/// Name of the tensor that holds the clips, in a dump and in the files of `scripts/reference.py`.
pub const INPUT: &str = "input";
/// What stands before the name of a module in these files.
pub const OUTPUT: &str = "output.";

/// Why activations cannot be had or compared.
#[derive(Debug, Error)]
pub enum Error {
    /// The network cannot run.
    #[error(transparent)]
    Model(#[from] model::Error),
    /// The reference cannot be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The reference has nothing to compare with.
    #[error(
        "{file}: no tensor is called `{OUTPUT}` and a module's name; `scripts/reference.py run` writes such files"
    )]
    NothingToCompare {
        /// The reference.
        file: String,
    },
}

/// The output of one run of a module.
#[derive(Debug, Clone, Serialize)]
pub struct Activation {
    /// Full name, or `input`.
    pub name: String,
    /// Class name; empty for the input.
    #[serde(rename = "type")]
    pub type_name: &'static str,
    /// Levels below the root.
    pub depth: usize,
    /// Shape of the output.
    pub shape: Vec<i64>,
    /// What its values are like.
    #[serde(flatten)]
    pub statistics: Statistics,
    /// How it compares, when there is something to compare with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

/// How an output compares with the reference's.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// Both have it, in the same shape.
    Difference {
        /// Largest difference of two values.
        max_abs: f64,
        /// Euclidean length of the difference over that of the reference. NaN where either has a NaN.
        relative: f64,
    },
    /// The reference has it in another shape.
    Shape(Vec<usize>),
    /// The reference does not have it.
    Missing,
    /// The module runs again later, and the reference keeps the last run.
    Overwritten,
}

impl Comparison {
    /// Whether the two are not the same implementation's, given how much rounding may make.
    fn parts(&self, tolerance: f64) -> bool {
        match self {
            Self::Difference { relative, .. } => relative.is_nan() || *relative > tolerance,
            Self::Shape(_) => true,
            Self::Missing | Self::Overwritten => false,
        }
    }
}

/// All outputs of one forward pass, in the order in which they were ready.
#[derive(Debug, Serialize)]
pub struct Activations {
    /// The input first, the whole network's output last.
    pub outputs: Vec<Activation>,
    /// The first that parts from the reference, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_difference: Option<String>,
}

impl Activations {
    /// Runs `clips` (`[batch, segments, 3, 224, 224]`) through the network and looks at every output, compares it with a
    /// reference if there is one, and hands it to `keep`, which may store it; ReLUs overwrite it right afterwards.
    ///
    /// # Errors
    /// Clips that do not fit, a reference that cannot be read, and what `keep` reports.
    pub fn observe(
        net: &EcoLite,
        clips: &Tensor,
        reference: Option<&Reference>,
        keep: &mut dyn FnMut(&str, &Tensor) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let mut watch = Watch {
            reference,
            keep,
            outputs: Vec::new(),
            failed: None,
        };
        watch.see(INPUT, "", INPUT, 0, clips);
        let _no_grad = tch::no_grad_guard();
        let mut flow = Flow::observed(&mut watch);
        let clips = flow.input(clips.shallow_clone());
        flow.run(net, &clips)?;
        match watch.failed {
            Some(error) => Err(error),
            None => Ok(Self {
                outputs: watch.outputs,
                first_difference: None,
            }),
        }
    }

    /// Names the first output that differs from the reference by more than `tolerance`, relatively.
    pub fn find_difference(&mut self, tolerance: f64) -> Option<&Activation> {
        let parts = |output: &&Activation| {
            output
                .comparison
                .as_ref()
                .is_some_and(|comparison| comparison.parts(tolerance))
        };
        let first = self.outputs.iter().find(parts);
        self.first_difference = first.map(|output| output.name.clone());
        first
    }

    /// How many outputs could be compared.
    pub fn compared(&self) -> usize {
        let is_measured =
            |output: &&Activation| matches!(output.comparison, Some(Comparison::Difference { .. }));
        self.outputs.iter().filter(is_measured).count()
    }

    /// Leaves out what lies deeper than `depth` levels below the root.
    pub fn fold(&mut self, depth: usize) {
        self.outputs.retain(|output| output.depth <= depth);
    }

    /// Writes the table.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, format: Format, out: &mut dyn io::Write) -> io::Result<()> {
        let mut columns: Vec<_> = COLUMNS.iter().collect();
        if self
            .outputs
            .iter()
            .any(|output| output.comparison.is_some())
        {
            columns.extend(&COMPARED);
        }
        let table = Table {
            columns,
            rows: &self.outputs,
        };
        match format {
            Format::Text => {
                table.text(out)?;
                self.write_difference(out)
            }
            Format::Json => {
                serde_json::to_writer_pretty(&mut *out, self)?;
                writeln!(out)
            }
            Format::Csv => table.csv(out),
            Format::Markdown => {
                table.markdown(out)?;
                writeln!(out)?;
                self.write_difference(out)
            }
        }
    }

    fn write_difference(&self, out: &mut dyn io::Write) -> io::Result<()> {
        match &self.first_difference {
            Some(name) => writeln!(out, "First difference: {name}"),
            None => Ok(()),
        }
    }
}

/// Looks at every output the moment it is ready.
struct Watch<'a> {
    reference: Option<&'a Reference>,
    keep: &'a mut dyn FnMut(&str, &Tensor) -> Result<(), Error>,
    outputs: Vec<Activation>,
    failed: Option<Error>,
}

impl Watch<'_> {
    fn see(
        &mut self,
        name: &str,
        type_name: &'static str,
        key: &str,
        depth: usize,
        output: &Tensor,
    ) {
        if self.failed.is_none()
            && let Err(error) = self.try_see(name, type_name, key, depth, output)
        {
            self.failed = Some(error);
        }
    }

    fn try_see(
        &mut self,
        name: &str,
        type_name: &'static str,
        key: &str,
        depth: usize,
        output: &Tensor,
    ) -> Result<(), Error> {
        let found = values(output)?;
        let shape = output.size();
        let compare = |reference: &Reference| reference.compare(key, &shape, &found);
        let comparison = self.reference.map(compare).transpose()?;
        if comparison.is_some() {
            let earlier = self
                .outputs
                .iter_mut()
                .filter(|earlier| earlier.name == name);
            earlier.for_each(|earlier| earlier.comparison = Some(Comparison::Overwritten));
        }
        (self.keep)(key, output)?;
        self.outputs.push(Activation {
            name: name.to_owned(),
            type_name,
            depth,
            statistics: Statistics::of(&found),
            shape,
            comparison,
        });
        Ok(())
    }
}

impl Observer for Watch<'_> {
    fn leave(&mut self, path: &str, module: &dyn Module, output: &Value) {
        let type_name = module.type_name();
        if path.is_empty() {
            return;
        }
        let depth = path.split('.').count();
        self.see(
            path,
            type_name,
            &format!("{OUTPUT}{path}"),
            depth,
            output.tensor(),
        );
    }
}

/// Activations of another implementation, in any file that [`Checkpoint`] reads.
pub struct Reference {
    checkpoint: Checkpoint,
    index: HashMap<String, usize>,
}

impl Reference {
    /// Opens a file with tensors called `output.` and a module's name, and perhaps `input`.
    ///
    /// # Errors
    /// Those of [`Checkpoint::open`], and a file without any such tensor.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let checkpoint = Checkpoint::open(path)?;
        let names = checkpoint.tensors().iter().enumerate();
        let index: HashMap<String, usize> = names
            .map(|(index, entry)| (entry.name.clone(), index))
            .collect();
        if index.keys().all(|name| !name.starts_with(OUTPUT)) {
            let file = path.display().to_string();
            return Err(Error::NothingToCompare { file });
        }
        Ok(Self { checkpoint, index })
    }

    fn compare(&self, key: &str, shape: &[i64], found: &[f32]) -> Result<Comparison, Error> {
        let Some(&index) = self.index.get(key) else {
            return Ok(Comparison::Missing);
        };
        let expected = self.checkpoint.read(index)?;
        let same = expected
            .shape
            .iter()
            .map(|&length| length as i64)
            .eq(shape.iter().copied());
        let convertible = expected.convert(Dtype::F32);
        match convertible.as_ref().and_then(|tensor| tensor.f32s()) {
            Some(values) if same => Ok(difference(found, &values)),
            _ => Ok(Comparison::Shape(
                self.checkpoint.tensors()[index].shape.clone(),
            )),
        }
    }
}

fn difference(found: &[f32], expected: &[f32]) -> Comparison {
    let pairs = || {
        found
            .iter()
            .zip(expected)
            .map(|(&a, &b)| (f64::from(a), f64::from(b)))
    };
    // `f64::max` would let a NaN pass unseen.
    let larger = |a: f64, b: f64| if b.is_nan() || b > a { b } else { a };
    let max_abs = pairs().map(|(a, b)| (a - b).abs()).fold(0.0, larger);
    let apart: f64 = pairs().map(|(a, b)| (a - b).powi(2)).sum();
    let length: f64 = pairs().map(|(_, b)| b.powi(2)).sum();
    let relative = match (apart.sqrt(), length.sqrt()) {
        (0.0, _) => 0.0,
        (apart, length) => apart / length,
    };
    Comparison::Difference { max_abs, relative }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_absolute_and_relative() {
        let found = difference(&[3.0, 4.0, 1.0], &[3.0, 4.0, 0.0]);
        assert_eq!(
            found,
            Comparison::Difference {
                max_abs: 1.0,
                relative: 0.2
            }
        );
        let none = Comparison::Difference {
            max_abs: 0.0,
            relative: 0.0,
        };
        assert_eq!(difference(&[0.0], &[0.0]), none);
    }

    #[test]
    fn a_nan_on_one_side_is_a_difference_whatever_the_tolerance() {
        for (found, expected) in [([f32::NAN], [1.0]), ([1.0], [f32::NAN])] {
            assert!(difference(&found, &expected).parts(f64::MAX));
        }
        let infinite = difference(&[f32::INFINITY], &[1.0]);
        assert!(infinite.parts(1.0));
    }
}
