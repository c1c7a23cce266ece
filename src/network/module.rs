//! The tree of modules, and how values flow through a block.

use std::ops::Range;

use super::attribute::Attribute;
use super::error::{Error, Result};
use super::layer::Layer;

/// A node of the network: a layer, or a block of named children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Module {
    /// Computes something.
    Layer(Layer),
    /// Runs its children.
    Block(Block),
}

impl From<Layer> for Module {
    fn from(layer: Layer) -> Self {
        Self::Layer(layer)
    }
}

impl From<Block> for Module {
    fn from(block: Block) -> Self {
        Self::Block(block)
    }
}

impl Module {
    /// The class name that PyTorch prints, such as `Conv2d` or `ECO_2D`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Layer(layer) => layer.type_name(),
            Self::Block(block) => block.type_name,
        }
    }

    /// The children in definition order, with their field names; none for layers.
    pub fn children(&self) -> &[(String, Module)] {
        match self {
            Self::Layer(_) => &[],
            Self::Block(block) => &block.children,
        }
    }

    /// How many values it takes and how many it makes.
    pub(super) fn arity(&self) -> [usize; 2] {
        match self {
            Self::Layer(_) => [1, 1],
            Self::Block(block) => [block.inputs, block.outputs.len()],
        }
    }

    /// The steps of its forward pass; none for layers.
    pub(super) fn instructions(&self) -> &[Instruction] {
        match self {
            Self::Layer(_) => &[],
            Self::Block(block) => &block.instructions,
        }
    }

    /// A child of a block.
    pub(super) fn child(&self, child: Child) -> &(String, Module) {
        &self.children()[child.0]
    }

    /// The layer, where it is one.
    pub fn layer(&self) -> Option<&Layer> {
        match self {
            Self::Layer(layer) => Some(layer),
            Self::Block(_) => None,
        }
    }

    /// Shows every module of the tree below `self`, itself first, parents before children in definition order: its full
    /// name (empty for `self`), its level (0 for `self`), and the module.
    pub fn walk(&self, visit: &mut dyn FnMut(&str, usize, &Module)) {
        self.descend("", 0, visit);
    }

    fn descend(&self, path: &str, depth: usize, visit: &mut dyn FnMut(&str, usize, &Module)) {
        visit(path, depth, self);
        for (name, child) in self.children() {
            child.descend(&join(path, name), depth + 1, visit);
        }
    }
}

/// Joins two parts of a state_dict name.
pub fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// A value on its way through a block: its inputs come first, then what each instruction makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Var(pub(super) usize);

/// A child of a block, to be run by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Child(usize);

/// An operator that belongs to no layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Function {
    /// All inputs side by side along the channels, axis 1.
    Concatenate,
    /// The sum of two, written over the first, as the notebook's `out += residual` does.
    Add,
    /// The same elements in another shape, with -1 for the first axis: as long as what is left.
    View(Vec<i64>),
    /// Two axes exchanged.
    Transpose(usize, usize),
}

impl Function {
    /// libtorch's name.
    pub fn operator(&self) -> &'static str {
        match self {
            Self::Concatenate => "aten::cat",
            Self::Add => "aten::add_",
            Self::View(_) => "aten::view",
            Self::Transpose(..) => "aten::transpose",
        }
    }

    /// Its arguments beyond the tensors.
    pub fn attributes(&self) -> Vec<Attribute> {
        match self {
            Self::Concatenate => vec![Attribute::named("dim", 1_usize)],
            Self::Add => Vec::new(),
            Self::View(size) => vec![Attribute::named("size", &size[..])],
            Self::Transpose(a, b) => {
                vec![Attribute::named("dim0", *a), Attribute::named("dim1", *b)]
            }
        }
    }

    /// The shape that comes out for inputs of these shapes.
    ///
    /// # Errors
    /// [`Error::InputShape`].
    pub fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let refused = |expected: String| Error::InputShape {
            module: self.operator(),
            expected,
            found: inputs.last().map_or(Vec::new(), |shape| shape.to_vec()),
        };
        let first = inputs.first().copied().unwrap_or_default();
        match self {
            Self::Concatenate => {
                let mut shape = first.to_vec();
                for other in &inputs[1..] {
                    let fits = other.len() == shape.len()
                        && other
                            .iter()
                            .zip(first)
                            .enumerate()
                            .all(|(axis, (a, b))| axis == 1 || a == b);
                    if !fits {
                        return Err(refused(format!("{first:?} but for the channels")));
                    }
                    shape[1] += other[1];
                }
                Ok(shape)
            }
            Self::Add if inputs.iter().all(|shape| *shape == first) => Ok(first.to_vec()),
            Self::Add => Err(refused(format!("{first:?}"))),
            Self::View(size) => {
                let rest: Vec<usize> = size[1..].iter().map(|&extent| extent as usize).collect();
                let (elements, per_item) = (
                    first.iter().product::<usize>(),
                    rest.iter().product::<usize>(),
                );
                if per_item == 0 || elements % per_item != 0 {
                    return Err(refused(format!("a multiple of {rest:?}")));
                }
                Ok([&[elements / per_item], &rest[..]].concat())
            }
            Self::Transpose(a, b) => {
                let mut shape = first.to_vec();
                if *a.max(b) >= shape.len() {
                    return Err(refused(format!("more than {} axes", a.max(b))));
                }
                shape.swap(*a, *b);
                Ok(shape)
            }
        }
    }
}

