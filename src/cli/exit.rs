//! How a command ends: exit codes, and the error on standard error.

use std::error::Error;
use std::io;

use super::advice;
use super::say::say;
use crate::engine::{self, cpu};
use crate::recognise::{InputError, RecogniseError};
use crate::text::is_broken_pipe;
use crate::weights::locate::LocateError;
use crate::weights::{ErrorClass, LoadError, UnusableWeights, WeightsError};

/// All is well.
pub(super) const SUCCESS: u8 = 0;
/// Any other failure.
pub(super) const FAILED: u8 = 1;
/// The flags or their values were wrong.
pub(super) const USAGE: u8 = 2;
/// The tensors do not match the network.
pub(super) const MISMATCH: u8 = 3;
/// Nothing was begun: a worker that is started again with the same input would fail again.
pub(super) const CANNOT_START: u8 = 3;
/// A file cannot be read as a checkpoint.
pub(super) const UNREADABLE: u8 = 4;

/// The codes, for the help text.
pub(super) const EXIT_CODES: &str = "\
Exit codes: 0 success, 1 failure, 2 wrong usage, 3 the tensors do not match the network, or classify cannot start, 4 a file \
cannot be read as a checkpoint, 130 interrupted (Ctrl-C), 143 terminated";

/// A command that did not succeed: what to say, and the exit code.
#[derive(Debug)]
pub(super) struct Failure {
    error: anyhow::Error,
    code: u8,
}

impl Failure {
    /// A failure with an exit code of its own.
    pub(super) fn with_code(code: u8, error: impl Into<anyhow::Error>) -> Self {
        Self {
            error: error.into(),
            code,
        }
    }

    /// The flags or their values were wrong.
    pub(super) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::with_code(USAGE, error)
    }

    /// The same failure before any work was begun, if it has no code of its own.
    pub(super) fn at_start(self) -> Self {
        match self.code {
            FAILED => Self::with_code(CANNOT_START, self.error),
            _ => self,
        }
    }

    /// The error without the exit code.
    pub(super) fn into_error(self) -> anyhow::Error {
        self.error
    }

    /// Prints the error on stderr, unless the reader of stdout has gone away: that ends a command quietly. Returns the exit
    /// code.
    pub(super) fn report(self) -> u8 {
        if is_broken_pipe(self.error.as_ref()) {
            return SUCCESS;
        }
        let what = match is_of_standard_output(&self.error) {
            true => "cannot write to standard output: ",
            false => "",
        };
        let mut text = format!("eco: {what}{:#}", self.error).trim_end().to_owned();
        if let Some(advice) = advice::for_failure(&self.error) {
            text += if text.contains('\n') { "\n" } else { "; " };
            text += advice;
        }
        say(text);
        self.code
    }
}

/// Whether writing failed without a word about where: files are named by their errors, standard output has no name.
fn is_of_standard_output(error: &anyhow::Error) -> bool {
    let json = error.downcast_ref::<serde_json::Error>();
    let of_json = json.and_then(serde_json::Error::io_error_kind);
    let plain = error.downcast_ref::<io::Error>().map(io::Error::kind);
    let is_full = |kind| {
        matches!(
            kind,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    };
    plain.or(of_json).is_some_and(is_full)
}

/// The same error has the same code in every command.
impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        let code = error.chain().find_map(code);
        Self::with_code(code.unwrap_or(FAILED), error)
    }
}

fn code(error: &(dyn Error + 'static)) -> Option<u8> {
    // Some errors show the error that they hold as their own, and so are no links of the chain.
    match error.downcast_ref::<RecogniseError>() {
        Some(RecogniseError::Weights(error)) => return Some(code_of_class(error.class())),
        Some(RecogniseError::Engine(error)) => return code_of_engine(error),
        Some(RecogniseError::Labels(_)) => return Some(USAGE),
        Some(RecogniseError::Unusable { source, .. }) => match **source {
            UnusableWeights::Partial { .. } | UnusableWeights::NotFinite { .. } => {
                return Some(MISMATCH);
            }
            UnusableWeights::Network(_) => return Some(USAGE),
            _ => {}
        },
        _ => {}
    }
    match error.downcast_ref::<InputError>() {
        Some(InputError::Unreadable(error)) => return Some(code_of_class(error.class())),
        Some(_) => return Some(USAGE),
        None => {}
    }
    if let Some(LocateError::NoSuchFile { .. }) = error.downcast_ref() {
        return Some(UNREADABLE);
    }
    let load = error.downcast_ref().map(LoadError::class);
    match load.or_else(|| error.downcast_ref().map(WeightsError::class)) {
        Some(class) => Some(code_of_class(class)),
        None => code_of_engine(error.downcast_ref()?),
    }
}

/// The code of an error about weights.
pub(super) fn code_of_class(class: ErrorClass) -> u8 {
    match class {
        ErrorClass::Mismatch => MISMATCH,
        ErrorClass::Unreadable => UNREADABLE,
        ErrorClass::Usage => USAGE,
        ErrorClass::Failed => FAILED,
    }
}

fn code_of_engine(error: &engine::Error) -> Option<u8> {
    match error {
        engine::Error::Device(_)
        | engine::Error::Precision(_)
        | engine::Error::Bf16(_)
        | engine::Error::Cpu(cpu::Error::NoAmx(_))
        | engine::Error::NoLibtorch(_) => Some(USAGE),
        _ => None,
    }
}
