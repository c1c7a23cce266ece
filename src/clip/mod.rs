//! Clips: from paths to the frames that the network looks at.
//!
//! [`read_list`] and [`Finder`] turn lists and directories into one [`ClipEntry`] per clip. [`Clip::of`] opens one, a directory
//! of frames ([`FrameDir`]) or a [`Video`]. [`Timeline`] says which of its frames a part or a window has,
//! [`Sampling`](crate::recipe::Sampling) picks one per segment, and [`Clip::load`] decodes, resizes and crops those: [`Frames`],
//! which write themselves as the network's input. [`load_ahead`] runs all of it for many clips, ahead of the network. [`live`]
//! gives the frames of a stream as they come.

mod address;
mod archive;
mod augment;
mod class_dir;
mod contents;
pub mod crops;
mod cut;
pub mod decode;
mod entry;
mod error;
pub mod extensions;
pub mod frame_dir;
mod frames;
mod gaps;
mod grouping;
mod identity;
mod jpeg;
mod left_out;
pub mod list;
pub mod live;
mod numbered;
mod opencv;
pub mod opened;
mod pattern;
pub mod pipeline;
mod position;
mod reading;
pub mod resample;
pub mod rgb;
mod series;
mod skipped;
mod stored;
pub mod timeline;
mod turns;
pub mod video;
mod walk;

pub use address::Address;
pub use archive::{archive_around, clips_from, clips_of, is_archive};
pub use augment::augment;
pub use crops::Crops;
pub use cut::Cut;
pub use entry::{ClipEntry, Given, Label};
pub use error::{ClipError, Result};
pub use frame_dir::FrameDir;
pub use frames::{Frames, SourceFrame, load, load_views};
pub use grouping::SeriesCount;
pub use identity::identity;
pub use list::{List, Separator, read_list, read_stream};
pub use opened::{Clip, OpenOptions};
pub use pattern::{NamePattern, PatternTooLong};
pub use pipeline::{
    Augmented, Item, LoadOptions, Loaded, Looks, Pipeline, load_ahead, load_clip, load_each_ahead,
};
pub use position::{ParsePositionError, Position};
pub use stored::{Holder, Part, Stored, StoredFrame};
pub use timeline::{Sliding, Timeline};
pub use turns::Turns;
pub use video::decoder::{DecodedBy, Decoder, DecoderChoice};
pub use video::encoder::Encoder;
pub use video::ffmpeg::Ffmpeg;
pub use video::reader::Video;
pub use walk::{Finder, Found, expand};
