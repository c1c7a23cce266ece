//! Tensors, as every version of PyTorch pickles them.

use std::collections::HashMap;

use super::machine::Pickle;
use super::storage_id::{IdError, StorageId, key_text, torch_dtype};
use super::values::{Call, Object, Value};
use crate::weights::container::view::{Bytes, View, size};
use crate::weights::tensor::Dtype;

/// What persistent ids stand for.
#[derive(Debug, Clone, Copy)]
pub(in crate::weights::container) enum Tensors<'t> {
    /// Storages, which tensors are views of.
    OnStorages,
    /// Tensors, by their key, in tar archives.
    ByKey(&'t HashMap<String, View>),
    /// Nothing: a pickle by itself.
    Nowhere,
}

/// Why a tensor cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TensorError {
    /// It has no plain bytes; the function that makes it, or the class of its storage.
    Kind(String),
    /// Its storage is in the pickle, a file of its own.
    PickleDump,
    /// Its storage is in no file at all.
    Nowhere,
    Malformed(&'static str),
}

const MALFORMED: TensorError = TensorError::Malformed("a tensor is described in an unknown way");

/// The tensors of one pickle.
#[derive(Clone, Copy)]
pub(super) struct TensorReader<'p, 'a> {
    pub(super) pickle: &'p Pickle<'a>,
    pub(super) tensors: Tensors<'p>,
}

