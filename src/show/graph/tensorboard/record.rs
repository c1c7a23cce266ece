//! TFRecord frames: length, checksum of the length, data, checksum of the data.

use std::io::{self, Write};

/// Writes one frame; all numbers are little-endian.
pub fn write(out: &mut dyn Write, data: &[u8]) -> io::Result<()> {
    let length = (data.len() as u64).to_le_bytes();
    out.write_all(&length)?;
    out.write_all(&masked_checksum(&length).to_le_bytes())?;
    out.write_all(data)?;
    out.write_all(&masked_checksum(data).to_le_bytes())
}

/// CRC-32C, rotated and shifted so that a checksum of data that holds checksums stays useful.
fn masked_checksum(data: &[u8]) -> u32 {
    const DELTA: u32 = 0xa282_ead8;
    crc32c::crc32c(data).rotate_right(15).wrapping_add(DELTA)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_carries_its_length_and_two_checksums() {
        let mut frame = Vec::new();
        write(&mut frame, b"123456789").unwrap();
        assert_eq!(&frame[..8], &9u64.to_le_bytes());
        assert_eq!(&frame[12..21], b"123456789");
        // The check value of CRC-32C is 0xe3069283.
        let masked = 0xe306_9283_u32.rotate_right(15).wrapping_add(0xa282_ead8);
        assert_eq!(&frame[21..], &masked.to_le_bytes());
    }
}
