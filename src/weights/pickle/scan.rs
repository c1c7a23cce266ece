//! The first pass itself, and what it finds.

use std::collections::{HashMap, HashSet};

use super::ops::{Op, OpError, Ops};
use super::values::{Arena, Object, Value, dotted};
use crate::weights::structure::{Scalar, join};

/// Most opcodes that are walked, over all pickles of a file. A tensor takes about 45, so this is room
/// for 40,000; the reader spends up to about 200 bytes on each.
pub(super) const MAX_OPS: usize = 2_000_000;

/// Most names that are put in order.
const MAX_KEYS: usize = 100_000;
/// Deepest nesting that is followed.
const MAX_DEPTH: usize = 64;
/// Longest key that is listed, in bytes.
const MAX_KEY: usize = 500;
/// Most classes and functions that are listed.
const MAX_GLOBALS: usize = 200;

/// What a first pass over a pickle found.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    /// Dotted keys of dictionaries that are held twice: (later key, first key).
    pub aliases: Vec<(String, String)>,
    /// Dotted names of everything in dictionaries, in the file's order.
    pub keys: Vec<String>,
    /// Classes and functions named, in the order of their appearance.
    pub globals: Vec<String>,
    /// Numbers at the top level that the reader leaves uninterpreted.
    pub values: HashMap<String, Scalar>,
    /// Classes whose instances are given items or elements, which the reader refuses.
    pub filled_objects: Vec<String>,
}

/// Why a pickle is refused before the reader sees it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum ScanError {
    #[error(transparent)]
    Op(#[from] OpError),
    #[error("the pickle takes a value that is not there, at byte {0}")]
    Underflow(usize),
    #[error("a table of tensors or storages is cut off or malformed")]
    Table,
    #[error("the pickle has more than {MAX_OPS} instructions, far more than any checkpoint")]
    TooLong,
}

/// One pickle of a stream.
pub(super) struct Scanned<'a> {
    arena: Arena<'a>,
    root: Value<'a>,
    globals: Vec<String>,
    filled: Vec<String>,
    /// References to the source of a class, which only legacy streams with whole modules have.
    pub(super) class_ids: Vec<ClassId<'a>>,
    /// Bytes up to and including STOP.
    pub(super) len: usize,
}

/// A persistent id that stands for a class: `('module', class, source file, source text)`.
pub(super) struct ClassId<'a> {
    /// Where in the pickle its BINPERSID is.
    pub(super) at: usize,
    /// The module that the class is in.
    pub(super) module: &'a [u8],
    /// The name of the class.
    pub(super) name: &'a [u8],
}

/// Walks one pickle at the start of `bytes`. `budget` is what is left of [`MAX_OPS`].
pub(super) fn walk<'a>(bytes: &'a [u8], budget: &mut usize) -> Result<Scanned<'a>, ScanError> {
    let mut machine = Machine::default();
    let mut ops = Ops::new(bytes);
    loop {
        let at = ops.position();
        *budget = budget.checked_sub(1).ok_or(ScanError::TooLong)?;
        match ops.next()? {
            Op::Stop => {
                let root = machine.pop().ok_or(ScanError::Underflow(at))?;
                return Ok(Scanned {
                    arena: machine.arena,
                    root,
                    globals: machine.globals,
                    filled: machine.filled,
                    class_ids: machine.class_ids,
                    len: ops.position(),
                });
            }
            Op::PersId => machine.persistent(at).ok_or(ScanError::Underflow(at))?,
            op => machine.step(op).ok_or(ScanError::Underflow(at))?,
        }
    }
}

#[derive(Default)]
struct Machine<'a> {
    stack: Vec<Value<'a>>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
    arena: Arena<'a>,
    globals: Vec<String>,
    seen: HashSet<(&'a [u8], &'a [u8])>,
    filled: Vec<String>,
    class_ids: Vec<ClassId<'a>>,
}

impl<'a> Machine<'a> {
    /// Takes a persistent id off the stack and pushes what it stands for: a class, or a storage.
    fn persistent(&mut self, at: usize) -> Option<()> {
        let id = self.pop()?;
        match *self.arena.elements(id) {
            [Value::Text(b"module"), Value::Global(module, name), ..] => {
                self.class_ids.push(ClassId { at, module, name });
                self.push(Value::Global(module, name))
            }
            _ => self.push(Value::Persistent),
        }
    }

