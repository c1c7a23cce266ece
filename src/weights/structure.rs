//! The dictionaries of a checkpoint: which could be a state_dict, and what is saved beside them.

use std::cmp::Ordering;
use std::collections::HashMap;

use pytorch_reader::PickleValue;

use super::names::{natural_order, printable};
use super::pickle::Scan;
use super::suspicious::suspicious;

/// How deep dictionaries are looked at for a state_dict.
const MAX_DEPTH: usize = 4;
/// How many dictionaries are tried.
const MAX_GROUPS: usize = 64;

/// A dictionary that holds tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Dotted key path (`state_dict`); empty for the root.
    pub key: String,
    /// Tensors in it, those of inner dictionaries included.
    pub tensors: usize,
}

/// Something at the top of a checkpoint.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct TopLevel {
    /// Its key.
    pub key: String,
    /// What it is: `dict, 216 tensors`, `int 35`, `str "ECO"`.
    pub what: String,
}

/// A plain value saved beside the weights.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// Text.
    Text(String),
}

/// The layout of a checkpoint around its tensors.
#[derive(Debug, Clone, Default)]
pub struct Structure {
    groups: Vec<Group>,
    top: Vec<TopLevel>,
    scalars: HashMap<String, Scalar>,
    /// Keys that hold the same dictionary as another key, which is where its tensors are listed.
    aliases: Vec<(String, String)>,
    /// Dictionary keys of a pickle in the order they were written.
    order: HashMap<String, usize>,
    /// Python classes and functions that the pickle names, in order of appearance.
    globals: Vec<String>,
}

impl Structure {
    /// A file whose tensors have dotted names and no dictionaries around them.
    pub fn flat() -> Self {
        Self::default()
    }

    /// The layout of an unpickled checkpoint.
    pub(super) fn of_pickle(root: &PickleValue, scan: &Scan) -> Self {
        let mut out = Self {
            aliases: scan.aliases.clone(),
            order: scan
                .keys
                .iter()
                .enumerate()
                .map(|(i, key)| (key.clone(), i))
                .collect(),
            globals: scan.globals.clone(),
            ..Self::default()
        };
        let mut level = vec![(String::new(), root)];
        for _ in 0..MAX_DEPTH {
            level = out.add_level(level);
        }
        if let PickleValue::Dict(dict) = root {
            for (key, value) in dict {
                let what = match out.alias_of(key) {
                    Some(first) => format!("the same dict as '{}'", printable(first)),
                    None => scan
                        .values
                        .get(key)
                        .map_or_else(|| describe(value), describe_scalar),
                };
                out.top.push(TopLevel {
                    key: key.clone(),
                    what,
                });
                let scalar = scalar(value).or_else(|| scan.values.get(key).cloned());
                out.scalars.extend(scalar.map(|s| (key.clone(), s)));
            }
        }
        let mut top = std::mem::take(&mut out.top);
        top.sort_by(|a, b| out.order(&a.key, &b.key));
        out.top = top;
        out
    }

    /// Records the dictionaries of one level and returns those of the next.
    fn add_level<'v>(
        &mut self,
        level: Vec<(String, &'v PickleValue)>,
    ) -> Vec<(String, &'v PickleValue)> {
        let mut next = Vec::new();
        for (key, value) in level {
            let PickleValue::Dict(dict) = value else {
                continue;
            };
            let tensors = count_tensors(value);
            if tensors == 0 && !key.is_empty() || self.groups.len() >= MAX_GROUPS {
                continue;
            }
            let mut children: Vec<(String, &PickleValue)> = dict
                .iter()
                .map(|(name, child)| (join(&key, name), child))
                .collect();
            children.sort_by(|a, b| self.order(&a.0, &b.0));
            next.extend(children);
            self.groups.push(Group { key, tensors });
        }
        next
    }

    /// The dictionaries that hold tensors, outermost first. Empty for a flat file.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// What is at the top level, in the file's order.
    pub fn top(&self) -> &[TopLevel] {
        &self.top
    }

