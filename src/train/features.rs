//! What the network makes of clips before its head.

use std::num::NonZeroU64;

use super::cache::{CacheError, ViewCache};
use crate::clip::{Augmented, ClipEntry, Looks, OpenOptions, identity};
use crate::random::Draws;
use crate::recognise::{Answer, Outcome, RecogniseError, Recogniser, Stop};

/// The features of each view of a clip, that of the clip as it is first, or why there are none.
pub type ClipFeatures = Result<Vec<Vec<f32>>, String>;

/// What ends the looking at clips.
#[derive(Debug, thiserror::Error)]
pub enum FeatureError {
    /// The network cannot be run.
    #[error(transparent)]
    Recognise(#[from] RecogniseError),
    /// Features cannot be kept.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// Clips whose features are wanted: what is known of them, and what the network has yet to look at.
pub struct Looking<'c> {
    clips: Vec<Wanted<'c>>,
    cache: Option<ViewCache>,
    augmented: Option<Augmented>,
}

/// A clip, and what is known of it.
struct Wanted<'c> {
    entry: &'c ClipEntry,
    identity: Option<[u8; 32]>,
    /// Its views by the names that they have in the cache.
    views: Vec<u64>,
    found: Option<ClipFeatures>,
}

impl<'c> Looking<'c> {
    /// Looks clips up in `cache`, as they are opened with `options`: `varied` ones with `augmented` views beside the clip as it
    /// is, then `plain` ones.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn new(
        varied: impl Iterator<Item = &'c ClipEntry>,
        plain: impl Iterator<Item = &'c ClipEntry>,
        augmented: Option<Augmented>,
        options: &OpenOptions,
        mut cache: Option<ViewCache>,
    ) -> Result<Self, CacheError> {
        let wanted = |(entry, augmented): (&'c ClipEntry, Option<Augmented>)| {
            // A clip that cannot be found gives its error when it is loaded.
            let identity = cache.as_ref().and_then(|_| identity(entry, options).ok());
            let views = views(augmented);
            let known = |&view: &u64| match (&mut cache, &identity) {
                (Some(cache), Some(identity)) => cache.get(identity, view),
                _ => Ok(None),
            };
            let found = views.iter().map(known).collect::<Result<Option<_>, _>>()?;
            Ok(Wanted {
                entry,
                identity,
                found: found.map(Ok),
                views,
            })
        };
        let varied = varied.map(|entry| (entry, augmented));
        let plain = plain.map(|entry| (entry, None));
        let clips = varied.chain(plain).map(wanted);
        Ok(Self {
            clips: clips.collect::<Result<_, _>>()?,
            cache,
            augmented,
        })
    }

    /// How many clips the network has yet to look at.
    pub fn missing(&self) -> usize {
        let missing = self.clips.iter().filter(|clip| clip.found.is_none());
        missing.count()
    }

    /// Runs the network of `recogniser` for the clips that are missing, and keeps what it makes of them. `seen` is told of every
    /// answer, and how many clips came before. The features of each clip follow; `None` where `stop` came first.
    ///
    /// # Errors
    /// [`FeatureError`]. What is wrong with a single clip is part of the result.
    pub fn run(
        mut self,
        recogniser: &Recogniser,
        stop: &Stop,
        seen: &mut dyn FnMut(usize, &Answer),
    ) -> Result<Vec<Option<ClipFeatures>>, FeatureError> {
        let mut before = 0;
        for augmented in [self.augmented, None] {
            let of_this = views(augmented);
            let missing: Vec<usize> = (0..self.clips.len())
                .filter(|&clip| self.clips[clip].found.is_none())
                .filter(|&clip| self.clips[clip].views == of_this)
                .collect();
            let entries: Vec<_> = missing
                .iter()
                .map(|&clip| Ok(self.clips[clip].entry.clone()))
                .collect();
            let mut made = Vec::new();
            for answer in recogniser.recognise_varied(stop, entries, augmented) {
                let answer = answer?;
                let (place, of) = answer.outcome.place();
                seen(before + answer.clip, &answer);
                let clip = missing[answer.clip];
                match features(answer) {
                    Ok(features) => made.push(features),
                    Err(error) => self.clips[clip].found = Some(Err(error)),
                }
                if place + 1 == of {
                    // All views have come, unless one failed.
                    self.keep(clip, std::mem::take(&mut made))?;
                }
            }
            before += missing.len();
            if stop.is_asked() {
                break;
            }
        }
        Ok(self.clips.into_iter().map(|clip| clip.found).collect())
    }

    /// Takes the features of a clip, if they are those of all its views.
    fn keep(&mut self, clip: usize, made: Vec<Vec<f32>>) -> Result<(), CacheError> {
        let clip = &mut self.clips[clip];
        if made.len() < clip.views.len() {
            return Ok(());
        }
        if let (Some(cache), Some(identity)) = (&mut self.cache, &clip.identity) {
            for (&view, features) in clip.views.iter().zip(&made) {
                if cache.get(identity, view)?.is_none() {
                    cache.add(identity, view, features)?;
                }
            }
        }
        clip.found = Some(Ok(made));
        Ok(())
    }
}

fn features(answer: Answer) -> Result<Vec<f32>, String> {
    match answer.outcome {
        Outcome::Scored { features, .. } => Ok(features),
        Outcome::NotScored { error, .. } => Err(error.to_string()),
        Outcome::NotLoaded { error } => Err(error.to_string()),
    }
}

/// The names of a clip's views.
fn views(augmented: Option<Augmented>) -> Vec<u64> {
    let Some((with, Looks::AsItIsAnd(count))) = augmented.map(|with| (with, with.looks)) else {
        return vec![view_name(augmented)];
    };
    let variations = (1..=count as u64).filter_map(NonZeroU64::new);
    let variations = variations.map(|number| {
        view_name(Some(Augmented {
            looks: Looks::Variation(number),
            ..with
        }))
    });
    std::iter::once(view_name(None)).chain(variations).collect()
}

/// The name of a view in a cache: 0 for the clip as it is; that of a variation has all that decides about it.
pub(super) fn view_name(augmented: Option<Augmented>) -> u64 {
    match augmented.map(|with| (with, with.looks)) {
        Some((with, Looks::Variation(number))) => {
            Draws::new(with.seed, &[u64::from(with.mirrors), number.get()]).bits()
        }
        _ => 0,
    }
}
