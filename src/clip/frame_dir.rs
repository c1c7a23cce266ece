//! Finding a clip's frames: the image files of a directory, in natural order.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::contents::Contents;
use super::error::{ClipError, Result};
use super::gaps::Gaps;
use super::grouping::SeriesCount;
use super::pattern::NamePattern;
use super::series;
use super::skipped::{Skipped, count};

/// A directory's frames and a count of what else it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameDir {
    /// The directory as it was given.
    pub path: PathBuf,
    /// Its frames in natural order (`img_2` before `img_10`), each `path` joined with a file name.
    /// Never empty.
    pub frames: Vec<PathBuf>,
    /// What the names of the frames have in common (`img_*.jpg`).
    pub series: String,
    /// Images that are not this clip's frames.
    pub left_out: Vec<SeriesCount>,
    /// Entries that are not frames.
    pub skipped: Skipped,
    /// Missing numbers, when the frames are numbered with a constant step.
    pub gaps: Option<Gaps>,
}

impl FrameDir {
    /// Lists the frames of the directory at `path`.
    ///
    /// A frame is a file with one of [`FRAME_EXTENSIONS`](super::extensions::FRAME_EXTENSIONS) whose name does not start
    /// with a dot. Of several series of such files, the one is taken that is clearly the frames. Links are followed;
    /// sub-directories are not entered.
    ///
    /// # Errors
    /// [`ClipError::NotFound`], [`ClipError::NotADirectory`], [`ClipError::PermissionDenied`],
    /// [`ClipError::NoFrames`], [`ClipError::SeveralSeries`], and [`ClipError::Io`] for the rest.
    pub fn list(path: &Path) -> Result<FrameDir> {
        Self::of(path, Contents::read(path)?, None)
    }

    /// As [`FrameDir::list`], with the frames that are of a pattern, when one is given.
    ///
    /// # Errors
    /// As [`FrameDir::list`], and [`ClipError::NoMatch`].
    pub fn list_matching(path: &Path, pattern: Option<&NamePattern>) -> Result<FrameDir> {
        Self::of(path, Contents::read(path)?, pattern)
    }

    /// The frames of these names, which are in an archive.
    pub(super) fn of_names(
        path: &Path,
        images: Vec<OsString>,
        pattern: Option<&NamePattern>,
    ) -> Result<FrameDir> {
        let contents = Contents {
            images,
            ..Contents::default()
        };
        Self::of(path, contents, pattern)
    }

    pub(super) fn of(
        path: &Path,
        contents: Contents,
        pattern: Option<&NamePattern>,
    ) -> Result<FrameDir> {
        let skipped = contents.skipped();
        let path = path.to_path_buf();
        if contents.images.is_empty() {
            return Err(ClipError::NoFrames { path, skipped });
        }
        let choice = match pattern {
            None => series::choose(contents.images).map_err(|series| ClipError::SeveralSeries {
                path: path.clone(),
                series,
            })?,
            Some(pattern) => series::matching(contents.images, pattern).map_err(|series| {
                let pattern = pattern.to_string();
                ClipError::NoMatch {
                    path: path.clone(),
                    pattern,
                    series,
                }
            })?,
        };
        let frames: Vec<PathBuf> = choice.taken.iter().map(|name| path.join(name)).collect();
        Ok(FrameDir {
            gaps: Gaps::find(&choice.taken, choice.numbers),
            path,
            frames,
            series: choice.pattern,
            left_out: choice.left_out,
            skipped,
        })
    }

    /// One line about what may surprise the user: files left out, numbers missing. `None` when the
    /// directory holds frames only, without gaps.
    pub fn note(&self) -> Option<String> {
        let mut parts = Vec::new();
        if !self.left_out.is_empty() {
            const SHOWN: usize = 3;
            let mut left_out: Vec<String> = self.left_out.iter().map(ToString::to_string).collect();
            if left_out.len() > SHOWN {
                let more = left_out.split_off(SHOWN).len();
                left_out.push(format!("{more} more"));
            }
            parts.push(format!(
                "{} taken, {} left out",
                SeriesCount {
                    pattern: self.series.clone(),
                    count: self.frames.len(),
                },
                left_out.join(", ")
            ));
        }
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
        if self.skipped.directories > 0 {
            let directories = count(self.skipped.directories, "sub-directory", "sub-directories");
            parts.push(format!("{directories} not looked into"));
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

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
        let first = listed.frames[0].file_name().unwrap();
        assert_eq!(first.as_encoded_bytes(), b"\xff\xfe_9.jpg");
        assert_eq!(listed.gaps, None);
    }
}
