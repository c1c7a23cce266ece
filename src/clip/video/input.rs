//! A video that is to be opened: what it is called, and where it is.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::protocol::Location;
use crate::clip::address::Address;
use crate::clip::stored::Part;

/// What an address is read with, and what it may lead to. Neither files nor anything else of this machine are among them, whatever a
/// server or a playlist says. `httpproxy` is the way through a proxy that the environment names.
const NETWORK: &str = "https,http,tls,tcp,httpproxy";

/// A video that is to be opened.
#[derive(Clone, Debug)]
pub(in crate::clip) struct Input {
    name: PathBuf,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    File,
    Part(Part),
    Address(Address),
}

impl Input {
    /// The file at a path.
    pub(in crate::clip) fn file(path: &Path) -> Self {
        Input {
            name: path.to_path_buf(),
            place: Place::File,
        }
    }

    /// Some of the bytes of a file.
    pub(in crate::clip) fn part(name: &Path, part: Part) -> Self {
        Input {
            name: name.to_path_buf(),
            place: Place::Part(part),
        }
    }

    /// What is behind an address.
    pub(in crate::clip) fn address(name: &Path, address: Address) -> Self {
        Input {
            name: name.to_path_buf(),
            place: Place::Address(address),
        }
    }

    /// What it is called.
    pub(super) fn name(&self) -> &Path {
        &self.name
    }

    /// Whether it is behind an address.
    pub(super) fn is_remote(&self) -> bool {
        matches!(self.place, Place::Address(_))
    }

    /// Where it is on this machine.
    pub(super) fn location(&self) -> Option<Location> {
        let (file, part, serial) = match &self.place {
            Place::File => (&*self.name, None, 0),
            Place::Part(part) => (
                part.holder.path(),
                Some((part.start, part.start.saturating_add(part.length))),
                part.holder.serial(),
            ),
            Place::Address(_) => return None,
        };
        Some(Location {
            file: file.as_os_str().as_encoded_bytes().to_vec(),
            part,
            serial,
        })
    }

    /// What the ffmpeg program calls it.
    pub(super) fn url(&self) -> OsString {
        let file = match &self.place {
            Place::File => &*self.name,
            Place::Part(part) => part.holder.path(),
            Place::Address(address) => return address.secret().into(),
        };
        let protocol = self.location().map(|location| location.protocol());
        let mut url = OsString::from(protocol.unwrap_or_default());
        url.push(file);
        url
    }

    /// The protocols that it may be read with.
    pub(super) fn protocols(&self) -> &'static str {
        self.location()
            .map_or(NETWORK, |location| location.protocols())
    }

    /// What a program says about it, without what is secret in its address.
    pub(super) fn shown(&self, said: String) -> String {
        match &self.place {
            Place::Address(address) => address.hidden_in(&said),
            _ => said,
        }
    }

    /// Its first bytes, and how many there are in all; `None` where they cannot be read, or are behind an address.
    pub(super) fn head<const BYTES: usize>(&self) -> Option<([u8; BYTES], u64)> {
        let (start, end) = self.location()?.part.unwrap_or((0, u64::MAX));
        let file = match &self.place {
            Place::Part(part) => part.holder.path(),
            _ => &self.name,
        };
        let mut file = File::open(file).ok()?;
        let end = end.min(file.metadata().ok()?.len());
        file.seek(SeekFrom::Start(start)).ok()?;
        let mut head = [0; BYTES];
        file.read_exact(&mut head).ok()?;
        Some((head, end.saturating_sub(start)))
    }
}
