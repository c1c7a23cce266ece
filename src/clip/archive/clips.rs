//! The clips of an archive, found as they are asked for.

use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use super::group::Group;
use super::keep::{Keep, Keeping, part};
use super::members::{Member, Members};
use super::names::{self, Role};
use super::source::{Seeking, Source, Streaming};
use crate::clip::class_dir::class_directory;
use crate::clip::entry::{ClipEntry, Label};
use crate::clip::reading::read_error;
use crate::clip::skipped::count;
use crate::clip::stored::{Holder, Stored};

/// The clips of an archive, in its order. What cannot be read is a clip whose loading gives the error, and so is the end of an
/// archive that is cut off.
struct Clips<S> {
    /// What each clip takes over from the archive.
    archive: ClipEntry,
    members: Option<Members<S>>,
    keep: Keep,
    group: Option<Group>,
    /// Key and folder of the last video.
    video: Option<(Vec<u8>, Vec<u8>)>,
    ready: VecDeque<ClipEntry>,
    found: usize,
    /// Hashes of the names of the clips of frames so far.
    seen: HashSet<u64>,
    hasher: RandomState,
    /// Images that belong to no clip, and the first of them.
    images: (usize, Option<Vec<u8>>),
    note: Box<dyn FnMut(String) + Send>,
}

/// The clips of the archive that an entry is; `note` is told what may surprise, in one line.
pub fn clips_of(
    archive: ClipEntry,
    note: impl FnMut(String) + Send + 'static,
) -> Box<dyn Iterator<Item = ClipEntry> + Send> {
    let open = || -> io::Result<_> {
        let file = File::open(&archive.path)?;
        let holder = Holder::of(&archive.path, &file)?;
        Ok((holder, Seeking::of(file)?))
    };
    match open() {
        Ok((holder, source)) => {
            let keep = Keep::InPlace(Arc::new(holder));
            Box::new(Clips::new(archive, source, keep, Box::new(note)))
        }
        Err(error) => {
            let reason = read_error(&archive.path, error).to_string();
            let stored = Some(Stored::Unreadable(reason.into()));
            Box::new(std::iter::once(ClipEntry { stored, ..archive }))
        }
    }
}

/// The clips of an archive that is read from a stream. They are called `-/NAME`; each is kept in a temporary file until it has been
/// loaded.
pub fn clips_from(
    reader: impl Read + Send + 'static,
    note: impl FnMut(String) + Send + 'static,
) -> Box<dyn Iterator<Item = ClipEntry> + Send> {
    let archive = ClipEntry::from(PathBuf::from("-"));
    let source = Streaming(reader);
    Box::new(Clips::new(archive, source, Keep::Apart, Box::new(note)))
}

impl<S: Source> Clips<S> {
    fn new(archive: ClipEntry, source: S, keep: Keep, note: Box<dyn FnMut(String) + Send>) -> Self {
        Clips {
            archive,
            members: Some(Members::new(source)),
            keep,
            group: None,
            video: None,
            ready: VecDeque::new(),
            found: 0,
            seen: HashSet::new(),
            hasher: RandomState::new(),
            images: (0, None),
            note,
        }
    }

    /// Takes the next member.
    ///
    /// # Errors
    /// Why the archive cannot be read any further.
    fn advance(&mut self, members: &mut Members<S>) -> Result<bool, String> {
        let Some(member) = members.next()? else {
            self.end_group();
            self.end();
            return Ok(false);
        };
        let name = names::plain(&member.name).to_vec();
        match names::role(&name) {
            Role::Video => self.video(&name, &member, members)?,
            Role::Frame(clip) => self.frame(clip, &name, &member, members)?,
            Role::Image => self.image(1, &name),
            Role::Other => {}
        }
        Ok(true)
    }

    fn video(
        &mut self,
        name: &[u8],
        member: &Member,
        members: &mut Members<S>,
    ) -> Result<(), String> {
        let key = names::key(name).map_or(name, |(key, _)| key);
        let folder = names::folder(name);
        if let Some(group) = &mut self.group {
            group.is_beside_videos |= group.clip == folder;
            group.forget(key);
        }
        self.end_group();
        let stored = match (member.refusal, self.keep.room()) {
            (Some(refusal), _) => Stored::Unreadable(refusal.into()),
            (None, Err(reason)) => Stored::Unreadable(reason.into()),
            (None, Ok(mut kept)) => match kept.add(member, members) {
                Keeping::Done(start, length) => Stored::Video(part(&kept.holder(), start, length)),
                Keeping::Refused(reason) => Stored::Unreadable(reason.into()),
                Keeping::Cut(reason) => return Err(reason),
            },
        };
        self.video = Some((key.to_vec(), folder.to_vec()));
        self.push(name, stored);
        Ok(())
    }

