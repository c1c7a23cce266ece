//! The stack machine: opcodes to values. It calls nothing and copies nothing.

use std::collections::{HashMap, HashSet};

use super::ops::{Op, OpError, Ops};
use super::values::{Arena, Call, Item, Object, SequenceKind, Value};

/// Most opcodes that are walked, over all pickles of a file. A tensor takes about 45, so this is room
/// for 40,000; each takes at most about 200 bytes of memory.
pub(in crate::weights::container) const MAX_OPS: usize = 2_000_000;

/// Why a stream is refused as a pickle.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(in crate::weights::container) enum PickleError {
    #[error(transparent)]
    Op(#[from] OpError),
    #[error("the pickle takes a value that is not there, at byte {0}")]
    Underflow(usize),
    #[error("the pickle has more than {MAX_OPS} instructions, far more than any checkpoint")]
    TooLong,
}

/// One pickle of a stream.
#[derive(Debug)]
pub(in crate::weights::container) struct Pickle<'a> {
    pub(super) arena: Arena<'a>,
    pub(super) root: Value<'a>,
    /// Classes and functions named, each once, in the order of their appearance.
    pub(super) globals: Vec<(&'a [u8], &'a [u8])>,
    /// The stream it was read from.
    pub(super) stream: &'a [u8],
    /// Bytes up to and including STOP.
    pub(in crate::weights::container) len: usize,
}

impl<'a> Pickle<'a> {
    /// Walks the pickle at the start of `stream`. `budget` is what is left of [`MAX_OPS`].
    pub(in crate::weights::container) fn read(
        stream: &'a [u8],
        budget: &mut usize,
    ) -> Result<Self, PickleError> {
        let mut machine = Machine::default();
        let mut ops = Ops::new(stream);
        loop {
            let at = ops.position();
            *budget = budget.checked_sub(1).ok_or(PickleError::TooLong)?;
            match ops.next()? {
                Op::Stop => {
                    return Ok(Self {
                        root: machine.pop().ok_or(PickleError::Underflow(at))?,
                        arena: machine.arena,
                        globals: machine.globals,
                        stream,
                        len: ops.position(),
                    });
                }
                op => machine.step(op).ok_or(PickleError::Underflow(at))?,
            }
        }
    }

    /// As [`Pickle::read`], and takes the pickle off the stream.
    pub(in crate::weights::container) fn take(
        stream: &mut &'a [u8],
        budget: &mut usize,
    ) -> Result<Self, PickleError> {
        let pickle = Self::read(stream, budget)?;
        *stream = &stream[pickle.len..];
        Ok(pickle)
    }
}

#[derive(Default)]
struct Machine<'a> {
    stack: Vec<Value<'a>>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
    arena: Arena<'a>,
    globals: Vec<(&'a [u8], &'a [u8])>,
    seen: HashSet<(&'a [u8], &'a [u8])>,
}

impl<'a> Machine<'a> {
    fn mark_is_on_top(&self) -> bool {
        self.marks.last() == Some(&self.stack.len())
    }

