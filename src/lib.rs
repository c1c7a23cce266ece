//! ECO action recognition: from clips and PyTorch weights to answers.
//!
//! [`recognise`] does what the program `eco` does. With the embedded demo weights and a directory of frames:
//!
//! ```
//! use eco::recognise::{Options, Outcome, Recogniser, WeightsSource};
//!
//! let recogniser = Recogniser::new(Options::new(WeightsSource::Demo))?;
//! for answer in recogniser.recognise(["tests/clips/growing", "tests/clips/moving_up"]) {
//!     let answer = answer?;
//!     if let Outcome::Scored { scores, .. } = &answer.outcome {
//!         let best = &scores.top(1, recogniser.labels())[0];
//!         println!("{}: {} ({:.0}%)", answer.entry.path.display(), best.label, best.score * 100.0);
//!         # assert_eq!(best.label.replace(' ', "_"), answer.entry.path.file_name().unwrap().to_str().unwrap());
//!     }
//! }
//! # Ok::<(), eco::recognise::RecogniseError>(())
//! ```
//!
//! Each module uses those above it in this table and none below:
//!
//! | module | knows |
//! |---|---|
//! | [`text`] | words and numbers as people read them |
//! | [`random`] | random numbers by seed and purpose |
//! | [`mod@file`] | files that appear whole or not at all |
//! | [`recipe`] | how a clip becomes the network's input, in numbers |
//! | [`network`] | what ECO is, without tensors |
//! | [`clip`] | from files to pixels |
//! | [`weights`] | from checkpoints to tensors by name |
//! | [`engine`] | runs the network on a device |
//! | [`recognise`] | the product: weights and clips to outcomes |
//! | [`train`] | fits networks to labelled clips |
//! | [`check`] | the self-check: whether a device computes what the CPU computes |
//! | [`show`] | tables, pictures, pages, JSON, graphs |
//! | [`cli`] | flags, streams, progress, exit codes |

pub mod check;
pub mod cli;
pub mod clip;
pub mod engine;
pub mod file;
pub mod network;
pub mod random;
pub mod recipe;
pub mod recognise;
pub mod show;
pub mod text;
pub mod train;
pub mod weights;