/// What a step of a block's forward pass does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Runs a child.
    Run(usize),
    /// Computes a function.
    Compute(Function),
}

/// A step of a block's forward pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instruction {
    pub action: Action,
    /// The values it reads.
    pub inputs: Vec<Var>,
    /// The values it makes.
    pub outputs: Vec<Var>,
}

/// Some consecutive instructions of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub instructions: Range<usize>,
    /// The values that must be there before.
    pub inputs: Vec<Var>,
    /// The values that are wanted afterwards.
    pub outputs: Vec<Var>,
}

/// A module with children: what they are in definition order, and in which order values flow through them.
///
/// Most blocks take one value and make one. As PyTorch modules do, a block may take and return several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    type_name: &'static str,
    children: Vec<(String, Module)>,
    inputs: usize,
    /// Values so far: the inputs and what the instructions make.
    values: usize,
    instructions: Vec<Instruction>,
    outputs: Vec<Var>,
}

impl Block {
    /// The input of a block, or the first one.
    pub const INPUT: Var = Var(0);

    /// A block of one input, without children, that hands on its input.
    pub fn new(type_name: &'static str) -> Self {
        Self::with_inputs(type_name, 1)
    }

    /// A block of `inputs` inputs without children that hands on the first.
    pub fn with_inputs(type_name: &'static str, inputs: usize) -> Self {
        Self {
            type_name,
            children: Vec::new(),
            inputs,
            values: inputs,
            instructions: Vec::new(),
            outputs: vec![Self::INPUT],
        }
    }

    /// The inputs, in order.
    pub fn inputs(&self) -> Vec<Var> {
        (0..self.inputs).map(Var).collect()
    }

    /// Defines a child.
    pub fn child(&mut self, name: impl Into<String>, module: impl Into<Module>) -> Child {
        self.children.push((name.into(), module.into()));
        Child(self.children.len() - 1)
    }

    /// Feeds a value through children of one input and output, one after the other.
    pub fn run(&mut self, value: Var, children: &[Child]) -> Var {
        children
            .iter()
            .fold(value, |value, &child| self.call(child, &[value])[0])
    }

    /// Runs a child on as many values as it takes. Returns all that it makes.
    pub fn call(&mut self, child: Child, values: &[Var]) -> Vec<Var> {
        let [_, outputs] = self.children[child.0].1.arity();
        self.push(Action::Run(child.0), values, outputs)
    }

    /// Computes a function of values.
    pub fn compute(&mut self, function: Function, values: &[Var]) -> Var {
        self.push(Action::Compute(function), values, 1)[0]
    }

    /// Makes these values the outputs of the block. Without it, the last instruction's are.
    pub fn returns(&mut self, values: &[Var]) {
        self.outputs = values.to_vec();
    }

    /// How many instructions there are so far.
    pub(super) fn len(&self) -> usize {
        self.instructions.len()
    }

    /// The whole forward pass.
    pub(super) fn whole(&self) -> Part {
        Part {
            inputs: self.inputs(),
            ..self.part(0, &[], &self.outputs)
        }
    }

    /// The instructions from number `first` to the last one so far.
    pub(super) fn part(&self, first: usize, inputs: &[Var], outputs: &[Var]) -> Part {
        Part {
            instructions: first..self.instructions.len(),
            inputs: inputs.to_vec(),
            outputs: outputs.to_vec(),
        }
    }

    fn push(&mut self, action: Action, inputs: &[Var], outputs: usize) -> Vec<Var> {
        let outputs: Vec<Var> = (self.values..self.values + outputs).map(Var).collect();
        self.values += outputs.len();
        self.instructions.push(Instruction {
            action,
            inputs: inputs.to_vec(),
            outputs: outputs.clone(),
        });
        self.outputs.clone_from(&outputs);
        outputs
    }
}
