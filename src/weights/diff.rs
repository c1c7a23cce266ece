//! Two files of weights, tensor by tensor, under the model's names.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;

use super::container::checkpoint::Checkpoint;
use super::matching::compare::{compared_name, squeezed};
use super::matching::load::LoadError;
use super::matching::model::{Model, Models};
use super::matching::report::{Named, below};
use super::matching::select::{recognise, select};
use super::tensor::is_counter;

/// What is different about a tensor that both files have.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The shapes differ.
    Shape {
        /// In the first file.
        a: Vec<usize>,
        /// In the second.
        b: Vec<usize>,
    },
    /// The values differ.
    Values {
        /// Largest difference of two finite values.
        max_abs: f64,
        /// Length of the difference of the finite values as a vector, relative to that of the first file's tensor; `None`
        /// where the latter is 0, or too large for a number.
        relative_l2: Option<f64>,
        /// Places where the values differ and at least one is NaN or infinite.
        non_finite: usize,
    },
    /// The bytes differ, and are no numbers that could be subtracted.
    Bytes,
}

/// A tensor that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Changed {
    /// Its name in the model, or what is left of its name without wrappers.
    pub name: String,
    /// How it differs.
    pub change: Change,
}

/// What comparing two files found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Diff {
    /// Tensors that both have and that are equal.
    pub equal: usize,
    /// Tensors that both have and that differ, in the order of the model.
    pub changed: Vec<Changed>,
    /// Tensors that only the first file has.
    pub only_a: Vec<Named>,
    /// Tensors that only the second file has.
    pub only_b: Vec<Named>,
}

impl Diff {
    /// Whether the files hold the same tensors with the same values.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.only_a.is_empty() && self.only_b.is_empty()
    }
}

/// A file, and which of its dictionaries to compare; the one that fits the model when `None`.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The file.
    pub path: &'a Path,
    /// The dictionary's key.
    pub key: Option<&'a str>,
}

/// Compares two files of any container. Element types may differ: values are compared as numbers. The step counters of batch
/// norm, which inference never reads, are left out.
///
/// Tensors are compared under the names of one of `models`, the last of those that the files are recognised as. Tensors that
/// it lacks are compared under their own names, without the prefixes that wrappers add.
///
/// # Errors
/// [`LoadError`] when a file cannot be read, or when it does not say which of its dictionaries to compare.
pub fn diff(a: Side<'_>, b: Side<'_>, models: &Models) -> Result<Diff, LoadError> {
    let (file_a, file_b) = (Checkpoint::open(a.path)?, Checkpoint::open(b.path)?);
    let recognised = [(&a, &file_a), (&b, &file_b)]
        .map(|(side, file)| recognise(file, models, side.key, &[]).architecture);
    let model = models.last_of(&recognised);
    let (a, b) = (
        Tensors::new(file_a, a.key, model)?,
        Tensors::new(file_b, b.key, model)?,
    );
    let mut out = Diff {
        only_a: a.without(&b),
        only_b: b.without(&a),
        ..Diff::default()
    };
    let both: Vec<&Name> = a
        .by_name
        .keys()
        .filter(|name| b.by_name.contains_key(*name))
        .collect();
    let changes: Vec<Option<Change>> = both
        .par_iter()
        .map(|name| a.change(&b, name))
        .collect::<Result<_, LoadError>>()?;
    for (name, change) in both.into_iter().zip(changes) {
        match change {
            Some(change) => out.changed.push(Changed {
                name: name.text.clone(),
                change,
            }),
            None => out.equal += 1,
        }
    }
    Ok(out)
}

/// A name, ordered as the model has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    /// Its place in the model; the last for what the model lacks.
    place: usize,
    text: String,
}

/// The tensors of a file, by the names they are compared under.
struct Tensors {
    checkpoint: Checkpoint,
    by_name: BTreeMap<Name, usize>,
}

impl Tensors {
    fn new(checkpoint: Checkpoint, key: Option<&str>, model: &Model) -> Result<Self, LoadError> {
        let spec = &model.tensors;
        let selection = select(&checkpoint, spec, key, &[])?;
        let found = &selection.outcome;
        let in_the_model = found.matched.iter().copied();
        let misfits = found
            .misfits
            .iter()
            .map(|&(wanted, tensor, _)| (wanted, tensor));
        let named = in_the_model.chain(misfits).map(|(place, tensor)| {
            let text = spec[place].name.clone();
            (Name { place, text }, tensor)
        });
        let claims = found.collisions.iter().flat_map(|(_, claims)| claims);
        let others = found.unexpected.iter().chain(claims).map(|&tensor| {
            let name = below(&checkpoint.tensors()[tensor].name, &selection.key);
            let text = compared_name(name, &[]);
            let place = spec.len();
            (Name { place, text }, tensor)
        });
        let by_name = named
            .chain(others)
            .filter(|(name, _)| !is_counter(&name.text))
            .collect();
        Ok(Self {
            checkpoint,
            by_name,
        })
    }