    fn pop(&mut self) -> Option<Value<'a>> {
        (self.marks.last() != Some(&self.stack.len()))
            .then(|| self.stack.pop())
            .flatten()
    }

    fn top(&self) -> Option<Value<'a>> {
        if self.marks.last() == Some(&self.stack.len()) {
            None
        } else {
            self.stack.last().copied()
        }
    }

    fn pop_to_mark(&mut self) -> Option<Vec<Value<'a>>> {
        let mark = self.marks.pop()?;
        (mark <= self.stack.len()).then(|| self.stack.split_off(mark))
    }

    fn push(&mut self, value: Value<'a>) -> Option<()> {
        self.stack.push(value);
        Some(())
    }

    fn push_object(&mut self, object: Object<'a>) -> Option<()> {
        let value = self.arena.add(object);
        self.push(value)
    }

    fn global(&mut self, module: &'a [u8], name: &'a [u8]) -> Option<()> {
        if self.globals.len() < MAX_GLOBALS && self.seen.insert((module, name)) {
            self.globals.push(dotted(module, name));
        }
        self.push(Value::Global(module, name))
    }

    fn call(&mut self, callable: Value<'a>, arguments: Value<'a>) -> Option<()> {
        self.push_object(Object {
            callable: Some(callable),
            arguments: Some(arguments),
            ..Object::default()
        })
    }

    /// Gives the object on top of the stack elements or items, which for an instance of a class that
    /// the reader does not know means that it will refuse the file.
    fn fill(&mut self, what: impl FnOnce(&mut Object<'a>)) -> Option<()> {
        let top = self.top()?;
        if let Some(name) = self.arena.callable(top)
            && name != "collections.OrderedDict"
            && !self.filled.contains(&name)
            && self.filled.len() < MAX_GLOBALS
        {
            self.filled.push(name);
        }
        self.arena.get_mut(top).map(what);
        Some(())
    }

    fn step(&mut self, op: Op<'a>) -> Option<()> {
        match op {
            Op::Nothing | Op::Stop => Some(()),
            Op::None => self.push(Value::None),
            Op::Bool(_) => self.push(Value::Bool),
            Op::Int(value) => self.push(Value::Int(value)),
            Op::Float(value) => self.push(Value::Float(value)),
            Op::Text(text) => self.push(Value::Text(text)),
            Op::Bytes(bytes) => self.push(Value::Bytes(bytes)),
            Op::BigInt => self.push(Value::Other),
            Op::Mark => {
                self.marks.push(self.stack.len());
                Some(())
            }
            Op::Pop if self.marks.last() == Some(&self.stack.len()) => self.marks.pop().map(|_| ()),
            Op::Pop => self.pop().map(|_| ()),
            Op::PopMark => self.pop_to_mark().map(|_| ()),
            Op::Dup => {
                let top = self.top()?;
                self.push(top)
            }
            Op::Get(index) => {
                let value = *self.memo.get(&index)?;
                self.push(value)
            }
            Op::Put(index) => {
                let top = self.top()?;
                self.memo.insert(index, top);
                Some(())
            }
            Op::Memoize => {
                let top = self.top()?;
                self.memo.insert(self.memo.len() as u32, top);
                Some(())
            }
            op => self.build(op),
        }
    }

    /// The opcodes that make and fill objects.
    fn build(&mut self, op: Op<'a>) -> Option<()> {
        match op {
            Op::Sequence(count) => {
                let elements = match count {
                    None => self.pop_to_mark()?,
                    Some(count) => {
                        let mut elements = Vec::with_capacity(count);
                        for _ in 0..count {
                            elements.push(self.pop()?);
                        }
                        elements.reverse();
                        elements
                    }
                };
                self.push_object(Object {
                    elements,
                    ..Object::default()
                })
            }
            Op::Append => {
                let value = self.pop()?;
                self.fill(|object| object.elements.push(value))
            }
            Op::Appends => {
                let values = self.pop_to_mark()?;
                self.fill(|object| object.elements.extend(values))
            }
            Op::EmptyDict => self.push_object(Object::default()),
            Op::Dict => {
                let items = pairs(self.pop_to_mark()?)?;
                self.push_object(Object {
                    items,
                    ..Object::default()
                })
            }
            Op::SetItem => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.fill(|object| object.items.push((key, value)))
            }
            Op::SetItems => {
                let items = pairs(self.pop_to_mark()?)?;
                self.fill(|object| object.items.extend(items))
            }
            op => self.invoke(op),
        }
    }

    /// The opcodes that name and call.
    fn invoke(&mut self, op: Op<'a>) -> Option<()> {
        match op {
            Op::Global(module, name) => self.global(module, name),
            Op::StackGlobal => match (self.pop()?, self.pop()?) {
                (Value::Text(name), Value::Text(module)) => self.global(module, name),
                _ => None,
            },
            Op::Reduce | Op::NewObj => {
                let arguments = self.pop()?;
                let callable = self.pop()?;
                self.call(callable, arguments)
            }
            Op::NewObjEx => {
                let _keywords = self.pop()?;
                let arguments = self.pop()?;
                let callable = self.pop()?;
                self.call(callable, arguments)
            }
            Op::Inst(module, name) => {
                self.global(module, name)?;
                let callable = self.pop()?;
                let elements = self.pop_to_mark()?;
                let arguments = self.arena.add(Object {
                    elements,
                    ..Object::default()
                });
                self.call(callable, arguments)
            }
            Op::Obj => {
                let mut elements = self.pop_to_mark()?;
                let callable = (!elements.is_empty()).then(|| elements.remove(0))?;
                let arguments = self.arena.add(Object {
                    elements,
                    ..Object::default()
                });
                self.call(callable, arguments)
            }
            Op::Build => {
                let state = self.pop()?;
                let top = self.top()?;
                if let Some(object) = self.arena.get_mut(top) {
                    object.state = Some(state);
                }
                Some(())
            }
            Op::PersIdText => self.push(Value::Persistent),
            _ => Some(()),
        }
    }
}

