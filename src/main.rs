//! The `eco` program: see [`eco::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    eco::cli::run()
}
