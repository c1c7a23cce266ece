//! What is said of a fit that ended early.

use std::path::Path;

use anyhow::anyhow;

use super::log::Log;
use crate::cli::exit::Failure;
use crate::cli::signals::Signals;
use crate::train::Recipe;
use crate::train::descent::DescentError;

/// A fit that a signal ended.
pub(super) fn stopped(signals: &Signals, log: &Log) -> Failure {
    let message = match log.kept() {
        Some(path) => anyhow!(
            "interrupted: {} holds what was learnt; the same command with --resume goes on",
            path.display()
        ),
        None => anyhow!(
            "interrupted before the first step: nothing was learnt; the same command begins anew"
        ),
    };
    Failure::with_code(signals.exit_code().unwrap_or(1), message)
}

/// A fit that an error ended. `state` is where its state is kept.
pub(super) fn failed(error: DescentError, log: &Log, recipe: &Recipe, state: &Path) -> Failure {
    let advice = advice(&error, recipe, state);
    anyhow!("{}{:#}{advice}", log.place(), anyhow!(error)).into()
}

fn advice(error: &DescentError, recipe: &Recipe, state: &Path) -> String {
    let path = state.display();
    match (error, state.exists()) {
        (error, is_kept) if error.is_divergence() => {
            let rate = recipe.learning_rate / 3.0;
            let advice = format!(
                "; a smaller learning rate may help, such as --set learning_rate={rate:.1e}, in a new training"
            );
            match is_kept {
                true => format!("{advice}: {path} holds the state of this one, remove it first"),
                false => advice,
            }
        }
        (DescentError::Checkpoint(_), true) => format!(
            "; {path} is as it was written before, and the same command with --resume goes on from there"
        ),
        (DescentError::Checkpoint(_), false) => "; what was learnt is lost".to_owned(),
        (error, is_kept) => {
            let skip = match error {
                DescentError::Clip { .. } => "; --unusable skip leaves such clips out",
                _ => "",
            };
            match is_kept {
                true => format!(
                    "{skip}; {path} holds what was learnt before, the same command with --resume goes on"
                ),
                false => skip.to_owned(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Architecture;
    use crate::train::CheckpointError;

    #[test]
    fn what_is_kept_and_what_helps_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("a.checkpoint.safetensors");
        let recipe = Recipe::official(Architecture::Lite);
        let said = |error: DescentError| advice(&error, &recipe, &state);
        let unwritten = || DescentError::Checkpoint(CheckpointError::NotFinite);
        let rate = "; a smaller learning rate may help, such as --set learning_rate=3.3e-4, in a new training";
        assert_eq!(said(DescentError::Judged(f64::NAN)), rate);
        assert_eq!(said(unwritten()), "; what was learnt is lost");
        assert_eq!(said(DescentError::NoClips(3)), "");
        std::fs::write(&state, "").unwrap();
        let said = |error: DescentError| advice(&error, &recipe, &state);
        let judged = said(DescentError::Judged(f64::NAN));
        assert!(judged.starts_with(rate) && judged.ends_with("this one, remove it first"));
        assert!(!judged.contains("--resume"));
        assert!(said(unwritten()).ends_with(
            "is as it was written before, and the same command with --resume goes on from there"
        ));
        assert!(said(DescentError::NoClips(3)).contains("--resume goes on"));
    }
}