impl<'a> TensorReader<'_, 'a> {
    /// The tensor that `value` is; `None` when it is none.
    pub(super) fn tensor(&self, value: Value<'a>) -> Option<Result<View, TensorError>> {
        self.tensor_in(value, 0)
    }

    /// Tensors are wrapped in one another: parameters in tensors, subclasses in both.
    fn tensor_in(&self, value: Value<'a>, depth: usize) -> Option<Result<View, TensorError>> {
        const DEEPEST: usize = 8;
        if depth > DEEPEST {
            return Some(Err(MALFORMED));
        }
        let arena = &self.pickle.arena;
        let call = match arena.get(value)? {
            Object::Call(call) => call,
            Object::Persistent(id) => return self.by_key(*id),
            _ => return None,
        };
        let inner = |value: Option<Value<'a>>| {
            let inner = value.and_then(|value| self.tensor_in(value, depth + 1));
            Some(inner.unwrap_or(Err(MALFORMED)))
        };
        let arguments = arena.arguments(call);
        match call.name().as_str() {
            "torch._utils._rebuild_tensor"
            | "torch._utils._rebuild_tensor_v2"
            | "torch._utils._rebuild_tensor_v3" => Some(self.rebuilt(call, arguments)),
            "torch._utils._rebuild_parameter"
            | "torch._utils._rebuild_parameter_with_state"
            | "torch._utils._rebuild_device_tensor_from_cpu_tensor" => {
                inner(arguments.first().copied())
            }
            "torch._tensor._rebuild_from_type_v2" => match *arguments {
                // (function, class, its arguments, state)
                [function, _, arguments, _] => Some(self.rebuilt_by(function, arguments)),
                _ => Some(Err(MALFORMED)),
            },
            // PyTorch before 0.4: called on its data, or given it by BUILD.
            "torch.nn.parameter.Parameter" | "torch.autograd.variable.Variable" => {
                let given = call.state.map_or(&[][..], |state| arena.elements(state));
                inner(arguments.first().or(given.first()).copied())
            }
            name if is_tensor_class(name) => {
                // BUILD (storage, offset, size, stride), in PyTorch before 0.1.10.
                let state = call.state.map(|state| arena.elements(state));
                state.map(|state| self.on_storage(state, None))
            }
            _ => None,
        }
    }

    /// Whether `value` is a tensor, in a form that can be read or not.
    pub(super) fn is_tensor(&self, value: Value<'a>) -> bool {
        self.tensor(value).is_some()
    }

    /// A persistent id of a tar archive.
    fn by_key(&self, id: Value<'a>) -> Option<Result<View, TensorError>> {
        let Tensors::ByKey(tensors) = self.tensors else {
            return None;
        };
        let view = key_text(id).and_then(|key| tensors.get(&key));
        let missing = TensorError::Malformed("a tensor is not in the archive's table");
        Some(view.cloned().ok_or(missing))
    }

    fn rebuilt(&self, call: &Call<'a>, arguments: &[Value<'a>]) -> Result<View, TensorError> {
        let Value::Global(_, function) = call.callable else {
            return Err(MALFORMED);
        };
        self.rebuilt_with(function, arguments)
    }

    fn rebuilt_by(&self, function: Value<'a>, arguments: Value<'a>) -> Result<View, TensorError> {
        match function {
            Value::Global(b"torch._utils", function) => {
                self.rebuilt_with(function, self.pickle.arena.elements(arguments))
            }
            _ => Err(TensorError::Kind(
                "torch._tensor._rebuild_from_type_v2".to_string(),
            )),
        }
    }

    /// `(storage, offset, size, stride, requires_grad, hooks[, dtype][, flags])`.
    fn rebuilt_with(&self, function: &[u8], arguments: &[Value<'a>]) -> Result<View, TensorError> {
        let (dtype, flags) = match function {
            b"_rebuild_tensor" => (None, None),
            b"_rebuild_tensor_v2" => (None, arguments.get(6)),
            b"_rebuild_tensor_v3" => match arguments.get(6) {
                Some(&Value::Global(_, name)) => match torch_dtype(name) {
                    Some(dtype) => (Some(dtype), arguments.get(7)),
                    None => {
                        return Err(TensorError::Kind(
                            String::from_utf8_lossy(name).into_owned(),
                        ));
                    }
                },
                _ => return Err(MALFORMED),
            },
            name => {
                let name = String::from_utf8_lossy(name);
                return Err(TensorError::Kind(format!("torch._utils.{name}")));
            }
        };
        // 'conj' and 'neg' say that the values are not those of the storage.
        let flags = flags.map_or(&[][..], |&flags| self.pickle.arena.items(flags));
        if flags.iter().any(|(_, value)| *value == Value::Bool(true)) {
            return Err(TensorError::Malformed(
                "a tensor is a conjugate or a negative of its storage",
            ));
        }
        self.on_storage(arguments, dtype)
    }

    /// `(storage, offset, size, stride, ...)`.
    fn on_storage(
        &self,
        arguments: &[Value<'a>],
        dtype: Option<Dtype>,
    ) -> Result<View, TensorError> {
        let Some(&[storage, offset, shape, strides]) = arguments.first_chunk() else {
            return Err(MALFORMED);
        };
        let storage = self.storage(storage)?;
        let (start, end) = storage.window();
        let dtype = dtype.or(storage.dtype).ok_or(MALFORMED)?;
        let extents = |value| {
            let extents = self.pickle.arena.elements(value).iter();
            extents
                .map(|extent| extent.index())
                .collect::<Option<Vec<_>>>()
        };
        let (Some(shape), Some(strides), Some(offset)) =
            (extents(shape), extents(strides), offset.index())
        else {
            return Err(TensorError::Malformed(
                "a tensor has a negative size, stride or offset",
            ));
        };
        // A view starts at a whole element of its storage, and a storage of bytes has none.
        let first = (start / size(dtype)).checked_add(offset).ok_or(MALFORMED)?;
        View::new(
            dtype,
            shape,
            strides,
            first,
            end / size(dtype),
            Bytes::Storage(storage.key),
        )
        .map_err(TensorError::Malformed)
    }

    fn storage(&self, value: Value<'a>) -> Result<StorageId, TensorError> {
        let arena = &self.pickle.arena;
        match arena.get(value) {
            Some(Object::Persistent(id)) => match StorageId::read(arena, *id) {
                Ok(_) if !matches!(self.tensors, Tensors::OnStorages) => Err(TensorError::Nowhere),
                Ok(id) => Ok(id),
                Err(IdError::Class(class)) => Err(TensorError::Kind(class)),
                Err(IdError::Malformed) => Err(TensorError::Malformed(
                    "a storage is described in an unknown way",
                )),
            },
            Some(Object::Call(call)) if call.name() == "torch.storage._load_from_bytes" => {
                Err(TensorError::PickleDump)
            }
            _ => Err(MALFORMED),
        }
    }
}

/// Whether `name` is one of the classes that tensors had by element type and device (`torch.cuda.FloatTensor`).
fn is_tensor_class(name: &str) -> bool {
    let class = name
        .strip_prefix("torch.cuda.")
        .or(name.strip_prefix("torch."));
    class.is_some_and(|class| class.ends_with("Tensor") && !class.contains('.'))
}
