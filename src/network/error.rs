use thiserror::Error;

/// Why a network cannot be described, or not be run on an input.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// The input does not fit the module.
    #[error("input has shape {found:?}, {module} needs {expected}")]
    InputShape {
        /// The module that refused, by its type name.
        module: &'static str,
        /// The shape that would fit, axes named.
        expected: String,
        /// The shape that came.
        found: Vec<usize>,
    },
    /// The number of segments cannot be pooled: the 3D net halves time twice.
    #[error("{0} segments: the number of segments must be a positive multiple of 4")]
    Segments(usize),
    /// The head has no output.
    #[error("{0} classes: the network needs at least one class")]
    Classes(usize),
}

/// The result of describing a network.
pub type Result<T> = std::result::Result<T, Error>;
