//! Which clips an epoch looks at, in which order, and how.

use std::num::NonZeroU64;

use crate::random::Draws;
use crate::train::recipe::{Recipe, Views};

/// Where orders and views draw from, so that no other draw of the same seed is like them.
const ORDER: u64 = 0x04DE;
const VIEW: u64 = 0x71E3;

/// A clip as an epoch looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// Its place among the clips.
    pub clip: usize,
    /// The variation; the clip as it is where this is `None`.
    pub variation: Option<NonZeroU64>,
}

/// Every clip once.
pub(super) fn looks(recipe: &Recipe, clips: usize, epoch: usize) -> Vec<Look> {
    let mut order: Vec<usize> = (0..clips).collect();
    Draws::new(recipe.seed, &[ORDER, epoch as u64]).shuffle(&mut order);
    let look = |clip: usize| {
        let number = match recipe.views {
            Views::New => epoch as u64 + 1,
            Views::Kept(count) => {
                let path = [VIEW, epoch as u64, clip as u64];
                Draws::new(recipe.seed, &path).below(count + 1) as u64
            }
        };
        Look {
            clip,
            variation: NonZeroU64::new(number),
        }
    };
    order.into_iter().map(look).collect()
}

/// All that the epochs of a recipe may look at, of clips that are fitted to; `None` where every epoch looks at something new.
pub(super) fn all_looks(recipe: &Recipe, clips: usize) -> Option<Vec<Look>> {
    let Views::Kept(count) = recipe.views else {
        return None;
    };
    let of = |clip| {
        (0..=count as u64).map(move |number| Look {
            clip,
            variation: NonZeroU64::new(number),
        })
    };
    Some((0..clips).flat_map(of).collect())
}

/// Every clip as it is.
pub(super) fn as_they_are(clips: usize) -> Vec<Look> {
    let look = |clip| Look {
        clip,
        variation: None,
    };
    (0..clips).map(look).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::recipe::Architecture;

    fn recipe(views: Views) -> Recipe {
        Recipe {
            views,
            seed: 3,
            ..Recipe::small(Architecture::Lite)
        }
    }

    fn clips(looks: &[Look]) -> Vec<usize> {
        looks.iter().map(|look| look.clip).collect()
    }

    #[test]
    fn every_epoch_has_every_clip_once_in_an_order_of_its_own() {
        let recipe = recipe(Views::Kept(0));
        let (first, second) = (looks(&recipe, 50, 0), looks(&recipe, 50, 1));
        assert_ne!(clips(&first), clips(&second));
        assert_eq!(first, looks(&recipe, 50, 0));
        for epoch in [first, second] {
            let mut all = clips(&epoch);
            all.sort_unstable();
            assert_eq!(all, (0..50).collect::<Vec<_>>());
            assert!(epoch.iter().all(|look| look.variation.is_none()));
        }
    }

    #[test]
    fn kept_views_are_all_looked_at_and_new_ones_never_twice() {
        let kept = recipe(Views::Kept(4));
        let seen: HashSet<_> = (0..40)
            .flat_map(|epoch| looks(&kept, 2, epoch))
            .filter(|look| look.clip == 0)
            .map(|look| look.variation)
            .collect();
        assert_eq!(seen.len(), 5);
        assert_eq!(all_looks(&kept, 2).map(|all| all.len()), Some(10));
        let new = recipe(Views::New);
        let seen: HashSet<_> = (0..40)
            .flat_map(|epoch| looks(&new, 1, epoch))
            .map(|look| look.variation)
            .collect();
        assert_eq!((seen.len(), seen.contains(&None)), (40, false));
        assert_eq!(all_looks(&new, 2), None);
    }
}
