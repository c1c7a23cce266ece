use std::error::Error;
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
        super::say(format_args!("eco: {:#}", self.error));
        ExitCode::from(self.code)
    }

    fn is_broken_pipe(&self) -> bool {
        let mut kinds = self.error.chain().filter_map(io_kind);
        kinds.any(|kind| kind == io::ErrorKind::BrokenPipe)
    }
}

/// What kind of input or output error this is, also as the writers of JSON and CSV wrap it.
fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    if let Some(error) = error.downcast_ref::<serde_json::Error>() {
        return error.io_error_kind();
    }
    let io = match error.downcast_ref::<csv::Error>().map(csv::Error::kind) {
        Some(csv::ErrorKind::Io(error)) => Some(error),
        _ => error.downcast_ref(),
    };
    io.map(io::Error::kind)
}

const FAILED: u8 = 1;
const USAGE: u8 = 2;

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::with_code(FAILED, error)
    }
}
