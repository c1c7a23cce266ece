//! What comes before the last stage, kept on disk: where nothing before it is trained, it never changes.

use super::examples::{Example, Examples, augmented};
use super::order::Look;
use crate::clip::{OpenOptions, identity};
use crate::train::cache::{CacheError, ViewCache};
use crate::train::features::view_name;
use crate::train::recipe::Recipe;

/// Which clips.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Side {
    Fitted,
    Judged,
}

impl Side {
    pub(super) fn of(self, examples: &Examples) -> &[Example] {
        match self {
            Self::Fitted => &examples.fitted,
            Self::Judged => &examples.judged,
        }
    }
}

/// The values of views that are known.
pub(super) struct Maps {
    cache: ViewCache,
    fitted: Vec<Option<[u8; 32]>>,
    judged: Vec<Option<[u8; 32]>>,
}

impl Maps {
    pub(super) fn new(cache: ViewCache, examples: &Examples, options: &OpenOptions) -> Self {
        // A clip that cannot be found gives its error when it is loaded.
        let identities = |of: &[Example]| {
            let entries = of.iter().map(|example| &example.entry);
            entries.map(|entry| identity(entry, options).ok()).collect()
        };
        Self {
            fitted: identities(&examples.fitted),
            judged: identities(&examples.judged),
            cache,
        }
    }

    pub(super) fn get(
        &mut self,
        recipe: &Recipe,
        side: Side,
        look: Look,
    ) -> Result<Option<Vec<f32>>, CacheError> {
        match self.identity(side, look) {
            Some(identity) => self.cache.get(&identity, name(recipe, look)),
            None => Ok(None),
        }
    }

    pub(super) fn has(&self, recipe: &Recipe, side: Side, look: Look) -> bool {
        let identity = self.identity(side, look);
        identity.is_some_and(|identity| self.cache.has(&identity, name(recipe, look)))
    }

    pub(super) fn add(
        &mut self,
        recipe: &Recipe,
        side: Side,
        look: Look,
        values: &[f32],
    ) -> Result<(), CacheError> {
        match self.identity(side, look) {
            Some(identity) => self.cache.add(&identity, name(recipe, look), values),
            None => Ok(()),
        }
    }

    /// The file.
    pub(super) fn into_cache(self) -> ViewCache {
        self.cache
    }

    fn identity(&self, side: Side, look: Look) -> Option<[u8; 32]> {
        match side {
            Side::Fitted => self.fitted[look.clip],
            Side::Judged => self.judged[look.clip],
        }
    }
}

fn name(recipe: &Recipe, look: Look) -> u64 {
    view_name(augmented(recipe, look))
}
