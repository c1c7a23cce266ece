//! Where the bytes of members are while their clips are waited for.

use std::io;
use std::sync::Arc;

use super::members::{Copied, Member, Members};
use super::source::Source;
use crate::clip::stored::{Holder, Part, Temporary};

/// Most bytes of one clip of a stream.
const MOST: u64 = 4 << 30;

/// How the members of an archive are kept.
pub(super) enum Keep {
    /// Where they are.
    InPlace(Arc<Holder>),
    /// In a temporary file for each clip, since a stream does not go back.
    Apart,
}

/// The bytes of a clip's members.
pub(super) enum Kept {
    InPlace(Arc<Holder>),
    Apart { file: Temporary, bytes: u64 },
}

/// How keeping a member ended.
pub(super) enum Keeping {
    /// Where it begins, and its bytes.
    Done(u64, u64),
    /// The archive cannot be read any further.
    Cut(String),
    /// This clip cannot be kept.
    Refused(String),
}

impl Keep {
    /// Room for the members of a clip.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn room(&self) -> Result<Kept, String> {
        match self {
            Keep::InPlace(holder) => Ok(Kept::InPlace(Arc::clone(holder))),
            Keep::Apart => {
                let file = Temporary::new().map_err(|error| no_room(&error))?;
                Ok(Kept::Apart { file, bytes: 0 })
            }
        }
    }
}

impl Kept {
    /// Keeps the current member.
    pub(super) fn add<S: Source>(&mut self, member: &Member, members: &mut Members<S>) -> Keeping {
        let Kept::Apart { file, bytes } = self else {
            return match members.check() {
                Ok(()) => Keeping::Done(member.start, member.size),
                Err(reason) => Keeping::Cut(reason),
            };
        };
        let start = *bytes;
        let all = start.saturating_add(member.size);
        if all > MOST {
            return Keeping::Refused(format!(
                "it has {all} bytes or more, and at most {MOST} of a clip are taken from a stream: name the archive's file"
            ));
        }
        match members.copy(file) {
            Copied::Whole => {
                *bytes = all;
                Keeping::Done(start, member.size)
            }
            Copied::Cut(reason) => Keeping::Cut(reason),
            Copied::Full(error) => Keeping::Refused(no_room(&error)),
        }
    }

    /// The file that the members are in.
    pub(super) fn holder(self) -> Arc<Holder> {
        match self {
            Kept::InPlace(holder) => holder,
            Kept::Apart { file, .. } => Arc::new(Holder::temporary(file)),
        }
    }
}

/// A part of a holder.
pub(super) fn part(holder: &Arc<Holder>, start: u64, length: u64) -> Part {
    Part {
        holder: Arc::clone(holder),
        start,
        length,
    }
}

fn no_room(error: &io::Error) -> String {
    let folder = std::env::temp_dir();
    format!("it cannot be kept in {}: {error}", folder.display())
}
