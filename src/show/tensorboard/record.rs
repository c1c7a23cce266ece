//! TFRecord frames: length, checksum of the length, data, checksum of the data.

/// Appends one frame; all numbers are little-endian.
pub(super) fn append(out: &mut Vec<u8>, data: &[u8]) {
    let length = (data.len() as u64).to_le_bytes();
    out.extend(length);
    out.extend(masked_checksum(&length).to_le_bytes());
    out.extend(data);
    out.extend(masked_checksum(data).to_le_bytes());
}

/// CRC-32C, masked as TFRecord asks, because a CRC of data that contains CRCs is weak.
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
        append(&mut frame, b"123456789");
        assert_eq!(&frame[..8], &9u64.to_le_bytes());
        assert_eq!(&frame[12..21], b"123456789");
        // The check value of CRC-32C is 0xe3069283.
        let masked = 0xe306_9283_u32.rotate_right(15).wrapping_add(0xa282_ead8);
        assert_eq!(&frame[21..], &masked.to_le_bytes());
    }
}
