//! Which clips are held back, and whether there are enough of them.

use std::collections::HashSet;

use anyhow::anyhow;

use super::args::Judging;
use super::data::Data;
use crate::cli::exit::Failure;
use crate::text::counted;
use crate::train::{Group, HeldBack, Split, folds, hold_back};

/// Holds clips back out of `clips`; after them come the `others`, which are only judged by.
pub(super) fn held_back(clips: &[Group], others: usize, judging: &Judging, seed: u64) -> HeldBack {
    match judging {
        Judging::Folds(count) => HeldBack::InTurn(folds(clips, (*count).min(clips.len()), seed)),
        Judging::Share(share) => HeldBack::Kept(hold_back(clips, *share, seed)),
        Judging::Data(_) => HeldBack::Kept(Split {
            fitted: (0..clips.len()).collect(),
            judged: (clips.len()..clips.len() + others).collect(),
        }),
    }
}

/// The clips with their classes and groups, as they are held back by.
pub(super) fn grouped<'g>(classes: &[usize], groups: &'g [Option<String>]) -> Vec<Group<'g>> {
    let clips = classes.iter().zip(groups);
    let clips = clips.map(|(&class, group)| Group {
        class,
        name: group.as_deref(),
    });
    clips.collect()
}

/// Refuses clips of which none can be held back, or that leave none of a class to fit to, before they are looked at.
pub(super) fn check(data: &Data, judging: &Judging, seed: u64) -> Result<(), Failure> {
    let classes: Vec<usize> = data.fitted.iter().map(|(_, class)| *class).collect();
    let clips = grouped(&classes, &data.groups.of);
    let labels = data.labels();
    match fault(&clips, data.groups.in_words(), &labels, judging, seed) {
        None => Ok(()),
        Some(fault) => Err(Failure::usage(anyhow!(fault))),
    }
}

/// What is wrong; `groups` says what tells groups.
fn fault(
    clips: &[Group],
    groups: Option<String>,
    labels: &[String],
    judging: &Judging,
    seed: u64,
) -> Option<String> {
    let count = units(clips);
    let unit = |count| match groups {
        None => counted(count, "clip", "clips"),
        Some(_) => counted(count, "group", "groups"),
    };
    let ways_out = match groups {
        None => "give more clips, or clips to judge by with --val DATA",
        Some(_) => {
            "give more clips, or clips to judge by with --val DATA; --group-by none takes each clip by itself"
        }
    };
    let found = match &groups {
        None => counted(count, "clip", "clips"),
        Some(words) => format!("{} ({words})", counted(clips.len(), "clip", "clips")),
    };
    let lacks = |split: &Split| lacking(clips, split, labels.len());
    match held_back(clips, 0, judging, seed) {
        _ if matches!(judging, Judging::Data(_)) => None,
        HeldBack::InTurn(_) if count < 2 => Some(format!(
            "{found}: none can be held back to judge by; {ways_out}"
        )),
        HeldBack::InTurn(splits) if splits.iter().any(|split| split.judged.is_empty()) => {
            let full = splits.iter().filter(|split| !split.judged.is_empty());
            Some(format!(
                "{found} are too few for {} folds; --folds {}, or {ways_out}",
                splits.len(),
                full.count().min(count)
            ))
        }
        HeldBack::InTurn(splits) => {
            let class = splits.iter().find_map(lacks)?;
            let of_it: Vec<Group> = clips
                .iter()
                .filter(|clip| clip.class == class)
                .copied()
                .collect();
            // With more of them, other parts tell how good the head is.
            (units(&of_it) == 1).then(|| {
                format!(
                    "class {:?} has {}: while it is held back, there is none to fit to; {ways_out}, or --val 20%",
                    labels[class],
                    unit(1)
                )
            })
        }
        HeldBack::Kept(split) => {
            let Judging::Share(share) = judging else {
                return None;
            };
            let percent = share * 100.0;
            if split.judged.is_empty() {
                let least = (100.0 / count.max(1) as f64).ceil();
                return Some(format!(
                    "--val {percent}% holds back none of {found}: one is {least}%; {ways_out}"
                ));
            }
            let class = lacks(&split)?;
            let of_it = clips.iter().filter(|clip| clip.class == class).count();
            Some(format!(
                "--val {percent}% leaves none of the {} of class {:?} to fit to, out of {found}; a smaller share, or {ways_out}",
                counted(of_it, "clip", "clips"),
                labels[class],
            ))
        }
    }
}

/// Clips and groups that go to a side as a whole.
fn units(clips: &[Group]) -> usize {
    let names: HashSet<&str> = clips.iter().filter_map(|clip| clip.name).collect();
    names.len() + clips.iter().filter(|clip| clip.name.is_none()).count()
}

/// The first class that there is nothing of to fit to.
fn lacking(clips: &[Group], split: &Split, classes: usize) -> Option<usize> {
    let fitted: HashSet<usize> = split.fitted.iter().map(|&clip| clips[clip].class).collect();
    (0..classes).find(|class| !fitted.contains(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with clips of two classes; each is a class and a group.
    fn said(clips: &[(usize, Option<&str>)], judging: &Judging) -> String {
        let grouped: Vec<Group> = clips
            .iter()
            .map(|&(class, name)| Group { class, name })
            .collect();
        let by = clips.iter().any(|(_, name)| name.is_some());
        let by = by.then(|| {
            let groups = counted(units(&grouped), "group", "groups");
            format!("{groups}, by name")
        });
        let labels = ["run", "walk"].map(str::to_owned);
        fault(&grouped, by, &labels, judging, 0).unwrap_or_default()
    }

    fn two_classes(each: usize) -> Vec<(usize, Option<&'static str>)> {
        (0..2 * each).map(|clip| (clip % 2, None)).collect()
    }

    #[test]
    fn too_few_groups_are_said_with_the_folds_that_they_allow() {
        let names = ["a", "b", "c", "d"];
        let clips: Vec<_> = (0..16)
            .map(|clip| (clip % 2, Some(names[clip / 4])))
            .collect();
        let error = said(&clips, &Judging::Folds(5));
        assert!(
            error.starts_with(
                "16 clips (4 groups, by name) are too few for 5 folds; --folds 4, or give more clips"
            ),
            "{error}"
        );
        assert_eq!(said(&clips, &Judging::Folds(4)), "");
        let error = said(&clips[..4], &Judging::Folds(5));
        assert!(
            error.starts_with("4 clips (1 group, by name): none can be held back"),
            "{error}"
        );
        assert!(error.ends_with("--group-by none takes each clip by itself"));
    }

    #[test]
    fn a_class_needs_two_clips_to_be_judged_in_turn() {
        let error = said(&two_classes(1), &Judging::Folds(5));
        assert!(
            error.starts_with("class \"run\" has 1 clip: while it is held back"),
            "{error}"
        );
        assert_eq!(said(&two_classes(2), &Judging::Folds(5)), "");
        assert_eq!(said(&two_classes(1), &Judging::Data(Vec::new())), "");
    }

    #[test]
    fn shares_leave_something_on_both_sides() {
        let clips = two_classes(6);
        let error = said(&clips, &Judging::Share(0.01));
        assert!(
            error.starts_with("--val 1% holds back none of 12 clips: one is 9%"),
            "{error}"
        );
        let error = said(&clips, &Judging::Share(0.99));
        assert!(
            error.starts_with("--val 99% leaves none of the 6 clips of class"),
            "{error}"
        );
        assert_eq!(said(&clips, &Judging::Share(0.2)), "");
    }
}
