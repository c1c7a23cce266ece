//! What files are, by the ends of their names.

use std::path::Path;

/// Extensions of files taken as frames, compared without regard to case.
pub const FRAME_EXTENSIONS: [&str; 5] = ["jpg", "jpeg", "png", "bmp", "webp"];

/// Extensions of files that are taken as videos when a directory of clips is looked through. A
/// file that is named itself is handed to ffmpeg whatever it is called.
pub const VIDEO_EXTENSIONS: [&str; 46] = [
    "264", "265", "3g2", "3gp", "asf", "av1", "avc", "avi", "divx", "dv", "evo", "f4v", "flv",
    "gif", "h264", "h265", "hevc", "ivf", "m1v", "m2p", "m2t", "m2ts", "m2v", "m4v", "mjpeg",
    "mjpg", "mkv", "mov", "mp4", "mpe", "mpeg", "mpg", "mpv", "mts", "mxf", "nut", "obu", "ogm",
    "ogv", "rm", "rmvb", "ts", "vob", "webm", "wmv", "y4m",
];

/// Whether a name ends in a dot and one of these extensions, in any case.
pub(super) fn has_extension(name: impl AsRef<Path>, extensions: &[&str]) -> bool {
    let found = name.as_ref().extension();
    found.is_some_and(|found| {
        let mut extensions = extensions.iter();
        extensions.any(|extension| found.eq_ignore_ascii_case(extension))
    })
}
