use std::process::ExitCode;

use crate::text::is_broken_pipe;

/// A command that did not succeed: what to say, and the exit code.
#[derive(Debug)]
pub struct Failure {
    error: anyhow::Error,
    code: u8,
}

impl Failure {
    /// A failure with an exit code of its own.
    pub fn with_code(code: u8, error: impl Into<anyhow::Error>) -> Self {
        Self {
            error: error.into(),
            code,
        }
    }

    /// The flags or their values were wrong.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::with_code(USAGE, error)
    }

    /// Prints the error on stderr, unless the reader of stdout has gone away: that ends a command quietly.
    pub fn report(self) -> ExitCode {
        if is_broken_pipe(self.error.as_ref()) {
            return ExitCode::SUCCESS;
        }
        super::say(format_args!("eco: {:#}", self.error));
        ExitCode::from(self.code)
    }
}

const FAILED: u8 = 1;
const USAGE: u8 = 2;

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::with_code(FAILED, error)
    }
}
