//! The central directory of a zip archive: what it holds, and where.
//!
//! Only the directory is believed. PyTorch leaves sizes and checksums out of the headers beside the data, which serve for
//! nothing but to say where the data starts.

use std::collections::HashSet;
use std::ops::Range;

use super::stored::{Packing, Storage};

/// A record of the archive.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) name: String,
    pub(super) encrypted: bool,
    method: u16,
    checksum: u32,
    packed: u64,
    /// Its size, unpacked.
    pub(super) size: u64,
    header: u64,
}

/// Why an archive cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DirectoryError {
    /// The end of the archive is not there.
    CutOff(&'static str),
    /// It contradicts itself as no writer of archives does.
    Lies(&'static str),
}

use DirectoryError::{CutOff, Lies};

const END: &[u8] = b"PK\x05\x06";
const END_SIZE: usize = 22;
const END_64: &[u8] = b"PK\x06\x06";
const END_64_SIZE: usize = 56;
const LOCATOR: &[u8] = b"PK\x06\x07";
const LOCATOR_SIZE: usize = 20;
const HEADER: &[u8] = b"PK\x01\x02";
const HEADER_SIZE: usize = 46;
const LOCAL: &[u8] = b"PK\x03\x04";
const LOCAL_SIZE: usize = 30;
/// What stands in a field of 32 bits when the value is in a zip64 record.
const IN_ZIP64: u64 = 0xffff_ffff;

/// Lists the records of the archive in the bytes of the file.
pub(super) fn records(archive: &[u8]) -> Result<Vec<Record>, DirectoryError> {
    let (count, at) = directory(archive)?;
    let mut rest = archive.get(at).ok_or(CutOff("its directory is missing"))?;
    let mut records = Vec::new();
    let mut names = HashSet::new();
    while !rest.is_empty() {
        let (record, len) = record(rest).ok_or(CutOff("its directory is damaged"))?;
        if !names.insert(record.name.clone()) {
            return Err(Lies("two records have the same name"));
        }
        records.push(record);
        rest = &rest[len..];
    }
    match records.len() as u64 == count {
        true => Ok(records),
        false => Err(Lies("its directory has another length than it says")),
    }
}

/// Number of records, and where the directory is.
fn directory(archive: &[u8]) -> Result<(u64, Range<usize>), DirectoryError> {
    const NO_END: DirectoryError = CutOff("the end of the archive is missing");
    // The end record is followed by a comment of up to 64 KB, whose length it tells.
    let first = archive.len().saturating_sub(END_SIZE + 0xffff);
    let end = (first..=archive.len().saturating_sub(END_SIZE))
        .rev()
        .find(|&at| {
            let comment = number::<2>(archive, at + 20);
            archive[at..].starts_with(END)
                && comment.is_some_and(|len| at + END_SIZE + len as usize == archive.len())
        })
        .ok_or(NO_END)?;
    let field = |at| number::<4>(archive, end + at).ok_or(NO_END);
    let count = number::<2>(archive, end + 10).ok_or(NO_END)?;
    let (size, offset) = (field(12)?, field(16)?);
    let (count, size, offset, before) = if count == 0xffff || size == IN_ZIP64 || offset == IN_ZIP64
    {
        let at = end_64(archive, end).ok_or(CutOff("its zip64 directory is missing"))?;
        let field = |place| number::<8>(archive, at + place).ok_or(NO_END);
        (field(32)?, field(40)?, field(48)?, at)
    } else {
        (count, size, offset, end)
    };
    let range = range(offset, size).filter(|range| range.end <= before);
    Ok((
        count,
        range.ok_or(Lies("its directory is not where it says"))?,
    ))
}

/// Where the zip64 end record is that the locator before `end` tells of.
fn end_64(archive: &[u8], end: usize) -> Option<usize> {
    let locator = end.checked_sub(LOCATOR_SIZE)?;
    if !archive.get(locator..)?.starts_with(LOCATOR) {
        return None;
    }
    let at = usize::try_from(number::<8>(archive, locator + 8)?).ok()?;
    let fits = at.checked_add(END_64_SIZE)? <= locator;
    (fits && archive.get(at..)?.starts_with(END_64)).then_some(at)
}

/// The record at the start of `directory`, and the length of its header.
fn record(directory: &[u8]) -> Option<(Record, usize)> {
    if !directory.starts_with(HEADER) {
        return None;
    }
    let short = |at| number::<2>(directory, at);
    let long = |at| number::<4>(directory, at);
    let (name_len, extra_len, comment) = (short(28)? as usize, short(30)? as usize, short(32)?);
    let name = directory.get(HEADER_SIZE..)?.get(..name_len)?;
    let extra = directory.get(HEADER_SIZE + name_len..)?.get(..extra_len)?;
    let len = HEADER_SIZE + name_len + extra_len + comment as usize;
    directory.get(..len)?;
    let mut wide = zip64_field(extra).unwrap_or_default();
    let mut widened = |value: u64| match value {
        IN_ZIP64 => {
            let (value, rest) = wide.split_first_chunk()?;
            wide = rest;
            Some(u64::from_le_bytes(*value))
        }
        value => Some(value),
    };
    // The field holds those of the values that do not fit, in this order.
    let (size, packed, header) = (
        widened(long(24)?)?,
        widened(long(20)?)?,
        widened(long(42)?)?,
    );
    let record = Record {
        name: String::from_utf8_lossy(name).into_owned(),
        encrypted: short(8)? & 1 != 0,
        method: short(10)? as u16,
        checksum: long(16)? as u32,
        packed,
        size,
        header,
    };
    Some((record, len))
}

/// The zip64 field among the extra fields of a header.
fn zip64_field(mut extra: &[u8]) -> Option<&[u8]> {
    loop {
        let (id, len) = (number::<2>(extra, 0)?, number::<2>(extra, 2)? as usize);
        let field = extra.get(4..)?.get(..len)?;
        if id == 1 {
            return Some(field);
        }
        extra = &extra[4 + len..];
    }
}

impl Record {
    /// The last part of its name.
    pub(super) fn file_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }

    /// Where its bytes are. `None` when they are not in the archive.
    pub(super) fn storage(&self, archive: &[u8]) -> Option<Storage> {
        let header = usize::try_from(self.header).ok()?;
        if !archive.get(header..)?.starts_with(LOCAL) {
            return None;
        }
        let name = number::<2>(archive, header + 26)?;
        let extra = number::<2>(archive, header + 28)?;
        let start = self.header + LOCAL_SIZE as u64 + name + extra;
        let at = range(start, self.packed).filter(|at| at.end <= archive.len())?;
        let packing = match self.method {
            0 if self.size == self.packed => Packing::Plain,
            8 => Packing::Deflated(usize::try_from(self.size).ok()?),
            method => Packing::Unknown(method),
        };
        // A checksum of zero means that none was computed, as torch.save can be told to do.
        Some(Storage::new(
            at,
            packing,
            Some(self.checksum).filter(|&sum| sum != 0),
        ))
    }
}

fn range(start: u64, len: u64) -> Option<Range<usize>> {
    let end = usize::try_from(start.checked_add(len)?).ok()?;
    Some(usize::try_from(start).ok()?..end)
}

/// A little-endian number of `N` bytes.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let field = bytes.get(at..)?.first_chunk::<N>()?;
    Some(
        field
            .iter()
            .rev()
            .fold(0, |number, &byte| number << 8 | u64::from(byte)),
    )
}
