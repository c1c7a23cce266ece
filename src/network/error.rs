use thiserror::Error;

/// Why a network cannot be built or run.
#[derive(Debug, Error)]
pub enum Error {
    /// A tensor of the state_dict has another shape than the layer that wants it.
    #[error("{name} has shape {found:?}, the network needs {expected:?}")]
    TensorShape {
        /// Full name, such as `eco_2d.basic_conv.conv1_7x7_s2.weight`.
        name: String,
        /// The shape the layer was declared with.
        expected: Vec<i64>,
        /// The shape the source delivered.
        found: Vec<i64>,
    },
    /// The source of weights cannot deliver a tensor.
    #[error("cannot read {name}: {source}")]
    Source {
        /// Full name of the tensor.
        name: String,
        /// What the source says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The input of a forward pass does not fit the network.
    #[error("input has shape {found:?}, {module} needs {expected}")]
    InputShape {
        /// The module that refused, by its type name.
        module: &'static str,
        /// The shape that would fit, axes named.
        expected: String,
        /// The shape that came.
        found: Vec<i64>,
    },
    /// The number of segments cannot be pooled: the 3D net halves time twice.
    #[error("{0} segments: the number of segments must be a positive multiple of 4")]
    Segments(i64),
    /// The number of classes is not positive.
    #[error("{0} classes: the network needs at least one class")]
    Classes(i64),
    /// libtorch reported an error: its message, without the C++ stack trace that it appends.
    #[error("libtorch: {0}")]
    Torch(String),
}

impl From<tch::TchError> for Error {
    fn from(error: tch::TchError) -> Self {
        let text = error.to_string();
        let message = text.lines().next().unwrap_or_default();
        Self::Torch(message.trim_start_matches("Internal torch error: ").into())
    }
}

/// The result of building or running a network.
pub type Result<T> = std::result::Result<T, Error>;
