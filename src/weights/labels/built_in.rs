//! The data sets whose class names are built in.

use std::path::Path;

/// The names of a data set's classes in one order.
pub(super) struct BuiltIn {
    /// Its name: the data set, and the order where there are several.
    pub(super) name: &'static str,
    /// Where this order is used, if there are several.
    order: &'static str,
    pub(super) classes: usize,
    /// One name per line.
    text: &'static str,
    /// Puts the names of `text` into this order.
    arrange: fn(&mut [String]),
}

const fn as_listed(_: &mut [String]) {}

const HMDB51: &str = include_str!("hmdb51.txt");
/// In the order of the data set's own list, which is also that of class_ind_somethingsomething.txt in
/// mzolfaghari/ECO-efficient-video-understanding @ 4f76a74.
const SOMETHING_V1: &str = include_str!("something-v1-official.txt");

/// All lists.
pub(super) static LISTS: [BuiltIn; 6] = [
    BuiltIn {
        name: "kinetics400",
        order: "",
        classes: 400,
        text: include_str!("kinetics400.txt"),
        arrange: as_listed,
    },
    BuiltIn {
        name: "ucf101",
        order: "",
        classes: 101,
        text: include_str!("ucf101.txt"),
        arrange: as_listed,
    },
    BuiltIn {
        name: "hmdb51-sorted",
        order: "the alphabetical one of torchvision and MMAction2: kick 20, kick_ball 21",
        classes: 51,
        text: HMDB51,
        arrange: as_listed,
    },
    // yjxiong/temporal-segment-networks @ 5d1dc0e, data/hmdb51_splits/class_list.txt
    BuiltIn {
        name: "hmdb51-tsn",
        order: "the one of TSN's and ECO-pytorch's tools: kick_ball 20, kick 21",
        classes: 51,
        text: HMDB51,
        arrange: |names| {
            names.swap(20, 21);
            names.swap(44, 45);
        },
    },
    BuiltIn {
        name: "something-v1-official",
        order: "the one of the data set and of ECO's Caffe models: Holding something 0",
        classes: 174,
        text: SOMETHING_V1,
        arrange: as_listed,
    },
    BuiltIn {
        name: "something-v1-sorted",
        order: "the alphabetical one of ECO-pytorch: Approaching something with your camera 0",
        classes: 174,
        text: SOMETHING_V1,
        arrange: |names| names.sort(),
    },
];

impl BuiltIn {
    /// The list of this name, in any case.
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        let mut lists = LISTS.iter();
        lists.find(|list| list.name.eq_ignore_ascii_case(name))
    }

    /// The names by class index.
    pub(super) fn labels(&self) -> Vec<String> {
        let mut labels: Vec<String> = self.text.lines().map(str::to_string).collect();
        (self.arrange)(&mut labels);
        labels
    }

    /// The data set, if there are several orders.
    fn data_set(&self) -> Option<&'static str> {
        let (set, _) = self.name.rsplit_once('-')?;
        (!self.order.is_empty()).then_some(set)
    }
}

/// What to do about a name that is neither that of a list nor of a file.
pub(super) fn advice(name: &Path) -> String {
    let is_set = |list: &&BuiltIn| {
        let set = list.data_set();
        set.is_some_and(|set| name.as_os_str().eq_ignore_ascii_case(set))
    };
    let orders: Vec<String> = LISTS
        .iter()
        .filter(is_set)
        .map(|list| format!("{} ({})", list.name, list.order))
        .collect();
    if !orders.is_empty() {
        let orders = orders.join(" or ");
        return format!("its classes are numbered in two ways: choose {orders}");
    }
    if let Some(near) = near(&name.to_string_lossy()) {
        return format!("no such file; the built-in list is called {near}");
    }
    let known: Vec<_> = LISTS.iter().map(|list| list.name).collect();
    format!("no such file, and not one of {}", known.join(", "))
}

