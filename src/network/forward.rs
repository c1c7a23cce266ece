//! The forward pass of a tree of modules, for whatever computes it.

use std::ops::Range;

use super::layer::Layer;
use super::module::{Function, Instruction, Module, Var, join};

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
        inputs: &[&Self::Value],
    ) -> Result<Self::Value, Self::Error>;

    /// A module begins.
    fn enter(&mut self, _path: &str, _module: &Module, _input: &Self::Value) {}

    /// A module has ended.
    ///
    /// # Errors
    /// Whatever looking at the output reports.
    fn leave(
        &mut self,
        _path: &str,
        _module: &Module,
        _output: &Self::Value,
    ) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// Runs `module`, whose full name is `path`, on `input`.
///
/// # Errors
/// The backend's.
pub fn run<B: Backend>(
    backend: &mut B,
    path: &str,
    module: &Module,
    input: B::Value,
) -> Result<B::Value, B::Error> {
    backend.enter(path, module, &input);
    let output = match module {
        Module::Layer(layer) => backend.layer(path, layer, &input)?,
        Module::Block(_) => {
            let all = 0..module.instructions().len();
            run_part(backend, path, module, all, input)?
        }
    };
    backend.leave(path, module, &output)?;
    Ok(output)
}

/// Runs some consecutive instructions of a block, of which the first ones read no value but `input`.
///
/// # Errors
/// The backend's.
pub(super) fn run_part<B: Backend>(
    backend: &mut B,
    path: &str,
    block: &Module,
    part: Range<usize>,
    input: B::Value,
) -> Result<B::Value, B::Error> {
    let instructions = &block.instructions()[part.clone()];
    let mut values = vec![input];
    for (at, instruction) in instructions.iter().enumerate() {
        let place = |var: &Var| var.0 - part.start;
        let output = match instruction {
            Instruction::Run(child, var) => {
                let (name, module) = &block.children()[*child];
                run(
                    backend,
                    &join(path, name),
                    module,
                    values[place(var)].clone(),
                )?
            }
            Instruction::Compute(function, vars) => {
                let inputs: Vec<&B::Value> = vars.iter().map(|var| &values[place(var)]).collect();
                backend.function(path, function, &inputs)?
            }
        };
        let later = &instructions[at + 1..];
        for var in instruction.inputs() {
            if !later
                .iter()
                .any(|instruction| instruction.inputs().contains(var))
            {
                // Never read again: a handle on the newest value in its place lets go of its memory.
                values[place(var)] = output.clone();
            }
        }
        values.push(output);
    }
    // There is one value at least, the input.
    Ok(values.swap_remove(values.len() - 1))
}
