//! What a first pass keeps of a pickle's values: references into the stream and into one arena.

/// A value. Copying one copies a reference, never what it refers to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    None,
    Bool,
    Int(i64),
    Float(f64),
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    /// A class or function.
    Global(&'a [u8], &'a [u8]),
    /// A container or the result of a call, by its place in the arena.
    Object(usize),
    /// What a persistent id stands for: a storage, or in old files a tensor.
    Persistent,
    /// Anything of no interest.
    Other,
}

/// A container or the result of a call.
#[derive(Debug, Default)]
pub(super) struct Object<'a> {
    /// What was called, for the result of a call.
    pub callable: Option<Value<'a>>,
    /// Its arguments.
    pub arguments: Option<Value<'a>>,
    /// Elements of a sequence.
    pub elements: Vec<Value<'a>>,
    /// Items of a dictionary, or of an object used as one.
    pub items: Vec<(Value<'a>, Value<'a>)>,
    /// What BUILD gave it.
    pub state: Option<Value<'a>>,
}

/// All containers of a pickle.
#[derive(Debug, Default)]
pub(super) struct Arena<'a>(pub Vec<Object<'a>>);

impl<'a> Arena<'a> {
    pub(super) fn add(&mut self, object: Object<'a>) -> Value<'a> {
        self.0.push(object);
        Value::Object(self.0.len() - 1)
    }

    pub(super) fn get(&self, value: Value<'_>) -> Option<&Object<'a>> {
        match value {
            Value::Object(index) => self.0.get(index),
            _ => None,
        }
    }

    pub(super) fn get_mut(&mut self, value: Value<'_>) -> Option<&mut Object<'a>> {
        match value {
            Value::Object(index) => self.0.get_mut(index),
            _ => None,
        }
    }

    /// Elements of a sequence; none for anything else.
    pub(super) fn elements(&self, value: Value<'_>) -> &[Value<'a>] {
        self.get(value)
            .map_or(&[], |object| object.elements.as_slice())
    }

    /// What a call's result came from, as `module.name`.
    pub(super) fn callable(&self, value: Value<'_>) -> Option<String> {
        match self.get(value)?.callable? {
            Value::Global(module, name) => Some(dotted(module, name)),
            _ => None,
        }
    }

    /// Items of a dictionary: its own, and those given to an OrderedDict as pairs.
    pub(super) fn items(&self, value: Value<'_>) -> Vec<(Value<'a>, Value<'a>)> {
        let Some(object) = self.get(value) else {
            return Vec::new();
        };
        let arguments = object
            .arguments
            .map_or(&[][..], |arguments| self.elements(arguments));
        let pairs = arguments
            .first()
            .map_or(&[][..], |&list| self.elements(list));
        let given = pairs.iter().filter_map(|&pair| match self.elements(pair) {
            &[key, value] => Some((key, value)),
            _ => None,
        });
        given.chain(object.items.iter().copied()).collect()
    }
}

/// `module.name`, with bytes that are no text replaced.
pub(super) fn dotted(module: &[u8], name: &[u8]) -> String {
    format!(
        "{}.{}",
        String::from_utf8_lossy(module),
        String::from_utf8_lossy(name)
    )
}
