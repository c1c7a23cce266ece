//! Directories of clips: looking through them, to the clips.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::class_dir::class_directory;
use super::contents::Contents;
use super::entry::{ClipEntry, Label};
use super::error::{ClipError, Result};
use super::frame_dir::FrameDir;
use super::left_out::LeftOut;
use super::pattern::NamePattern;
use super::reading::read_error;
use super::series::has_series;
use crate::text::natural_order;

/// Frames whose names are kept from looking through directories to opening the clips, about 30 MB; the clips beyond are
/// listed again.
const FRAMES_KEPT: usize = 250_000;

/// Finds the clips behind paths.
#[derive(Debug)]
pub struct Finder {
    pattern: Option<NamePattern>,
    room: usize,
}

/// The clips behind a path.
#[derive(Debug)]
pub struct Found {
    /// In natural order of their paths.
    pub clips: Vec<ClipEntry>,
    /// What was left out, in one line.
    pub note: Option<String>,
}

/// The paths of the clips behind a path, as [`Finder::find`] finds them.
///
/// # Errors
/// Those of [`Finder::find`].
pub fn expand(path: &Path) -> Result<Vec<PathBuf>> {
    let found = Finder::new(None).find(path.to_owned().into())?;
    Ok(found.clips.into_iter().map(|clip| clip.path).collect())
}

impl Finder {
    /// With a pattern, frames are the images whose names are of it.
    pub fn new(pattern: Option<NamePattern>) -> Self {
        Finder {
            pattern,
            room: FRAMES_KEPT,
        }
    }

    /// The clips behind an entry: the entry itself when it is a file or holds frames, else the videos and the directories
    /// of frames below it. They take over its group, its place in the input and its label; without one, that of their class's directory (`CLASS/CLIP`).
    ///
    /// An empty directory below it stays among the clips, and so does what cannot be looked into, so that loading it gives
    /// the error where the clip's answer would be.
    ///
    /// # Errors
    /// A path that cannot be read; [`ClipError::NoFrames`] for a directory without any clip.
    pub fn find(&mut self, entry: ClipEntry) -> Result<Found> {
        let path = &entry.path;
        let metadata = fs::metadata(path).map_err(|error| read_error(path, error))?;
        if !metadata.is_dir() {
            return Ok(Found {
                clips: vec![entry],
                note: None,
            });
        }
        let contents = Contents::read(path)?;
        let skipped = contents.skipped();
        let mut walk = Walk {
            finder: self,
            label: entry.label.clone(),
            clips: Vec::new(),
            ancestors: Vec::new(),
            left_out: LeftOut::default(),
        };
        walk.visit(path, contents);
        let Walk {
            mut clips,
            left_out,
            ..
        } = walk;
        match &mut clips[..] {
            [] => {
                return Err(ClipError::NoFrames {
                    path: entry.path,
                    skipped,
                });
            }
            [clip] if clip.path == entry.path => clip.stated_frames = entry.stated_frames,
            _ => {}
        }
        for clip in &mut clips {
            clip.group = entry.group.clone();
            clip.given = entry.given.clone();
        }
        for clip in clips.iter_mut().filter(|clip| clip.label.is_none()) {
            clip.label = class_directory(&entry.path, &clip.path).map(Label::Name);
        }
        Ok(Found {
            note: left_out.note(&entry.path),
            clips,
        })
    }

    /// Whether a directory is a clip, not a directory of clips.
    fn is_clip(&self, contents: &Contents) -> bool {
        let Contents {
            images,
            videos,
            directories,
            ..
        } = contents;
        if images.is_empty() {
            return false;
        }
        let matches = |pattern: &NamePattern| {
            let mut names = images.iter();
            names.any(|name| pattern.matches(name.as_encoded_bytes()))
        };
        // A picture or two beside videos or directories are there to be looked at.
        videos.is_empty() && directories.is_empty()
            || self.pattern.as_ref().is_some_and(matches)
            || has_series(images)
    }
}

/// On the way through a directory of clips.
struct Walk<'a> {
    finder: &'a mut Finder,
    label: Option<Label>,
    clips: Vec<ClipEntry>,
    /// The directories that are being looked through, links resolved.
    ancestors: Vec<PathBuf>,
    left_out: LeftOut,
}

