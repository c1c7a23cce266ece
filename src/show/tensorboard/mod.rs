//! Event files, which TensorBoard reads.
//!
//! An event file is a sequence of framed protocol buffers; the first states the version of the format. Sources:
//! `tensorboard/compat/proto/{event,summary}.proto` for the messages, TensorFlow's `core/lib/io/record_writer` for the frames.

mod event;
mod path;
mod proto;
mod record;
mod scalars;

pub(super) use event::{graph, version};
pub(super) use path::new_path;
pub use scalars::EventWriter;
