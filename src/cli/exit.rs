use std::io;
use std::process::ExitCode;

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
        if self.is_broken_pipe() {
            return ExitCode::SUCCESS;
        }
        eprintln!("eco: {:#}", self.error);
        ExitCode::from(self.code)
    }

    fn is_broken_pipe(&self) -> bool {
        let mut causes = self
            .error
            .chain()
            .filter_map(|cause| cause.downcast_ref::<io::Error>());
        causes.any(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }
}

const FAILED: u8 = 1;
const USAGE: u8 = 2;

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::with_code(FAILED, error)
    }
}
