//! What a value in a pickle means to a reader of weights.

use std::collections::HashSet;

use super::dictionaries::Dictionaries;
use super::machine::Pickle;
use super::numpy::Array;
use super::objects::is_dictionary;
use super::tensors::{TensorError, TensorReader, Tensors};
use super::values::{Call, Item, Object, SequenceKind, Value};
use crate::weights::container::refusal::Refusal;
use crate::weights::container::view::View;

/// Most tensors of unreadable kinds that are looked for.
const MAX_UNREAD: usize = 64;

/// What a value means to a reader of weights.
pub(super) enum Meaning<'p, 'a> {
    Tensor(View),
    Dict(Vec<Item<'a>>),
    Module(Vec<Item<'a>>),
    Sequence(&'p [Value<'a>]),
    Other,
}

/// A value, and where it is.
pub(super) struct Place<'d, 'a> {
    pub(super) value: Value<'a>,
    /// Whether a NumPy array counts as a tensor here.
    pub(super) arrays: bool,
    /// The innermost recorded dictionary around it.
    pub(super) dictionary: Option<usize>,
    pub(super) dictionaries: &'d Dictionaries,
}

/// Tells what values mean.
pub(super) struct Meanings<'p, 'a> {
    pickle: &'p Pickle<'a>,
    pub(super) reader: TensorReader<'p, 'a>,
    /// Objects that are known to hold no tensors.
    harmless: HashSet<usize>,
    /// Tensors that cannot be read, with the dictionary they are in.
    pub(super) unread: Vec<(Option<usize>, Refusal)>,
}

impl<'p, 'a> Meanings<'p, 'a> {
    pub(super) fn new(pickle: &'p Pickle<'a>, tensors: Tensors<'p>) -> Self {
        Self {
            pickle,
            reader: TensorReader { pickle, tensors },
            harmless: HashSet::new(),
            unread: Vec::new(),
        }
    }

    /// What the value of `place` means.
    ///
    /// # Errors
    /// [`Refusal`] for a tensor that contradicts itself, and for more unreadable ones than are looked at.
    pub(super) fn of(&mut self, place: &Place<'_, 'a>) -> Result<Meaning<'p, 'a>, Refusal> {
        let pickle = self.pickle;
        if let Some(tensor) = self.reader.tensor(place.value) {
            return match tensor {
                Ok(view) => self.unless_dropped(place, view),
                Err(TensorError::Kind(kind)) => self.refuse(place, &kind),
                Err(TensorError::PickleDump) => Err(Refusal::PickleDump),
                Err(TensorError::Nowhere) => Err(Refusal::DataPickle),
                Err(TensorError::Malformed(reason)) => Err(Refusal::Malformed(reason.to_string())),
            };
        }
        match pickle.arena.get(place.value) {
            Some(Object::Dict(items)) => Ok(Meaning::Dict(items.clone())),
            Some(Object::Sequence(SequenceKind::List | SequenceKind::Tuple, elements)) => {
                Ok(Meaning::Sequence(elements))
            }
            Some(Object::Sequence(SequenceKind::Set, elements)) if self.hold_tensors(elements) => {
                self.refuse(place, "builtins.set")
            }
            Some(Object::Call(call)) => self.of_call(place, call),
            _ => Ok(Meaning::Other),
        }
    }

    fn of_call(
        &mut self,
        place: &Place<'_, 'a>,
        call: &'p Call<'a>,
    ) -> Result<Meaning<'p, 'a>, Refusal> {
        match self.pickle.array(call) {
            Some(Array::Values(view)) if place.arrays => return Ok(Meaning::Tensor(view)),
            Some(Array::BigEndian) if place.arrays => {
                let dictionary = place.dictionaries.place(place.dictionary);
                return self.refuse_as(place, Refusal::BigEndianArrays { place: dictionary });
            }
            Some(_) => return Ok(Meaning::Other),
            None => {}
        }
        if let Some(items) = self.pickle.module_items(call) {
            return Ok(Meaning::Module(items));
        }
        let mut parts: Vec<Value<'a>> = call.state.into_iter().collect();
        if !is_dictionary(call) {
            parts.extend(&call.elements);
            parts.push(call.arguments);
        }
        if self.hold_tensors(&parts) {
            return self.refuse(place, &call.name());
        }
        let items = self.pickle.dictionary_items(call);
        Ok(items.map_or(Meaning::Other, Meaning::Dict))
    }

    /// Notes that `place` holds tensors in a form that is not read.
    fn refuse(&mut self, place: &Place<'_, 'a>, name: &str) -> Result<Meaning<'p, 'a>, Refusal> {
        let dictionary = place.dictionaries.place(place.dictionary);
        self.refuse_as(place, Refusal::tensors(name, dictionary))
    }

    fn refuse_as(
        &mut self,
        place: &Place<'_, 'a>,
        why: Refusal,
    ) -> Result<Meaning<'p, 'a>, Refusal> {
        if self.unread.len() >= MAX_UNREAD {
            return Err(why);
        }
        self.unread.push((place.dictionary, why));
        Ok(Meaning::Other)
    }

    /// A tensor, unless it has tensors among its attributes, which would be lost.
    fn unless_dropped(
        &mut self,
        place: &Place<'_, 'a>,
        view: View,
    ) -> Result<Meaning<'p, 'a>, Refusal> {
        if let Some(call) = self.pickle.arena.call(place.value)
            && matches!(
                call.name().as_str(),
                "torch._utils._rebuild_parameter_with_state"
                    | "torch._tensor._rebuild_from_type_v2"
            )
            && let Some(&state) = self.pickle.arena.arguments(call).get(3)
            && self.hold_tensors(&[state])
        {
            return self.refuse(place, &call.name());
        }
        Ok(Meaning::Tensor(view))
    }

    /// Whether tensors are anywhere below `values`.
    fn hold_tensors(&mut self, values: &[Value<'a>]) -> bool {
        let arena = &self.pickle.arena;
        let mut rest = values.to_vec();
        let mut met = HashSet::new();
        while let Some(value) = rest.pop() {
            let Value::Object(index) = value else {
                continue;
            };
            if self.harmless.contains(&index) || !met.insert(index) {
                continue;
            }
            if self.reader.is_tensor(value) {
                return true;
            }
            match arena.get(value) {
                Some(Object::Sequence(_, elements)) => rest.extend(elements),
                Some(Object::Dict(items)) => rest.extend(items.iter().map(|(_, value)| value)),
                Some(Object::Call(call)) => {
                    rest.extend(&call.elements);
                    rest.extend(call.items.iter().map(|(_, value)| value));
                    rest.extend(call.state);
                    rest.push(call.arguments);
                }
                Some(Object::Persistent(_)) => return true,
                None => {}
            }
        }
        self.harmless.extend(met);
        false
    }
}
