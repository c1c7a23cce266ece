//! Coded video, bit by bit: numbers, and where units begin.

/// Reads bits from the most significant one. Past the end it reads zeros and remembers that.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
    is_past_end: bool,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Bits {
            bytes,
            position: 0,
            is_past_end: false,
        }
    }

    /// Whether more was read than there is.
    pub(super) fn is_past_end(&self) -> bool {
        self.is_past_end
    }

    pub(super) fn flag(&mut self) -> bool {
        self.number(1) == 1
    }

    /// A number of `count` bits, at most 32.
    pub(super) fn number(&mut self, count: u32) -> u32 {
        (0..count).fold(0, |number, _| (number << 1) | self.bit())
    }

    pub(super) fn skip(&mut self, count: usize) {
        self.position = self.position.saturating_add(count);
        self.is_past_end |= self.position > self.bytes.len() * 8;
    }

    /// An Exp-Golomb code without sign, `ue(v)` (ITU-T H.264, 9.1); AV1's `uvlc()` is the same.
    pub(super) fn exp_golomb(&mut self) -> u32 {
        let mut zeros = 0;
        while self.bit() == 0 {
            zeros += 1;
            if zeros > 31 || self.is_past_end {
                self.is_past_end = true;
                return 0;
            }
        }
        (1 << zeros) - 1 + self.number(zeros)
    }

    /// An Exp-Golomb code with sign, `se(v)` (ITU-T H.264, 9.1.1).
    pub(super) fn signed_exp_golomb(&mut self) -> i64 {
        let code = i64::from(self.exp_golomb());
        match code % 2 {
            1 => (code + 1) / 2,
            _ => -code / 2,
        }
    }

    fn bit(&mut self) -> u32 {
        let Some(byte) = self.bytes.get(self.position / 8) else {
            self.is_past_end = true;
            return 0;
        };
        let bit = (byte >> (7 - self.position % 8)) & 1;
        self.position += 1;
        u32::from(bit)
    }
}

/// How the units of a packet are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Each begins with 00 00 01 (ITU-T H.264, annex B).
    StartCodes,
    /// Each is preceded by its length, in this many bytes (ISO/IEC 14496-15, 5.3.3).
    Lengths(usize),
}

impl Framing {
    /// The units of a packet, none of them empty; `None` when the packet is not divided like this.
    pub(super) fn units(self, packet: &[u8]) -> Option<Vec<&[u8]>> {
        match self {
            Framing::StartCodes => Some(behind_start_codes(packet)),
            Framing::Lengths(size) => behind_lengths(packet, size),
        }
    }
}

fn behind_lengths(mut packet: &[u8], size: usize) -> Option<Vec<&[u8]>> {
    let mut units = Vec::new();
    while !packet.is_empty() {
        let (length, rest) = packet.split_at_checked(size)?;
        let length = length
            .iter()
            .fold(0, |length, &byte| (length << 8) | usize::from(byte));
        let (unit, rest) = rest.split_at_checked(length)?;
        if !unit.is_empty() {
            units.push(unit);
        }
        packet = rest;
    }
    Some(units)
}

fn behind_start_codes(packet: &[u8]) -> Vec<&[u8]> {
    let mut begins = Vec::new();
    let mut at = 0;
    while at + 3 <= packet.len() {
        match &packet[at..at + 3] {
            [0, 0, 1] => {
                begins.push(at + 3);
                at += 3;
            }
            // Nor can one begin at the next two bytes.
            [_, _, last] if *last > 1 => at += 3,
            _ => at += 1,
        }
    }
    let ends = begins.iter().skip(1).map(|next| next - 3);
    let ends = ends.chain([packet.len()]);
    begins
        .iter()
        .zip(ends)
        .map(|(&begin, end)| &packet[begin..end])
        .filter(|unit| !unit.is_empty())
        .collect()
}

/// A unit without the bytes that keep start codes from appearing in it (ITU-T H.264, 7.4.1.1).
pub(super) fn unescaped(unit: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(unit.len());
    let mut zeros = 0;
    for &byte in unit {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        bytes.push(byte);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_the_end_is_noticed() {
        // 1, 010, 00110 and 010 are 0, 1, 5 and 1; with a sign 5 is 3.
        let mut bits = Bits::new(&[0b1010_0011, 0b0010_0000]);
        assert_eq!((bits.exp_golomb(), bits.exp_golomb()), (0, 1));
        assert_eq!((bits.signed_exp_golomb(), bits.signed_exp_golomb()), (3, 1));
        assert!(!bits.is_past_end());
        bits.number(8);
        assert!(bits.is_past_end());
    }

    #[test]
    fn units_are_found_behind_start_codes_and_lengths() {
        let marked = [0, 0, 0, 1, 9, 8, 0, 0, 1, 7, 0, 0, 1];
        let units = Framing::StartCodes.units(&marked).unwrap();
        // The zero before the next start code belongs to that, or to nobody.
        assert_eq!(units, [&[9, 8][..], &[7]]);
        let counted = [0, 2, 9, 8, 0, 0, 0, 1, 7];
        let units = Framing::Lengths(2).units(&counted).unwrap();
        assert_eq!(units, [&[9, 8][..], &[7]]);
        assert_eq!(Framing::Lengths(2).units(&[0, 3, 9, 8]), None);
        assert_eq!(Framing::Lengths(4).units(&[0, 3]), None);
    }

    #[test]
    fn escaping_bytes_are_left_out() {
        assert_eq!(
            unescaped(&[0, 0, 3, 1, 0, 0, 3, 0, 3]),
            [0, 0, 1, 0, 0, 0, 3]
        );
    }
}
