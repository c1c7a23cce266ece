//! The members of a tar archive, one after another.

use std::io::{self, Write};

use super::header::{BLOCK, Block, Header, Kind};
use super::records::Records;
use super::source::Source;
use crate::text::printable;

/// Longest name, and most bytes of records about a member.
const MAX_RECORDS: u64 = 1 << 20;

/// Bytes that are copied at once.
const CHUNK: usize = 1 << 16;

/// How compressed files begin, and the program that decompresses them.
const COMPRESSED: [(&[u8], &str); 5] = [
    (&[0x1f, 0x8b], "gzip"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
    (&[0xfd, b'7', b'z', b'X', b'Z'], "xz"),
    (b"BZh", "bzip2"),
    (&[0x04, 0x22, 0x4d, 0x18], "lz4"),
];

/// A member that has the bytes of a file, or should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: Vec<u8>,
    /// Where its bytes begin in the archive.
    pub(super) start: u64,
    pub(super) size: u64,
    /// Why its bytes are not those of a file.
    pub(super) refusal: Option<&'static str>,
}

/// The members of an archive.
pub(super) struct Members<S> {
    source: S,
    /// Bytes of the archive that have been read or passed over.
    at: u64,
    /// Bytes of the current member that have not, and those that fill its last block.
    member: (u64, u64),
    /// The current member's name.
    name: Vec<u8>,
}

/// How copying a member ended.
pub(super) enum Copied {
    Whole,
    /// The archive cannot be read any further.
    Cut(String),
    /// The copy cannot be written any further.
    Full(io::Error),
}

impl<S: Source> Members<S> {
    pub(super) fn new(source: S) -> Self {
        Members {
            source,
            at: 0,
            member: (0, 0),
            name: Vec::new(),
        }
    }

    /// The next file or link; `None` at the end of the archive.
    ///
    /// # Errors
    /// Why the archive cannot be read any further.
    pub(super) fn next(&mut self) -> Result<Option<Member>, String> {
        let (mut long_name, mut records) = (None, Records::default());
        loop {
            self.pass_member()?;
            let place = self.at;
            let Some(block) = self.header()? else {
                self.check_end()?;
                return Ok(None);
            };
            let Some(mut header) = Header::read(&block) else {
                return Err(no_header(&block, place));
            };
            match header.kind {
                Kind::LongName => {
                    let bytes = self.records(&header, place)?;
                    let name = bytes.split(|&byte| byte == 0).next();
                    long_name = name.map(<[u8]>::to_vec);
                    continue;
                }
                Kind::Records => {
                    let bytes = self.records(&header, place)?;
                    records = Records::read(&bytes).ok_or_else(|| damaged(place))?;
                    continue;
                }
                Kind::Aside => {
                    self.begin(&header)?;
                    continue;
                }
                _ if header.has_more_holes => self.pass_holes()?,
                _ => {}
            }
            let of = std::mem::take(&mut records);
            if let Some(name) = of.name.or(long_name.take()) {
                header.name = name;
            }
            // Where they differ, this is the one that holds: headers have no room for 8 GiB and more.
            header.size = match header.kind {
                Kind::Link => 0,
                _ => of.size.unwrap_or(header.size),
            };
            let start = self.begin(&header)?;
            let refusal = match header.kind {
                Kind::Sparse => Some(SPARSE),
                Kind::File if of.is_sparse => Some(SPARSE),
                Kind::File => None,
                Kind::Link => Some("it is a link, and links in archives are not followed"),
                _ => continue,
            };
            return Ok(Some(Member {
                name: header.name,
                start,
                size: header.size,
                refusal,
            }));
        }
    }

    /// Looks whether all of the current member is there, where that is known without reading it.
    ///
    /// # Errors
    /// That it is not.
    pub(super) fn check(&self) -> Result<(), String> {
        match self.source.left() {
            Some(left) if left < self.member.0 => Err(self.cut()),
            _ => Ok(()),
        }
    }