fn pairs<'a>(values: Vec<Value<'a>>) -> Option<Vec<(Value<'a>, Value<'a>)>> {
    let (pairs, rest) = values.as_chunks::<2>();
    rest.is_empty()
        .then(|| pairs.iter().map(|&[key, value]| (key, value)).collect())
}

impl Scanned<'_> {
    /// The elements of a root that is a sequence: classes by their name, texts as they are.
    pub(super) fn root_names(&self) -> Vec<String> {
        self.arena
            .elements(self.root)
            .iter()
            .map(|&value| {
                key_text(value).unwrap_or_else(|| match value {
                    Value::Global(_, name) => String::from_utf8_lossy(name).into_owned(),
                    _ => String::new(),
                })
            })
            .collect()
    }

    /// The root when it is a whole number.
    pub(super) fn root_int(&self) -> Option<i64> {
        match self.root {
            Value::Int(value) => Some(value),
            _ => None,
        }
    }

    /// What the pickle says about the checkpoint.
    pub(super) fn findings(&self) -> Scan {
        let mut scan = Scan {
            globals: self.globals.clone(),
            filled_objects: self.filled.clone(),
            ..Scan::default()
        };
        for (key, value) in self.arena.items(self.root) {
            let number = self.numpy_scalar(value);
            scan.values.extend(key_text(key).zip(number));
        }
        let mut first: HashMap<usize, String> = HashMap::new();
        self.follow(self.root, String::new(), 0, &mut scan, &mut first);
        scan
    }

    /// Lists the names below `value` in order, and the dictionaries met a second time.
    fn follow(
        &self,
        value: Value<'_>,
        path: String,
        depth: usize,
        scan: &mut Scan,
        first: &mut HashMap<usize, String>,
    ) {
        if depth > MAX_DEPTH || scan.keys.len() >= MAX_KEYS {
            return;
        }
        let children = self.children(value);
        if let Value::Object(index) = value
            && !children.is_empty()
        {
            if let Some(original) = first.get(&index) {
                scan.aliases.push((path, original.clone()));
                return;
            }
            first.insert(index, path.clone());
        }
        if children.is_empty() {
            scan.keys.push(path);
            return;
        }
        for (key, child) in children {
            if let Some(key) = key_text(key) {
                self.follow(child, join(&path, &key), depth + 1, scan, first);
            }
        }
    }

    /// The items of a dictionary, or the parameters, buffers and children of a module.
    fn children(&self, value: Value<'_>) -> Vec<(Value<'_>, Value<'_>)> {
        let items = self.arena.items(value);
        let state = self.arena.get(value).and_then(|object| object.state);
        let Some(state) = state.filter(|_| items.is_empty()) else {
            return items;
        };
        let attributes = self.arena.items(state);
        let table = |name: &[u8]| {
            let found = attributes.iter().find(|(key, _)| *key == Value::Text(name));
            found.map_or(Vec::new(), |&(_, table)| self.arena.items(table))
        };
        [&b"_parameters"[..], b"_buffers", b"_modules"]
            .into_iter()
            .flat_map(table)
            .collect()
    }

    /// The value of a pickled numpy scalar: a call with a type and the bytes of one element.
    fn numpy_scalar(&self, value: Value<'_>) -> Option<Scalar> {
        let call = self.arena.callable(value)?;
        if !matches!(
            call.as_str(),
            "numpy.core.multiarray.scalar" | "numpy._core.multiarray.scalar"
        ) {
            return None;
        }
        let &[dtype, data] = self.arena.elements(self.arena.get(value)?.arguments?) else {
            return None;
        };
        let kind = *self
            .arena
            .elements(self.arena.get(dtype)?.arguments?)
            .first()?;
        let (Value::Text(kind) | Value::Bytes(kind)) = kind else {
            return None;
        };
        let bytes = self.bytes(data)?;
        Some(match kind {
            b"f8" => Scalar::Float(f64::from_le_bytes(bytes.try_into().ok()?)),
            b"f4" => Scalar::Float(f32::from_le_bytes(bytes.try_into().ok()?).into()),
            b"i8" => Scalar::Int(i64::from_le_bytes(bytes.try_into().ok()?)),
            b"i4" => Scalar::Int(i32::from_le_bytes(bytes.try_into().ok()?).into()),
            _ => return None,
        })
    }

    /// Bytes, which protocol 2 spells as `_codecs.encode(text, 'latin1')`.
    fn bytes(&self, value: Value<'_>) -> Option<Vec<u8>> {
        match value {
            Value::Bytes(bytes) => Some(bytes.to_vec()),
            Value::Text(bytes) => Some(bytes.to_vec()),
            _ if self.arena.callable(value)? == "_codecs.encode" => {
                let arguments = self.arena.elements(self.arena.get(value)?.arguments?);
                let Some(Value::Text(text)) = arguments.first() else {
                    return None;
                };
                let text = std::str::from_utf8(text).ok()?;
                text.chars()
                    .map(|c| u8::try_from(u32::from(c)).ok())
                    .collect()
            }
            _ => None,
        }
    }
}

