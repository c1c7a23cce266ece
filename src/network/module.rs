use tch::Tensor;

use super::builder::join;
use super::{Attribute, Flow, Result, Value};

/// What a tensor of the state_dict is to its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Learned by gradient descent.
    Parameter,
    /// Kept beside the parameters: batch-norm statistics and counters.
    Buffer,
}

/// One tensor that a layer owns.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Name within the layer: `weight`, `bias`, `running_mean`, ...
    pub name: &'static str,
    /// The tensor itself.
    pub tensor: &'a Tensor,
    /// Parameter or buffer.
    pub role: Role,
}

/// A node of the network: a layer, or a block of named children.
pub trait Module {
    /// The class name that PyTorch prints, such as `Conv2d` or `ECO_2D`.
    fn type_name(&self) -> &'static str;

    /// The hyper-parameters, in the order in which PyTorch prints them; none for blocks.
    fn attributes(&self) -> Vec<Attribute> {
        Vec::new()
    }

    /// The children in definition order, with their field names.
    fn children(&self) -> Vec<(&'static str, &dyn Module)> {
        Vec::new()
    }

    /// The tensors this module owns itself, in PyTorch's `state_dict()` order.
    fn entries(&self) -> Vec<Entry<'_>> {
        Vec::new()
    }

    /// Multiply-accumulates for one output of shape `output`, children not included, by torchinfo's rule: a
    /// convolution uses each of its parameters once per output position, any other layer once per sample.
    fn macs(&self, output: &[i64]) -> i64 {
        output.first().unwrap_or(&1) * parameters(self.entries())
    }

    /// The output for `x`; every operator on the way is reported to the flow's observer.
    fn forward(&self, flow: &mut Flow<'_>, x: &Value) -> Result<Value>;
}

/// Elements of the parameters among `entries`, buffers not counted.
pub fn parameters(entries: Vec<Entry<'_>>) -> i64 {
    let parameters = entries.iter().filter(|entry| entry.role == Role::Parameter);
    parameters.map(|entry| entry.tensor.numel() as i64).sum()
}

/// Sees every module of a tree, parents before children, in definition order.
pub trait Visitor {
    /// A module begins. `path` is its full name (empty for the root), `name` its last part.
    fn enter(&mut self, path: &str, name: &str, module: &dyn Module);

    /// All children of that module have been seen.
    fn leave(&mut self, _path: &str, _name: &str, _module: &dyn Module) {}
}

/// Walks the tree below `root`.
pub fn walk(root: &dyn Module, visitor: &mut dyn Visitor) {
    descend("", "", root, visitor);
}

fn descend(path: &str, name: &str, module: &dyn Module, visitor: &mut dyn Visitor) {
    visitor.enter(path, name, module);
    for (child_name, child) in module.children() {
        descend(&join(path, child_name), child_name, child, visitor);
    }
    visitor.leave(path, name, module);
}

/// One item of a state_dict.
#[derive(Debug)]
pub struct StateEntry {
    /// Full name, such as `eco_2d.basic_conv.conv1_7x7_s2.weight`.
    pub name: String,
    /// A handle on the tensor; the memory is the layer's.
    pub tensor: Tensor,
    /// Parameter or buffer.
    pub role: Role,
}

/// Every tensor below `root` under its full name, in the order of PyTorch's `state_dict()`.
pub fn state_dict(root: &dyn Module) -> Vec<StateEntry> {
    struct Collect(Vec<StateEntry>);
    impl Visitor for Collect {
        fn enter(&mut self, path: &str, _: &str, module: &dyn Module) {
            self.0
                .extend(module.entries().into_iter().map(|entry| StateEntry {
                    name: join(path, entry.name),
                    tensor: entry.tensor.shallow_clone(),
                    role: entry.role,
                }));
        }
    }
    let mut collect = Collect(Vec::new());
    walk(root, &mut collect);
    collect.0
}

/// Declares a block: a struct whose fields are its children, under the notebook's names.
///
/// `name: Type(args)` builds the child with `Type::new(args, builder of that name)`.
macro_rules! module {
    (
        $(#[$meta:meta])*
        pub struct $block:ident as $type_name:literal ($($arg:ident: $arg_type:ty),*) {
            $($child:ident: $child_type:ident($($child_arg:expr),*)),+ $(,)?
        }
        fn forward(&$self:ident, $flow:ident, $x:ident) $forward:block
    ) => {
        $(#[$meta])*
        #[derive(Debug)]
        #[allow(missing_docs, reason = "the fields are the layers, named as in the notebook")]
        pub struct $block {
            $(pub $child: $child_type),+
        }

        impl $block {
            /// Builds the block from the tensors below `builder`.
            pub fn new($($arg: $arg_type,)* builder: &mut $crate::network::Builder<'_>) -> $crate::network::Result<Self> {
                Ok(Self {
                    $($child: $child_type::new($($child_arg,)* &mut builder.child(stringify!($child)))?),+
                })
            }
        }

        impl $crate::network::Module for $block {
            fn type_name(&self) -> &'static str {
                $type_name
            }

            fn children(&self) -> Vec<(&'static str, &dyn $crate::network::Module)> {
                vec![$((stringify!($child), &self.$child)),+]
            }

            fn forward(
                &$self,
                $flow: &mut $crate::network::Flow<'_>,
                $x: &$crate::network::Value,
            ) -> $crate::network::Result<$crate::network::Value> $forward
        }
    };
}

/// Feeds a value through children of a block, one after the other, by their field names.
macro_rules! through {
    ($flow:ident, $block:ident, $x:expr => $($child:ident),+ $(,)?) => {{
        let value = $x;
        $(let value = $flow.call(stringify!($child), &$block.$child, &value)?;)+
        value
    }};
}

pub(super) use {module, through};
