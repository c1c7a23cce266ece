//! What the network reads of clips: their frames, or what is kept of them.

use std::collections::HashSet;

use super::error::{DescentError, Result};
use super::event::Event;
use super::examples::{Examples, Loading};
use super::maps::{Maps, Side};
use super::order::{Look, all_looks, as_they_are};
use crate::clip::{ClipError, Item, Pipeline};
use crate::engine::{BeforeLastStage, ClipBatch};
use crate::recognise::Stop;
use crate::train::network::{self, Input, Middle, TrainedNetwork};
use crate::train::recipe::Recipe;

/// Where values come from, and which clips have none.
pub(super) struct Source<'e> {
    pub examples: &'e Examples,
    pub loading: Loading,
    pub maps: Option<Maps>,
    /// Computes what comes before the last stage; without it the network itself does.
    pub before: Option<BeforeLastStage>,
    /// Whether clips that cannot be used are left out.
    pub skips: bool,
    pub left_out: HashSet<(Side, usize)>,
}

/// Clips on their way.
pub(super) struct Stream {
    side: Side,
    /// None where the values are kept.
    pipeline: Option<Pipeline>,
}

/// Clips that go through the network together.
pub(super) struct Batch {
    pub places: Vec<usize>,
    pub classes: Vec<usize>,
    values: Values,
}

enum Values {
    Frames(ClipBatch),
    Maps(Middle),
}

impl Batch {
    pub(super) fn input(&self) -> Input<'_> {
        match &self.values {
            Values::Frames(clips) => Input::Clips(clips),
            Values::Maps(middle) => Input::Middle(middle),
        }
    }
}

impl Source<'_> {
    /// Computes what comes before the last stage for all views that are not known. Returns whether `stop` came first.
    pub(super) fn prepare(
        &mut self,
        network: &TrainedNetwork,
        stop: &Stop,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<bool> {
        let recipe = network.recipe();
        let examples = self.examples;
        let fitted = all_looks(recipe, examples.fitted.len()).unwrap_or_default();
        let judged = as_they_are(examples.judged.len());
        let of = fitted.len() + judged.len();
        let mut done = 0;
        for (side, looks) in [(Side::Judged, judged), (Side::Fitted, fitted)] {
            let Some(maps) = &self.maps else {
                return Ok(false);
            };
            let is_missing = |look: &Look| !maps.has(recipe, side, *look);
            let missing: Vec<Look> = looks.iter().copied().filter(is_missing).collect();
            done += looks.len() - missing.len();
            let pipeline = self.loading.ahead(recipe, side.of(examples), &missing);
            for (look, item) in missing.into_iter().zip(pipeline) {
                self.keep(network, side, look, item, events)?;
                done += 1;
                events(Event::Maps { done, of });
                if stop.is_asked() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Begins to load clips, unless their values are kept.
    pub(super) fn stream(&self, recipe: &Recipe, side: Side, looks: &[Look]) -> Stream {
        let pipeline = match self.maps {
            Some(_) => None,
            None => Some(self.loading.ahead(recipe, side.of(self.examples), looks)),
        };
        Stream { side, pipeline }
    }

    /// The clips of the next looks, but for those that are left out.
    pub(super) fn batch(
        &mut self,
        network: &TrainedNetwork,
        stream: &mut Stream,
        looks: &[Look],
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<Batch> {
        let (recipe, side) = (network.recipe(), stream.side);
        let (mut places, mut classes, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for &look in looks {
            let found = match &mut stream.pipeline {
                Some(pipeline) => match pipeline.next().map(|item| self.frames(item)) {
                    Some(Ok(clip)) if self.before.is_some() => Some(self.middle(network, &clip)?),
                    Some(Ok(clip)) => Some(clip.values),
                    Some(Err(error)) => {
                        self.unusable(side, look.clip, error, events)?;
                        None
                    }
                    None => None,
                },
                None if self.left_out.contains(&(side, look.clip)) => None,
                None => Some(self.kept(network, side, look)?),
            };
            let Some(found) = found else { continue };
            values.extend(found);
            places.push(look.clip);
            classes.push(match side {
                Side::Fitted => self.examples.class(recipe, look),
                Side::Judged => self.examples.judged[look.clip].class,
            });
        }
        let clips = places.len();
        let values = match (&stream.pipeline, &self.before) {
            (Some(_), None) => Values::Frames(ClipBatch {
                values,
                clips,
                segments: self.loading.options.segments,
            }),
            _ => Values::Maps(Middle { values, clips }),
        };
        Ok(Batch {
            places,
            classes,
            values,
        })
    }

    fn frames(&self, item: Item) -> std::result::Result<ClipBatch, ClipError> {
        self.loading.input(&item.outcome?)
    }

    /// What comes before the last stage.
    fn middle(&self, network: &TrainedNetwork, clip: &ClipBatch) -> Result<Vec<f32>> {
        let turns = &self.loading.options.turns;
        match &self.before {
            Some(before) => {
                let values = turns.network(|| before.run(clip));
                Ok(values.map_err(network::Error::from)?)
            }
            None => Ok(turns.network(|| network.middle(clip))?.values),
        }
    }

    /// Makes the values of a view and keeps them.
    fn keep(
        &mut self,
        network: &TrainedNetwork,
        side: Side,
        look: Look,
        item: Item,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<()> {
        match self.frames(item) {
            Err(error) => self.unusable(side, look.clip, error, events),
            Ok(clip) => {
                let values = self.middle(network, &clip)?;
                if let Some(maps) = &mut self.maps {
                    maps.add(network.recipe(), side, look, &values)?;
                }
                Ok(())
            }
        }
    }

    /// The values of a view. One that was damaged since it was kept is made anew.
    fn kept(&mut self, network: &TrainedNetwork, side: Side, look: Look) -> Result<Vec<f32>> {
        let recipe = network.recipe();
        if let Some(maps) = &mut self.maps
            && let Some(values) = maps.get(recipe, side, look)?
        {
            return Ok(values);
        }
        let of = side.of(self.examples);
        let failed = |source| DescentError::Clip {
            path: of[look.clip].entry.path.clone(),
            source,
        };
        let item = self.loading.ahead(recipe, of, &[look]).next();
        let clip = match item.map(|item| self.frames(item)) {
            Some(clip) => clip.map_err(failed)?,
            None => return Ok(Vec::new()),
        };
        let values = self.middle(network, &clip)?;
        if let Some(maps) = &mut self.maps {
            maps.add(recipe, side, look, &values)?;
        }
        Ok(values)
    }

    /// Leaves a clip out, if that is wanted.
    fn unusable(
        &mut self,
        side: Side,
        clip: usize,
        error: ClipError,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<()> {
        let path = &side.of(self.examples)[clip].entry.path;
        if !self.skips {
            return Err(DescentError::Clip {
                path: path.clone(),
                source: error,
            });
        }
        if self.left_out.insert((side, clip)) {
            events(Event::LeftOut {
                clip: path,
                error: &error.to_string(),
            });
        }
        Ok(())
    }
}
