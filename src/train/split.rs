//! Which clips are held back from fitting, to judge by.

use std::collections::HashMap;

use crate::random::Draws;

/// Where splits draw from, so that no other draw of the same seed is like them.
const PURPOSE: u64 = 0x5711;
/// Differences of sums of shares that are rounding.
const EQUAL: f64 = 1e-9;

/// What decides about a clip's place: its class, and the group that stays together with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group<'g> {
    /// The class.
    pub class: usize,
    /// The group; a clip without one is a group of its own.
    pub name: Option<&'g str>,
}

/// Places of clips: those to fit to, and those to judge by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// In ascending order.
    pub fitted: Vec<usize>,
    /// In ascending order.
    pub judged: Vec<usize>,
}

/// Holds back about `share` (0 to 1) of the clips of each class, chosen by `seed`. Groups stay whole.
pub fn hold_back(clips: &[Group], share: f64, seed: u64) -> Split {
    let part_of = assign(clips, &[1.0 - share, share], seed);
    split(&part_of, 1)
}

/// Holds back each clip once, in one of `count` splits, each with about the same number of clips of every class.
pub fn folds(clips: &[Group], count: usize, seed: u64) -> Vec<Split> {
    let part_of = assign(clips, &vec![1.0 / count as f64; count], seed);
    (0..count).map(|part| split(&part_of, part)).collect()
}

fn split(part_of: &[usize], judged: usize) -> Split {
    let (judged, fitted) = (0..part_of.len()).partition(|&clip| part_of[clip] == judged);
    Split { fitted, judged }
}

/// The part of each clip. Group after group, in a random order, goes where its classes lack most.
fn assign(clips: &[Group], shares: &[f64], seed: u64) -> Vec<usize> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut by_name: HashMap<&str, usize> = HashMap::new();
    for (clip, group) in clips.iter().enumerate() {
        let known = group.name.and_then(|name| by_name.get(name).copied());
        match known {
            Some(place) => groups[place].push(clip),
            None => {
                by_name.extend(group.name.map(|name| (name, groups.len())));
                groups.push(vec![clip]);
            }
        }
    }
    Draws::new(seed, &[PURPOSE]).shuffle(&mut groups);
    let classes = clips.iter().map(|group| group.class + 1).max().unwrap_or(0);
    let mut lacking = vec![vec![0.0; classes]; shares.len()];
    for group in clips {
        for (lacking, share) in lacking.iter_mut().zip(shares) {
            lacking[group.class] += share;
        }
    }
    let mut part_of = vec![0; clips.len()];
    for group in groups {
        // What the group's classes lack, and among equal parts what all classes lack: small parts are filled first.
        let lack = |part: usize| -> [f64; 2] {
            let lacks = group.iter().map(|&clip| lacking[part][clips[clip].class]);
            [lacks.sum(), lacking[part].iter().sum()]
        };
        let is_more = |[a, all_a]: [f64; 2], [b, all_b]: [f64; 2]| match (a - b).abs() < EQUAL {
            true => all_a > all_b + EQUAL,
            false => a > b,
        };
        let part = (1..shares.len()).fold(0, |best, part| match is_more(lack(part), lack(best)) {
            true => part,
            false => best,
        });
        for &clip in &group {
            part_of[clip] = part;
            lacking[part][clips[clip].class] -= 1.0;
        }
    }
    part_of
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clips(counts: &[usize]) -> Vec<Group<'static>> {
        let clips = counts
            .iter()
            .enumerate()
            .flat_map(|(class, &count)| vec![class; count]);
        clips.map(|class| Group { class, name: None }).collect()
    }

    fn counts(clips: &[Group], places: &[usize], classes: usize) -> Vec<usize> {
        let mut counts = vec![0; classes];
        places
            .iter()
            .for_each(|&place| counts[clips[place].class] += 1);
        counts
    }

    #[test]
    fn every_class_is_held_back_by_its_share() {
        let clips = clips(&[10, 50, 5, 1, 2]);
        let Split { fitted, judged } = hold_back(&clips, 0.2, 7);
        assert_eq!(counts(&clips, &judged, 5), [2, 10, 1, 0, 0]);
        assert_eq!(fitted.len() + judged.len(), 68);
        assert_eq!(hold_back(&clips, 0.2, 7), Split { fitted, judged });
        assert_ne!(hold_back(&clips, 0.2, 8), hold_back(&clips, 0.2, 7));
    }

    #[test]
    fn every_clip_is_held_back_once() {
        let clips = clips(&[10, 7]);
        let folds = folds(&clips, 5, 1);
        let mut judged: Vec<usize> = folds.iter().flat_map(|fold| fold.judged.clone()).collect();
        judged.sort_unstable();
        assert_eq!(judged, (0..17).collect::<Vec<_>>());
        for fold in &folds {
            let [first, second] = counts(&clips, &fold.judged, 2)[..] else {
                panic!("two classes");
            };
            assert!(first == 2 && (1..=2).contains(&second), "{first} {second}");
        }
    }

    #[test]
    fn no_part_is_empty_while_there_are_clips() {
        let clips = clips(&[4, 4, 4]);
        assert!(
            folds(&clips, 5, 0)
                .iter()
                .all(|fold| (2..=3).contains(&fold.judged.len()))
        );
        let clips = self::clips(&[1; 7]);
        assert!(
            folds(&clips, 5, 0)
                .iter()
                .all(|fold| !fold.judged.is_empty())
        );
    }

    #[test]
    fn groups_stay_whole() {
        let names: Vec<String> = (0..200).map(|clip| format!("g{}", clip / 8)).collect();
        let clips: Vec<Group> = (0..200)
            .map(|clip| Group {
                class: clip % 4,
                name: Some(&names[clip]),
            })
            .collect();
        let Split { fitted, judged } = hold_back(&clips, 0.2, 3);
        assert_eq!(counts(&clips, &judged, 4), [10; 4]);
        let is_judged = |name: &str| judged.iter().any(|&clip| clips[clip].name == Some(name));
        assert!(!fitted.iter().any(|&clip| is_judged(&names[clip])));
    }
}
