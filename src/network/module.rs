//! The tree of modules, and how values flow through a block.

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

    /// The steps of its forward pass; none for layers.
    pub(super) fn instructions(&self) -> &[Instruction] {
        match self {
            Self::Layer(_) => &[],
            Self::Block(block) => &block.instructions,
        }
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

/// A value on its way through a block: its input is number 0, and each instruction makes the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// A step of a block's forward pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Instruction {
    /// Runs a child on a value.
    Run(usize, Var),
    /// Computes a function of values.
    Compute(Function, Vec<Var>),
}

impl Instruction {
    /// The values it reads.
    pub(super) fn inputs(&self) -> &[Var] {
        match self {
            Self::Run(_, var) => std::slice::from_ref(var),
            Self::Compute(_, vars) => vars,
        }
    }
}

/// A module with children: what they are in definition order, and in which order values flow through them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    type_name: &'static str,
    children: Vec<(String, Module)>,
    instructions: Vec<Instruction>,
}

impl Block {
    /// The input of a block.
    pub const INPUT: Var = Var(0);

    /// A block without children that hands on its input.
    pub fn new(type_name: &'static str) -> Self {
        Self {
            type_name,
            children: Vec::new(),
            instructions: Vec::new(),
        }
    }

    /// Defines a child.
    pub fn child(&mut self, name: impl Into<String>, module: impl Into<Module>) -> Child {
        self.children.push((name.into(), module.into()));
        Child(self.children.len() - 1)
    }

    /// Feeds a value through children, one after the other. The last value of a block is its output.
    pub fn run(&mut self, value: Var, children: &[Child]) -> Var {
        children.iter().fold(value, |value, child| {
            self.push(Instruction::Run(child.0, value))
        })
    }

    /// Computes a function of values.
    pub fn compute(&mut self, function: Function, values: &[Var]) -> Var {
        self.push(Instruction::Compute(function, values.to_vec()))
    }

    fn push(&mut self, instruction: Instruction) -> Var {
        self.instructions.push(instruction);
        Var(self.instructions.len())
    }
}
