//! Closed pipes.

use std::error::Error;
use std::io;

/// Whether `error` or one of its causes is a closed pipe. Errors of JSON and CSV writers wrap it.
pub fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let json = error.downcast_ref::<serde_json::Error>();
        if json.and_then(serde_json::Error::io_error_kind) == Some(io::ErrorKind::BrokenPipe) {
            return true;
        }
        let csv = error.downcast_ref::<csv::Error>().map(csv::Error::kind);
        let io = match csv {
            Some(csv::ErrorKind::Io(io)) => Some(io),
            _ => error.downcast_ref::<io::Error>(),
        };
        if io.is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe) {
            return true;
        }
        // `source` of an I/O error skips the error that it wraps.
        cause = match io.and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed() -> io::Error {
        io::ErrorKind::BrokenPipe.into()
    }

    #[test]
    fn a_closed_pipe_is_found_inside_what_wraps_it() {
        let json = serde_json::Error::io(closed());
        let csv = io::Error::from(csv::Error::from(closed()));
        let errors: [Box<dyn Error>; 4] = [
            Box::new(closed()),
            Box::new(json),
            Box::new(io::Error::other(closed())),
            Box::new(csv),
        ];
        for error in errors {
            assert!(is_broken_pipe(error.as_ref()), "{error:?}");
        }
    }

    #[test]
    fn other_errors_are_no_closed_pipe() {
        assert!(!is_broken_pipe(&io::Error::other("closed")));
        assert!(!is_broken_pipe(&io::Error::from(
            io::ErrorKind::StorageFull
        )));
    }
}
