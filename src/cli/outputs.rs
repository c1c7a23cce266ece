//! Files that a command writes, held against those that it reads.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::exit::Failure;
use crate::clip::extensions::{FRAME_EXTENSIONS, VIDEO_EXTENSIONS};
use crate::file::{real_path, same_file};

/// A flag and the file that it names, if it is given.
pub(super) type Output<'a> = (&'static str, Option<&'a Path>);

/// Refuses an output that would replace a file which the command reads, be it through links, or a frame or video in a directory
/// of clips, and two outputs of one name.
pub(super) fn check(outputs: &[Output], inputs: &[&Path]) -> Result<(), Failure> {
    let given = outputs
        .iter()
        .filter_map(|&(flag, path)| Some((flag, path?)));
    let given: Vec<(&str, &Path)> = given.collect();
    for (place, (flag, path)) in given.iter().enumerate() {
        let mut before = given[..place].iter();
        if let Some((other, _)) = before.find(|(_, other)| other == path || same_file(other, path))
        {
            let message = format!("{other} and {flag} both write {}", path.display());
            return Err(Failure::usage(anyhow!(message)));
        }
        if inputs.iter().any(|input| is_read(input, path)) {
            let message = format!(
                "{flag} would replace {}, which this command reads; name another file",
                path.display()
            );
            return Err(Failure::usage(anyhow!(message)));
        }
    }
    Ok(())
}

/// Refuses an output that is one of the clips that the command looks at, or holds one, or lies in a directory of their frames.
pub(super) fn check_clips<'c>(
    outputs: &[Output],
    clips: impl Iterator<Item = &'c Path>,
) -> Result<(), Failure> {
    let clips: Vec<(&Path, PathBuf)> = clips.map(|clip| (clip, real_path(clip))).collect();
    for (flag, path) in outputs
        .iter()
        .filter_map(|&(flag, path)| Some((flag, path?)))
    {
        let output = real_path(path);
        let is_file = output.is_file();
        let touches = |(clip, real): &&(&Path, PathBuf)| {
            output.starts_with(real)
                || is_file && (real.starts_with(&output) || same_file(clip, path))
        };
        if let Some((clip, _)) = clips.iter().find(touches) {
            let message = format!(
                "{flag} would write {}, where the clip {} is, which this command reads; name another place",
                path.display(),
                clip.display()
            );
            return Err(Failure::usage(anyhow!(message)));
        }
    }
    Ok(())
}

/// Whether `output` is the file `input`, or a clip or frame in that directory.
fn is_read(input: &Path, output: &Path) -> bool {
    if !input.is_dir() {
        return same_file(input, output);
    }
    let extension = output.extension().unwrap_or_default();
    let mut known = FRAME_EXTENSIONS.iter().chain(&VIDEO_EXTENSIONS);
    if !known.any(|known| extension.eq_ignore_ascii_case(known)) {
        return false;
    }
    match (input.canonicalize(), output.canonicalize()) {
        (Ok(input), Ok(output)) => output.starts_with(input),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_read_is_never_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("clip")).unwrap();
        for name in ["a.csv", "clip/img_1.jpg", "clip/report.html"] {
            fs::write(path(name), "").unwrap();
        }
        fs::hard_link(path("a.csv"), path("b.csv")).unwrap();
        let (list, clip) = (path("a.csv"), path("clip"));
        let inputs = [list.as_path(), clip.as_path()];
        let refused = |name: &str| check(&[("--scores", Some(&path(name)))], &inputs).is_err();
        assert!(refused("a.csv"));
        assert!(refused("b.csv"), "a hard link");
        assert!(refused("clip/../a.csv"));
        assert!(refused("clip/img_1.jpg"), "a frame");
        assert!(!refused("clip/report.html"));
        assert!(!refused("clip/new.jpg"));
        assert!(!refused("c.csv"));
    }

    #[test]
    fn nothing_is_written_where_a_clip_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("run/clip")).unwrap();
        for name in ["run/clip/img_1.jpg", "run/b.mp4", "c.tar"] {
            fs::write(path(name), "").unwrap();
        }
        fs::hard_link(path("run/b.mp4"), path("hard.mp4")).unwrap();
        let clips = [path("run/clip"), path("run/b.mp4"), path("c.tar/d.mp4")];
        let refused = |name: &str| {
            let path = path(name);
            let clips = clips.iter().map(PathBuf::as_path);
            check_clips(&[("--report", Some(&path))], clips).is_err()
        };
        assert!(refused("run/clip/img_1.jpg") && refused("run/../run/clip/new.html"));
        assert!(refused("run/clip"), "for a directory");
        assert!(refused("run/b.mp4") && refused("hard.mp4") && refused("c.tar"));
        assert!(!refused("run/report.html") && !refused("run"));
    }

    #[test]
    fn two_outputs_of_one_name_are_refused() {
        let (a, b) = (Path::new("a.npy"), Path::new("b.npy"));
        let outputs = |second| {
            [
                ("--features", Some(a)),
                ("--scores", Some(second)),
                ("--report", None),
            ]
        };
        assert!(check(&outputs(a), &[]).is_err());
        assert!(check(&outputs(b), &[]).is_ok());
    }
}