    fn without(&self, other: &Self) -> Vec<Named> {
        let only = self
            .by_name
            .iter()
            .filter(|(name, _)| !other.by_name.contains_key(*name));
        only.map(|(name, &tensor)| Named {
            name: name.text.clone(),
            shape: self.checkpoint.tensors()[tensor].shape.clone(),
        })
        .collect()
    }

    fn change(&self, other: &Self, name: &Name) -> Result<Option<Change>, LoadError> {
        let (a, b) = (self.by_name[name], other.by_name[name]);
        let shapes = (
            &self.checkpoint.tensors()[a].shape,
            &other.checkpoint.tensors()[b].shape,
        );
        if !is_same_shape(shapes.0, shapes.1) {
            return Ok(Some(Change::Shape {
                a: shapes.0.clone(),
                b: shapes.1.clone(),
            }));
        }
        let (a, b) = (self.checkpoint.read(a)?, other.checkpoint.read(b)?);
        if a.dtype == b.dtype && a.data == b.data {
            return Ok(None);
        }
        Ok(match (a.values(), b.values()) {
            (Some(a), Some(b)) => distance(a, b),
            _ => Some(Change::Bytes),
        })
    }
}

/// Whether the shapes are the same, or those of one vector: `[1, C]` and `[C]`, as on import.
fn is_same_shape(a: &[usize], b: &[usize]) -> bool {
    let rank = a.len().min(b.len());
    a == b || rank <= 1 && squeezed(a, rank) == squeezed(b, rank)
}

/// How two lists of as many values differ; `None` when they do not. NaN equals NaN.
fn distance(a: impl Iterator<Item = f64>, b: impl Iterator<Item = f64>) -> Option<Change> {
    let (mut max_abs, mut squares, mut length, mut non_finite) = (0f64, 0f64, 0f64, 0);
    for (a, b) in a.zip(b) {
        if a.is_finite() && b.is_finite() {
            let difference = (a - b).abs();
            max_abs = max_abs.max(difference);
            squares += difference * difference;
            length += a * a;
        } else if a != b && !(a.is_nan() && b.is_nan()) {
            non_finite += 1;
        }
    }
    (max_abs > 0.0 || non_finite > 0).then(|| Change::Values {
        max_abs: max_abs.min(f64::MAX),
        relative_l2: Some((squares / length).sqrt()).filter(|l2| l2.is_finite()),
        non_finite,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(a: &[f64], b: &[f64]) -> Option<Change> {
        distance(a.iter().copied(), b.iter().copied())
    }

    #[test]
    fn differences_are_the_largest_and_the_relative_length() {
        let change = |max_abs, relative_l2| {
            Some(Change::Values {
                max_abs,
                relative_l2,
                non_finite: 0,
            })
        };
        assert_eq!(between(&[3.0, 4.0], &[3.0, 6.0]), change(2.0, Some(0.4)));
        assert_eq!(between(&[0.0, 0.0], &[0.0, 6.0]), change(6.0, None));
        assert_eq!(between(&[1.0, -0.0], &[1.0, 0.0]), None);
    }

    #[test]
    fn a_vector_with_an_axis_of_one_place_is_the_same_vector() {
        assert!(is_same_shape(&[1, 64], &[64]) && is_same_shape(&[64], &[1, 64, 1]));
        assert!(!is_same_shape(&[64], &[32]) && !is_same_shape(&[8, 8], &[64]));
        assert!(!is_same_shape(&[64, 64, 1, 1], &[64, 64]));
    }

    #[test]
    fn values_that_are_no_numbers_equal_themselves_and_nothing_else() {
        let (nan, infinity) = (f64::NAN, f64::INFINITY);
        assert_eq!(between(&[nan, infinity], &[nan, infinity]), None);
        for (a, b) in [
            (nan, 1.0),
            (1.0, nan),
            (infinity, 1.0),
            (infinity, -infinity),
        ] {
            let expected = Change::Values {
                max_abs: 0.5,
                relative_l2: Some(0.5),
                non_finite: 1,
            };
            assert_eq!(between(&[a, 1.0], &[b, 1.5]), Some(expected), "{a} and {b}");
        }
    }
}
