//! Pickle opcodes, all protocols, with their arguments borrowed from the stream.

/// An opcode, reduced to what a first pass needs to know.
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
    /// An integer of more than 64 bits.
    BigInt,
    /// MARK.
    Mark,
    /// POP, POP_MARK, DUP.
    Pop,
    PopMark,
    Dup,
    /// A tuple, list or set: of the top so many values, or of everything above the mark.
    Sequence(Option<usize>),
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
pub(super) enum OpError {
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
                version @ 0..=5 => {
                    let _ = version;
                    Op::Nothing
                }
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
            b'V' => Op::Text(self.line()?),
            b'S' => Op::Text(self.line()?.trim_ascii()),
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
            b')' | b']' | 0x8f => Op::Sequence(Some(0)),
            0x85 => Op::Sequence(Some(1)),
            0x86 => Op::Sequence(Some(2)),
            0x87 => Op::Sequence(Some(3)),
            b't' | b'l' | 0x91 => Op::Sequence(None),
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
            Err(_) if is_decimal(digits) => Ok(Op::BigInt),
            Err(_) => Err(OpError::Malformed(at)),
        }
    }
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// A little-endian two's complement integer.
fn long<'a>(bytes: &[u8]) -> Op<'a> {
    if bytes.len() > 8 {
        return Op::BigInt;
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
        assert_eq!(Ops::new(b"L18446744073709551616L\n").next(), Ok(Op::BigInt));
    }
}