    fn pop(&mut self) -> Option<Value<'a>> {
        (!self.mark_is_on_top()).then(|| self.stack.pop()).flatten()
    }

    fn top(&self) -> Option<Value<'a>> {
        (!self.mark_is_on_top())
            .then(|| self.stack.last().copied())
            .flatten()
    }

    fn pop_to_mark(&mut self) -> Option<Vec<Value<'a>>> {
        let mark = self.marks.pop()?;
        (mark <= self.stack.len()).then(|| self.stack.split_off(mark))
    }

    fn push(&mut self, value: Value<'a>) -> Option<()> {
        self.stack.push(value);
        Some(())
    }

    fn name(&mut self, module: &'a [u8], name: &'a [u8]) -> Value<'a> {
        if self.seen.insert((module, name)) {
            self.globals.push((module, name));
        }
        Value::Global(module, name)
    }

    fn push_object(&mut self, object: Object<'a>) -> Option<()> {
        let value = self.arena.add(object);
        self.push(value)
    }

    fn push_call(&mut self, callable: Value<'a>, arguments: Value<'a>) -> Option<()> {
        self.push_object(Object::Call(Box::new(Call {
            callable,
            arguments,
            elements: Vec::new(),
            items: Vec::new(),
            state: None,
        })))
    }

    /// Calls with arguments that are not a tuple on the stack yet.
    fn push_call_with(&mut self, callable: Value<'a>, arguments: Vec<Value<'a>>) -> Option<()> {
        let arguments = Object::Sequence(SequenceKind::Tuple, arguments);
        let arguments = self.arena.add(arguments);
        self.push_call(callable, arguments)
    }

    /// Gives the sequence on top of the stack, or the result of a call, more elements.
    fn extend(&mut self, values: impl IntoIterator<Item = Value<'a>>) -> Option<()> {
        let top = self.top()?;
        match self.arena.get_mut(top) {
            Some(Object::Sequence(_, elements)) => elements.extend(values),
            Some(Object::Call(call)) => call.elements.extend(values),
            _ => {}
        }
        Some(())
    }

    /// Gives the dictionary on top of the stack, or the result of a call, more items.
    fn insert(&mut self, values: impl IntoIterator<Item = Item<'a>>) -> Option<()> {
        let top = self.top()?;
        match self.arena.get_mut(top) {
            Some(Object::Dict(items)) => items.extend(values),
            Some(Object::Call(call)) => call.items.extend(values),
            _ => {}
        }
        Some(())
    }

    /// The opcodes that move values. `None` when one takes what is not there.
    fn step(&mut self, op: Op<'a>) -> Option<()> {
        match op {
            Op::Nothing | Op::Stop => Some(()),
            Op::None => self.push(Value::None),
            Op::Bool(value) => self.push(Value::Bool(value)),
            Op::Int(value) => self.push(Value::Int(value)),
            Op::Float(value) => self.push(Value::Float(value)),
            Op::Text(text) => self.push(Value::Text(text)),
            Op::Bytes(bytes) => self.push(Value::Bytes(bytes)),
            Op::Uninterpreted => self.push(Value::Other),
            Op::Mark => {
                self.marks.push(self.stack.len());
                Some(())
            }
            Op::Pop if self.mark_is_on_top() => self.marks.pop().map(|_| ()),
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

    /// The opcodes that make and fill containers.
    fn build(&mut self, op: Op<'a>) -> Option<()> {
        match op {
            Op::Sequence(kind, count) => {
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
                self.push_object(Object::Sequence(kind, elements))
            }
            Op::Append => {
                let value = self.pop()?;
                self.extend([value])
            }
            Op::Appends => {
                let values = self.pop_to_mark()?;
                self.extend(values)
            }
            Op::EmptyDict => self.push_object(Object::Dict(Vec::new())),
            Op::Dict => {
                let items = pairs(self.pop_to_mark()?)?;
                self.push_object(Object::Dict(items))
            }
            Op::SetItem => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.insert([(key, value)])
            }
            Op::SetItems => {
                let items = pairs(self.pop_to_mark()?)?;
                self.insert(items)
            }
            op => self.invoke(op),
        }
    }

    /// The opcodes that name and call.
    fn invoke(&mut self, op: Op<'a>) -> Option<()> {
        match op {
            Op::Global(module, name) => {
                let global = self.name(module, name);
                self.push(global)
            }
            Op::StackGlobal => match (self.pop()?, self.pop()?) {
                (Value::Text(name), Value::Text(module)) => {
                    let global = self.name(module, name);
                    self.push(global)
                }
                _ => None,
            },
            Op::Reduce | Op::NewObj => {
                let arguments = self.pop()?;
                let callable = self.pop()?;
                self.push_call(callable, arguments)
            }
            Op::NewObjEx => {
                let _keywords = self.pop()?;
                let arguments = self.pop()?;
                let callable = self.pop()?;
                self.push_call(callable, arguments)
            }
            Op::Inst(module, name) => {
                let arguments = self.pop_to_mark()?;
                let class = self.name(module, name);
                self.push_call_with(class, arguments)
            }
            Op::Obj => {
                let mut arguments = self.pop_to_mark()?;
                let callable = (!arguments.is_empty()).then(|| arguments.remove(0))?;
                self.push_call_with(callable, arguments)
            }
            Op::Build => {
                let state = self.pop()?;
                let top = self.top()?;
                if let Some(Object::Call(call)) = self.arena.get_mut(top) {
                    call.state = Some(state);
                }
                Some(())
            }
            Op::PersId => {
                let id = self.pop()?;
                match *self.arena.elements(id) {
                    // A class with its source, in legacy streams with whole modules.
                    [Value::Text(b"module"), class @ Value::Global(..), ..] => self.push(class),
                    _ => self.push_object(Object::Persistent(id)),
                }
            }
            Op::PersIdText => self.push_object(Object::Persistent(Value::Other)),
            _ => Some(()),
        }
    }
}

fn pairs<'a>(values: Vec<Value<'a>>) -> Option<Vec<Item<'a>>> {
    let (pairs, rest) = values.as_chunks::<2>();
    rest.is_empty()
        .then(|| pairs.iter().map(|&[key, value]| (key, value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubling_by_reference_costs_nothing() {
        let mut bytes = b"\x80\x02]".to_vec();
        (0..100_000).for_each(|_| bytes.extend(b"2\x86"));
        bytes.push(b'.');
        assert!(Pickle::read(&bytes, &mut MAX_OPS.clone()).is_ok());
    }

    #[test]
    fn a_stream_without_end_is_refused() {
        let bytes = vec![b'N'; MAX_OPS + 1];
        assert_eq!(
            Pickle::read(&bytes, &mut MAX_OPS.clone()).err(),
            Some(PickleError::TooLong)
        );
    }

    #[test]
    fn taking_from_an_empty_stack_is_an_error_for_every_opcode() {
        for op in 0u8..=255 {
            let mut bytes = vec![op];
            bytes.extend([0; 16]);
            bytes.extend(b"\n\n.");
            let _ = Pickle::read(&bytes, &mut 1000);
        }
        for op in [
            b'0', b'1', b'2', b'a', b'e', b's', b'u', b't', b'R', b'b', b'q', b'Q', 0x81, 0x85,
            0x93, 0x94,
        ] {
            assert!(Pickle::read(&[op, 0, b'.'], &mut 1000).is_err(), "{op:#x}");
        }
    }
}
