//! The messages of a graph, as far as they are needed. Field numbers are those of TensorBoard's definitions.

use std::collections::BTreeMap;

/// A graph.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct GraphDef {
    /// The nodes, sources before their users.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeDef>,
    /// The version of the graph's format.
    #[prost(message, optional, tag = "4")]
    pub versions: Option<VersionDef>,
}

/// The version of a graph's format.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct VersionDef {
    /// The version that wrote it.
    #[prost(int32, tag = "1")]
    pub producer: i32,
}

/// A node; slashes in its name make scopes.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct NodeDef {
    /// Unique name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The operator.
    #[prost(string, tag = "2")]
    pub op: String,
    /// Names of the nodes whose outputs go in.
    #[prost(string, repeated, tag = "3")]
    pub input: Vec<String>,
    /// Attributes by name.
    #[prost(btree_map = "string, message", tag = "5")]
    pub attr: BTreeMap<String, AttrValue>,
}

/// The value of an attribute.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AttrValue {
    /// The value.
    #[prost(oneof = "Attr", tags = "1, 2, 3, 4, 5")]
    pub value: Option<Attr>,
}

/// The kinds of values.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Attr {
    /// Several values.
    #[prost(message, tag = "1")]
    List(ListValue),
    /// A text.
    #[prost(bytes, tag = "2")]
    Text(Vec<u8>),
    /// A whole number.
    #[prost(int64, tag = "3")]
    Int(i64),
    /// A real number.
    #[prost(float, tag = "4")]
    Float(f32),
    /// A switch.
    #[prost(bool, tag = "5")]
    Bool(bool),
}

/// Several values of one kind.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ListValue {
    /// Whole numbers.
    #[prost(int64, repeated, tag = "3")]
    pub i: Vec<i64>,
    /// Shapes.
    #[prost(message, repeated, tag = "7")]
    pub shape: Vec<TensorShape>,
}

/// The shape of a tensor.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TensorShape {
    /// Outermost axis first.
    #[prost(message, repeated, tag = "2")]
    pub dim: Vec<Dim>,
}

/// One axis.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct Dim {
    /// Its length.
    #[prost(int64, tag = "1")]
    pub size: i64,
}
