//! One header of a tar archive: POSIX.1-1988 (ustar) and what GNU tar has beside it.

/// Bytes of a header, and what all parts of an archive are multiples of.
pub(super) const BLOCK: usize = 512;

/// A block.
pub(super) type Block = [u8; BLOCK];

/// What follows a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The bytes of a file.
    File,
    /// The bytes of a file without its holes.
    Sparse,
    /// Nothing: it is another name of a file.
    Link,
    /// The name of the next member, which has no room in its header.
    LongName,
    /// Records about the next member.
    Records,
    /// What a link leads to, or records about all members.
    Aside,
    /// Something else.
    Other,
}

/// A header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) name: Vec<u8>,
    /// Bytes that follow it, without those that fill the last block.
    pub(super) size: u64,
    /// Whether blocks with more holes come before those.
    pub(super) has_more_holes: bool,
}

impl Header {
    /// Reads a block; `None` for one that is no header.
    pub(super) fn read(block: &Block) -> Option<Self> {
        is_sound(block).then_some(())?;
        let is_ustar = block[257..].starts_with(b"ustar\0");
        let mut name = text(&block[..100]).to_vec();
        let prefix = text(&block[345..500]);
        if is_ustar && !prefix.is_empty() {
            name = [prefix, b"/", &name].concat();
        }
        let kind = match block[156] {
            b'0' | 0 | b'7' if name.ends_with(b"/") => Kind::Other,
            b'0' | 0 | b'7' => Kind::File,
            b'1' | b'2' => Kind::Link,
            b'S' => Kind::Sparse,
            b'L' => Kind::LongName,
            b'x' => Kind::Records,
            b'K' | b'g' => Kind::Aside,
            _ => Kind::Other,
        };
        // Links, devices, directories and pipes are nothing but their header, whatever size some programs state for them.
        let has_bytes = !matches!(block[156], b'1'..=b'6');
        let size = number(&block[124..136])?;
        Some(Header {
            kind,
            name,
            size: if has_bytes { size } else { 0 },
            has_more_holes: kind == Kind::Sparse && block[482] != 0,
        })
    }
}

/// Whether the sum of the block's bytes is the one that it states. Some old programs took them as numbers with a sign.
fn is_sound(block: &Block) -> bool {
    let Some(stated) = number(&block[148..156]) else {
        return false;
    };
    let bytes = || {
        let bytes = block.iter().enumerate();
        bytes.map(|(at, &byte)| if (148..156).contains(&at) { b' ' } else { byte })
    };
    let sum: u64 = bytes().map(u64::from).sum();
    let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
    stated == sum || i64::try_from(stated) == Ok(signed)
}

/// A field up to its first zero byte.
fn text(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// A number in octal digits, or, where it has more of them than there is room for, in binary behind a byte of 128.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] == 0x80 {
        let add = |number: u64, &byte: &u8| number.checked_mul(256)?.checked_add(byte.into());
        return field[1..].iter().try_fold(0, add);
    }
    let digits = text(field).trim_ascii();
    let add = |number: u64, &digit: &u8| match digit {
        b'0'..=b'7' => number.checked_mul(8)?.checked_add((digit - b'0').into()),
        _ => None,
    };
    digits.iter().try_fold(0, add)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of a file, as a program writes it.
    fn written(name: &str, size: u64, kind: tar::EntryType) -> tar::Header {
        let mut header = tar::Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_size(size);
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_cksum();
        header
    }

    fn read(header: &tar::Header) -> Header {
        Header::read(header.as_bytes()).unwrap()
    }

    #[test]
    fn names_sizes_and_kinds_are_read() {
        let file = written("a/b.mp4", 1 << 40, tar::EntryType::Regular);
        let expected = Header {
            kind: Kind::File,
            name: b"a/b.mp4".to_vec(),
            size: 1 << 40,
            has_more_holes: false,
        };
        assert_eq!(read(&file), expected);
        let long = format!("{}b.mp4", "folder/".repeat(20));
        let found = read(&written(&long, 1, tar::EntryType::Regular));
        assert_eq!(found.name, long.as_bytes());
        for (kind, expected, size) in [
            (tar::EntryType::Link, Kind::Link, 0),
            (tar::EntryType::Symlink, Kind::Link, 0),
            (tar::EntryType::Directory, Kind::Other, 0),
            (tar::EntryType::XHeader, Kind::Records, 9),
            (tar::EntryType::GNULongName, Kind::LongName, 9),
            (tar::EntryType::GNULongLink, Kind::Aside, 9),
            (tar::EntryType::GNUSparse, Kind::Sparse, 9),
        ] {
            let found = read(&written("a", 9, kind));
            assert_eq!((found.kind, found.size), (expected, size), "{kind:?}");
        }
    }

    #[test]
    fn what_is_no_header_is_told() {
        let file = written("a", 9, tar::EntryType::Regular);
        let mut damaged = *file.as_bytes();
        damaged[0] = b'b';
        assert_eq!(Header::read(&damaged), None);
        assert_eq!(Header::read(&[0; BLOCK]), None);
        assert_eq!(Header::read(&[b'7'; BLOCK]), None);
    }

    #[test]
    fn numbers_that_are_too_large_are_none() {
        assert_eq!(number(b"00000000017\0"), Some(15));
        assert_eq!(number(b"    17 \0"), Some(15));
        assert_eq!(number(&[0; 12]), Some(0));
        assert_eq!(number(b"0000000001x\0"), None);
        let mut binary = [0; 12];
        (binary[0], binary[11]) = (0x80, 5);
        assert_eq!(number(&binary), Some(5));
        binary[1] = 1;
        assert_eq!(number(&binary), None);
        // A negative number.
        assert_eq!(number(&[0xff; 12]), None);
    }
}
