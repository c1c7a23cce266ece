//! Finding a clip's frames: the image files of a directory, in natural order.

use std::fs;
use std::path::{Path, PathBuf};

use super::contents::{Skipped, count, has_frame_extension, name_bytes};
use super::error::{ClipError, Result};
use super::reading::read_error;
use crate::text::natural_order;

/// A directory's frames and a count of what else it holds.
#[derive(Clone, Debug)]
pub struct FrameDir {
    /// The directory as it was given.
    pub path: PathBuf,
    /// Its frames in natural order (`img_2` before `img_10`), each `path` joined with a file name.
    /// Never empty.
    pub frames: Vec<PathBuf>,
    /// Entries that are not frames.
    pub skipped: Skipped,
    /// Missing numbers, when the frames are numbered with a constant step.
    pub gaps: Option<Gaps>,
}

impl FrameDir {
    /// Lists the frames of the directory at `path`.
    ///
    /// A frame is a file with one of [`FRAME_EXTENSIONS`] whose name does not start with a dot.
    /// Links are followed; sub-directories are not entered.
    ///
    /// # Errors
    /// [`ClipError::NotFound`], [`ClipError::NotADirectory`], [`ClipError::PermissionDenied`],
    /// [`ClipError::NoFrames`], and [`ClipError::Io`] for the rest.
    pub fn list(path: &Path) -> Result<FrameDir> {
        let mut frames = Vec::new();
        let mut skipped = Skipped::default();
        for entry in fs::read_dir(path).map_err(|error| read_error(path, error))? {
            let entry = entry.map_err(|error| read_error(path, error))?;
            match kind(&entry) {
                Kind::Frame => frames.push(entry.path()),
                Kind::Hidden => skipped.hidden += 1,
                Kind::Directory => skipped.directories += 1,
                Kind::Other => {
                    skipped.others += 1;
                    skipped
                        .example
                        .get_or_insert_with(|| entry.file_name().into());
                }
            }
        }
        if frames.is_empty() {
            return Err(ClipError::NoFrames {
                path: path.to_path_buf(),
                skipped,
            });
        }
        frames.sort_by(|a, b| natural_order(name_bytes(a), name_bytes(b)));
        let gaps = Gaps::find(&frames);
        Ok(FrameDir {
            path: path.to_path_buf(),
            frames,
            skipped,
            gaps,
        })
    }

    /// One line about what may surprise the user: files left out, numbers missing. `None` when the
    /// directory holds frames only, without gaps.
    pub fn note(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.skipped.others > 0 {
            let example = self.skipped.example_in_brackets();
            parts.push(format!(
                "{} ignored{example}",
                count(
                    self.skipped.others,
                    "file that is not an image",
                    "files that are not images"
                )
            ));
        }
        if let Some(gaps) = &self.gaps {
            parts.push(format!(
                "{} missing in the numbering (the first after {})",
                count(gaps.missing, "frame is", "frames are"),
                gaps.after.display()
            ));
        }
        (!parts.is_empty()).then(|| format!("{}: {}", self.path.display(), parts.join("; ")))
    }
}

/// Numbers that are missing between a directory's frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gaps {
    /// How many frames are missing.
    pub missing: usize,
    /// The name of the frame before the first gap.
    pub after: PathBuf,
}

impl Gaps {
    /// Looks at the numbers in `frames`, which are sorted. The smallest step between neighbours is
    /// taken as the numbering's own, so that every fifth frame of a video has no gaps.
    fn find(frames: &[PathBuf]) -> Option<Gaps> {
        let names: Vec<_> = frames
            .iter()
            .map(|frame| Numbered::parse(name_bytes(frame)))
            .collect();
        let steps = || {
            names.windows(2).enumerate().filter_map(|(position, pair)| {
                let step = pair[1].as_ref()?.step_from(pair[0].as_ref()?)?;
                Some((position, step))
            })
        };
        let unit = steps().map(|(_, step)| step).min()?;
        let mut missing = 0_u64;
        let mut first = None;
        for (position, step) in steps().filter(|(_, step)| *step > unit) {
            missing = missing.saturating_add(step / unit - 1);
            first.get_or_insert(position);
        }
        let after = frames[first?].file_name()?.into();
        (missing > 0).then(|| Gaps {
            missing: usize::try_from(missing).unwrap_or(usize::MAX),
            after,
        })
    }
}

/// A file name split around its last run of digits.
struct Numbered<'a> {
    before: &'a [u8],
    number: u64,
    after: &'a [u8],
}

impl<'a> Numbered<'a> {
    fn parse(name: &'a [u8]) -> Option<Self> {
        let stem_len = name
            .iter()
            .rposition(|&byte| byte == b'.')
            .unwrap_or(name.len());
        let stem = &name[..stem_len];
        let end = stem.iter().rposition(u8::is_ascii_digit)? + 1;
        let start = stem[..end]
            .iter()
            .rposition(|byte| !byte.is_ascii_digit())
            .map_or(0, |p| p + 1);
        // More digits than a u64 holds are an identifier, not a frame number.
        let number = std::str::from_utf8(&stem[start..end]).ok()?.parse().ok()?;
        Some(Numbered {
            before: &name[..start],
            number,
            after: &name[end..],
        })
    }

