//! Texts as Windows writes them: with a byte order mark, or in UTF-16.

/// A text without its byte order mark, and with UTF-16 turned into UTF-8; other bytes as they are. `None` for damaged
/// UTF-16.
pub fn without_mark(bytes: Vec<u8>) -> Option<Vec<u8>> {
    let order: fn([u8; 2]) -> u16 = match bytes[..] {
        [0xEF, 0xBB, 0xBF, ..] => return Some(bytes[3..].to_vec()),
        [0xFF, 0xFE, ..] => u16::from_le_bytes,
        [0xFE, 0xFF, ..] => u16::from_be_bytes,
        _ => return Some(bytes),
    };
    let (pairs, []) = bytes[2..].as_chunks() else {
        return None;
    };
    let text = char::decode_utf16(pairs.iter().copied().map(order)).collect::<Result<String, _>>();
    text.ok().map(String::into_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_of_a_text_reads_the_same() {
        let text = "ä, 𝄞";
        let wide = |order: fn(u16) -> [u8; 2]| {
            let marked = format!("\u{feff}{text}");
            marked.encode_utf16().flat_map(order).collect::<Vec<u8>>()
        };
        for bytes in [
            text.as_bytes().to_vec(),
            format!("\u{feff}{text}").into_bytes(),
            wide(u16::to_le_bytes),
            wide(u16::to_be_bytes),
        ] {
            assert_eq!(without_mark(bytes).as_deref(), Some(text.as_bytes()));
        }
        let latin = b"caf\xe9";
        assert_eq!(without_mark(latin.to_vec()).as_deref(), Some(&latin[..]));
        assert_eq!(without_mark(vec![0xFF, 0xFE, 0x61]), None);
        assert_eq!(without_mark(vec![0xFF, 0xFE, 0x00, 0xD8]), None);
    }
}
