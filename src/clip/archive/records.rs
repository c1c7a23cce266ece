//! Extended headers of POSIX.1-2001 (pax): records about the next member.

/// What they say that matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Records {
    pub(super) name: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    /// Whether the member's bytes are those of a file with holes.
    pub(super) is_sparse: bool,
}

impl Records {
    /// Reads records `LENGTH KEY=VALUE`, each ended by a line end that counts; `None` for anything else.
    pub(super) fn read(mut bytes: &[u8]) -> Option<Self> {
        let mut records = Records::default();
        while !bytes.is_empty() {
            let blank = bytes.iter().position(|&byte| byte == b' ')?;
            let length: usize = str::from_utf8(&bytes[..blank]).ok()?.parse().ok()?;
            let (record, rest) = bytes.split_at_checked(length)?;
            let record = record.get(blank + 1..)?.strip_suffix(b"\n")?;
            let equals = record.iter().position(|&byte| byte == b'=')?;
            records.add(&record[..equals], &record[equals + 1..])?;
            bytes = rest;
        }
        Some(records)
    }

    fn add(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        match key {
            b"path" => self.name = Some(value.to_vec()),
            // The name that the archive shows of such a file is made up.
            b"GNU.sparse.name" => {
                self.is_sparse = true;
                self.name = Some(value.to_vec());
            }
            b"size" => self.size = Some(str::from_utf8(value).ok()?.parse().ok()?),
            _ => self.is_sparse |= key.starts_with(b"GNU.sparse."),
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sizes_and_holes_are_read() {
        let records = b"19 path=folder/a=b\n16 size=9000000\n13 mtime=0.5\n".as_slice();
        let expected = Records {
            name: Some(b"folder/a=b".to_vec()),
            size: Some(9_000_000),
            is_sparse: false,
        };
        assert_eq!(Records::read(records), Some(expected));
        let sparse = Records::read(b"22 GNU.sparse.major=1\n").unwrap();
        assert!(sparse.is_sparse);
    }

    #[test]
    fn what_is_no_record_is_told() {
        let wrong: [&[u8]; 6] = [
            b"path=a\n",
            b"99 path=a\n",
            b"11 path=a\n",
            b"9 path=ab",
            b"2 \n",
            b"11 size=-1\n",
        ];
        for bytes in wrong {
            let shown = String::from_utf8_lossy(bytes);
            assert_eq!(Records::read(bytes), None, "{shown}");
        }
    }
}
