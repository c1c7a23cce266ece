//! Looking at the clips of a training.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::anyhow;

use super::args::{Args, Unusable};
use super::data::Data;
use crate::cli::about;
use crate::cli::exit::Failure;
use crate::cli::progress::{Plain, Progress};
use crate::cli::say::say;
use crate::cli::signals::Signals;
use crate::cli::times::Times;
use crate::clip::{Augmented, ClipEntry};
use crate::recognise::Recogniser;
use crate::train::{CacheError, ClipFeatures, Featured, Kept, Looking, ViewCache};

/// Everything that can change a feature.
pub(super) fn settings(
    recogniser: &Recogniser,
    weights_sha256: Option<&str>,
) -> BTreeMap<String, String> {
    let settings = about::describe(recogniser, None).settings.into_iter();
    let is_how_fast = |name: &str| matches!(name, "Threads" | "Views per batch");
    let settings = settings.filter(|(name, _)| !is_how_fast(name));
    let weights = weights_sha256.unwrap_or("demo").to_owned();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    settings
        .chain([
            ("Weights".to_owned(), weights),
            ("Version".to_owned(), version),
        ])
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect()
}

/// What became of each clip, and for how many the network was run.
pub(super) struct Seen {
    clips: Vec<ClipFeatures>,
    looked_at: usize,
}

fn entries(clips: &[(ClipEntry, usize)]) -> impl Iterator<Item = &ClipEntry> {
    clips.iter().map(|(clip, _)| clip)
}

/// Where features and maps are kept, if they are.
pub(super) fn cache_directory(args: &Args) -> Option<PathBuf> {
    match (&args.cache, args.no_cache) {
        (_, true) => None,
        (Some(directory), _) => Some(directory.clone()),
        (None, _) => dirs::cache_dir().map(|cache| cache.join("eco")),
    }
}

/// The features of all clips.
///
/// # Errors
/// What ends the work; what is wrong with a single clip is part of the result.
pub(super) fn look(
    args: &Args,
    recogniser: &Recogniser,
    data: &Data,
    augmented: Option<Augmented>,
    settings: &BTreeMap<String, String>,
    signals: &Signals,
) -> Result<Seen, Failure> {
    let quiet = args.speech.quiet;
    let directory = cache_directory(args);
    let features = recogniser.weights().features();
    let cache =
        directory.map(|directory| ViewCache::open(&directory, Kept::Features, settings, features));
    let cache = match cache.transpose() {
        Ok(cache) => cache,
        // Nothing was said about where; the work does not depend on it.
        Err(error @ (CacheError::InUse { .. } | CacheError::Io { .. })) if args.cache.is_none() => {
            if !quiet {
                say(format_args!(
                    "eco: features are not kept: {:#}",
                    anyhow!(error)
                ));
            }
            None
        }
        Err(error) => return Err(error.into()),
    };
    let all = data.fitted.len() + data.judged.len();
    let (varied, plain) = (entries(&data.fitted), entries(&data.judged));
    let open = &recogniser.options().open;
    let looking = Looking::new(varied, plain, augmented, open, cache)?;
    let missing = looking.missing();
    if missing < all && !quiet {
        say(format_args!(
            "eco: features of {} of {all} clips are known",
            all - missing
        ));
    }
    let begun = Instant::now();
    let progress = Progress::new(Some(missing), quiet);
    let mut plain = Plain::new(missing, quiet);
    progress.begin(signals.stop());
    let mut looked_at = 0;
    let mut times = Times::default();
    let found = looking.run(recogniser, &signals.stop(), &mut |clip, answer| {
        times.add(answer);
        let (place, of) = answer.outcome.place();
        if place + 1 == of {
            looked_at = clip + 1;
            progress.answered(clip, 0, 1);
            plain.done(looked_at);
        }
    });
    progress.end();
    let found = found?;
    if args.speech.verbose {
        times.explain("clips looked at", looked_at, begun.elapsed());
    }
    if let Some(code) = signals.exit_code() {
        let done = found.iter().flatten().count();
        let advice = match args.no_cache {
            true => "",
            false => "; the same command goes on",
        };
        let message = anyhow!(
            "interrupted: {done} of {all} clips have been looked at, nothing is written{advice}"
        );
        return Err(Failure::with_code(code, message));
    }
    let gone = || Err("the network gave no answer".to_owned());
    Ok(Seen {
        clips: found
            .into_iter()
            .map(|clip| clip.unwrap_or_else(gone))
            .collect(),
        looked_at,
    })
}

/// Clips whose features are numbers.
pub(super) struct Usable {
    /// To fit to.
    pub fitted: Featured,
    /// The group of each clip that is fitted to.
    pub groups: Vec<Option<String>>,
    /// To judge by alone.
    pub judged: Featured,
    /// Clips that are left out, with their errors.
    pub failures: Vec<(String, String)>,
    /// Clips that the network was run for.
    pub looked_at: usize,
}

/// Sorts the clips into those to fit to and those to judge by.
///
/// # Errors
/// Clips that cannot be used, unless they are to be skipped.
pub(super) fn usable(
    args: &Args,
    data: &Data,
    augmented: Option<Augmented>,
    mirrored: &[usize],
    seen: Seen,
) -> Result<Usable, Failure> {
    let mut found = Usable {
        fitted: Featured::default(),
        groups: Vec::new(),
        judged: Featured::default(),
        failures: Vec::new(),
        looked_at: seen.looked_at,
    };
    let clips = data.fitted.iter().chain(&data.judged).zip(seen.clips);
    for (place, ((entry, class), features)) in clips.enumerate() {
        let features = match features {
            Ok(features) if features.iter().flatten().all(|value| value.is_finite()) => features,
            Ok(_) => {
                let error = "the network makes values of it that are no numbers".to_owned();
                found
                    .failures
                    .push((entry.path.display().to_string(), error));
                continue;
            }
            Err(error) => {
                found
                    .failures
                    .push((entry.path.display().to_string(), error));
                continue;
            }
        };
        let class_of = |view: usize| {
            let number = NonZeroU64::new(view as u64);
            let is_mirrored = augmented
                .zip(number)
                .is_some_and(|(with, number)| with.is_mirrored(&entry.path, number));
            match is_mirrored {
                true => mirrored[*class],
                false => *class,
            }
        };
        let views = features.into_iter().enumerate();
        let views = views.map(|(view, features)| (features, class_of(view)));
        let featured = match data.groups.of.get(place) {
            Some(group) => {
                found.groups.push(group.clone());
                &mut found.fitted
            }
            None => &mut found.judged,
        };
        featured.add(entry.path.clone(), *class, views.collect());
    }
    match (&found.failures[..], args.unusable) {
        ([(clip, error), ..], Unusable::Error) => {
            let all = data.fitted.len() + data.judged.len();
            let message = format!(
                "{} of {all} clips cannot be used; the first: {clip}: {error}. Nothing is written; --unusable skip leaves them out",
                found.failures.len()
            );
            Err(anyhow!(message).into())
        }
        (failures, _) => {
            if !args.speech.quiet {
                for (clip, error) in failures {
                    say(format_args!("eco: left out: {clip}: {error}"));
                }
            }
            Ok(found)
        }
    }
}