/// A dictionary key as text, as the reader spells it. One key can stand in many places of a file, so
/// that absurdly long ones are left out.
fn key_text(key: Value<'_>) -> Option<String> {
    match key {
        Value::Text(text) if text.len() > MAX_KEY => None,
        Value::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        Value::Int(value) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(bytes: &[u8]) -> Scan {
        walk(bytes, &mut MAX_OPS.clone())
            .unwrap_or_else(|e| panic!("{e}"))
            .findings()
    }

    #[test]
    fn a_dictionary_under_two_keys_is_an_alias_of_its_first() {
        // d = {'w': 1}; {'best': d, 'last': d}
        let scan = findings(b"\x80\x02}q\x00(X\x04\0\0\0bestq\x01}q\x02X\x01\0\0\0wq\x03K\x01sX\x04\0\0\0lastq\x04h\x02u.");
        assert_eq!(scan.aliases, [("last".to_string(), "best".to_string())]);
        assert_eq!(scan.keys, ["best.w"]);
    }

    #[test]
    fn a_list_that_holds_itself_ends() {
        findings(b"\x80\x02]q\x00h\x00a.");
        // {'self': itself}
        let scan = findings(b"\x80\x02}q\x00X\x01\0\0\0aq\x01h\x00s.");
        assert_eq!(scan.aliases, [("a".to_string(), String::new())]);
    }

    #[test]
    fn doubling_by_reference_costs_nothing() {
        let mut bytes = b"\x80\x02]".to_vec();
        (0..100_000).for_each(|_| bytes.extend(b"2\x86"));
        bytes.push(b'.');
        assert!(walk(&bytes, &mut MAX_OPS.clone()).is_ok());
    }

    #[test]
    fn a_stream_without_end_is_refused() {
        let bytes = vec![b'N'; MAX_OPS + 1];
        assert_eq!(
            walk(&bytes, &mut MAX_OPS.clone()).err(),
            Some(ScanError::TooLong)
        );
    }

    #[test]
    fn taking_from_an_empty_stack_is_an_error_for_every_opcode() {
        for op in 0u8..=255 {
            let mut bytes = vec![op];
            bytes.extend([0; 16]);
            bytes.extend(b"\n\n.");
            let _ = walk(&bytes, &mut 1000);
        }
        for op in [
            b'0', b'1', b'2', b'a', b'e', b's', b'u', b't', b'R', b'b', b'q', b'Q', 0x81, 0x85,
            0x93, 0x94,
        ] {
            assert!(walk(&[op, 0, b'.'], &mut 1000).is_err(), "{op:#x}");
        }
    }
}
