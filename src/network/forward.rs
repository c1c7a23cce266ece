//! The forward pass of a tree of modules, for whatever computes it.

use std::collections::HashMap;

use super::layer::Layer;
use super::module::{Action, Function, Module, Part, Var, join};

/// Computes layers and functions, on values of its own kind: libtorch on tensors, a trace on shapes.
pub trait Backend {
    /// A handle on what flows; cloning it does not copy.
    type Value: Clone;
    /// What can go wrong.
    type Error;

    /// The output of the layer with the full name `path`.
    ///
    /// # Errors
    /// Whatever computing reports.
    fn layer(
        &mut self,
        path: &str,
        layer: &Layer,
        input: &Self::Value,
    ) -> Result<Self::Value, Self::Error>;

    /// The output of an operator that runs in the module with the full name `path`.
    ///
    /// # Errors
    /// Whatever computing reports.
    fn function(
        &mut self,
        path: &str,
        function: &Function,
        inputs: &[Self::Value],
    ) -> Result<Self::Value, Self::Error>;

    /// A module begins.
    fn enter(&mut self, _path: &str, _module: &Module, _inputs: &[Self::Value]) {}

    /// A module has ended.
    ///
    /// # Errors
    /// Whatever looking at the outputs reports.
    fn leave(
        &mut self,
        _path: &str,
        _module: &Module,
        _outputs: &[Self::Value],
    ) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// Runs `module`, whose full name is `path`, on as many inputs as it takes.
///
/// # Errors
/// The backend's.
pub fn run<B: Backend>(
    backend: &mut B,
    path: &str,
    module: &Module,
    inputs: Vec<B::Value>,
) -> Result<Vec<B::Value>, B::Error> {
    backend.enter(path, module, &inputs);
    let outputs = match module {
        Module::Layer(layer) => vec![backend.layer(path, layer, &inputs[0])?],
        Module::Block(block) => run_part(backend, path, module, &block.whole(), inputs)?,
    };
    backend.leave(path, module, &outputs)?;
    Ok(outputs)
}

/// Runs a part of a block, given the part's inputs; returns the part's outputs.
///
/// # Errors
/// The backend's.
pub(super) fn run_part<B: Backend>(
    backend: &mut B,
    path: &str,
    block: &Module,
    part: &Part,
    inputs: Vec<B::Value>,
) -> Result<Vec<B::Value>, B::Error> {
    // Values that will be read again, and no others: the memory of the rest is let go.
    let mut values: HashMap<Var, B::Value> = part.inputs.iter().copied().zip(inputs).collect();
    let instructions = &block.instructions()[part.instructions.clone()];
    for (at, instruction) in instructions.iter().enumerate() {
        let inputs: Vec<B::Value> = instruction
            .inputs
            .iter()
            .map(|var| values[var].clone())
            .collect();
        let later = &instructions[at + 1..];
        values.retain(|var, _| {
            part.outputs.contains(var) || later.iter().any(|step| step.inputs.contains(var))
        });
        let outputs = match &instruction.action {
            Action::Run(child) => {
                let (name, module) = &block.children()[*child];
                run(backend, &join(path, name), module, inputs)?
            }
            Action::Compute(function) => {
                vec![backend.function(path, function, &inputs)?]
            }
        };
        values.extend(instruction.outputs.iter().copied().zip(outputs));
    }
    Ok(part.outputs.iter().map(|var| values[var].clone()).collect())
}