    fn frame(
        &mut self,
        clip: &[u8],
        name: &[u8],
        member: &Member,
        members: &mut Members<S>,
    ) -> Result<(), String> {
        let key = names::key(name).map(|(key, _)| key);
        if let Some((of_video, _)) = &self.video
            && key == Some(&of_video[..])
        {
            return Ok(());
        }
        if self.group.as_ref().is_none_or(|group| group.clip != clip) {
            self.end_group();
            let mut group = Group::new(clip, &self.keep);
            let video = self.video.as_ref();
            group.is_beside_videos = video.is_some_and(|(_, folder)| folder == clip);
            self.group = Some(group);
        }
        match &mut self.group {
            Some(group) => group.add(member, members),
            None => Ok(()),
        }
    }

    /// Counts images that belong to no clip.
    fn image(&mut self, count: usize, name: &[u8]) {
        self.images.0 += count;
        if count > 0 {
            self.images.1.get_or_insert_with(|| name.to_vec());
        }
    }

    fn end_group(&mut self) {
        let Some(group) = self.group.take() else {
            return;
        };
        let clip = group.clip.clone();
        match group.finish(&self.archive.path) {
            Err(images) => self.image(images, &clip),
            Ok(stored) => {
                let is_new = self.seen.insert(self.hasher.hash_one(&clip));
                let stored = match is_new {
                    true => stored,
                    false => Stored::Unreadable(
                        "its frames are not together in the archive, so that this clip is only a part of it: sort the \
                         archive (`tar --sort=name`)"
                            .into(),
                    ),
                };
                self.push(&clip, stored);
            }
        }
    }

    /// Says at the end of the archive what is not among its clips.
    fn end(&mut self) {
        let (images, first) = &self.images;
        let images = first.as_ref().map(|first| {
            let images = count(
                *images,
                "image that is no frame",
                "images that are no frames",
            );
            format!("{images} (such as {})", String::from_utf8_lossy(first))
        });
        match (self.found, images) {
            (0, images) => {
                let holds = images.map_or(String::new(), |images| format!(", only {images}"));
                self.fail(format!(
                    "there are no clips in it{holds}: a clip is a video, frames NAME.0001.jpg, or a folder of frames"
                ));
            }
            (_, Some(images)) => {
                let note = format!("{}: left out: {images}", self.archive.path.display());
                (self.note)(note);
            }
            (_, None) => {}
        }
    }

    /// Adds a clip whose loading says what is wrong with the archive.
    fn fail(&mut self, reason: String) {
        self.ready.push_back(ClipEntry {
            stored: Some(Stored::Unreadable(reason.into())),
            ..self.archive.clone()
        });
    }

    fn push(&mut self, name: &[u8], stored: Stored) {
        self.found += 1;
        let path = names::inside(&self.archive.path, name);
        let class = || class_directory(&self.archive.path, &path).map(Label::Name);
        self.ready.push_back(ClipEntry {
            label: self.archive.label.clone().or_else(class),
            stated_frames: None,
            stored: Some(stored),
            path,
            ..self.archive.clone()
        });
    }
}

impl<S: Source> Iterator for Clips<S> {
    type Item = ClipEntry;

    fn next(&mut self) -> Option<ClipEntry> {
        loop {
            if let Some(clip) = self.ready.pop_front() {
                return Some(clip);
            }
            let mut members = self.members.take()?;
            match self.advance(&mut members) {
                Ok(true) => self.members = Some(members),
                Ok(false) => {}
                Err(mut reason) => {
                    // More of its frames may have been to come.
                    if let Some(group) = self.group.take().filter(Group::has_begun) {
                        let clip = String::from_utf8_lossy(&group.clip);
                        reason += &format!("; the clip {clip} is not whole");
                    }
                    self.fail(reason);
                }
            }
        }
    }
}
