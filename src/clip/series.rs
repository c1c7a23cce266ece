//! Series of images: files of one directory whose names differ in their number only.
//!
//! Datasets keep optical flow (`flow_x_00001.jpg`) or masks beside the frames (`img_00001.jpg`), recordings the pictures of
//! several cameras, and programs a `cover.jpg`. One clip is one series.

use std::cmp::Reverse;
use std::ffi::OsString;

use super::grouping::{Series, SeriesCount, group};
use super::numbered::{Name, Numbers};
use super::pattern::NamePattern;
use crate::text::natural_order;

/// The images that are taken, and those that are not.
#[derive(Debug)]
pub(super) struct Choice {
    /// In order: natural, or by value where numbers are times.
    pub(super) taken: Vec<OsString>,
    /// What the names of those have in common, where something is left out.
    pub(super) pattern: String,
    pub(super) left_out: Vec<SeriesCount>,
    pub(super) numbers: Numbers,
}

/// Takes the series that a clip's frames are. A single file beside a series is left out, and so are series with names of
/// flow, masks or depth.
///
/// # Errors
/// All series, the largest first, when several could be the frames.
pub(super) fn choose(names: Vec<OsString>) -> Result<Choice, Vec<SeriesCount>> {
    let numbers = Numbers::of(&names);
    let mut series = group(&names, numbers);
    if !series.iter().any(|series| series.is_long()) {
        // No numbers to go by: they are all one series, but for flow and the like.
        let (rgb, other): (Vec<_>, Vec<_>) = series.into_iter().partition(Series::may_be_rgb);
        let (taken, left_out) = if rgb.is_empty() {
            (other, rgb)
        } else {
            (rgb, other)
        };
        return Ok(Choice::new(taken, left_out, numbers));
    }
    series.sort_by_key(|series| Reverse(series.names.len()));
    let is_candidate = |series: &Series| series.is_long() && series.may_be_rgb();
    let mut candidates = series.iter().filter(|series| is_candidate(series)).count();
    let all_are_flow = candidates == 0;
    if all_are_flow {
        candidates = series.iter().filter(|series| series.is_long()).count();
    }
    let single: usize = series.iter().filter(|series| !series.is_long()).count();
    let is_taken = |series: &Series| series.is_long() && (all_are_flow || series.may_be_rgb());
    let taken = series.iter().find(|series| is_taken(series));
    if candidates > 1 || taken.is_none_or(|taken| single >= taken.names.len()) {
        return Err(series.iter().map(Series::in_words).collect());
    }
    let (taken, left_out) = series.into_iter().partition(is_taken);
    Ok(Choice::new(taken, left_out, numbers))
}

/// Takes the images of a pattern, whatever series they are of.
///
/// # Errors
/// All series, the largest first, when no name is of the pattern.
pub(super) fn matching(
    names: Vec<OsString>,
    pattern: &NamePattern,
) -> Result<Choice, Vec<SeriesCount>> {
    let is_match = |name: &OsString| pattern.matches(name.as_encoded_bytes());
    let (taken, rest): (Vec<_>, Vec<_>) = names.into_iter().partition(is_match);
    let numbers = Numbers::of(&taken);
    if taken.is_empty() {
        let mut series = group(&rest, Numbers::of(&rest));
        series.sort_by_key(|series| Reverse(series.names.len()));
        return Err(series.iter().map(Series::in_words).collect());
    }
    Ok(Choice::new(group(&taken, numbers), Vec::new(), numbers))
}

/// Whether some images have numbers in a row, as frames do.
pub(super) fn has_series(names: &[OsString]) -> bool {
    group(names, Numbers::of(names))
        .iter()
        .any(|series| series.is_long())
}

