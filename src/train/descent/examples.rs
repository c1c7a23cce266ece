//! Clips of known classes, and their frames as an epoch looks at them.

use std::sync::Arc;

use super::order::Look;
use crate::clip::{
    Augmented, ClipEntry, ClipError, LoadOptions, Loaded, Looks, Pipeline, load_each_ahead,
};
use crate::engine::ClipBatch;
use crate::train::recipe::Recipe;

/// A clip and its class.
#[derive(Debug, Clone)]
pub struct Example {
    /// The clip.
    pub entry: ClipEntry,
    /// Its class.
    pub class: usize,
}

/// What a network is fitted to, and judged by.
#[derive(Debug, Clone)]
pub struct Examples {
    /// Clips to fit to.
    pub fitted: Vec<Example>,
    /// Clips to judge by, after every epoch.
    pub judged: Vec<Example>,
    /// For every class, the class of its mirror images.
    pub mirrored: Vec<usize>,
}

/// How clips are loaded.
#[derive(Debug, Clone)]
pub struct Loading {
    /// What is taken of a clip as it is.
    pub options: LoadOptions,
    /// Clips that are loaded at a time.
    pub workers: usize,
}

/// The variation of a look.
pub(super) fn augmented(recipe: &Recipe, look: Look) -> Option<Augmented> {
    look.variation.map(|number| Augmented {
        looks: Looks::Variation(number),
        seed: recipe.seed,
        mirrors: recipe.mirror,
    })
}

impl Examples {
    /// The class that a look at a clip to fit to shows.
    pub(super) fn class(&self, recipe: &Recipe, look: Look) -> usize {
        let Example { entry, class } = &self.fitted[look.clip];
        let is_mirrored = augmented(recipe, look)
            .zip(look.variation)
            .is_some_and(|(with, number)| with.is_mirrored(&entry.path, number));
        match is_mirrored {
            true => self.mirrored[*class],
            false => *class,
        }
    }
}

impl Loading {
    /// Loads clips as they are looked at, in their order, ahead of the reader.
    pub(super) fn ahead(&self, recipe: &Recipe, of: &[Example], looks: &[Look]) -> Pipeline {
        let jobs: Vec<_> = looks
            .iter()
            .map(|&look| {
                let options = LoadOptions {
                    augmented: augmented(recipe, look),
                    ..self.options.clone()
                };
                (Ok(of[look.clip].entry.clone()), Arc::new(options))
            })
            .collect();
        load_each_ahead(jobs, self.workers)
    }

    /// The network's input of a clip.
    pub(super) fn input(&self, loaded: &Loaded) -> Result<ClipBatch, ClipError> {
        let mut values = Vec::new();
        for view in &loaded.views {
            let first = values.len();
            values.resize(first + view.normalised_len(), 0.0);
            view.write_normalised(self.options.preprocess, &mut values[first..])?;
        }
        Ok(ClipBatch {
            values,
            clips: loaded.views.len(),
            segments: self.options.segments,
        })
    }
}
