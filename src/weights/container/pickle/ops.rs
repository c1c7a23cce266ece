//! Pickle opcodes, all protocols, with their arguments borrowed from the stream.

use super::values::SequenceKind;

/// An opcode, reduced to what it does to the stack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Op<'a> {
    /// PROTO, FRAME: no effect.
    Nothing,
    Stop,
    /// A constant.
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    /// An integer of more than 64 bits, or text with escapes (protocols 0 and 1 only).
    Uninterpreted,
    /// MARK.
    Mark,
    /// POP, POP_MARK, DUP.
    Pop,
    PopMark,
    Dup,
    /// A tuple, list or set: of the top so many values, or of everything above the mark.
    Sequence(SequenceKind, Option<usize>),
    /// APPEND, or APPENDS and ADDITEMS.
    Append,
    Appends,
    EmptyDict,
    /// DICT: a dictionary of everything above the mark.
    Dict,
    SetItem,
    SetItems,
    Get(u32),
    Put(u32),
    Memoize,
    /// A class or function, by module and name.
    Global(&'a [u8], &'a [u8]),
    StackGlobal,
    /// INST: a class by module and name, called with everything above the mark.
    Inst(&'a [u8], &'a [u8]),
    /// OBJ: everything above the mark is class, then arguments.
    Obj,
    Reduce,
    NewObj,
    NewObjEx,
    Build,
    /// A persistent id on the stack, or in the stream.
    PersId,
    PersIdText,
}

/// Why a stream is no pickle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::weights::container) enum OpError {
    #[error("the pickle ends in the middle, at byte {0}")]
    Truncated(usize),
    #[error("byte {at} is no pickle opcode (0x{byte:02x})")]
    Unknown { at: usize, byte: u8 },
    #[error("a malformed number or text at byte {0}")]
    Malformed(usize),
    #[error("pickle protocol {0}, which does not exist")]
    Protocol(u8),
}

/// Reads opcodes off a stream.
#[derive(Debug, Clone)]
pub(super) struct Ops<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Ops<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], OpError> {
        let end = self
            .at
            .checked_add(len)
            .ok_or(OpError::Truncated(self.at))?;
        let taken = self
            .bytes
            .get(self.at..end)
            .ok_or(OpError::Truncated(self.at))?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], OpError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn byte(&mut self) -> Result<usize, OpError> {
        self.array::<1>().map(|b| usize::from(b[0]))
    }

    fn u32(&mut self) -> Result<u32, OpError> {
        self.array().map(u32::from_le_bytes)
    }

    /// A block whose length comes first, in four bytes.
    fn block4(&mut self) -> Result<&'a [u8], OpError> {
        let len = self.u32()? as usize;
        self.take(len)
    }

    /// A block whose length comes first, in eight bytes.
    fn block8(&mut self) -> Result<&'a [u8], OpError> {
        let len = self.array().map(u64::from_le_bytes)?;
        self.take(usize::try_from(len).map_err(|_| OpError::Truncated(self.at))?)
    }

    fn block1(&mut self) -> Result<&'a [u8], OpError> {
        let len = self.byte()?;
        self.take(len)
    }

    fn line(&mut self) -> Result<&'a [u8], OpError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len = rest
            .iter()
            .position(|&b| b == b'\n')
            .ok_or(OpError::Truncated(self.at))?;
        let line = self.take(len + 1)?;
        Ok(line.trim_ascii_end())
    }

    fn number<T: std::str::FromStr>(&mut self) -> Result<T, OpError> {
        let at = self.at;
        let line = self.line()?;
        let text = std::str::from_utf8(line)
            .ok()
            .map(|t| t.strip_suffix('L').unwrap_or(t));
        text.and_then(|text| text.parse().ok())
            .ok_or(OpError::Malformed(at))
    }

    /// The next opcode.
    pub(super) fn next(&mut self) -> Result<Op<'a>, OpError> {
        let at = self.at;
        let byte = self.array::<1>()?[0];
        Ok(match byte {
            0x80 => match self.byte()? as u8 {
                0..=5 => Op::Nothing,
                version => return Err(OpError::Protocol(version)),
            },
            0x95 => self.array::<8>().map(|_| Op::Nothing)?,
            b'.' => Op::Stop,
            b'N' => Op::None,
            0x88 => Op::Bool(true),
            0x89 => Op::Bool(false),
            b'I' | b'L' => self.text_int(at)?,
            b'J' => Op::Int(self.array().map(i32::from_le_bytes)?.into()),
            b'K' => Op::Int(self.byte()? as i64),
            b'M' => Op::Int(self.array().map(u16::from_le_bytes)?.into()),
            0x8a => long(self.block1()?),
            0x8b => long(self.block4()?),
            b'F' => Op::Float(self.number()?),
            b'G' => Op::Float(self.array().map(f64::from_be_bytes)?),
            b'V' => unescaped(self.line()?),
            b'S' => quoted(self.line()?).ok_or(OpError::Malformed(at))?,
            b'X' => Op::Text(self.block4()?),
            0x8c => Op::Text(self.block1()?),
            0x8d => Op::Text(self.block8()?),
            b'U' => Op::Text(self.block1()?),
            b'T' => Op::Text(self.block4()?),
            b'B' => Op::Bytes(self.block4()?),
            b'C' => Op::Bytes(self.block1()?),
            0x8e | 0x96 => Op::Bytes(self.block8()?),
            b'(' => Op::Mark,
            b'0' => Op::Pop,
            b'1' => Op::PopMark,
            b'2' => Op::Dup,
            b')' => Op::Sequence(SequenceKind::Tuple, Some(0)),
            0x85 => Op::Sequence(SequenceKind::Tuple, Some(1)),
            0x86 => Op::Sequence(SequenceKind::Tuple, Some(2)),
            0x87 => Op::Sequence(SequenceKind::Tuple, Some(3)),
            b't' => Op::Sequence(SequenceKind::Tuple, None),
            b']' => Op::Sequence(SequenceKind::List, Some(0)),
            b'l' => Op::Sequence(SequenceKind::List, None),
            0x8f => Op::Sequence(SequenceKind::Set, Some(0)),
            0x91 => Op::Sequence(SequenceKind::Set, None),
            b'a' => Op::Append,
            b'e' | 0x90 => Op::Appends,
            b'}' => Op::EmptyDict,
            b'd' => Op::Dict,
            b's' => Op::SetItem,
            b'u' => Op::SetItems,
            b'g' => Op::Get(self.number()?),
            b'h' => Op::Get(self.byte()? as u32),
            b'j' => Op::Get(self.u32()?),
            b'p' => Op::Put(self.number()?),
            b'q' => Op::Put(self.byte()? as u32),
            b'r' => Op::Put(self.u32()?),
            0x94 => Op::Memoize,
            b'c' => Op::Global(self.line()?, self.line()?),
            b'i' => Op::Inst(self.line()?, self.line()?),
            0x93 => Op::StackGlobal,
            b'o' => Op::Obj,
            b'R' => Op::Reduce,
            0x81 => Op::NewObj,
            0x92 => Op::NewObjEx,
            b'b' => Op::Build,
            b'Q' => Op::PersId,
            b'P' => self.line().map(|_| Op::PersIdText)?,
            byte => return Err(OpError::Unknown { at, byte }),
        })
    }

    /// INT and LONG, where INT also spells booleans.
    fn text_int(&mut self, at: usize) -> Result<Op<'a>, OpError> {
        let line = self.line()?;
        if line == b"00" || line == b"01" {
            return Ok(Op::Bool(line == b"01"));
        }
        let text = std::str::from_utf8(line).map_err(|_| OpError::Malformed(at))?;
        let digits = text.strip_suffix('L').unwrap_or(text);
        match digits.parse() {
            Ok(value) => Ok(Op::Int(value)),
            Err(_) if is_decimal(digits) => Ok(Op::Uninterpreted),
            Err(_) => Err(OpError::Malformed(at)),
        }
    }
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Text of a STRING line, which stands between quotes.
fn quoted<'a>(line: &'a [u8]) -> Option<Op<'a>> {
    let line = line.trim_ascii();
    let quote = *line.first().filter(|quote| b"'\"".contains(quote))?;
    let inner = line.get(1..)?.strip_suffix(&[quote])?;
    Some(unescaped(inner))
}

