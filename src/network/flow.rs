use std::collections::HashSet;

use tch::{TchError, Tensor};

use super::builder::join;
use super::{Attribute, Module, Result};

/// A tensor on its way through the network, with an identity that survives views and in-place operators.
#[derive(Debug)]
pub struct Value {
    tensor: Tensor,
    id: usize,
}

impl Value {
    /// The tensor.
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// The tensor, given up.
    pub fn into_tensor(self) -> Tensor {
        self.tensor
    }

    /// Counts up in the order in which values come to be; unique within one [`Flow`].
    pub fn id(&self) -> usize {
        self.id
    }

    /// Another handle on the same value.
    fn alias(&self) -> Self {
        Self {
            tensor: self.tensor.shallow_clone(),
            id: self.id,
        }
    }

    /// The shape.
    pub fn size(&self) -> Vec<i64> {
        self.tensor.size()
    }
}

/// One operator that ran.
#[derive(Debug)]
pub struct Op<'a> {
    /// The operator by libtorch's name, such as `aten::_convolution`.
    pub name: &'static str,
    /// Full name of the module it ran in; empty at the root.
    pub path: &'a str,
    /// Arguments beyond the tensors; empty in layers, whose attributes say it all.
    pub attributes: &'a [Attribute],
    /// What went in.
    pub inputs: &'a [&'a Value],
    /// What came out.
    pub output: &'a Value,
}

/// Is told what happens during a forward pass.
pub trait Observer {
    /// A module begins.
    fn enter(&mut self, _path: &str, _module: &dyn Module, _input: &Value) {}

    /// An operator has run.
    fn op(&mut self, _op: &Op<'_>) {}

    /// A module has ended.
    fn leave(&mut self, _path: &str, _module: &dyn Module, _output: &Value) {}
}

/// Runs modules and operators, and keeps track of where in the tree it is.
#[derive(Default)]
pub struct Flow<'o> {
    observer: Option<&'o mut dyn Observer>,
    skipped: Option<&'o HashSet<String>>,
    path: String,
    next_id: usize,
}

impl<'o> Flow<'o> {
    /// A flow that nobody watches.
    pub fn new() -> Self {
        Self::default()
    }

    /// A flow that reports to `observer`.
    pub fn observed(observer: &'o mut dyn Observer) -> Self {
        Self {
            observer: Some(observer),
            ..Self::default()
        }
    }

    /// A flow that passes by the modules with these full names: what goes in comes out.
    pub fn skipping(modules: &'o HashSet<String>) -> Self {
        Self {
            skipped: Some(modules),
            ..Self::default()
        }
    }

    /// Brings a tensor in from outside.
    pub fn input(&mut self, tensor: Tensor) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        Value { tensor, id }
    }

    /// Runs the root of a tree.
    pub fn run(&mut self, root: &dyn Module, x: &Value) -> Result<Value> {
        if let Some(observer) = &mut self.observer {
            observer.enter(&self.path, root, x);
        }
        let y = root.forward(self, x)?;
        if let Some(observer) = &mut self.observer {
            observer.leave(&self.path, root, &y);
        }
        Ok(y)
    }

    /// Runs the child called `name` of the module that is running.
    pub fn call(&mut self, name: &str, module: &dyn Module, x: &Value) -> Result<Value> {
        let parent = self.path.len();
        self.path = join(&self.path, name);
        let y = match self.skipped {
            Some(skipped) if skipped.contains(&self.path) => Ok(x.alias()),
            _ => self.run(module, x),
        };
        self.path.truncate(parent);
        y
    }

    /// Runs the operator of a layer on `inputs`.
    pub fn op(
        &mut self,
        name: &'static str,
        inputs: &[&Value],
        compute: impl FnOnce() -> std::result::Result<Tensor, TchError>,
    ) -> Result<Value> {
        self.op_with(name, &[], inputs, compute)
    }

    /// Runs an operator that belongs to no layer, with its arguments.
    pub fn op_with(
        &mut self,
        name: &'static str,
        attributes: &[Attribute],
        inputs: &[&Value],
        compute: impl FnOnce() -> std::result::Result<Tensor, TchError>,
    ) -> Result<Value> {
        let output = compute()?;
        let output = self.input(output);
        if let Some(observer) = &mut self.observer {
            observer.op(&Op {
                name,
                path: &self.path,
                attributes,
                inputs,
                output: &output,
            });
        }
        Ok(output)
    }

    /// Concatenates along `axis`.
    pub fn cat(&mut self, inputs: &[&Value], axis: i64) -> Result<Value> {
        let dim = Attribute::named("dim", axis);
        self.op_with("aten::cat", &[dim], inputs, || {
            let tensors: Vec<&Tensor> = inputs.iter().map(|value| &value.tensor).collect();
            Tensor::f_cat(&tensors, axis)
        })
    }

    /// The sum, written over the first operand, as the notebook's `out += residual` does.
    pub fn add_(&mut self, out: Value, residual: &Value) -> Result<Value> {
        self.op("aten::add_", &[&out, residual], || {
            out.tensor.shallow_clone().f_add_(&residual.tensor)
        })
    }

    /// The same elements in another shape.
    pub fn view(&mut self, x: &Value, shape: &[i64]) -> Result<Value> {
        let size = Attribute::named("size", shape);
        self.op_with("aten::view", &[size], &[x], || x.tensor.f_view(shape))
    }

    /// Two axes exchanged.
    pub fn transpose(&mut self, x: &Value, a: i64, b: i64) -> Result<Value> {
        let dims = [Attribute::named("dim0", a), Attribute::named("dim1", b)];
        self.op_with("aten::transpose", &dims, &[x], || {
            x.tensor.f_transpose(a, b)
        })
    }
}
