//! The frames of one clip, while they come.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use super::keep::{Keep, Keeping, Kept, part};
use super::members::{Member, Members};
use super::names;
use super::source::Source;
use crate::clip::series::has_series;
use crate::clip::stored::{Stored, StoredFrame};

/// Frames that follow each other.
pub(super) struct Group {
    /// The clip's name in the archive.
    pub(super) clip: Vec<u8>,
    frames: Vec<Found>,
    kept: Option<Kept>,
    /// Why it cannot be read.
    refusal: Option<String>,
    /// Whether there are videos in the same folder.
    pub(super) is_beside_videos: bool,
}

struct Found {
    name: Vec<u8>,
    start: u64,
    length: u64,
}

impl Group {
    pub(super) fn new(clip: &[u8], keep: &Keep) -> Self {
        let (kept, refusal) = match keep.room() {
            Ok(kept) => (Some(kept), None),
            Err(reason) => (None, Some(reason)),
        };
        Group {
            clip: clip.to_vec(),
            frames: Vec::new(),
            kept,
            refusal,
            is_beside_videos: false,
        }
    }

    /// Whether it has any frames.
    pub(super) fn has_begun(&self) -> bool {
        !self.frames.is_empty()
    }

    /// Adds the current member.
    ///
    /// # Errors
    /// Why the archive cannot be read any further.
    pub(super) fn add<S: Source>(
        &mut self,
        member: &Member,
        members: &mut Members<S>,
    ) -> Result<(), String> {
        let name = names::plain(&member.name);
        if let Some(refusal) = member.refusal {
            let shown = String::from_utf8_lossy(names::file(name)).into_owned();
            self.refusal.get_or_insert(format!("{shown}: {refusal}"));
        }
        let Some(kept) = self.kept.as_mut().filter(|_| self.refusal.is_none()) else {
            // One that is not whole has to be known all the same.
            self.frames.clear();
            return Ok(());
        };
        match kept.add(member, members) {
            Keeping::Done(start, length) => self.frames.push(Found {
                name: name.to_vec(),
                start,
                length,
            }),
            Keeping::Refused(reason) => self.refusal = Some(reason),
            Keeping::Cut(reason) => return Err(reason),
        }
        Ok(())
    }

    /// Drops the images of a sample, which has a video.
    pub(super) fn forget(&mut self, key: &[u8]) {
        let is_of_it = |found: &Found| names::key(&found.name).is_some_and(|(of, _)| of == key);
        self.frames.retain(|found| !is_of_it(found));
    }

    /// The clip, or how many images there are that are none.
    pub(super) fn finish(self, archive: &Path) -> Result<Stored, usize> {
        if let Some(reason) = self.refusal {
            return Ok(Stored::Unreadable(reason.into()));
        }
        let os = |found: &Found| names::os(names::file(&found.name)).into_owned();
        let files: Vec<OsString> = self.frames.iter().map(os).collect();
        let Some(kept) = self.kept.filter(|_| !files.is_empty()) else {
            return Err(0);
        };
        // As in directories: a picture or two beside videos are there to be looked at.
        if self.is_beside_videos && !has_series(&files) {
            return Err(files.len());
        }
        let first = self.frames.first().map_or(&[][..], |found| &found.name[..]);
        let folder = match names::folder(first) {
            [] => archive.to_path_buf(),
            folder => names::inside(archive, folder),
        };
        let holder = kept.holder();
        let frames = files.into_iter().zip(&self.frames);
        let frames: Arc<[StoredFrame]> = frames
            .map(|(name, found)| StoredFrame {
                name,
                part: part(&holder, found.start, found.length),
            })
            .collect();
        Ok(Stored::Frames { folder, frames })
    }
}
