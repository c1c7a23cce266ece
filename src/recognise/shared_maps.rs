//! Windows that share frames share what the 2D net makes of them.

use std::collections::{BTreeMap, HashSet};

use super::RecogniseError;
use crate::clip::Frames;
use crate::engine::{ClipBatch, Engine, Maps, Output};
use crate::recipe::Preprocess;

/// Maps that are kept at most, 300 kB each: 77 MB.
const MOST_KEPT: usize = 256;

/// A frame of one of a clip's crops: the clip, the frame's number, the crop.
type Key = (usize, usize, usize);

/// A view that is to be answered.
pub(super) struct View<'a> {
    /// Place of the clip in the input.
    pub clip: usize,
    /// Which of the crops it has.
    pub crop: usize,
    /// The first frame of the window that it is of: no later view of the clip has a frame before that.
    pub start: usize,
    pub frames: &'a Frames,
}

/// The maps of the last frames.
#[derive(Debug, Default)]
pub(super) struct SharedMaps(BTreeMap<Key, Maps>);

impl SharedMaps {
    /// The frames of the views whose maps are not known, each once, ready for the network: what [`SharedMaps::answer`] takes.
    pub(super) fn missing(&self, views: &[View<'_>], preprocess: Preprocess) -> Missing {
        let mut missing = Missing::default();
        let mut seen = HashSet::new();
        for view in views {
            for (key, pixels) in keys(view).zip(view.frames.iter()) {
                if self.0.contains_key(&key) || !seen.insert(key) {
                    continue;
                }
                missing.keys.push(key);
                let start = missing.values.len();
                missing.values.resize(start + ClipBatch::FRAME_LEN, 0.0);
                preprocess.normalise(pixels, &mut missing.values[start..]);
            }
        }
        missing
    }

    /// Makes the maps that are missing, answers the views, and forgets what no later window can have.
    ///
    /// # Errors
    /// Those of the engine.
    pub(super) fn answer(
        &mut self,
        engine: &dyn Engine,
        views: &[View<'_>],
        missing: &Missing,
    ) -> Result<Output, RecogniseError> {
        if !missing.keys.is_empty() {
            let made = engine.maps(&missing.values)?;
            for (index, key) in missing.keys.iter().enumerate() {
                self.0.insert(*key, made.select(&[index]));
            }
        }
        let network = engine.network();
        let values = views.len() * network.segments() * network.map_len();
        let mut maps = Maps::new(Vec::with_capacity(values), 0);
        for key in views.iter().flat_map(keys) {
            if let Some(map) = self.0.get(&key) {
                maps.append(map);
            }
        }
        let output = engine.answer(&maps)?;
        if let Some(last) = views.last() {
            self.forget(last.clip, last.start);
        }
        Ok(output)
    }

    /// Forgets the clips before `clip`, its frames before `start`, and what is too much.
    fn forget(&mut self, clip: usize, start: usize) {
        self.0 = self.0.split_off(&(clip, start, 0));
        while self.0.len() > MOST_KEPT {
            self.0.pop_first();
        }
    }
}

/// Frames that the 2D net has not seen.
#[derive(Debug, Default)]
pub(super) struct Missing {
    keys: Vec<Key>,
    /// `[frames, 3, 224, 224]`.
    values: Vec<f32>,
}

fn keys<'a>(view: &'a View<'_>) -> impl Iterator<Item = Key> + 'a {
    let frames = view.frames.sources().iter();
    frames.map(|source| (view.clip, source.index, view.crop))
}
