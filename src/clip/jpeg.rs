//! Whether a JPEG file is all there.
//!
//! Decoders differ here: libjpeg, and so Pillow, refuses a file that ends before its end-of-image marker; the decoder used
//! here paints what is missing in grey. This walk over the markers restores the refusal.

/// Start of scan: after its header come entropy-coded bytes instead of a next segment.
const SOS: u8 = 0xDA;
/// End of image.
const EOI: u8 = 0xD9;

/// Looks for the end-of-image marker behind the image data (not the one of a thumbnail in the metadata).
///
/// `Err` says where the file ends.
pub(super) fn check_complete(bytes: &[u8]) -> Result<(), String> {
    let mut at = 2;
    let mut in_scan = false;
    while let Some(marker_at) = next_marker(bytes, at, in_scan) {
        match bytes[marker_at + 1] {
            EOI => return Ok(()),
            // TEM and restart markers stand alone.
            0x01 | 0xD0..=0xD7 => at = marker_at + 2,
            marker => {
                let Some(length) = bytes.get(marker_at + 2..marker_at + 4) else {
                    break;
                };
                at = marker_at + 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
                in_scan = marker == SOS;
            }
        }
    }
    let place = if in_scan { "image data" } else { "header" };
    Err(format!(
        "it ends inside the {place}, after {} bytes",
        bytes.len()
    ))
}

/// Position of the next `FF xx` that is a marker. In entropy-coded data `FF 00` is a byte of data; `FF FF` is filling.
fn next_marker(bytes: &[u8], from: usize, in_scan: bool) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let is_marker = |pair: &[u8]| {
        pair[0] == 0xFF
            && pair[1] != 0xFF
            && pair[1] != 0x00
            && !(in_scan && (0xD0..=0xD7).contains(&pair[1]))
    };
    Some(from + rest.windows(2).position(is_marker)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: [u8; 2] = [0xFF, 0xD8];
    const SCAN: [u8; 9] = [0xFF, 0xDA, 0x00, 0x03, 0x00, 0x12, 0xFF, 0x00, 0x34];

    fn file(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn a_file_with_its_end_marker_is_complete() {
        assert_eq!(
            check_complete(&file(&[&START, &SCAN, &[0xFF, 0xD0, 0x55], &[0xFF, EOI]])),
            Ok(())
        );
        assert_eq!(
            check_complete(&file(&[&START, &SCAN, &SCAN, &[0xFF, EOI, 0, 0]])),
            Ok(())
        );
    }

    #[test]
    fn the_end_of_a_thumbnail_does_not_count() {
        let thumbnail = [0xFF, 0xE1, 0x00, 0x06, 0xFF, 0xD8, 0xFF, 0xD9];
        let error = check_complete(&file(&[&START, &thumbnail, &SCAN])).unwrap_err();
        assert!(error.contains("image data"), "{error}");
    }

    #[test]
    fn a_file_that_ends_early_is_not_complete_wherever_it_ends() {
        let whole = file(&[&START, &SCAN, &[0xFF, EOI]]);
        for length in 2..whole.len() {
            assert!(check_complete(&whole[..length]).is_err(), "{length} bytes");
        }
    }
}
