//! What the network makes of clips before its head.

use super::cache::{CacheError, FeatureCache};
use crate::clip::{ClipEntry, OpenOptions, identity};
use crate::recognise::{Outcome, RecogniseError, Recogniser, Stop};

/// The features of a clip, or why there are none.
pub type ClipFeatures = Result<Vec<f32>, String>;

/// The view of whole frames from the middle of each segment, as clips are classified.
const CENTRE: usize = 0;

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
    clips: Vec<&'c ClipEntry>,
    cache: Option<FeatureCache>,
    identities: Vec<Option<[u8; 32]>>,
    found: Vec<Option<ClipFeatures>>,
    missing: Vec<usize>,
}

impl<'c> Looking<'c> {
    /// Looks `clips` up in `cache`, as they are opened with `options`.
    pub fn new(
        clips: Vec<&'c ClipEntry>,
        options: &OpenOptions,
        cache: Option<FeatureCache>,
    ) -> Self {
        // A clip that cannot be found gives its error when it is loaded.
        let identify = |clip: &&ClipEntry| cache.as_ref().and(identity(clip, options).ok());
        let identities: Vec<Option<[u8; 32]>> = clips.iter().map(identify).collect();
        let known = |identity: &Option<[u8; 32]>| {
            let features = cache.as_ref()?.get(identity.as_ref()?, CENTRE)?;
            Some(Ok(features.to_vec()))
        };
        let found: Vec<Option<ClipFeatures>> = identities.iter().map(known).collect();
        let missing = (0..found.len()).filter(|&clip| found[clip].is_none());
        Self {
            missing: missing.collect(),
            clips,
            cache,
            identities,
            found,
        }
    }

    /// How many clips the network has yet to look at.
    pub fn missing(&self) -> usize {
        self.missing.len()
    }

    /// Runs the network of `recogniser` for the clips that are missing, and keeps what it makes of them. `done` is told how
    /// many have been looked at. The features of each clip follow; `None` where `stop` came first.
    ///
    /// # Errors
    /// [`FeatureError`]. What is wrong with a single clip is part of the result.
    pub fn run(
        mut self,
        recogniser: &Recogniser,
        stop: &Stop,
        done: &mut dyn FnMut(usize),
    ) -> Result<Vec<Option<ClipFeatures>>, FeatureError> {
        let entries = self
            .missing
            .iter()
            .map(|&place| Ok(self.clips[place].clone()));
        let answers = recogniser.recognise_until(stop, entries.collect::<Vec<_>>());
        for (count, answer) in answers.enumerate() {
            let answer = answer?;
            let place = self.missing[answer.clip];
            self.found[place] = Some(match answer.outcome {
                Outcome::Scored { features, .. } => {
                    if let (Some(cache), Some(clip)) = (&mut self.cache, &self.identities[place]) {
                        cache.add(clip, CENTRE, &features)?;
                    }
                    Ok(features)
                }
                Outcome::NotScored { error, .. } => Err(error.to_string()),
                Outcome::NotLoaded { error } => Err(error.to_string()),
            });
            done(count + 1);
        }
        Ok(self.found)
    }
}