    fn step_from(&self, previous: &Self) -> Option<u64> {
        let same_series = self.before == previous.before && self.after == previous.after;
        let step = self.number.checked_sub(previous.number)?;
        (same_series && step > 0).then_some(step)
    }
}

enum Kind {
    Frame,
    Hidden,
    Directory,
    Other,
}

fn kind(entry: &fs::DirEntry) -> Kind {
    let name = entry.file_name();
    if name.as_encoded_bytes().starts_with(b".") {
        return Kind::Hidden;
    }
    let path = entry.path();
    // Only links cost a further look at the file system: directories of 10,000 frames are common.
    let is_dir = match entry.file_type() {
        Ok(file_type) if file_type.is_dir() => true,
        Ok(file_type) if file_type.is_file() => false,
        _ => match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => true,
            Ok(metadata) if metadata.is_file() => false,
            _ => return Kind::Other,
        },
    };
    match is_dir {
        true => Kind::Directory,
        false if has_frame_extension(&path) => Kind::Frame,
        false => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(folder.path().join(name), b"").unwrap();
        }
        folder
    }

    fn names(listed: &FrameDir) -> Vec<String> {
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        listed.frames.iter().map(name).collect()
    }

    #[test]
    fn only_image_files_are_frames_and_the_rest_is_counted() {
        let folder = directory(&[
            "b.PNG",
            "a.jpeg",
            "c.webp",
            "d.bmp",
            "notes.txt",
            ".hidden.jpg",
        ]);
        fs::create_dir(folder.path().join("sub.jpg")).unwrap();
        let listed = FrameDir::list(folder.path()).unwrap();
        assert_eq!(names(&listed), ["a.jpeg", "b.PNG", "c.webp", "d.bmp"]);
        let skipped = &listed.skipped;
        assert_eq!(
            (skipped.hidden, skipped.others, skipped.directories),
            (1, 1, 1)
        );
        assert!(
            listed
                .note()
                .unwrap()
                .contains("1 file that is not an image ignored")
        );
    }

    #[test]
    fn missing_numbers_are_counted_in_steps_of_the_numbering() {
        let every_frame = directory(&["f_1.jpg", "f_2.jpg", "f_3.jpg", "f_7.jpg", "f_8.jpg"]);
        let gaps = FrameDir::list(every_frame.path()).unwrap().gaps.unwrap();
        assert_eq!((gaps.missing, gaps.after), (3, "f_3.jpg".into()));

        let every_fifth = directory(&["f_0.jpg", "f_5.jpg", "f_10.jpg", "f_15.jpg"]);
        let listed = FrameDir::list(every_fifth.path()).unwrap();
        assert_eq!((listed.gaps.clone(), listed.note()), (None, None));
    }

    #[test]
    fn a_mistyped_name_is_answered_with_the_closest_one() {
        let folder = directory(&[]);
        fs::create_dir(folder.path().join("arm_wrestling")).unwrap();
        fs::create_dir(folder.path().join("bungee")).unwrap();
        let error = FrameDir::list(&folder.path().join("arm_wresling")).unwrap_err();
        let ClipError::NotFound { similar, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(
            similar.as_deref(),
            Some(folder.path().join("arm_wrestling").as_path())
        );
        assert!(error.to_string().contains("did you mean"));

        let error = FrameDir::list(&folder.path().join("unlike")).unwrap_err();
        assert!(matches!(error, ClipError::NotFound { similar: None, .. }));
    }

    #[test]
    fn a_directory_without_frames_says_what_it_holds() {
        let message = |folder: &tempfile::TempDir| {
            let error = FrameDir::list(folder.path()).unwrap_err();
            assert!(matches!(error, ClipError::NoFrames { .. }));
            error.to_string()
        };
        assert!(message(&directory(&[])).contains("it is empty"));
        assert!(message(&directory(&["clip.mp4"])).contains("1 other file (such as clip.mp4)"));
        let nested = directory(&[]);
        fs::create_dir(nested.path().join("clip")).unwrap();
        assert!(message(&nested).contains("1 sub-directory"));
    }

    #[test]
    fn a_file_is_not_a_directory_of_frames() {
        let folder = directory(&["a.jpg"]);
        let error = FrameDir::list(&folder.path().join("a.jpg")).unwrap_err();
        assert!(matches!(error, ClipError::NotADirectory { .. }), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn names_need_not_be_utf8() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        for name in [&b"\xff\xfe_10.jpg"[..], b"\xff\xfe_9.jpg"] {
            fs::write(folder.path().join(std::ffi::OsStr::from_bytes(name)), b"").unwrap();
        }
        let listed = FrameDir::list(folder.path()).unwrap();
        assert_eq!(name_bytes(&listed.frames[0]), b"\xff\xfe_9.jpg");
        assert_eq!(listed.gaps, None);
    }
}