    /// Copies the current member.
    pub(super) fn copy(&mut self, to: &mut impl Write) -> Copied {
        let mut chunk = vec![0; CHUNK];
        while self.member.0 > 0 {
            let most = (CHUNK as u64).min(self.member.0) as usize;
            let read = match self.source.read(&mut chunk[..most]) {
                Ok(0) => return Copied::Cut(self.cut()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Copied::Cut(unreadable(&error)),
            };
            self.at += read as u64;
            self.member.0 -= read as u64;
            if let Err(error) = to.write_all(&chunk[..read]) {
                return Copied::Full(error);
            }
        }
        Copied::Whole
    }

    /// Makes a header's member the current one; returns where it begins.
    fn begin(&mut self, header: &Header) -> Result<u64, String> {
        let (start, size) = (self.at, header.size);
        let filling = size.wrapping_neg() % BLOCK as u64;
        let end = size
            .checked_add(filling)
            .and_then(|all| all.checked_add(start));
        if end.is_none() {
            return Err(damaged(start - BLOCK as u64));
        }
        self.name.clone_from(&header.name);
        self.member = (size, filling);
        Ok(start)
    }

    /// Passes over what is left of the current member.
    fn pass_member(&mut self) -> Result<(), String> {
        let bytes = self.member.0 + self.member.1;
        let missing = self.source.pass(bytes);
        let missing = missing.map_err(|error| unreadable(&error))?;
        if missing > 0 {
            // Nothing of the member is missing where only the last block is not filled.
            self.member.0 = missing.saturating_sub(self.member.1);
            return Err(self.cut());
        }
        self.at += bytes;
        self.member = (0, 0);
        Ok(())
    }

    /// The next block; `None` for the one of zeros that ends an archive.
    fn header(&mut self) -> Result<Option<Block>, String> {
        let block = self.block()?;
        Ok((block != [0; BLOCK]).then_some(block))
    }

    fn block(&mut self) -> Result<Block, String> {
        let mut block = [0; BLOCK];
        let read = self.fill(&mut block)?;
        match (read, self.at) {
            (BLOCK, _) => Ok(block),
            (0, 0) => Err("it is empty".to_owned()),
            (read, at) if at == read as u64 => Err(no_header(&block, 0)),
            _ => Err(self.cut()),
        }
    }

    /// Reads until the buffer is full or there is no more.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, String> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.source.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(&error)),
            }
        }
        self.at += filled as u64;
        Ok(filled)
    }

    /// A long name, or records.
    fn records(&mut self, header: &Header, place: u64) -> Result<Vec<u8>, String> {
        if header.size > MAX_RECORDS {
            return Err(damaged(place));
        }
        self.begin(header)?;
        let mut bytes = Vec::new();
        match self.copy(&mut bytes) {
            Copied::Whole => Ok(bytes),
            Copied::Cut(reason) => Err(reason),
            Copied::Full(error) => Err(unreadable(&error)),
        }
    }

    fn pass_holes(&mut self) -> Result<(), String> {
        while self.block()?[504] != 0 {}
        Ok(())
    }

    /// Refuses what comes after the end: whoever joined archives wants all of them to be read.
    fn check_end(&mut self) -> Result<(), String> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let place = self.at;
            let read = self.fill(&mut chunk)?;
            if chunk[..read].iter().any(|&byte| byte != 0) {
                return Err(format!(
                    "more follows after its end, at byte {place} or later, as where archives are joined: give them one by one"
                ));
            }
            if read < CHUNK {
                return Ok(());
            }
        }
    }

    fn cut(&self) -> String {
        let within = match self.member.0 {
            0 => "before the mark of its end".to_owned(),
            _ => format!("within {}", printable(&String::from_utf8_lossy(&self.name))),
        };
        format!("it is cut off {within}")
    }
}

const SPARSE: &str =
    "it is a sparse file, whose holes are not in the archive: make the archive without `--sparse`";

fn no_header(block: &Block, place: u64) -> String {
    if place > 0 {
        return damaged(place);
    }
    let compressed = COMPRESSED
        .iter()
        .find(|(begin, _)| block.starts_with(begin));
    match compressed {
        Some((_, program)) => {
            format!("it is compressed: decompress it (`{program} -dc`), to a file or into a pipe")
        }
        None => "it is no tar archive".to_owned(),
    }
}

fn damaged(place: u64) -> String {
    format!("its header at byte {place} is damaged")
}

fn unreadable(error: &io::Error) -> String {
    format!("it cannot be read: {error}")
}
