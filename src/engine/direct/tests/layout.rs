//! Where the values of the networks' plans lie.

use super::super::grid::Grid;
use super::super::layout::{HALF, Layout};
use crate::engine::plan::{Operator, Plan, Plans};
use crate::network::Network;
use crate::recipe::Architecture;

fn plans(architecture: Architecture) -> Vec<Plan> {
    let network = Network::new(architecture, 400, 16).unwrap();
    let plans = Plans::new(&network.graph(1).unwrap()).unwrap();
    [Some(plans.frames), plans.tail, Some(plans.volume)]
        .into_iter()
        .flatten()
        .collect()
}

#[test]
#[cfg_attr(miri, ignore = "takes too long")]
fn whoever_reads_a_value_finds_it_where_it_was_written() {
    for plan in Architecture::ALL
        .iter()
        .flat_map(|&architecture| plans(architecture))
    {
        let layout = Layout::new(&plan);
        for (at, places) in layout.steps.iter().enumerate() {
            for read in [places.from, places.residual].into_iter().flatten() {
                let before = layout.steps[..at].iter();
                let written: Vec<usize> = before
                    .flat_map(|places| [places.to, places.raw])
                    .chain([layout.input])
                    .flatten()
                    .filter(|written| {
                        written.memory == read.memory && written.part.grid == read.part.grid
                    })
                    .map(|written| written.part.first)
                    .collect();
                assert!(!written.is_empty(), "step {at}");
                for written in [places.to, places.raw].into_iter().flatten() {
                    assert_ne!(written.memory, read.memory, "step {at}");
                }
            }
        }
        for places in &layout.steps {
            for place in [places.from, places.to, places.raw, places.residual]
                .into_iter()
                .flatten()
            {
                assert_eq!(layout.memories[place.memory].1, place.part.grid);
            }
        }
    }
}

/// The 7x7 maps of res5 are made of maps that lie apart; those that something else reads as well are not.
#[test]
#[cfg_attr(miri, ignore = "takes too long")]
fn maps_that_are_halved_to_parts_of_tiles_lie_apart() {
    let plan = plans(Architecture::Lite).pop().unwrap();
    let layout = Layout::new(&plan);
    let apart: Vec<Grid> = layout
        .memories
        .iter()
        .map(|(_, grid)| *grid)
        .filter(|grid| grid.apart)
        .collect();
    let expected = Grid {
        chunks: 8,
        extents: [8, 14, 14],
        in_time: true,
        apart: true,
    };
    assert_eq!(apart, [expected]);
    for plan in plans(Architecture::Full) {
        let layout = Layout::new(&plan);
        for (step, places) in plan.steps.iter().zip(&layout.steps) {
            let is_half =
                matches!(&step.operator, Operator::Convolution { window, .. } if *window == HALF);
            let reads = [places.from, places.residual].into_iter().flatten();
            for place in reads.filter(|place| place.part.grid.apart) {
                assert!(is_half && place.part.chunks == place.part.grid.chunks);
            }
        }
    }
}

#[test]
fn every_pixel_has_a_line_of_its_own_and_the_rest_is_border() {
    for (height, width, apart) in [(7, 7, false), (5, 9, false), (14, 14, true), (5, 9, true)] {
        let grid = Grid {
            chunks: 1,
            extents: [1, height, width],
            in_time: false,
            apart,
        };
        let mut lines: Vec<usize> = (0..height)
            .flat_map(|y| (0..width).map(move |x| grid.pixel(y, x)))
            .collect();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), height * width);
        assert!(lines.iter().all(|&line| line < grid.map()));
    }
}
