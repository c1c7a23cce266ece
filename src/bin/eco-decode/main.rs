//! The worker with which `eco` decodes videos. It reads requests from standard input and answers on standard output; people
//! have no use for it.
//!
//! It is a program of its own so that `eco` is not linked to FFmpeg's libraries, and so that a file which makes them crash, hang or
//! take memory without end harms nothing but this process.

mod complaints;
mod convert;
mod decode;
mod demux;
mod guard;
mod libav;

use std::io::{stdin, stdout};
use std::process::ExitCode;

fn main() -> ExitCode {
    guard::set_up();
    complaints::listen();
    let mut libav = libav::Libav::default();
    // There is nobody left to tell of an error: `eco` has closed the pipes.
    match eco::clip::video::serve::serve(&mut libav, stdin().lock(), stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