/// The lists that `name` may mean: those that begin with it, else those spelled nearly as it is.
fn near(name: &str) -> Option<String> {
    /// The least likeness, from 0 to 1: a letter or two are wrong.
    const CLOSE: f64 = 0.75;
    let name = name.to_lowercase();
    let bare = |name: &str| name.replace(['-', '_', ' '], "");
    let begins =
        |list: &&BuiltIn| !bare(&name).is_empty() && bare(list.name).starts_with(&bare(&name));
    let is_close =
        |list: &&BuiltIn| strsim::normalized_damerau_levenshtein(list.name, &name) >= CLOSE;
    let mut near: Vec<&str> = LISTS.iter().filter(begins).map(|list| list.name).collect();
    if near.is_empty() {
        near = LISTS
            .iter()
            .filter(is_close)
            .map(|list| list.name)
            .collect();
    }
    (!near.is_empty()).then(|| near.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(name: &str) -> Vec<String> {
        BuiltIn::find(name).unwrap().labels()
    }

    #[test]
    fn built_in_lists_have_as_many_distinct_names_as_classes() {
        for list in &LISTS {
            let as_listed = list.labels();
            let mut names = as_listed.clone();
            names.sort_by_key(|n| n.to_lowercase());
            names.dedup();
            assert_eq!(names.len(), list.classes, "{}", list.name);
            assert!(
                as_listed.iter().all(|n| n.trim() == n && !n.is_empty()),
                "{}",
                list.name
            );
        }
    }

    #[test]
    fn a_misspelt_name_is_answered_with_the_lists_it_may_mean() {
        for (name, lists) in [
            ("kinetics", "kinetics400"),
            ("Kinetics-400", "kinetics400"),
            ("kinetcs400", "kinetics400"),
            ("ucf-101", "ucf101"),
            ("ucf", "ucf101"),
            ("hmdb", "hmdb51-sorted or hmdb51-tsn"),
            ("hmdb51-tns", "hmdb51-tsn"),
            (
                "something_v1",
                "something-v1-official or something-v1-sorted",
            ),
        ] {
            let advice = advice(Path::new(name));
            let expected = format!("the built-in list is called {lists}");
            assert!(advice.ends_with(&expected), "{name}: {advice}");
        }
        let unknown = advice(Path::new("labels.txt"));
        assert!(
            unknown.contains("not one of kinetics400, ucf101"),
            "{unknown}"
        );
    }

    #[test]
    fn the_ucf101_order_is_that_of_its_class_list_which_ignores_case() {
        let names = labels("ucf101");
        assert_eq!(names[34..36], ["Hammering", "HammerThrow"]);
        assert_eq!(names[46..48], ["JumpingJack", "JumpRope"]);
        assert_eq!(names[67], "PoleVault");
        assert_eq!(names[100], "YoYo");
    }

    #[test]
    fn the_two_orders_of_hmdb51_differ_in_four_classes() {
        let (sorted, tsn) = (labels("hmdb51-sorted"), labels("HMDB51-TSN"));
        assert!(sorted.is_sorted());
        assert_eq!(tsn[20..22], ["kick_ball", "kick"]);
        assert_eq!(tsn[44..46], ["sword_exercise", "sword"]);
        let differing = sorted.iter().zip(&tsn).filter(|(a, b)| a != b);
        assert_eq!(differing.count(), 4);
    }

    #[test]
    fn the_two_orders_of_something_something_begin_and_end_as_published() {
        let official = labels("something-v1-official");
        assert_eq!(
            official[..2],
            ["Holding something", "Turning something upside down"]
        );
        assert_eq!(official[173], "Poking a hole into some substance");
        let sorted = labels("something-v1-sorted");
        assert_eq!(sorted[0], "Approaching something with your camera");
        assert_eq!(sorted[173], "Wiping something off of something");
        // The apostrophe comes before the letters.
        assert!(sorted[116].starts_with("Putting something that can't roll"));
        assert!(sorted[117].starts_with("Putting something that cannot"));
    }
}