impl Choice {
    fn new(taken: Vec<Series>, left_out: Vec<Series>, numbers: Numbers) -> Self {
        let pattern = match &taken[..] {
            [series] => series.in_words().pattern,
            _ => "*".to_owned(),
        };
        let names = taken.into_iter().flat_map(|series| series.names);
        let mut taken: Vec<Name> = names.collect();
        taken.sort_by(|a, b| {
            let by_value = || natural_order(&a.before, &b.before).then(a.value.total_cmp(&b.value));
            let by_name = || natural_order(a.full.as_encoded_bytes(), b.full.as_encoded_bytes());
            match numbers {
                Numbers::Times => by_value().then_with(by_name),
                Numbers::Counters => by_name(),
            }
        });
        Choice {
            taken: taken.into_iter().map(|name| name.full).collect(),
            pattern,
            left_out: left_out.iter().map(Series::in_words).collect(),
            numbers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(patterns: &[(&str, std::ops::RangeInclusive<usize>)]) -> Vec<OsString> {
        let of = |(pattern, numbers): &(&str, std::ops::RangeInclusive<usize>)| {
            let pattern = pattern.to_string();
            numbers
                .clone()
                .map(move |number| {
                    pattern
                        .replace("#####", &format!("{number:05}"))
                        .replace('#', &number.to_string())
                        .into()
                })
                .collect::<Vec<OsString>>()
        };
        patterns.iter().flat_map(of).collect()
    }

    fn chosen(patterns: &[(&str, std::ops::RangeInclusive<usize>)]) -> (usize, String) {
        let choice = choose(names(patterns)).unwrap();
        let left_out: Vec<String> = choice.left_out.iter().map(ToString::to_string).collect();
        (choice.taken.len(), left_out.join(", "))
    }

    #[test]
    fn frames_are_taken_and_flow_and_masks_are_left_out() {
        let tsn = [
            ("img_#####.jpg", 1..=20),
            ("flow_x_#####.jpg", 1..=19),
            ("flow_y_#####.jpg", 1..=19),
        ];
        let left_out = "flow_x_*.jpg (19 files), flow_y_*.jpg (19 files)";
        assert_eq!(chosen(&tsn), (20, left_out.to_owned()));
        let masks = [("#####.jpg", 1..=7), ("#####_mask.png", 1..=7)];
        assert_eq!(chosen(&masks), (7, "*_mask.png (7 files)".to_owned()));
        let axes = [
            ("image_#.jpg", 1..=9),
            ("x_#.jpg", 1..=9),
            ("y_#.jpg", 1..=9),
        ];
        assert_eq!(chosen(&axes).0, 9);
        // UCF101's names have a word `v`.
        let ucf = [
            ("v_Archery_g01_c01_#####.jpg", 1..=9),
            ("flow_#####.jpg", 1..=9),
        ];
        assert_eq!(chosen(&ucf).0, 9);
    }

    #[test]
    fn a_single_file_beside_a_series_is_left_out() {
        let cover = [
            ("img_#.jpg", 1..=30),
            ("cover.jpg", 1..=1),
            ("thumb_#.jpg", 1..=1),
        ];
        assert_eq!(chosen(&cover), (30, "cover.jpg, thumb_*.jpg".to_owned()));
        assert!(
            choose(names(&[
                ("img_#.jpg", 1..=2),
                ("a.jpg", 1..=1),
                ("b.jpg", 1..=1)
            ]))
            .is_err()
        );
    }

    #[test]
    fn several_series_that_could_be_the_frames_are_an_error_with_counts() {
        let cameras = [("cam1_#####.png", 1..=20), ("cam2_#####.png", 1..=18)];
        let series = choose(names(&cameras)).unwrap_err();
        let words: Vec<String> = series.iter().map(ToString::to_string).collect();
        assert_eq!(words, ["cam1_*.png (20 files)", "cam2_*.png (18 files)"]);
        for patterns in [
            [("left_#.jpg", 1..=5), ("right_#.jpg", 1..=5)],
            [("#.jpg", 1..=5), ("#.png", 1..=5)],
            [("flow_x_#.jpg", 1..=5), ("flow_y_#.jpg", 1..=5)],
        ] {
            assert_eq!(
                choose(names(&patterns)).unwrap_err().len(),
                2,
                "{patterns:?}"
            );
        }
        let pattern = series[1].pattern.parse().unwrap();
        assert_eq!(matching(names(&cameras), &pattern).unwrap().taken.len(), 18);
        assert!(matching(names(&cameras), &"cam3*".parse().unwrap()).is_err());
    }

    #[test]
    fn numbers_that_go_on_or_stand_beside_a_time_are_one_series() {
        for patterns in [
            vec![("s1_f#.jpg", 1..=9), ("s2_f#.jpg", 10..=20)],
            vec![("#_#00.jpg", 1..=20)],
            vec![("#####_0.jpg", 1..=20)],
            vec![("a.jpg", 1..=1), ("b.png", 1..=1), ("c.webp", 1..=1)],
            vec![
                ("IMG_#.JPG", 1..=9),
                ("img_#.jpeg", 10..=12),
                ("img_#.png", 13..=20),
            ],
            vec![("frame_00-00-#0.jpg", 1..=5), ("frame_00-01-#0.jpg", 1..=5)],
        ] {
            let all = names(&patterns).len();
            assert_eq!(chosen(&patterns), (all, String::new()), "{patterns:?}");
        }
    }

    #[test]
    fn times_are_sorted_by_value_and_counters_after_a_dot_are_not_times() {
        let sorted = |names: &[&str]| {
            let taken = choose(names.iter().map(OsString::from).collect())
                .unwrap()
                .taken;
            taken
                .into_iter()
                .map(|name| name.into_string().unwrap())
                .collect::<Vec<_>>()
        };
        let times = [
            "f_0.0.jpg",
            "f_0.25.jpg",
            "f_0.5.jpg",
            "f_1.0.jpg",
            "f_10.75.jpg",
        ];
        assert_eq!(
            sorted(&[
                "f_10.75.jpg",
                "f_0.5.jpg",
                "f_0.25.jpg",
                "f_1.0.jpg",
                "f_0.0.jpg"
            ]),
            times
        );
        let takes = ["v_1.8.jpg", "v_1.9.jpg", "v_1.10.jpg"];
        assert_eq!(sorted(&["v_1.10.jpg", "v_1.8.jpg", "v_1.9.jpg"]), takes);
        let shots = [("shot_010.#####.jpg", 1..=9), ("shot_020.#####.jpg", 1..=9)];
        assert_eq!(choose(names(&shots)).unwrap_err().len(), 2);
    }
}
