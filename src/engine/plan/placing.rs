//! Which buffer holds which activation.

use super::step::{Operator, Place, Plan, Step};

/// A value while a plan is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value {
    /// Which of [`Draft::slots`].
    pub slot: usize,
    /// The first channel of its slot that is meant.
    pub first: usize,
    /// How many are meant.
    pub channels: usize,
}

/// A buffer that holds one activation, or several of the same extents side by side.
pub(super) struct Slot {
    /// Channels of a pixel.
    pub width: usize,
    /// Frames, rows and columns of an item.
    pub extents: [usize; 3],
}

/// A step between slots.
pub(super) struct DraftStep {
    /// What is computed.
    pub operator: Operator,
    /// The input.
    pub from: Value,
    /// The output.
    pub to: Value,
    /// Receives the sum before batch norm.
    pub raw: Option<Value>,
    /// Added to the sum.
    pub residual: Option<Value>,
}

impl DraftStep {
    fn reads(&self, slot: usize) -> bool {
        self.from.slot == slot || self.residual.is_some_and(|value| value.slot == slot)
    }

    fn writes(&self, slot: usize) -> bool {
        self.to.slot == slot || self.raw.is_some_and(|value| value.slot == slot)
    }
}

/// A plan in which every activation has a slot of its own.
pub(super) struct Draft {
    /// The slots.
    pub slots: Vec<Slot>,
    /// In the order in which they run.
    pub steps: Vec<DraftStep>,
    /// The input.
    pub input: Value,
    /// The outputs.
    pub outputs: Vec<Value>,
    /// The nodes that these are the values of.
    pub made: Vec<usize>,
}

impl Draft {
    /// Gives slots their buffers: the first one in which nothing is read any more. Outputs keep theirs, and so does the input
    /// where `keeps_input`: its buffer then holds nothing but the input, in one run after the other.
    pub(super) fn placed(&self, keeps_input: bool) -> Plan {
        let Self {
            slots,
            steps,
            input,
            outputs,
            made,
        } = self;
        let last_read = |slot: usize| {
            let is_kept = outputs.iter().any(|output| output.slot == slot)
                || keeps_input && slot == input.slot;
            if is_kept {
                return usize::MAX;
            }
            steps.iter().rposition(|step| step.reads(slot)).unwrap_or(0)
        };
        let mut buffer_of = vec![0; slots.len()];
        // The step after which each buffer is free.
        let mut busy_until = vec![last_read(input.slot)];
        let mut is_placed = vec![false; slots.len()];
        is_placed[input.slot] = true;
        for (at, step) in steps.iter().enumerate() {
            for slot in 0..slots.len() {
                if is_placed[slot] || !step.writes(slot) {
                    continue;
                }
                let free = busy_until.iter().position(|&until| until < at);
                let buffer = free.unwrap_or(busy_until.len());
                busy_until.resize(busy_until.len().max(buffer + 1), 0);
                busy_until[buffer] = last_read(slot).max(at);
                (buffer_of[slot], is_placed[slot]) = (buffer, true);
            }
        }
        let place = |value: Value| Place {
            buffer: buffer_of[value.slot],
            width: slots[value.slot].width,
            first: value.first,
            channels: value.channels,
            extents: slots[value.slot].extents,
        };
        let steps = steps.iter().map(|step| Step {
            operator: step.operator.clone(),
            from: place(step.from),
            to: place(step.to),
            raw: step.raw.map(place),
            residual: step.residual.map(place),
        });
        Plan {
            steps: steps.collect(),
            buffers: busy_until.len(),
            input: place(*input),
            outputs: outputs.iter().copied().map(place).collect(),
            made: made.clone(),
        }
    }
}
