use std::process::ExitCode;

fn main() -> ExitCode {
    eco::cli::run()
}