impl Walk<'_> {
    fn visit(&mut self, path: &Path, contents: Contents) {
        if self.finder.is_clip(&contents) {
            return self.keep(path, contents);
        }
        let Contents {
            images,
            videos,
            directories,
            others,
            ..
        } = contents;
        let is_outermost = self.ancestors.is_empty();
        if videos.is_empty() && directories.is_empty() && !is_outermost {
            match others.first() {
                Some(_) => self.left_out.add_directory(path),
                None => self.push(path.to_path_buf()),
            }
            return;
        }
        self.left_out.add_files(&images);
        self.left_out.add_files(&others);
        let videos = videos.into_iter().map(|name| (name, false));
        let mut children: Vec<_> = videos
            .chain(directories.into_iter().map(|name| (name, true)))
            .collect();
        children
            .sort_by(|(a, _), (b, _)| natural_order(a.as_encoded_bytes(), b.as_encoded_bytes()));
        self.ancestors.extend(fs::canonicalize(path));
        for (name, is_directory) in children {
            let child = path.join(name);
            match is_directory {
                true if self.is_loop(&child) => {}
                true => match Contents::read(&child) {
                    Ok(contents) => self.visit(&child, contents),
                    Err(_) => self.push(child),
                },
                false => self.push(child),
            }
        }
        self.ancestors.pop();
    }

    /// Whether a directory is a link to one that is being looked through.
    fn is_loop(&self, directory: &Path) -> bool {
        fs::canonicalize(directory).is_ok_and(|real| self.ancestors.contains(&real))
    }

    fn push(&mut self, path: PathBuf) {
        self.clips.push(ClipEntry {
            label: self.label.clone(),
            ..path.into()
        });
    }

    /// Adds a directory of frames, with its frames while there is room.
    fn keep(&mut self, path: &Path, contents: Contents) {
        self.push(path.to_path_buf());
        let images = contents.images.len();
        if let (Some(room), Some(clip)) =
            (self.finder.room.checked_sub(images), self.clips.last_mut())
            && let Ok(frames) = FrameDir::of(path, contents, self.finder.pattern.as_ref())
        {
            self.finder.room = room;
            clip.frames = Some(Arc::new(frames));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            if file.ends_with('/') {
                fs::create_dir_all(path).unwrap();
                continue;
            }
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"").unwrap();
        }
        folder
    }

    /// The paths of the clips below the folder, and the note.
    fn found(folder: &Path) -> (Vec<String>, String) {
        let found = Finder::new(None).find(folder.to_path_buf().into()).unwrap();
        let relative = |clip: ClipEntry| {
            let path = clip.path.strip_prefix(folder).unwrap();
            path.to_string_lossy().into_owned()
        };
        let clips = found.clips.into_iter().map(relative).collect();
        (clips, found.note.unwrap_or_default())
    }

    #[test]
    fn a_directory_of_clips_is_its_clips_in_natural_order() {
        let folder = folder(&[
            "clip_10/",
            "clip_9/1.jpg",
            ".cache/1.jpg",
            "clip_1.MP4",
            "notes.txt",
        ]);
        let (clips, note) = found(folder.path());
        assert_eq!(clips, ["clip_1.MP4", "clip_9", "clip_10"]);
        assert!(
            note.ends_with("left out: 1 file that is no clip (such as notes.txt)"),
            "{note}"
        );
        let frames = folder.path().join("clip_9");
        assert_eq!(found(&frames).0, [""]);
        let empty = Finder::new(None).find(folder.path().join("clip_10").into());
        assert!(matches!(empty.unwrap_err(), ClipError::NoFrames { .. }));
    }

    #[test]
    fn classes_and_subsets_are_walked_to_the_clips() {
        let folder = folder(&[
            "train/abseiling/b.mp4",
            "train/abseiling/a.ts",
            "train/yoga/frames/img_1.jpg",
            "val/yoga/c.VOB",
            "val/yoga/annotations/c.json",
            "__MACOSX/train/yoga/._c.avi",
            "$RECYCLE.BIN/d.avi",
            "@eaDir/c.avi",
            "labels.csv",
            "confusion.png",
        ]);
        let (clips, note) = found(folder.path());
        let expected = [
            "train/abseiling/a.ts",
            "train/abseiling/b.mp4",
            "train/yoga/frames",
            "val/yoga/c.VOB",
        ];
        assert_eq!(clips, expected);
        assert!(
            note.contains("2 files that are no clips (such as confusion.png)"),
            "{note}"
        );
        assert!(
            note.contains("1 directory without frames or videos (such as "),
            "{note}"
        );
    }

    #[test]
    fn stills_of_videos_are_not_frames() {
        let folder = folder(&["a_1.mp4", "a_1.jpg", "a_2.mp4", "a_2.jpg"]);
        let (clips, note) = found(folder.path());
        assert_eq!(clips, ["a_1.mp4", "a_2.mp4"]);
        assert!(note.contains("2 files"), "{note}");
    }

    #[test]
    fn clips_take_over_the_label_of_their_directory() {
        let folder = folder(&["a.mp4", "b/1.jpg"]);
        let entry = ClipEntry {
            stated_frames: Some(3),
            label: Some(Label::Index(4)),
            group: Some("anna".to_owned()),
            ..folder.path().to_path_buf().into()
        };
        let clips = Finder::new(None).find(entry).unwrap().clips;
        assert!(clips.iter().all(|clip| clip.label == Some(Label::Index(4))));
        assert!(
            clips
                .iter()
                .all(|clip| clip.group.as_deref() == Some("anna"))
        );
        assert_eq!(clips[0].stated_frames, None);
        let entry = ClipEntry {
            stated_frames: Some(3),
            ..folder.path().join("b").into()
        };
        let clips = Finder::new(None).find(entry).unwrap().clips;
        assert_eq!(clips[0].stated_frames, Some(3));
    }

    #[test]
    fn a_directory_of_frames_is_listed_once() {
        let folder = folder(&["clip/1.jpg", "clip/2.jpg"]);
        let mut finder = Finder::new(None);
        let clip = finder
            .find(folder.path().to_path_buf().into())
            .unwrap()
            .clips
            .remove(0);
        assert_eq!(clip.frames.unwrap().frames.len(), 2);
        assert_eq!(finder.room, FRAMES_KEPT - 2);
        // Without room for the names, the clip is there all the same.
        finder.room = 1;
        let clip = finder
            .find(folder.path().to_path_buf().into())
            .unwrap()
            .clips
            .remove(0);
        assert_eq!((clip.path, clip.frames), (folder.path().join("clip"), None));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_back_is_not_followed_and_others_are() {
        let folder = folder(&["a/clip/1.jpg"]);
        let link = |to: &Path, name: &str| {
            std::os::unix::fs::symlink(to, folder.path().join(name)).unwrap();
        };
        link(folder.path(), "a/back");
        link(&folder.path().join("a/clip"), "linked");
        assert_eq!(found(folder.path()).0, ["a/clip", "linked"]);
    }
}
