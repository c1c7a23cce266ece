//! The dictionaries of a checkpoint: which could be a state_dict, and what is saved beside them.

use std::collections::HashMap;

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
    pub(super) groups: Vec<Group>,
    pub(super) top: Vec<TopLevel>,
    pub(super) scalars: HashMap<String, Scalar>,
    /// Keys that hold the same dictionary as another key, which is where its tensors are listed.
    pub(super) aliases: Vec<(String, String)>,
    pub(super) suspicious: Vec<String>,
}

impl Structure {
    /// A file whose tensors have dotted names and no dictionaries around them.
    pub fn flat() -> Self {
        Self::default()
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
        let found = self.aliases.iter().find(|(alias, _)| alias == key);
        found.map(|(_, first)| first.as_str())
    }

    /// All pairs of a key and the key under which the tensors of the same dictionary are listed.
    pub(in crate::weights) fn aliases(&self) -> &[(String, String)] {
        &self.aliases
    }

    /// Classes and functions that the file names and that would let it run code when Python loads it. None is ever called.
    pub fn suspicious(&self) -> &[String] {
        &self.suspicious
    }

    /// Whether `key`, or a dictionary around it, is listed under another key already.
    pub(in crate::weights) fn is_alias(&self, key: &str) -> bool {
        self.aliases.iter().any(|(alias, _)| {
            key.strip_prefix(alias.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}
