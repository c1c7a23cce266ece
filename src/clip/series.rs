//! Series of images: files of one directory whose names differ in their number only.
//!
//! Datasets keep optical flow (`flow_x_00001.jpg`) or masks beside the frames (`img_00001.jpg`), recordings the pictures of
//! several cameras, and programs a `cover.jpg`. One clip is one series.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use super::numbered::{Name, Numbers};
use super::pattern::NamePattern;
use crate::text::natural_order;

/// Words in the names of images that are computed from frames or recorded beside them.
const NOT_RGB: [&str; 20] = [
    "flow",
    "flowx",
    "flowy",
    "optflow",
    "opticalflow",
    "mask",
    "masks",
    "depth",
    "disp",
    "disparity",
    "seg",
    "segm",
    "segmentation",
    "normal",
    "normals",
    "edge",
    "edges",
    "alpha",
    "matte",
    "heatmap",
];

/// Names of flow if they are the only word in the name of an image.
const NOT_RGB_ALONE: [&str; 4] = ["x", "y", "u", "v"];

/// A series in words: `img_*.jpg`, 20 files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesCount {
    /// The names of its files, with `*` for the number.
    pub pattern: String,
    /// How many files.
    pub count: usize,
}

impl fmt::Display for SeriesCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => f.write_str(&self.pattern),
            count => write!(f, "{} ({count} files)", self.pattern),
        }
    }
}

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
    series.sort_by_key(|series| std::cmp::Reverse(series.names.len()));
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
        series.sort_by_key(|series| std::cmp::Reverse(series.names.len()));
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

/// Images whose names differ in their number.
#[derive(Debug)]
struct Series {
    names: Vec<Name>,
    is_numbered: bool,
    pattern: String,
}

impl Series {
    /// Whether it is more than a single file.
    fn is_long(&self) -> bool {
        self.is_numbered && self.names.len() > 1
    }

    fn may_be_rgb(&self) -> bool {
        let Some(name) = self.names.first() else {
            return false;
        };
        let text = [&name.before[..], b" ", &name.after].concat();
        let words = || {
            text.split(|byte| !byte.is_ascii_alphabetic())
                .filter(|w| !w.is_empty())
        };
        let is_one_of = |word: &[u8], known: &[&str]| known.iter().any(|k| k.as_bytes() == word);
        let is_axis = words().count() == 1 && words().any(|word| is_one_of(word, &NOT_RGB_ALONE));
        !is_axis && !words().any(|word| is_one_of(word, &NOT_RGB))
    }

    fn in_words(&self) -> SeriesCount {
        SeriesCount {
            pattern: self.pattern.clone(),
            count: self.names.len(),
        }
    }
}

/// The series among `names`; a name without a number is one of its own.
fn group(names: &[OsString], numbers: Numbers) -> Vec<Series> {
    // By what surrounds the number without its digits, then with them, then by extension.
    type ByKey<T> = BTreeMap<(Vec<u8>, Vec<u8>), T>;
    let mut shapes: ByKey<ByKey<BTreeMap<Vec<u8>, Vec<Name>>>> = BTreeMap::new();
    let mut series = Vec::new();
    for full in names {
        let name = Name::new(full, numbers);
        if !name.is_numbered {
            let pattern = full.to_string_lossy().into_owned();
            series.push(Series {
                names: vec![name],
                is_numbered: false,
                pattern,
            });
            continue;
        }
        let shape = (without_digits(&name.before), without_digits(&name.after));
        let exact = (name.before.clone(), name.after.clone());
        let same_shape = shapes.entry(shape).or_default().entry(exact).or_default();
        same_shape
            .entry(name.extension.clone())
            .or_default()
            .push(name);
    }
    for same_shape in shapes.into_values() {
        let exact = same_shape.into_values().flat_map(|extensions| {
            united(
                extensions
                    .into_values()
                    .map(|names| Series {
                        pattern: pattern(&names),
                        is_numbered: true,
                        names,
                    })
                    .collect(),
            )
        });
        series.extend(united(exact.collect()));
    }
    series
}

/// One series in place of several, unless a number occurs twice in it: then they go side by side.
fn united(parts: Vec<Series>) -> Vec<Series> {
    if parts.len() < 2 {
        return parts;
    }
    // `00001_0`, `00002_0`: single files are told apart by all of their numbers.
    let are_single = parts.iter().all(|part| part.names.len() == 1);
    let mut seen = HashSet::new();
    let is_new = |name: &Name| {
        let before = if are_single {
            name.before.clone()
        } else {
            Vec::new()
        };
        seen.insert((before, name.number.clone()))
    };
    if !parts.iter().flat_map(|part| &part.names).all(is_new) {
        return parts;
    }
    let names: Vec<Name> = parts.into_iter().flat_map(|part| part.names).collect();
    vec![Series {
        pattern: pattern(&names),
        is_numbered: true,
        names,
    }]
}

/// What the names of a series have in common, as a pattern that matches them.
fn pattern(names: &[Name]) -> String {
    let Some(first) = names.first() else {
        return "*".to_owned();
    };
    let same = |part: fn(&Name) -> &[u8]| {
        let is_same = names.iter().all(|name| part(name) == part(first));
        if is_same {
            part(first).to_vec()
        } else {
            without_digits(part(first))
        }
    };
    let mut pattern = same(|name| &name.before);
    pattern.push(b'*');
    pattern.extend(same(|name| &name.after));
    let full = Path::new(&first.full)
        .extension()
        .map_or(&b""[..], |e| e.as_encoded_bytes());
    let has_one = names.iter().all(|name| name.extension == first.extension);
    pattern.push(b'.');
    pattern.extend(if has_one { full } else { b"*" });
    String::from_utf8_lossy(&pattern).replace("**", "*")
}

/// The text with `*` in place of every run of digits.
fn without_digits(text: &[u8]) -> Vec<u8> {
    let mut shape: Vec<u8> = Vec::with_capacity(text.len());
    for byte in text {
        match byte.is_ascii_digit() {
            true if shape.last() == Some(&b'*') => {}
            true => shape.push(b'*'),
            false => shape.push(*byte),
        }
    }
    shape
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
