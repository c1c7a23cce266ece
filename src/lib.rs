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
//! # Ok::<(), eco::recognise::Error>(())
//! ```
//!
//! A module uses those above it and none below:
//!
//! | module | knows |
//! |---|---|
//! | [`text`], [`file`] | names, numbers and natural order; files that appear whole or not at all |
//! | [`recipe`] | how frames become the network's input: segments, sampling, preprocessing |
//! | [`network`] | ECO as a tree of modules: names, shapes, hyper-parameters |
//! | [`clip`] | files, frames and videos, up to pixels |
//! | [`weights`] | checkpoints of every kind, matching by name, metadata, labels |
//! | [`engine`] | running the network on a device |
//! | [`recognise`] | weights and clips in, answers out |
//! | [`show`] | answers and networks as text, JSON, CSV, pages and pictures |
//! | [`cli`] | flags, standard streams, progress and exit codes |

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
