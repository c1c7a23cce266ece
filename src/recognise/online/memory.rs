//! The working memory: the frames that the network looks at, of which the old ones get fewer and fewer.

use crate::random::Draws;
use crate::text::names;

/// Which frames stay in the memory when new ones come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MemoryKind {
    /// Slots of fixed lengths, each the frames of one step: for 16 frames 1, 1, 2, 4 and 8, the oldest first. A slot is thinned
    /// evenly as it gets older, and the oldest is dropped.
    ///
    /// Source: mzolfaghari/ECO-efficient-video-understanding, scripts/online_recognition/online_recognition.py.
    #[default]
    Official,
    /// As the paper's Algorithm 1 has it: half of the memory is drawn from the new frames, half from the memory as it was.
    Sampled,
}

names!(MemoryKind {
    Official = "official",
    Sampled = "sampled",
});

/// Where draws of the memory come from, so that no other draw of the same seed is like them.
const MEMORY: u64 = 0x3E30;

/// At most `size` frames in the order of time. What is kept of a frame is up to the user of the memory.
#[derive(Debug)]
pub struct Memory<T> {
    kind: MemoryKind,
    size: usize,
    seed: u64,
    /// How often frames have been taken.
    steps: u64,
    /// The oldest first. A sampled memory has one slot.
    slots: Vec<Vec<T>>,
}

impl<T> Memory<T> {
    /// An empty memory of `size` frames, at least 2. Only a sampled one draws from `seed`.
    pub fn new(kind: MemoryKind, size: usize, seed: u64) -> Self {
        Self {
            kind,
            size: size.max(2),
            seed,
            steps: 0,
            slots: Vec::new(),
        }
    }

    /// How many frames it holds at most.
    pub fn size(&self) -> usize {
        self.size
    }

    /// How many frames of the queue a step needs so that they take up their half of the memory; all of it at the start.
    pub fn needed(&self) -> usize {
        match (self.slots.is_empty(), self.kind) {
            (true, _) => self.size,
            (false, MemoryKind::Official) => self.half(),
            (false, MemoryKind::Sampled) => 1,
        }
    }

    /// The frames, the oldest first.
    pub fn frames(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().flatten()
    }

    /// The frames, to be changed.
    pub fn frames_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().flatten()
    }

    /// Takes the frames that have come since the last step, in order.
    ///
    /// An empty memory takes as many as it has room for. Later half of the memory is of new frames; where fewer have come, all
    /// of them are taken and more of the old ones stay.
    pub fn take(&mut self, queue: Vec<T>) {
        match self.kind {
            MemoryKind::Official => self.take_as_slot(queue),
            MemoryKind::Sampled => self.take_sample(queue),
        }
        self.steps += 1;
    }

    /// The places of those that would be in the memory after [`Memory::take`], if it were given `count` frames now.
    pub fn chosen(&self, count: usize) -> Vec<usize> {
        match self.kind {
            MemoryKind::Official if self.slots.is_empty() => even_places(count, self.size),
            MemoryKind::Official => even_places(count, self.half()),
            MemoryKind::Sampled => self.drawn(count).1,
        }
    }

    fn half(&self) -> usize {
        self.size / 2
    }

    fn take_as_slot(&mut self, queue: Vec<T>) {
        let is_short = !self.slots.is_empty() && queue.len() < self.half();
        if is_short {
            // At the end of a stream: the slots would not fill the memory.
            let old = self.slots.drain(..).flatten().collect();
            let left = self.size - queue.len();
            self.slots = vec![thinned(old, left), queue];
            return;
        }
        self.slots.push(queue);
        let lengths = slot_lengths(self.size);
        if self.slots.len() > lengths.len() {
            self.slots.remove(0);
        }
        let mut left = self.size;
        let count = self.slots.len();
        for (age, slot) in self.slots.iter_mut().rev().enumerate() {
            let length = match age + 1 == count {
                true => left,
                false => lengths[age],
            };
            left -= length;
            *slot = thinned(std::mem::take(slot), length);
        }
    }

    fn take_sample(&mut self, queue: Vec<T>) {
        let (old, new) = self.drawn(queue.len());
        let mut frames = picked(self.slots.drain(..).flatten().collect(), &old);
        frames.extend(picked(queue, &new));
        self.slots = vec![frames];
    }

    /// The places of the old frames and of `count` new ones that a sampled memory draws in this step.
    fn drawn(&self, count: usize) -> (Vec<usize>, Vec<usize>) {
        let mut draws = Draws::new(self.seed, &[MEMORY, self.steps]);
        let old = self.frames().count();
        let new = match old {
            0 => self.size,
            _ => self.half().min(count),
        };
        let old = drawn_places(old, self.size - new, &mut draws);
        (old, drawn_places(count, new, &mut draws))
    }
}