/// Text in which everything beyond ASCII would be escaped or encoded.
fn unescaped(text: &[u8]) -> Op<'_> {
    if text.is_ascii() && !text.contains(&b'\\') {
        Op::Text(text)
    } else {
        Op::Uninterpreted
    }
}

/// A little-endian two's complement integer.
fn long<'a>(bytes: &[u8]) -> Op<'a> {
    if bytes.len() > 8 {
        return Op::Uninterpreted;
    }
    let negative = bytes.last().is_some_and(|&b| b & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    Op::Int(i64::from_le_bytes(wide))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_beyond_the_stream_is_truncation_and_allocates_nothing() {
        for op in [
            &b"X\xff\xff\xff\xff"[..],
            b"\x8b\x00\x00\x00\x80",
            b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert!(
                matches!(Ops::new(op).next(), Err(OpError::Truncated(_))),
                "{op:?}"
            );
        }
    }

    #[test]
    fn text_of_protocol_0_loses_its_quotes_and_is_left_alone_when_it_has_escapes() {
        for op in [&b"S'ab'\n"[..], b"S\"ab\"\n", b"Vab\n"] {
            assert_eq!(Ops::new(op).next(), Ok(Op::Text(b"ab")), "{op:?}");
        }
        for op in [&b"S'a\\n'\n"[..], b"Va\\u00e9\n", b"Va\xe9\n"] {
            assert_eq!(Ops::new(op).next(), Ok(Op::Uninterpreted), "{op:?}");
        }
        assert_eq!(Ops::new(b"Sab\n").next(), Err(OpError::Malformed(0)));
    }

    #[test]
    fn integers_of_every_spelling_read_alike() {
        for op in [
            &b"I-3\n"[..],
            b"L-3L\n",
            b"J\xfd\xff\xff\xff",
            b"\x8a\x01\xfd",
            b"\x8b\x02\0\0\0\xfd\xff",
        ] {
            assert_eq!(Ops::new(op).next(), Ok(Op::Int(-3)), "{op:?}");
        }
        assert_eq!(
            Ops::new(b"L18446744073709551616L\n").next(),
            Ok(Op::Uninterpreted)
        );
    }
}
