//! Classes that are told by directories: `CLASS/CLIP`, perhaps below `train` and `val`.

use std::path::{Component, Path};

/// Directories between a data set and its classes, in lower case.
const PARTS: [&str; 9] = [
    "train",
    "training",
    "val",
    "valid",
    "validation",
    "test",
    "testing",
    "videos",
    "frames",
];

/// The class of the clip at `clip`, which was found in `directory`: the name of the first directory on the way, leaving out
/// levels such as `train`. `None` where there is none.
pub(super) fn class_directory(directory: &Path, clip: &Path) -> Option<String> {
    let way = clip.strip_prefix(directory).ok()?.parent()?;
    let mut names = way.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    names.find(|name| !PARTS.contains(&&name.to_lowercase()[..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_directory_below_names_the_class() {
        let class = |clip: &str| class_directory(Path::new("data"), Path::new(clip));
        let archery = Some("archery".to_owned());
        assert_eq!(class("data/archery/a.mp4"), archery);
        assert_eq!(class("data/val/archery/a.mp4"), archery);
        assert_eq!(class("data/archery/group 1/frames_a"), archery);
        assert_eq!(class("data/a.mp4"), None);
        assert_eq!(class("data/Train/a.mp4"), None);
        assert_eq!(class("data"), None);
    }
}
