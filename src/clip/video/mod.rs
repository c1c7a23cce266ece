//! Videos, frame by frame, through the `ffmpeg` and `ffprobe` programs.

mod avi;
pub mod ffmpeg;
mod listing;
mod pam;
mod process;
pub mod reader;
mod selection;
mod shapes;
