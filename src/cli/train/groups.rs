//! Which clips belong together.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use anyhow::anyhow;
use regex::Regex;

use crate::cli::exit::Failure;
use crate::cli::say::say;
use crate::clip::ClipEntry;
use crate::text::counted;

/// Groups as UCF101 names them: `v_Archery_g01_c03.avi`.
const UCF101: &str = r"_(g\d+)_c\d+";

/// What tells which clips belong together.
pub(super) enum Grouping {
    /// As the list says, or UCF101's names, where all do.
    Named,
    /// Nothing.
    Nothing,
    /// Those for which this finds the same.
    By(Regex),
}

/// The groups of clips that are fitted to.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// The group of each clip; a clip without one is a group of its own.
    pub of: Vec<Option<String>>,
    /// What tells them, in words; nothing where clips do not belong together.
    by: Option<String>,
}

impl Groups {
    /// Finds the groups of clips to fit to, and says so. Other clips to judge by are of none of them.
    ///
    /// # Errors
    /// An expression that is not found in some paths, and groups on both sides.
    pub(super) fn find(
        fitted: &[(ClipEntry, usize)],
        judged: &[(ClipEntry, usize)],
        grouping: &Grouping,
        quiet: bool,
    ) -> Result<Self, Failure> {
        let all = || fitted.iter().chain(judged).map(|(entry, _)| entry);
        let is_stated = |entry: &ClipEntry| entry.group.is_some();
        let (by, groups): (String, Vec<Option<String>>) = match grouping {
            Grouping::Nothing => return Ok(Self::none(fitted.len())),
            Grouping::By(regex) => {
                let groups: Vec<_> = all().map(|entry| found(regex, &entry.path)).collect();
                let without = groups.iter().filter(|group| group.is_none()).count();
                if without > 0 {
                    let message = format!(
                        "--group-by {regex} is not found in {without} of {} paths",
                        groups.len()
                    );
                    return Err(Failure::usage(anyhow!(message)));
                }
                (format!("--group-by {regex}"), groups)
            }
            Grouping::Named if fitted.iter().any(|(entry, _)| is_stated(entry)) => {
                let groups = all().map(|entry| entry.group.clone());
                ("a column of the list".to_owned(), groups.collect())
            }
            Grouping::Named => {
                let Ok(regex) = Regex::new(UCF101) else {
                    return Ok(Self::none(fitted.len()));
                };
                let groups: Vec<_> = all().map(|entry| found(&regex, &entry.path)).collect();
                if groups[..fitted.len()].iter().any(Option::is_none) {
                    return Ok(Self::none(fitted.len()));
                }
                (
                    "their names (g01, g02, ...), as in UCF101".to_owned(),
                    groups,
                )
            }
        };
        let (of, others) = groups.split_at(fitted.len());
        check_sides(of, others, &by)?;
        let groups = Self {
            of: of.to_vec(),
            by: Some(by),
        };
        if let (Some(words), false) = (groups.in_words(), quiet) {
            say(format_args!(
                "eco: clips of one group stay together: {words}; --group-by none takes each by itself"
            ));
        }
        Ok(groups)
    }

    fn none(clips: usize) -> Self {
        Self {
            of: vec![None; clips],
            by: None,
        }
    }

    /// How many there are by what: `4 groups, by a column of the list`.
    pub(super) fn in_words(&self) -> Option<String> {
        let by = self.by.as_ref()?;
        let names: HashSet<&String> = self.of.iter().flatten().collect();
        let alone = self.of.iter().filter(|group| group.is_none()).count();
        let groups = counted(names.len() + alone, "group", "groups");
        Some(format!("{groups}, by {by}"))
    }
}

/// Refuses groups that are fitted to and judged by.
fn check_sides(
    fitted: &[Option<String>],
    judged: &[Option<String>],
    by: &str,
) -> Result<(), Failure> {
    let mut counts: BTreeMap<&String, [usize; 2]> = BTreeMap::new();
    for (side, groups) in [fitted, judged].into_iter().enumerate() {
        for group in groups.iter().flatten() {
            counts.entry(group).or_default()[side] += 1;
        }
    }
    let both = counts.iter().filter(|(_, [a, b])| *a > 0 && *b > 0);
    let Some((group, [in_data, in_val])) = both.clone().next() else {
        return Ok(());
    };
    let message = format!(
        "{} of {}, by {by}, {} both in DATA and in --val, such as {group:?} ({} and {}): what is alike on both sides says \
         little of how good a network is. Put each group on one side; --group-by none takes each clip by itself",
        both.clone().count(),
        counted(counts.len(), "group", "groups"),
        if both.count() == 1 { "is" } else { "are" },
        counted(*in_data, "clip", "clips"),
        counted(*in_val, "clip", "clips"),
    );
    Err(Failure::usage(anyhow!(message)))
}

/// The first group of the expression in a path, or all that it finds.
fn found(regex: &Regex, path: &Path) -> Option<String> {
    let path = path.to_string_lossy();
    let found = regex.captures(&path)?;
    let group = found.get(1).or(found.get(0))?;
    Some(group.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clips(names: &[(&str, Option<&str>)]) -> Vec<(ClipEntry, usize)> {
        let clip = |(name, group): &(&str, Option<&str>)| {
            let entry = ClipEntry {
                group: group.map(str::to_owned),
                ..ClipEntry::named((*name).into())
            };
            (entry, 0)
        };
        names.iter().map(clip).collect()
    }

    fn words(fitted: &[(&str, Option<&str>)], grouping: &Grouping) -> Option<String> {
        let groups = Groups::find(&clips(fitted), &[], grouping, true);
        groups.unwrap().in_words()
    }

    #[test]
    fn groups_are_stated_or_told_by_names() {
        let stated = [("a", Some("anna")), ("b", Some("anna")), ("c", None)];
        assert_eq!(
            words(&stated, &Grouping::Named).as_deref(),
            Some("2 groups, by a column of the list")
        );
        let named = [("v_Run_g01_c01.avi", None), ("v_Run_g02_c01.avi", None)];
        let said = words(&named, &Grouping::Named).unwrap();
        assert!(said.starts_with("2 groups, by their names"), "{said}");
        assert_eq!(words(&named, &Grouping::Nothing), None);
        let by = Grouping::By(Regex::new("_g0(.)").unwrap());
        assert_eq!(
            words(&named, &by).as_deref(),
            Some("2 groups, by --group-by _g0(.)")
        );
        assert_eq!(words(&[named[0], ("x.avi", None)], &Grouping::Named), None);
    }

    #[test]
    fn a_group_on_both_sides_is_named_with_its_clips() {
        let fitted = clips(&[
            ("v_Run_g01_c01.avi", None),
            ("v_Run_g01_c02.avi", None),
            ("v_Run_g02_c01.avi", None),
        ]);
        let judged = clips(&[("v_Run_g01_c03.avi", None), ("v_Run_g03_c01.avi", None)]);
        let find = |grouping| Groups::find(&fitted, &judged, grouping, true);
        let error = find(&Grouping::Named).unwrap_err().into_error().to_string();
        assert!(
            error.starts_with("1 of 3 groups, by their names"),
            "{error}"
        );
        assert!(
            error.contains("is both in DATA and in --val, such as \"g01\" (2 clips and 1 clip)"),
            "{error}"
        );
        assert!(find(&Grouping::Nothing).is_ok());
        assert!(Groups::find(&fitted, &judged[1..], &Grouping::Named, true).is_ok());
    }
}
