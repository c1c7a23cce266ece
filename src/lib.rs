//! ECO action recognition: the network, its weights, and everything between a clip and an answer.
//!
//! Data flows one way: [`clip`] turns frames on disk into a batch, [`weights`] fills the [`model`], an [`engine`] runs it,
//! [`predict`] reads scores off the logits and [`output`] writes them. [`cli`] is the only part that knows flags, standard
//! streams and exit codes.

pub mod cli;
pub mod clip;
pub mod engine;
pub mod file;
pub mod network;
pub mod recipe;
pub mod recognise;
pub mod show;
pub mod text;
pub mod weights;