/// The lengths of the slots, the newest first: each is half of what is left, and at least one frame.
fn slot_lengths(size: usize) -> Vec<usize> {
    let mut lengths = Vec::new();
    let mut left = size;
    while left > 0 {
        let length = (left / 2).max(1);
        lengths.push(length);
        left -= length;
    }
    lengths
}

/// `count` of the items, evenly spread from the first to the last.
fn thinned<T>(items: Vec<T>, count: usize) -> Vec<T> {
    let places = even_places(items.len(), count);
    picked(items, &places)
}

/// `count` of `len` places, from the first to the last: `rint(linspace(0, len - 1, count))`, halves to the even number. All of them
/// where there are no more.
fn even_places(len: usize, count: usize) -> Vec<usize> {
    if len <= count {
        return (0..len).collect();
    }
    let step = (len - 1) as f64 / (count.max(2) - 1) as f64;
    let place = |index| (index as f64 * step).round_ties_even() as usize;
    (0..count).map(place).collect()
}

/// `count` of `len` places in their order, each as likely as the others. All of them where there are no more.
fn drawn_places(len: usize, count: usize, draws: &mut Draws) -> Vec<usize> {
    let mut places: Vec<usize> = (0..len).collect();
    if len <= count {
        return places;
    }
    for place in 0..count {
        places.swap(place, place + draws.below(len - place));
    }
    places.truncate(count);
    places.sort_unstable();
    places
}

