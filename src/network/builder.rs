use tch::{Kind, Tensor};

use super::{Error, Result};

/// Where a network's tensors come from: a file, a generator, or nothing but their shapes.
pub trait Source {
    /// The tensor called `name` (full path, such as `eco_3d.res_3d_3.res3a_2.weight`).
    ///
    /// Layers ask in the order of PyTorch's `state_dict()`. The answer is checked against `shape`; `kind` is float32, or
    /// int64 for the batch norms' counters.
    fn tensor(&mut self, name: &str, shape: &[i64], kind: Kind) -> Result<Tensor>;
}

/// Hands a [`Source`] down the tree while it is built, and knows the path so far.
pub struct Builder<'a> {
    source: &'a mut dyn Source,
    path: String,
}

impl<'a> Builder<'a> {
    /// A builder at the root of the tree.
    pub fn new(source: &'a mut dyn Source) -> Self {
        Self {
            source,
            path: String::new(),
        }
    }

    /// The builder for the child called `name`.
    pub fn child(&mut self, name: &str) -> Builder<'_> {
        Builder {
            path: join(&self.path, name),
            source: self.source,
        }
    }

    /// A float32 tensor of this module, its shape checked.
    pub fn tensor(&mut self, name: &str, shape: &[i64]) -> Result<Tensor> {
        self.typed(name, shape, Kind::Float)
    }

    /// An int64 scalar of this module.
    pub fn counter(&mut self, name: &str) -> Result<Tensor> {
        self.typed(name, &[], Kind::Int64)
    }

    fn typed(&mut self, name: &str, shape: &[i64], kind: Kind) -> Result<Tensor> {
        let name = join(&self.path, name);
        let tensor = self.source.tensor(&name, shape, kind)?;
        if tensor.size() != shape {
            return Err(Error::TensorShape {
                name,
                expected: shape.to_vec(),
                found: tensor.size(),
            });
        }
        Ok(tensor)
    }
}

/// Joins two parts of a state_dict name.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// A source of tensors that have a shape and nothing in it: their memory is reserved and never touched.
///
/// Enough to walk, print, count and trace a network.
#[derive(Debug, Default)]
pub struct Shapes;

impl Source for Shapes {
    fn tensor(&mut self, _: &str, shape: &[i64], kind: Kind) -> Result<Tensor> {
        // A view that repeats one number would take no memory at all, but convolutions would copy it into a full tensor.
        Ok(Tensor::f_empty(shape, (kind, tch::Device::Cpu))?)
    }
}