    /// A number or text at the top level.
    pub fn scalar(&self, key: &str) -> Option<&Scalar> {
        self.scalars.get(key)
    }

    /// The key under which the tensors of the dictionary `key` are listed, when the file holds one
    /// dictionary under several keys.
    pub fn alias_of(&self, key: &str) -> Option<&str> {
        self.aliases
            .iter()
            .find(|(alias, _)| alias == key)
            .map(|(_, first)| first.as_str())
    }

    /// All pairs of a key and the key under which the tensors of the same dictionary are listed.
    pub(super) fn aliases(&self) -> &[(String, String)] {
        &self.aliases
    }

    /// Python classes and functions that the file names. None of them is ever called.
    pub fn globals(&self) -> &[String] {
        &self.globals
    }

    /// Those of [`Self::globals`] that would let the file run code when Python loads it.
    pub fn suspicious(&self) -> Vec<String> {
        suspicious(&self.globals)
    }

    /// Whether `key`, or a dictionary around it, is listed under another key already.
    pub(super) fn is_alias(&self, key: &str) -> bool {
        self.aliases.iter().any(|(alias, _)| {
            key.strip_prefix(alias.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

    /// Orders two dotted names as the file does, and names it has no order for naturally.
    pub(super) fn order(&self, a: &str, b: &str) -> Ordering {
        let place = |name: &str| self.order.get(name).copied().unwrap_or(usize::MAX);
        place(a).cmp(&place(b)).then_with(|| natural_order(a, b))
    }
}

/// Joins key path and key with a dot.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_string()
    } else {
        format!("{path}.{key}")
    }
}

fn is_tensor(value: &PickleValue) -> bool {
    matches!(value, PickleValue::Unsupported(kind) if kind == "torch.Tensor")
}

fn count_tensors(value: &PickleValue) -> usize {
    match value {
        PickleValue::Dict(dict) => dict.values().map(count_tensors).sum(),
        PickleValue::List(items) => items.iter().map(count_tensors).sum(),
        _ => usize::from(is_tensor(value)),
    }
}

fn scalar(value: &PickleValue) -> Option<Scalar> {
    Some(match value {
        PickleValue::Int(v) => Scalar::Int(*v),
        PickleValue::Float(v) => Scalar::Float(*v),
        PickleValue::String(v) => Scalar::Text(v.clone()),
        _ => return None,
    })
}

fn describe_scalar(value: &Scalar) -> String {
    match value {
        Scalar::Int(v) => format!("int {v}"),
        Scalar::Float(v) => format!("float {v}"),
        Scalar::Text(v) => format!("str {:?}", shorten(v)),
    }
}

fn describe(value: &PickleValue) -> String {
    let tensors = count_tensors(value);
    match value {
        PickleValue::None => "None".to_string(),
        PickleValue::Bool(v) => format!("bool {v}"),
        PickleValue::Int(_) | PickleValue::Float(_) | PickleValue::String(_) => scalar(value)
            .as_ref()
            .map(describe_scalar)
            .unwrap_or_default(),
        PickleValue::Bytes(v) => format!("{} bytes", v.len()),
        PickleValue::Dict(v) if tensors == 0 => format!("dict, {} entries", v.len()),
        PickleValue::Dict(_) => format!("dict, {tensors} tensors"),
        PickleValue::List(v) if tensors == 0 => format!("list, {} entries", v.len()),
        PickleValue::List(_) => format!("list, {tensors} tensors"),
        PickleValue::Unsupported(_) if is_tensor(value) => "tensor".to_string(),
        PickleValue::Unsupported(kind) => format!("object of {}", shorten(kind)),
    }
}

/// At most forty characters, control characters escaped, so that a file cannot flood or steer a
/// terminal.
fn shorten(text: &str) -> String {
    let mut out: String = text
        .chars()
        .take(40)
        .flat_map(char::escape_default)
        .collect();
    if text.chars().nth(40).is_some() {
        out.push_str("...");
    }
    out
}
