//! Videos, frame by frame: through libav* in a worker, or through the `ffmpeg` and `ffprobe` programs.

mod avi;
mod bits;
pub(super) mod chunks;
pub mod decoder;
mod droppable;
pub mod encoder;
mod feed;
pub mod ffmpeg;
pub(super) mod input;
pub mod inspect;
mod listing;
pub mod pam;
pub(super) mod process;
mod protocol;
pub mod reader;
mod selection;
pub mod serve;
mod shapes;
mod worker;

pub use feed::Step;
pub use protocol::Location;
pub(super) use protocol::Wanted;
