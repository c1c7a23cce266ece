//! Caffe's files by the bytes they start with.

use super::wire::{Message, Value, WireError};

/// Fields of a layer's name, in the new format and the old one.
const LAYER_NAME: u8 = 0x0a;
const OLD_LAYER_STARTS: [u8; 4] = [0x0a, 0x12, 0x1a, 0x22];

/// Whether a file of `len` bytes that starts with `head` is a model: the name of a net, perhaps its inputs, then layers. A
/// model whose first layer is cut off is one.
pub(in crate::weights::container) fn is_model(head: &[u8], len: u64) -> bool {
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    for (place, field) in Message::new(head, 0..len).enumerate() {
        let (number, value) = match field {
            Ok(field) => (field.number, field.value),
            Err(WireError::CutOff { field, .. }) => return place > 0 && matches!(field, 2 | 100),
            Err(_) => return false,
        };
        match (number, value) {
            (1, Value::Bytes(at)) if place == 0 => {
                let name = head.get(at).and_then(|name| std::str::from_utf8(name).ok());
                if name.is_none_or(|name| name.chars().any(char::is_control)) {
                    return false;
                }
            }
            (100, Value::Bytes(at)) => {
                return place > 0 || head.get(at.start) == Some(&LAYER_NAME);
            }
            (2, Value::Bytes(at)) if place > 0 => {
                let first = head.get(at.start);
                return first.is_some_and(|first| OLD_LAYER_STARTS.contains(first));
            }
            // Inputs, their sizes, flags and the state of the net.
            (3 | 6 | 8, Value::Bytes(_)) | (4 | 5 | 7, Value::Varint(_)) if place > 0 => {}
            _ => return false,
        }
    }
    false
}

/// Whether `head` starts the state of a solver: the iteration, then the name of the model beside it.
pub(in crate::weights::container) fn is_solver_state(head: &[u8], len: u64) -> bool {
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let mut fields = Message::new(head, 0..len).map_while(Result::ok);
    let mut next = || fields.next().map(|field| (field.number, field.value));
    matches!(next(), Some((1, Value::Varint(_))))
        && match next() {
            Some((2, Value::Bytes(at))) => {
                let name = head.get(at).unwrap_or_default();
                name.windows(11).any(|part| part == b".caffemodel")
            }
            _ => false,
        }
}

/// Whether a file is a single blob, such as a mean image: four extents and values, or values and little else.
pub(in crate::weights::container) fn is_blob(head: &[u8], len: u64) -> bool {
    /// More than a shape takes.
    const SHAPE: usize = 64;
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    for (place, field) in Message::new(head, 0..len).map_while(Result::ok).enumerate() {
        match (field.number, field.value) {
            (number @ 1..=4, Value::Varint(_)) if number as usize == place + 1 => {}
            (5, Value::Bytes(at)) => {
                let all = !at.is_empty() && at.len().is_multiple_of(4);
                return all && (place == 4 || place == 0 && len - at.end <= SHAPE);
            }
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_its_first_layer() {
        for model in [
            &b"\x0a\x03o3d\xa2\x06\x06\x0a\x04data"[..],
            // A name, an input and its size, as a net for deployment has them.
            b"\x0a\x03o3d\x1a\x04data\x20\x50\x20\x03\xa2\x06\x06\x0a\x04data",
            b"\xa2\x06\x06\x0a\x04data",
            // The old format, and a first layer that is cut off.
            b"\x0a\x03o3d\x12\x06\x22\x04data",
            b"\x0a\x03o3d\xa2\x06\x40\x0a",
        ] {
            assert!(is_model(model, model.len() as u64), "{model:?}");
        }
        for other in [
            &b""[..],
            b"\x0a\x03o3d",
            b"\x0a\x03\x0a\x01x\x12\x02\x0a\x00",
            b"\x08\x07\x12\x07pytorch",
            b"\xa2\x06\x02\x12\x00",
        ] {
            assert!(!is_model(other, other.len() as u64), "{other:?}");
        }
    }

    #[test]
    fn what_lies_beside_models_is_told_from_them() {
        let state = b"\x08\x0a\x12\x12eco_10.caffemodel\x00\x1a\x00";
        assert!(is_solver_state(state, 1000) && !is_model(state, 1000));
        assert!(!is_solver_state(b"\x08\x07\x12\x07pytorch", 1000));
        let mean = b"\x08\x01\x10\x03\x18\x02\x20\x02\x2a\x30";
        assert!(is_blob(mean, 58) && !is_model(mean, 58));
        let new = b"\x2a\x08abcdefgh\x3a\x03\x0a\x01\x02";
        assert!(is_blob(new, new.len() as u64));
        assert!(!is_blob(b"\x2a\x08abcdefgh", 1000));
    }
}
