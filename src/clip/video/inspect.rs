//! A video's packets, looked at one after another: what it says about itself, and what has to be decoded for a frame.

use super::droppable::{Codec, Role, Rules};
use super::feed::{Order, Packet, Step, steps};
use super::protocol::Facts;

/// What a container says about a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamps {
    /// When its frame is shown.
    pub pts: Option<i64>,
    /// When it is decoded.
    pub dts: Option<i64>,
    /// How long its frame is shown.
    pub duration: Option<i64>,
    /// Whether its frame is there to decode others from, and is not shown.
    pub is_hidden: bool,
}

/// Looks at the packets of a video in the order of the file, which is that of decoding.
pub struct Inspector {
    rules: Rules,
    packets: Vec<Packet>,
    facts: Facts,
}

impl Inspector {
    /// For a stream of the codec that libavcodec calls `codec`, with its parameters.
    ///
    /// # Errors
    /// Why the ffmpeg program should decode it.
    pub fn new(codec: &str, extradata: &[u8]) -> Result<Self, String> {
        let known = Codec::named(codec);
        let known =
            known.ok_or_else(|| format!("its codec, {codec}, is not one that eco knows"))?;
        Ok(Inspector {
            rules: Rules::new(known, extradata),
            packets: Vec::new(),
            facts: Facts::default(),
        })
    }

    /// Looks at the next packet.
    pub fn look(&mut self, stamps: Stamps, bytes: &[u8]) {
        self.rules.look(bytes);
        self.packets.push(Packet {
            pts: stamps.pts,
            is_hidden: stamps.is_hidden,
        });
        if !stamps.is_hidden {
            self.facts.pts.push(stamps.pts);
            self.facts.dts.push(stamps.dts);
            self.facts.last_duration = stamps.duration.or(self.facts.last_duration);
        }
    }

    /// Whether the container alone tells when each frame is shown and for how long.
    pub fn is_told_all(&self) -> bool {
        self.facts.last_duration.is_some() && self.facts.pts.iter().all(Option::is_some)
    }

    /// Ends the looking. `unit` is that of stamps, in seconds, `rate` the frames per second (or 0/0), `start` when the first stream
    /// begins, in seconds.
    ///
    /// # Errors
    /// Why the ffmpeg program should decode it.
    pub fn finish(
        self,
        unit: (i32, i32),
        rate: (i32, i32),
        start: Option<f64>,
    ) -> Result<Inspected, String> {
        let middle = || "it begins in the middle of a stream".to_owned();
        let roles = self.rules.roles().ok_or_else(middle)?;
        Ok(Inspected {
            order: Order::of(&self.packets).ok_or_else(middle)?,
            packets: self.packets,
            roles,
            facts: Facts {
                unit,
                rate,
                start,
                ..self.facts
            },
        })
    }
}

/// A video whose packets have been looked at.
pub struct Inspected {
    packets: Vec<Packet>,
    roles: Vec<Role>,
    order: Order,
    facts: Facts,
}

impl Inspected {
    /// What it says about itself.
    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What to decode for these frames (ascending, each once); `None` for frames that there are not.
    pub(super) fn plan(&self, wanted: &[usize]) -> Option<Plan> {
        match &self.order {
            Order::Stated(places) => {
                let places = wanted.iter().map(|&index| places.get(index).copied());
                let places = places.collect::<Option<Vec<usize>>>()?;
                Some(Plan {
                    steps: steps(&self.packets, &self.roles, &places),
                    frames: places.into_iter().zip(wanted.iter().copied()).collect(),
                    is_counted: false,
                })
            }
            Order::Counted => Some(Plan {
                steps: (0..self.packets.len())
                    .map(|packet| Step {
                        packet,
                        flushes: false,
                    })
                    .collect(),
                frames: wanted.iter().map(|&index| (index, index)).collect(),
                is_counted: true,
            }),
        }
    }
}

/// What to decode for the frames that are wanted.
pub struct Plan {
    /// The packets, in their order.
    pub steps: Vec<Step>,
    /// For each wanted frame its packet, or its place among the frames that come, and its number.
    frames: Vec<(usize, usize)>,
    is_counted: bool,
}

impl Plan {
    /// The number of a decoded frame, if it is wanted: `packet` is the place of the packet that it is from, and `decoded` how many
    /// frames came before it.
    pub fn wanted(&self, packet: usize, decoded: usize) -> Option<usize> {
        let known = if self.is_counted { decoded } else { packet };
        let found = self.frames.iter().find(|(place, _)| *place == known);
        found.map(|(_, index)| *index)
    }
}
