//! Recognition while frames come in: Algorithm 1 of the paper.
//!
//! A [`Watcher`] collects frames in a queue. When a step is due, half of its [`Memory`] is replaced by frames of the queue, the
//! engine makes the maps of those frames alone, and the network answers for the whole memory. An [`Averager`] smooths the
//! scores, and [`Events`] turn them into spans of time with one class. Nothing here reads clocks or files: frames bring their
//! times with them. `docs/watch.md` explains the design.

mod average;
mod events;
mod latency;
mod memory;
mod step;
mod watcher;

pub use average::{Average, Averager, ParseAverageError};
pub use events::{Event, EventRules, Events};
pub use latency::Latencies;
pub use memory::{Memory, MemoryKind};
pub use step::{Guess, Step};
pub use watcher::{LONGEST_QUEUE, NewFrame, WatchOptions, Watcher};