/// The items at these places, which ascend.
fn picked<T>(items: Vec<T>, places: &[usize]) -> Vec<T> {
    let mut places = places.iter().peekable();
    let items = items.into_iter().enumerate();
    items
        .filter(|(index, _)| places.next_if_eq(&index).is_some())
        .map(|(_, item)| item)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is in a memory of 16 after each of `steps` steps of `every` frames.
    fn official(size: usize, every: usize, steps: usize) -> Vec<Vec<usize>> {
        let mut memory = Memory::new(MemoryKind::Official, size, 0);
        let step = |step| {
            memory.take((step * every..(step + 1) * every).collect());
            memory.frames().copied().collect()
        };
        (0..steps).map(step).collect()
    }

    #[test]
    fn a_slot_is_thinned_to_the_indices_of_the_official_script() {
        let thin = |length, count| thinned((0..length).collect::<Vec<usize>>(), count);
        assert_eq!(thin(16, 8), [0, 2, 4, 6, 9, 11, 13, 15]);
        assert_eq!(thin(8, 4), [0, 2, 5, 7]);
        assert_eq!(thin(4, 2), [0, 3]);
        assert_eq!(thin(2, 1), [0]);
        assert_eq!(thin(1, 1), [0]);
    }

    #[test]
    fn slots_have_the_lengths_of_the_official_script() {
        assert_eq!(slot_lengths(16), [8, 4, 2, 1, 1]);
        assert_eq!(slot_lengths(8), [4, 2, 1, 1]);
        assert_eq!(slot_lengths(4), [2, 1, 1]);
        assert_eq!(slot_lengths(12), [6, 3, 1, 1, 1]);
    }

    #[test]
    fn the_official_memory_goes_through_its_five_stages_frame_by_frame() {
        let stages = official(16, 16, 6);
        assert_eq!(stages[0], (0..16).collect::<Vec<_>>());
        let half = [0, 2, 4, 6, 9, 11, 13, 15];
        let at = |step: usize, places: &[usize]| -> Vec<usize> {
            places
                .iter()
                .map(|place| step * 16 + half[*place])
                .collect()
        };
        let all = [0, 1, 2, 3, 4, 5, 6, 7];
        assert_eq!(stages[1], [at(0, &all), at(1, &all)].concat());
        let quarter = [0, 2, 5, 7];
        assert_eq!(
            stages[2],
            [at(0, &quarter), at(1, &quarter), at(2, &all)].concat()
        );
        let ends = [0, 7];
        assert_eq!(
            stages[3],
            [at(0, &ends), at(1, &ends), at(2, &quarter), at(3, &all)].concat()
        );
        let last = |first: usize| {
            [
                at(first, &[0]),
                at(first + 1, &[0]),
                at(first + 2, &ends),
                at(first + 3, &quarter),
                at(first + 4, &all),
            ]
            .concat()
        };
        assert_eq!(stages[4], last(0));
        assert_eq!(stages[5], last(1), "the first slot is dropped");
    }

    #[test]
    fn any_size_is_full_after_any_number_of_steps_and_half_of_it_is_new() {
        for size in [4, 8, 12, 16, 20, 32] {
            for kind in MemoryKind::ALL {
                let mut memory = Memory::new(*kind, size, 7);
                memory.take((0..size).collect());
                for step in 1..12 {
                    let new = step * 100..step * 100 + size;
                    memory.take(new.clone().collect());
                    let frames: Vec<usize> = memory.frames().copied().collect();
                    assert_eq!(frames.len(), size, "{kind} {size} {step}");
                    assert!(frames.is_sorted_by(|a, b| a < b), "{kind}: {frames:?}");
                    let fresh = frames.iter().filter(|frame| new.contains(frame));
                    assert_eq!(fresh.count(), size / 2);
                }
            }
        }
    }

    #[test]
    fn a_sampled_memory_follows_its_seed() {
        let run = |seed| {
            let mut memory = Memory::new(MemoryKind::Sampled, 16, seed);
            (0..8).for_each(|step| memory.take((step * 16..step * 16 + 16).collect()));
            memory.frames().copied().collect::<Vec<usize>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn older_steps_have_half_as_many_frames_in_a_sampled_memory() {
        let mut ages = [0_usize; 4];
        for seed in 0..2000 {
            let mut memory = Memory::new(MemoryKind::Sampled, 16, seed);
            (0..10).for_each(|step| memory.take(vec![step; 16]));
            for step in memory.frames() {
                let age: usize = 9 - step;
                if age < 4 {
                    ages[age] += 1;
                }
            }
        }
        for (age, expected) in [8.0, 4.0, 2.0, 1.0].into_iter().enumerate() {
            let mean = ages[age] as f64 / 2000.0;
            assert!((mean - expected).abs() < 0.1, "age {age}: {mean}");
        }
    }

    #[test]
    fn what_a_memory_will_choose_is_known_before_it_does() {
        for kind in MemoryKind::ALL {
            for size in [4, 10, 16] {
                let mut memory = Memory::new(*kind, size, 5);
                let mut number = 0;
                for count in [size, size, size / 2, 2 * size, size + 3, size - 1, 40, 3] {
                    let queue: Vec<usize> = (number..number + count).collect();
                    number += count;
                    let chosen = memory.chosen(count).into_iter();
                    let chosen: Vec<usize> = chosen.map(|place| queue[place]).collect();
                    memory.take(queue.clone());
                    let frames = memory.frames().copied();
                    let new: Vec<usize> = frames.filter(|frame| queue.contains(frame)).collect();
                    assert_eq!(new, chosen, "{kind}, {size}, {count}");
                }
            }
        }
    }

    #[test]
    fn few_new_frames_are_all_taken_and_the_old_ones_fill_the_rest() {
        for kind in MemoryKind::ALL {
            let mut memory = Memory::new(*kind, 16, 3);
            memory.take((0..16).collect());
            memory.take(vec![16, 17, 18]);
            let frames: Vec<usize> = memory.frames().copied().collect();
            assert_eq!(frames.len(), 16);
            assert_eq!(frames[13..], [16, 17, 18]);
        }
    }

    #[test]
    fn a_stream_shorter_than_the_memory_is_all_there_is() {
        for kind in MemoryKind::ALL {
            let mut memory = Memory::new(*kind, 16, 3);
            memory.take(vec![0, 1, 2]);
            assert_eq!(memory.frames().copied().collect::<Vec<usize>>(), [0, 1, 2]);
        }
    }
}
