//! Images of one directory, grouped by their names without the number.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use super::numbered::{Name, Numbers};

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

/// Images whose names differ in their number.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) names: Vec<Name>,
    is_numbered: bool,
    pattern: String,
}

impl Series {
    /// Whether it is more than a single file.
    pub(super) fn is_long(&self) -> bool {
        self.is_numbered && self.names.len() > 1
    }

    /// Whether its name is not that of flow, masks or depth.
    pub(super) fn may_be_rgb(&self) -> bool {
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

    pub(super) fn in_words(&self) -> SeriesCount {
        SeriesCount {
            pattern: self.pattern.clone(),
            count: self.names.len(),
        }
    }
}

/// The series among `names`; a name without a number is one of its own.
pub(super) fn group(names: &[OsString], numbers: Numbers) -> Vec<Series> {
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
