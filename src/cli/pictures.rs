//! Frames for pages and sheets.

use crate::clip::{Loaded, Pipeline, SourceFrame};
use crate::recipe::FRAME_SIZE;
use crate::show::Picture;
use crate::show::evaluation::MistakeFrames;
use crate::text::number::file_size;

/// From this size on, in bytes, browsers are slow to open a page.
const LARGE_PAGE: u64 = 100_000_000;

/// The size of a page in words: `(3.2 MB)`.
pub(super) fn page_size(bytes: u64) -> String {
    let slow = match bytes {
        LARGE_PAGE.. => "; browsers will be slow to open it",
        _ => "",
    };
    format!("({}){slow}", file_size(bytes))
}

/// The frames of the first view, to be looked at.
pub(super) fn with_pictures<T>(loaded: &Loaded, show: impl FnOnce(&[Picture]) -> T) -> T {
    let Some(view) = loaded.views.first() else {
        return show(&[]);
    };
    let names: Vec<Option<String>> = view.sources().iter().map(SourceFrame::name).collect();
    let pictures: Vec<Picture> = view
        .iter()
        .zip(view.sources())
        .zip(&names)
        .map(|((rgb, source), name)| Picture {
            rgb,
            side: FRAME_SIZE,
            index: source.index,
            name: name.as_deref(),
        })
        .collect();
    show(&pictures)
}

/// The frames of clips that were answered wrong.
pub(super) fn mistake_frames(clips: Pipeline) -> Vec<MistakeFrames> {
    let frames = clips.map(|item| match item.outcome {
        Ok(loaded) => {
            with_pictures(&loaded, MistakeFrames::new).unwrap_or_else(MistakeFrames::missing)
        }
        Err(error) => MistakeFrames::missing(error),
    });
    frames.collect()
}
