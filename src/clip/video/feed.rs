//! Which packets of a video are decoded for the frames that are wanted.

use super::droppable::{Role, Start};

/// A packet, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    /// When its frame is shown, in the container's unit.
    pub(super) pts: Option<i64>,
    /// Whether its frame is there to decode others from, and is not shown.
    pub(super) is_hidden: bool,
}

/// One packet that is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its place among the stream's packets, in decoding order, from 0.
    pub packet: usize,
    /// Whether the decoder has to give all it has and forget it before.
    pub flushes: bool,
}

/// How frames are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Packets have stamps of their own: the packet of each shown frame, in order of presentation.
    Stated(Vec<usize>),
    /// They have not, so that frames are counted as they come.
    Counted,
}

impl Order {
    /// `None` for streams whose first frames refer to frames before the stream, which decoders leave out in silence.
    pub(super) fn of(packets: &[Packet]) -> Option<Self> {
        let mut shown: Vec<(i64, usize)> = Vec::with_capacity(packets.len());
        for (place, packet) in packets.iter().enumerate() {
            match packet.pts {
                Some(pts) if !packet.is_hidden => shown.push((pts, place)),
                Some(_) => {}
                None => return Some(Order::Counted),
            }
        }
        let first = packets.first()?.pts;
        if packets.iter().any(|packet| packet.pts < first) {
            return None;
        }
        shown.sort_unstable();
        let shares = |pair: &[(i64, usize)]| pair[0].0 == pair[1].0;
        if shown.windows(2).any(shares) {
            return Some(Order::Counted);
        }
        Some(Order::Stated(
            shown.into_iter().map(|(_, place)| place).collect(),
        ))
    }
}

/// The packets to decode for the frames of the packets `wanted`, in decoding order.
pub(super) fn steps(packets: &[Packet], roles: &[Role], wanted: &[usize]) -> Vec<Step> {
    let mut is_fed = vec![false; packets.len()];
    let mut is_kept = vec![false; packets.len()];
    for &place in wanted {
        let begin = (0..=place).rev().find(|&start| {
            // Pictures that are shown before the one at which decoding begins may refer to what was before it.
            roles[start].start != Start::No && packets[start].pts <= packets[place].pts
        });
        let begin = begin.unwrap_or(0);
        is_fed[begin..=place].fill(true);
        is_kept[begin] = true;
        is_kept[place] = true;
    }
    let mut steps = Vec::new();
    let mut has_gap = false;
    for place in 0..packets.len() {
        if !is_fed[place] {
            has_gap |= !steps.is_empty();
            continue;
        }
        if roles[place].is_droppable && !is_kept[place] {
            continue;
        }
        steps.push(Step {
            packet: place,
            flushes: has_gap && roles[place].start == Start::AfterFlush,
        });
        has_gap = false;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(pts: i64) -> Packet {
        Packet {
            pts: Some(pts),
            is_hidden: false,
        }
    }

    /// Two groups of pictures, each shown as I b P b P, with b droppable; the second is open.
    fn groups() -> (Vec<Packet>, Vec<Role>) {
        let pts = [0, 2, 1, 4, 3, 6, 5, 8, 7];
        let key = |place| place == 0 || place == 5;
        let role = |place| Role {
            start: if key(place) {
                Start::AfterFlush
            } else {
                Start::No
            },
            is_droppable: matches!(place, 2 | 4 | 6 | 8),
        };
        (
            pts.into_iter().map(packet).collect(),
            (0..9).map(role).collect(),
        )
    }

    fn fed(wanted: &[usize]) -> Vec<(usize, bool)> {
        let (packets, roles) = groups();
        let steps = steps(&packets, &roles, wanted);
        steps
            .iter()
            .map(|step| (step.packet, step.flushes))
            .collect()
    }

    #[test]
    fn what_is_not_referred_to_is_left_out() {
        assert_eq!(fed(&[3]), [(0, false), (1, false), (3, false)]);
        assert_eq!(fed(&[2]), [(0, false), (1, false), (2, false)]);
    }

    #[test]
    fn decoding_begins_anew_where_that_is_less() {
        assert_eq!(fed(&[7]), [(5, false), (7, false)]);
        assert_eq!(fed(&[0, 7]), [(0, false), (5, true), (7, false)]);
    }

    #[test]
    fn a_picture_shown_before_its_key_picture_needs_what_was_before() {
        let before = [0, 1, 3, 5, 6].map(|place| (place, false));
        assert_eq!(fed(&[6]), before);
    }

    #[test]
    fn frames_are_ordered_by_their_stamps_or_counted() {
        let (packets, _) = groups();
        let order = Order::of(&packets);
        assert_eq!(order, Some(Order::Stated(vec![0, 2, 1, 4, 3, 6, 5, 8, 7])));
        assert_eq!(Order::of(&[packet(1), packet(1)]), Some(Order::Counted));
        let unknown = Packet {
            pts: None,
            is_hidden: false,
        };
        assert_eq!(Order::of(&[packet(1), unknown]), Some(Order::Counted));
        let hidden = Packet {
            is_hidden: true,
            ..packet(-3)
        };
        assert_eq!(
            Order::of(&[hidden, packet(0)]),
            Some(Order::Stated(vec![1]))
        );
        // A picture that leads the first key picture.
        assert_eq!(Order::of(&[packet(3), packet(1)]), None);
    }
}
