//! What passes through the network, layer by layer, and where it parts from another implementation.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use serde::Serialize;
use thiserror::Error;

use super::activation::{Activation, Comparison};
use super::activation_columns::{COLUMNS, COMPARED};
use super::statistics::Statistics;
use super::table::{Table, TableFormat};
use crate::engine::{self, ClipBatch, Device, Observed};
use crate::network::Network;
use crate::recognise::INPUT;
use crate::weights::{Checkpoint, Dtype, Weights, WeightsError};

/// What stands before the name of a module in these files.
pub const OUTPUT: &str = "output.";

/// Why activations cannot be had or compared.
#[derive(Debug, Error)]
pub enum Error {
    /// The network cannot run.
    #[error(transparent)]
    Engine(#[from] engine::Error),
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
    /// Runs `clips` through the network and looks at every output, compares it with a reference if there is one, and hands
    /// it to `keep` by its key, with its shape and values; ReLUs overwrite it right afterwards.
    ///
    /// # Errors
    /// Clips that do not fit, a reference that cannot be read, and a program without libtorch.
    pub fn observe(
        network: Network,
        weights: &Weights,
        clips: &ClipBatch,
        reference: Option<&Reference>,
        keep: &mut Keep<'_>,
    ) -> Result<Self, Error> {
        let mut watch = Watch {
            reference,
            keep,
            outputs: Vec::new(),
            failed: None,
        };
        watch.see(INPUT, "", INPUT, 0, &clips.shape(), &clips.values);
        engine::observe(network, weights, Device::Cpu, clips, &mut |observed| {
            watch.module(&observed)
        })?;
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

    /// Writes the table; text in at most `width` columns, where there is a limit.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(
        &self,
        format: TableFormat,
        width: Option<usize>,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
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
            TableFormat::Text => {
                table.text(width, out)?;
                self.write_difference(out)
            }
            TableFormat::Json => {
                serde_json::to_writer_pretty(&mut *out, self)?;
                writeln!(out)
            }
            TableFormat::Csv => table.csv(out),
            TableFormat::Markdown => {
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

/// Takes the key, shape and values of an output, and may store them.
pub type Keep<'k> = dyn FnMut(&str, &[usize], &[f32]) + 'k;

/// Looks at every output the moment it is ready.
struct Watch<'a, 'k> {
    reference: Option<&'a Reference>,
    keep: &'a mut Keep<'k>,
    outputs: Vec<Activation>,
    failed: Option<Error>,
}

impl Watch<'_, '_> {
    fn module(&mut self, observed: &Observed<'_>) {
        let Observed {
            path,
            module,
            shape,
            values,
            ..
        } = observed;
        if path.is_empty() {
            return;
        }
        let (name, depth) = (observed.name(), path.split('.').count());
        let key = format!("{OUTPUT}{name}");
        self.see(&name, module.type_name(), &key, depth, shape, values);
    }

    fn see(
        &mut self,
        name: &str,
        type_name: &'static str,
        key: &str,
        depth: usize,
        shape: &[usize],
        values: &[f32],
    ) {
        if self.failed.is_some() {
            return;
        }
        let compare = |reference: &Reference| reference.compare(key, shape, values);
        let comparison = match self.reference.map(compare).transpose() {
            Ok(comparison) => comparison,
            Err(error) => {
                self.failed = Some(error);
                return;
            }
        };
        if comparison.is_some() {
            let earlier = self.outputs.iter_mut();
            earlier
                .filter(|earlier| earlier.name == name)
                .for_each(|earlier| earlier.comparison = Some(Comparison::Overwritten));
        }
        (self.keep)(key, shape, values);
        self.outputs.push(Activation {
            name: name.to_owned(),
            type_name,
            depth,
            statistics: Statistics::of(values),
            shape: shape.to_vec(),
            comparison,
        });
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

    fn compare(&self, key: &str, shape: &[usize], found: &[f32]) -> Result<Comparison, Error> {
        let Some(&index) = self.index.get(key) else {
            return Ok(Comparison::Missing);
        };
        let expected = self.checkpoint.read(index)?;
        let same = expected.shape == shape;
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
