//! Protobuf's wire format: the fields of a message, one after the other, as places in a file.

use std::ops::Range;

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::weights::container) enum WireError {
    /// The message ends inside a tag or a number.
    #[error("at byte {at}, it ends inside a number")]
    Unfinished { at: usize },
    /// A field is longer than the rest of its message.
    #[error("at byte {at}, field {field} claims {claimed} bytes and {left} are left")]
    CutOff {
        at: usize,
        field: u32,
        claimed: u64,
        left: usize,
    },
    /// More than ten bytes, or more than 64 bits.
    #[error("at byte {at}, a number has more than 64 bits")]
    LongNumber { at: usize },
    /// A field number that protobuf does not allow.
    #[error("at byte {at}, a field has the number {number}")]
    FieldNumber { at: usize, number: u64 },
    /// Groups are long deprecated, and the other two do not exist.
    #[error("at byte {at}, field {field} has the wire type {wire}, which Caffe never writes")]
    WireType { at: usize, field: u32, wire: u8 },
}

/// Largest field number.
const MAX_FIELD: u64 = (1 << 29) - 1;

/// The value of a field; what has a length is a place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1: eight bytes.
    Fixed64(Range<usize>),
    /// Wire type 2: a text, a message or a packed list.
    Bytes(Range<usize>),
    /// Wire type 5: four bytes.
    Fixed32(Range<usize>),
}

/// A field of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) value: Value,
}

/// Walks over the fields of a message. After an error it ends.
pub(super) struct Message<'f> {
    file: &'f [u8],
    rest: Range<usize>,
}

impl<'f> Message<'f> {
    /// The message at `at` in `file`. Of a long file it may be the start alone that is given; then values are places beyond
    /// it, and the first tag beyond it is an error.
    pub(super) fn new(file: &'f [u8], at: Range<usize>) -> Self {
        Self { file, rest: at }
    }

    fn field(&mut self) -> Result<Field, WireError> {
        let at = self.rest.start;
        let tag = self.varint()?;
        let (number, wire) = (tag >> 3, (tag & 7) as u8);
        let field = match number {
            1..=MAX_FIELD => number as u32,
            _ => return Err(WireError::FieldNumber { at, number }),
        };
        let value = match wire {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(self.take(at, field, 8)?),
            2 => {
                let len = self.varint()?;
                Value::Bytes(self.take(at, field, len)?)
            }
            5 => Value::Fixed32(self.take(at, field, 4)?),
            _ => return Err(WireError::WireType { at, field, wire }),
        };
        let number = field;
        Ok(Field { number, value })
    }

    fn take(&mut self, at: usize, field: u32, claimed: u64) -> Result<Range<usize>, WireError> {
        let left = self.rest.len();
        match usize::try_from(claimed) {
            Ok(len) if len <= left => {
                let start = self.rest.start;
                self.rest.start += len;
                Ok(start..start + len)
            }
            _ => Err(WireError::CutOff {
                at,
                field,
                claimed,
                left,
            }),
        }
    }

    /// A number of up to 64 bits, seven bits a byte, lowest first.
    fn varint(&mut self) -> Result<u64, WireError> {
        let at = self.rest.start;
        let mut number = 0u64;
        for shift in (0..).step_by(7) {
            let place = self.rest.next().ok_or(WireError::Unfinished { at })?;
            let byte = self.file.get(place).ok_or(WireError::Unfinished { at })?;
            let bits = u64::from(byte & 0x7f);
            if shift > 63 || shift == 63 && bits > 1 {
                return Err(WireError::LongNumber { at });
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        Ok(number)
    }
}

impl Iterator for Message<'_> {
    type Item = Result<Field, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest.start = self.rest.end;
        }
        Some(field)
    }
}

/// The numbers of a packed list.
pub(super) fn packed(
    file: &[u8],
    at: Range<usize>,
) -> impl Iterator<Item = Result<u64, WireError>> {
    let mut list = Message::new(file, at);
    std::iter::from_fn(move || {
        if list.rest.is_empty() {
            return None;
        }
        let number = list.varint();
        if number.is_err() {
            list.rest.start = list.rest.end;
        }
        Some(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(bytes: &[u8]) -> Result<Vec<Field>, WireError> {
        Message::new(bytes, 0..bytes.len()).collect()
    }

    #[test]
    fn every_wire_type_is_a_place_or_a_number() {
        let bytes = b"\x08\x96\x01\x12\x02ab\x1d1234\x21abcdefgh\xa2\x06\x00";
        let expected = [
            (1, Value::Varint(150)),
            (2, Value::Bytes(5..7)),
            (3, Value::Fixed32(8..12)),
            (4, Value::Fixed64(13..21)),
            (100, Value::Bytes(24..24)),
        ];
        let expected = expected.map(|(number, value)| Field { number, value });
        assert_eq!(fields(bytes).unwrap(), expected);
        assert_eq!(fields(b"").unwrap(), []);
    }

    #[test]
    fn a_field_that_is_longer_than_its_message_is_told_with_its_place() {
        let error = fields(b"\x08\x01\x12\x05abcd").unwrap_err().to_string();
        assert_eq!(error, "at byte 2, field 2 claims 5 bytes and 4 are left");
        let huge = b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        assert!(matches!(fields(huge), Err(WireError::CutOff { .. })));
        assert!(matches!(fields(b"\x0d123"), Err(WireError::CutOff { .. })));
    }

    #[test]
    fn numbers_of_more_than_64_bits_or_without_an_end_are_errors() {
        let most = b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        assert_eq!(fields(most).unwrap()[0].value, Value::Varint(u64::MAX));
        let more = b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02";
        assert_eq!(fields(more), Err(WireError::LongNumber { at: 1 }));
        let longer = b"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00";
        assert_eq!(fields(longer), Err(WireError::LongNumber { at: 1 }));
        assert_eq!(fields(b"\x08\x80"), Err(WireError::Unfinished { at: 1 }));
    }

    #[test]
    fn groups_and_field_0_are_errors() {
        assert!(matches!(
            fields(b"\x0b\x0c"),
            Err(WireError::WireType { wire: 3, .. })
        ));
        assert!(matches!(
            fields(b"\x00\x00"),
            Err(WireError::FieldNumber { number: 0, .. })
        ));
    }
}
