//! Files that hold tensors: which container it is, what is in it, and the values of one tensor at a time.
//!
//! Nothing in a file is executed. Limits on what a file may claim are stated beside the code that enforces them.

mod caffe;
pub(super) mod checkpoint;
pub(super) mod detect;
mod foreign;
mod inspect;
mod legacy;
mod mapped;
mod pickle;
mod recipe;
mod refusal;
mod shards;
mod stored;
pub(super) mod structure;
mod suspicious;
mod tar;
mod tar_directory;
mod view;
mod zip;
mod zip_directory;

pub use checkpoint::Checkpoint;
pub use detect::{Container, detect};
pub use inspect::{InspectedTensor, Inspector, Stats};
pub use structure::{Group, Scalar, Structure, TopLevel};
