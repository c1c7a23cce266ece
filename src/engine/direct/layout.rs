//! Which grid each value of a plan lies in.

use super::grid::{CHANNELS, Grid, Part};
use crate::engine::plan::{self, Operator, Plan};
use crate::network::{Window, window};

/// A convolution with stride 2.
pub(super) const HALF: Window = window(3).stride(2).padding(1);

/// Where some channels of a value lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Which memory.
    pub memory: usize,
    /// Which lines.
    pub part: Part,
}

/// What a step reads and writes. Nothing where that is no activation in a grid.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Places {
    pub from: Option<Place>,
    pub to: Option<Place>,
    pub raw: Option<Place>,
    pub residual: Option<Place>,
}

/// The memory of a plan.
#[derive(Debug)]
pub(super) struct Layout {
    /// Each memory: the buffer of the plan, and the one grid that lies there. So borders, zero at first, stay zero.
    pub memories: Vec<(usize, Grid)>,
    /// Of each step.
    pub steps: Vec<Places>,
    /// Of the plan's input.
    pub input: Option<Place>,
    /// Of the plan's outputs.
    pub outputs: Vec<Option<Place>>,
}

/// What fills all channels of a buffer from some step on, until something else does.
struct Value {
    place: plan::Place,
    /// Which channels were written.
    written: Vec<bool>,
    /// Whether it may lie apart, as far as is known.
    may_be_apart: bool,
    /// Whether a convolution with stride 2 reads it.
    is_halved: bool,
}

/// The values of a plan while its steps are followed.
struct Values {
    all: Vec<Value>,
    /// What each buffer holds.
    held: Vec<Option<usize>>,
}

impl Values {
    /// The value that a step writes to.
    fn written(&mut self, place: plan::Place) -> usize {
        let channels = place.first..place.first + place.channels;
        if let Some(value) = self.held[place.buffer] {
            let known = &mut self.all[value];
            let is_same = known.place.width == place.width && known.place.extents == place.extents;
            if is_same && !known.written[channels.clone()].contains(&true) {
                known.written[channels].fill(true);
                return value;
            }
        }
        let mut written = vec![false; place.width];
        written[channels].fill(true);
        self.held[place.buffer] = Some(self.all.len());
        self.all.push(Value {
            place,
            written,
            may_be_apart: true,
            is_halved: false,
        });
        self.all.len() - 1
    }

    /// The value that lies there.
    fn read(&mut self, place: plan::Place) -> usize {
        match self.held[place.buffer] {
            Some(value) => value,
            None => self.written(place),
        }
    }

    fn never_apart(&mut self, value: usize) -> usize {
        self.all[value].may_be_apart = false;
        value
    }
}

impl Layout {
    /// Lays out the values of a plan. A map whose halves have no rows of whole tiles lies apart if nothing but convolutions with
    /// stride 2 reads it.
    pub(super) fn new(plan: &Plan) -> Self {
        let in_time = plan
            .steps
            .iter()
            .any(|step| matches!(step.operator, Operator::Convolution { axes: 3, .. }));
        let mut values = Values {
            all: Vec::new(),
            held: vec![None; plan.buffers],
        };
        let input = values.written(plan.input);
        values.never_apart(input);
        let mut steps = Vec::new();
        for step in &plan.steps {
            let is_whole = |place: plan::Place| place.channels == place.width;
            let (is_half, is_plain) = match &step.operator {
                Operator::Convolution {
                    window, max_pool, ..
                } => (*window == HALF, max_pool.is_none()),
                _ => (false, false),
            };
            let from = values.read(step.from);
            let residual = step.residual.map(|place| {
                let value = values.read(place);
                values.never_apart(value)
            });
            values.all[from].is_halved |= is_half;
            values.all[from].may_be_apart &= is_half && is_whole(step.from);
            let to = values.written(step.to);
            values.all[to].may_be_apart &= is_plain && is_whole(step.to);
            let raw = step.raw.map(|place| {
                let value = values.written(place);
                values.never_apart(value)
            });
            steps.push((from, to, raw, residual));
        }
        let outputs: Vec<usize> = plan
            .outputs
            .iter()
            .map(|output| {
                let value = values.read(*output);
                values.never_apart(value)
            })
            .collect();
        let mut memories = Vec::new();
        let mut place =
            |value: usize, place: plan::Place| values.place(value, place, in_time, &mut memories);
        let input = place(input, plan.input);
        let mut places = Vec::new();
        for (step, (from, to, raw, residual)) in plan.steps.iter().zip(steps) {
            places.push(Places {
                from: place(from, step.from),
                to: place(to, step.to),
                raw: raw.zip(step.raw).and_then(|(value, at)| place(value, at)),
                residual: residual
                    .zip(step.residual)
                    .and_then(|(value, at)| place(value, at)),
            });
        }
        let outputs = outputs.into_iter().zip(&plan.outputs);
        let outputs = outputs.map(|(value, at)| place(value, *at)).collect();
        Self {
            memories,
            steps: places,
            input,
            outputs,
        }
    }
}

impl Values {
    /// Where these channels of a value lie; nothing if they are no whole chunks.
    fn place(
        &self,
        value: usize,
        place: plan::Place,
        in_time: bool,
        memories: &mut Vec<(usize, Grid)>,
    ) -> Option<Place> {
        let value = &self.all[value];
        let is_whole = |channels: usize| channels.is_multiple_of(CHANNELS);
        if ![place.width, place.first, place.channels]
            .into_iter()
            .all(is_whole)
        {
            return None;
        }
        let [_, _, width] = place.extents;
        let grid = Grid {
            chunks: place.width / CHANNELS,
            extents: place.extents,
            in_time,
            apart: value.may_be_apart && value.is_halved && !width.div_ceil(2).is_multiple_of(14),
        };
        let memory = memories
            .iter()
            .position(|memory| *memory == (place.buffer, grid));
        let memory = memory.unwrap_or_else(|| {
            memories.push((place.buffer, grid));
            memories.len() - 1
        });
        Some(Place {
            memory,
            part: Part {
                grid,
                first: place.first / CHANNELS,
                chunks: place.channels / CHANNELS,
            },
        })
    }
}
