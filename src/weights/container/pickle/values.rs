//! The values of a pickle: references into the stream and into one arena.

/// A value. Copying one copies a reference, never what it refers to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    /// A class or function, by module and name.
    Global(&'a [u8], &'a [u8]),
    /// A container, a call's result or a persistent id, by its place in the arena.
    Object(usize),
    /// Anything of no interest.
    Other,
}

impl Value<'_> {
    /// A whole number that is not negative.
    pub(super) fn index(self) -> Option<usize> {
        match self {
            Value::Int(value) => usize::try_from(value).ok(),
            _ => None,
        }
    }
}

/// What Python calls a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SequenceKind {
    Tuple,
    List,
    Set,
}

/// Key and value of a dictionary's item.
pub(super) type Item<'a> = (Value<'a>, Value<'a>);

/// What a place of the arena holds.
#[derive(Debug)]
pub(super) enum Object<'a> {
    Sequence(SequenceKind, Vec<Value<'a>>),
    Dict(Vec<Item<'a>>),
    Call(Box<Call<'a>>),
    /// A persistent id: what it stands for is kept outside the pickle.
    Persistent(Value<'a>),
}

/// A call, which is never made: what it would return is read off its parts.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub callable: Value<'a>,
    pub arguments: Value<'a>,
    /// Elements that the result was given.
    pub elements: Vec<Value<'a>>,
    /// Items that the result was given.
    pub items: Vec<Item<'a>>,
    /// What BUILD gave it.
    pub state: Option<Value<'a>>,
}

impl Call<'_> {
    /// What is called, as `module.name`; empty for what has no name.
    pub(super) fn name(&self) -> String {
        match self.callable {
            Value::Global(module, name) => dotted(module, name),
            _ => String::new(),
        }
    }
}

/// All containers of a pickle.
#[derive(Debug, Default)]
pub(super) struct Arena<'a>(Vec<Object<'a>>);

impl<'a> Arena<'a> {
    pub(super) fn add(&mut self, object: Object<'a>) -> Value<'a> {
        self.0.push(object);
        Value::Object(self.0.len() - 1)
    }

    pub(super) fn objects(&self) -> &[Object<'a>] {
        &self.0
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
        match self.get(value) {
            Some(Object::Sequence(_, elements)) => elements,
            _ => &[],
        }
    }

    /// The call that `value` is the result of.
    pub(super) fn call(&self, value: Value<'_>) -> Option<&Call<'a>> {
        match self.get(value) {
            Some(Object::Call(call)) => Some(call),
            _ => None,
        }
    }

    /// Arguments of a call.
    pub(super) fn arguments(&self, call: &Call<'a>) -> &[Value<'a>] {
        self.elements(call.arguments)
    }

    /// Items of a dictionary; none for anything else.
    pub(super) fn items(&self, value: Value<'_>) -> &[Item<'a>] {
        match self.get(value) {
            Some(Object::Dict(items)) => items,
            Some(Object::Call(call)) => &call.items,
            _ => &[],
        }
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
