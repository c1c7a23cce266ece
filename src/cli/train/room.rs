//! Room on the disk for what a training writes.

use std::path::Path;

use anyhow::anyhow;

use crate::cli::exit::Failure;
use crate::file::free_space;
use crate::text::number::file_size;
use crate::train::network::TrainedNetwork;

/// Refuses a place for the output that has too little room, where the file system tells how much it has.
///
/// # Errors
/// A file system without room for the weights and for the state of the training, which lies beside them.
pub(super) fn check(
    output: &Path,
    network: &TrainedNetwork,
    is_resumed: bool,
) -> Result<(), Failure> {
    let directory = match output.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let [weights, momentum] = network.bytes();
    // The state has the best weights so far, too.
    let state = 2 * weights + momentum;
    match free_space(directory) {
        Some(free) => ensure(directory, free, [weights, state], is_resumed),
        None => Ok(()),
    }
}

fn ensure(
    directory: &Path,
    free: u64,
    [weights, state]: [u64; 2],
    is_resumed: bool,
) -> Result<(), Failure> {
    // A state that is there takes none of what is free. It stays until another one is whole, or the weights are, which are
    // smaller.
    let wanted = match is_resumed {
        true => state,
        false => weights + state,
    };
    if free >= wanted {
        return Ok(());
    }
    Err(anyhow!(
        "{} has {} free, and {} are needed: the weights take {}, and the state of a training that is stopped {}; make room, \
         or write elsewhere with --output",
        directory.display(),
        file_size(free),
        file_size(wanted),
        file_size(weights),
        file_size(state)
    )
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_must_be_room_for_the_weights_and_for_the_state() {
        let ensured = |free, is_resumed| {
            let sizes = [150_000_000, 450_000_000];
            let ensured = ensure(Path::new("out"), free, sizes, is_resumed);
            ensured.map_err(|failure| failure.into_error().to_string())
        };
        assert_eq!(ensured(600_000_000, false), Ok(()));
        assert_eq!(ensured(450_000_000, true), Ok(()));
        assert!(ensured(449_000_000, true).is_err());
        assert_eq!(
            ensured(500_000_000, false).unwrap_err(),
            "out has 500 MB free, and 600 MB are needed: the weights take 150 MB, and the state of a training that is stopped \
             450 MB; make room, or write elsewhere with --output"
        );
    }
}
