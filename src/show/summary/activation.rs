//! One output of a forward pass, and how it compares with another implementation's.

use serde::Serialize;

use super::statistics::Statistics;

/// The output of one run of a module.
#[derive(Debug, Clone, Serialize)]
pub struct Activation {
    /// Full name, with the number of the output where a module has several (`eco_2d[0]`), or `input`.
    pub name: String,
    /// Class name; empty for the input.
    #[serde(rename = "type")]
    pub type_name: &'static str,
    /// Levels below the root.
    pub depth: usize,
    /// Shape of the output.
    pub shape: Vec<usize>,
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
    pub(super) fn parts(&self, tolerance: f64) -> bool {
        match self {
            Self::Difference { relative, .. } => relative.is_nan() || *relative > tolerance,
            Self::Shape(_) => true,
            Self::Missing | Self::Overwritten => false,
        }
    }
}
