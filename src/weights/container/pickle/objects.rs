//! What Python objects are to a reader of weights: dictionaries, modules, numbers, or nothing but their type.

use super::machine::Pickle;
use super::values::{Call, Item, Object, SequenceKind, Value, dotted};
use crate::weights::container::structure::Scalar;

/// Longest key, in characters, that is listed whole. One key can stand in many places of a file.
const MAX_KEY: usize = 250;

impl<'a> Pickle<'a> {
    /// The items of a call that makes a dictionary, or of an object that is used as one.
    pub(super) fn dictionary_items(&self, call: &Call<'a>) -> Option<Vec<Item<'a>>> {
        if !is_dictionary(call) {
            return (!call.items.is_empty()).then(|| call.items.clone());
        }
        // OrderedDict([(key, value), ...]), Counter({...}).
        let given = self
            .arena
            .arguments(call)
            .first()
            .copied()
            .unwrap_or(Value::None);
        let pairs = self.arena.elements(given).iter();
        let pairs = pairs.filter_map(|&pair| match self.arena.elements(pair) {
            &[key, value] => Some((key, value)),
            _ => None,
        });
        let own = self.arena.items(given).iter().chain(&call.items);
        Some(pairs.chain(own.copied()).collect())
    }

    /// What `state_dict()` of a module gives: parameters, persistent buffers and children. `None` for what is no module.
    pub(super) fn module_items(&self, call: &Call<'a>) -> Option<Vec<Item<'a>>> {
        let attributes = self.arena.items(call.state?);
        let attribute = |name: &[u8]| {
            let mut found = attributes
                .iter()
                .filter(|(key, _)| *key == Value::Text(name));
            found.next().map(|&(_, value)| value)
        };
        let table = |name: &[u8]| {
            let value = attribute(name)?;
            match self.arena.get(value)? {
                Object::Dict(items) => Some(items.clone()),
                Object::Call(call) => self.dictionary_items(call),
                _ => None,
            }
        };
        let (parameters, buffers) = (table(b"_parameters")?, table(b"_buffers")?);
        let transient = attribute(b"_non_persistent_buffers_set").map_or(&[][..], |set| {
            // Protocols before 4 call `set` on a list.
            let list = self
                .arena
                .call(set)
                .and_then(|call| self.arena.arguments(call).first());
            self.arena.elements(list.copied().unwrap_or(set))
        });
        let buffers = buffers
            .into_iter()
            .filter(|(key, _)| !transient.contains(key));
        Some(
            parameters
                .into_iter()
                .chain(buffers)
                .chain(table(b"_modules")?)
                .collect(),
        )
    }

    /// A number or text.
    pub(super) fn scalar(&self, value: Value<'a>) -> Option<Scalar> {
        Some(match value {
            Value::Int(value) => Scalar::Int(value),
            Value::Float(value) => Scalar::Float(value),
            Value::Text(text) => Scalar::Text(String::from_utf8_lossy(text).into_owned()),
            _ => self.number(self.arena.call(value)?)?,
        })
    }

    /// Python's name for the type of a value.
    pub(super) fn type_name(&self, value: Value<'a>) -> String {
        let name = match value {
            Value::None => "None",
            Value::Bool(_) => "bool",
            Value::Int(_) | Value::Other => "int",
            Value::Float(_) => "float",
            Value::Text(_) => "str",
            Value::Bytes(_) => "bytes",
            Value::Global(module, name) => return dotted(module, name),
            Value::Object(_) => match self.arena.get(value) {
                Some(Object::Sequence(SequenceKind::Tuple, _)) => "tuple",
                Some(Object::Sequence(SequenceKind::List, _)) => "list",
                Some(Object::Sequence(SequenceKind::Set, _)) => "set",
                Some(Object::Dict(_)) => "dict",
                Some(Object::Call(call)) => return call.name(),
                Some(Object::Persistent(_)) | None => "storage",
            },
        };
        name.to_string()
    }

    /// A value in a few words: `dict, 216 tensors`, `int 35`. `tensors` are those below it.
    pub(super) fn describe(&self, value: Value<'a>, tensors: usize) -> String {
        let counted = |name: &str, entries: usize| match tensors {
            0 => format!("{name}, {entries} entries"),
            1 => format!("{name}, 1 tensor"),
            tensors => format!("{name}, {tensors} tensors"),
        };
        match self.scalar(value) {
            Some(Scalar::Int(value)) => return format!("int {value}"),
            Some(Scalar::Float(value)) => return format!("float {value}"),
            Some(Scalar::Text(text)) => return format!("str {:?}", shorten(&text)),
            None => {}
        }
        match (value, self.arena.get(value)) {
            (Value::Bool(value), _) => format!("bool {value}"),
            (Value::Bytes(bytes), _) => format!("{} bytes", bytes.len()),
            (_, Some(Object::Dict(items))) => counted("dict", items.len()),
            (_, Some(Object::Sequence(_, elements))) => {
                counted(&self.type_name(value), elements.len())
            }
            (_, Some(Object::Call(call))) => match self.dictionary_items(call) {
                Some(items) => counted("dict", items.len()),
                None if self.array(call).is_some() => "NumPy array".to_string(),
                None if tensors > 0 => counted(&shorten(&call.name()), tensors),
                None => format!("object of {}", shorten(&call.name())),
            },
            _ => shorten(&self.type_name(value)),
        }
    }
}

/// Whether a call makes a dictionary whether or not it is given items.
pub(super) fn is_dictionary(call: &Call<'_>) -> bool {
    matches!(
        call.name().as_str(),
        "collections.OrderedDict" | "collections.defaultdict" | "collections.Counter"
    )
}

/// A dictionary key as text.
pub(super) fn key_as_text(key: Value<'_>) -> String {
    match key {
        Value::Text(text) | Value::Bytes(text) => String::from_utf8_lossy(text)
            .chars()
            .take(MAX_KEY)
            .collect(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Bool(true) => "True".to_string(),
        Value::Bool(false) => "False".to_string(),
        Value::None => "None".to_string(),
        Value::Global(module, name) => dotted(module, name),
        Value::Object(_) | Value::Other => "(object)".to_string(),
    }
}

/// At most forty characters, control characters escaped, so that a file cannot flood or steer a terminal.
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
