//! The classes that a network learns.

use std::collections::{BTreeMap, BTreeSet};

use crate::clip::Label;
use crate::recognise::evaluation::{ClassNames, TruthError};
use crate::recognise::{LabelCount, Labels};

/// Labels that make no classes to learn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClassesError {
    /// Some clips are labelled by name, others by number.
    #[error(
        "some labels are names ({name:?}), others are numbers ({index}); name the classes in their order to say which is which"
    )]
    Mixed {
        /// One of the names.
        name: String,
        /// One of the numbers.
        index: usize,
    },
    /// Two names differ in nothing but their spelling.
    #[error(
        "the classes {first:?} and {second:?} differ in spelling alone; write them the same, or name the classes in their order"
    )]
    Spelling {
        /// One of them.
        first: String,
        /// The other.
        second: String,
    },
    /// A class has no clip to learn it from.
    #[error("no clip shows class {class}{}: {missing} of {classes} classes have none", name.as_ref().map_or(String::new(), |name| format!(" ({name:?})")))]
    Missing {
        /// The first such class.
        class: usize,
        /// Its name, where classes have names.
        name: Option<String>,
        /// How many classes have no clip.
        missing: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// One class is nothing to learn.
    #[error("all clips show the same class; training needs at least two")]
    One,
    /// A label is none of the classes that were named.
    #[error(transparent)]
    Unknown(#[from] TruthError),
    /// Names that cannot be used.
    #[error(transparent)]
    Names(#[from] LabelCount),
}

/// The classes of labelled clips, in their order.
#[derive(Debug, Clone)]
pub struct Classes {
    names: Option<Vec<String>>,
    count: usize,
    finder: ClassNames,
}

impl Classes {
    /// The classes of clips with these labels. With `names` they are those; else those that the labels say: names sorted by
    /// their bytes, as PyTorch's data sets sort directories, or numbers from 0 to the largest.
    ///
    /// # Errors
    /// [`ClassesError`]; that a class of `names` has no clip is said by [`Classes::check`].
    pub fn new<'l>(
        labels: impl Iterator<Item = &'l Label>,
        names: Option<Vec<String>>,
    ) -> Result<Self, ClassesError> {
        if let Some(names) = names {
            return Self::named(names);
        }
        let (mut found, mut indices): (BTreeSet<&str>, BTreeSet<usize>) = Default::default();
        for label in labels {
            match label {
                Label::Index(index) => drop(indices.insert(*index)),
                Label::Name(name) => drop(found.insert(name)),
            }
        }
        match (found.first(), indices.last().copied()) {
            (Some(name), Some(index)) => Err(ClassesError::Mixed {
                name: (*name).to_owned(),
                index,
            }),
            (None, Some(largest)) => {
                let count = largest.saturating_add(1);
                let missing = count - indices.len();
                if let Some(class) = (0..count).find(|class| !indices.contains(class)) {
                    return Err(ClassesError::Missing {
                        class,
                        name: None,
                        missing,
                        classes: count,
                    });
                }
                Ok(Self {
                    names: None,
                    count,
                    finder: ClassNames::new(&Labels::numbered(), count),
                })
            }
            (_, None) => Self::named(found.into_iter().map(str::to_owned).collect()),
        }
    }

    fn named(names: Vec<String>) -> Result<Self, ClassesError> {
        let mut spelled: BTreeMap<String, &String> = BTreeMap::new();
        for name in &names {
            if let Some(first) = spelled.insert(ClassNames::spelling(name), name) {
                return Err(ClassesError::Spelling {
                    first: first.clone(),
                    second: name.clone(),
                });
            }
        }
        let count = names.len();
        let labels = Labels::from_names(names.clone(), count)?;
        Ok(Self {
            finder: ClassNames::new(&labels, count),
            names: Some(names),
            count,
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Their names; `None` where they have numbers only.
    pub fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }

    /// The class that a label means.
    ///
    /// # Errors
    /// [`TruthError`].
    pub fn find(&self, label: &Label) -> Result<usize, TruthError> {
        self.finder.find(label)
    }

    /// How many clips show each class.
    ///
    /// # Errors
    /// [`ClassesError::Missing`], [`ClassesError::One`].
    pub fn check(&self, clips: impl Iterator<Item = usize>) -> Result<Vec<usize>, ClassesError> {
        let mut counts = vec![0; self.count];
        clips.for_each(|class| counts[class] += 1);
        let mut without = (0..self.count).filter(|&class| counts[class] == 0);
        if let Some(class) = without.next() {
            return Err(ClassesError::Missing {
                class,
                name: self.names().map(|names| names[class].clone()),
                missing: 1 + without.count(),
                classes: self.count,
            });
        }
        match self.count {
            0 | 1 => Err(ClassesError::One),
            _ => Ok(counts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Vec<Label> {
        let named = names.iter().map(|name| Label::Name((*name).to_owned()));
        named.collect()
    }

    fn of(labels: &[Label]) -> Result<Classes, ClassesError> {
        Classes::new(labels.iter(), None)
    }

    #[test]
    fn names_are_sorted_as_pytorch_sorts_directories() {
        let classes = of(&named(&["walk", "run", "Zoom", "run"])).unwrap();
        assert_eq!(classes.names().unwrap(), ["Zoom", "run", "walk"]);
        assert_eq!(classes.find(&Label::Name("RUN".into())), Ok(1));
    }

    #[test]
    fn numbers_are_classes_without_names_and_none_may_be_missing() {
        let classes = of(&[2, 0, 1].map(Label::Index)).unwrap();
        assert_eq!((classes.count(), classes.names()), (3, None));
        let error = of(&[0, 3, 3].map(Label::Index)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no clip shows class 1: 2 of 4 classes have none"
        );
        let error = of(&[0, usize::MAX - 1].map(Label::Index)).unwrap_err();
        assert!(
            error.to_string().starts_with("no clip shows class 1: "),
            "{error}"
        );
        assert_eq!(classes.check([0, 1, 2, 2].into_iter()), Ok(vec![1, 1, 2]));
    }

    #[test]
    fn what_may_be_a_slip_is_refused() {
        let error = of(&named(&["kick ball", "Kick_Ball"]))
            .unwrap_err()
            .to_string();
        assert!(error.contains("differ in spelling alone"), "{error}");
        let mixed = [named(&["run"]), vec![Label::Index(3)]].concat();
        let error = of(&mixed).unwrap_err().to_string();
        assert!(
            error.starts_with("some labels are names (\"run\"), others are numbers (3)"),
            "{error}"
        );
        let one = of(&named(&["run"])).unwrap();
        assert_eq!(one.check([0, 0].into_iter()), Err(ClassesError::One));
        let names = Some(vec!["run".to_owned(), "walk".to_owned()]);
        let chosen = Classes::new(named(&["walk"]).iter(), names).unwrap();
        let error = chosen.check([1].into_iter()).unwrap_err().to_string();
        assert!(error.contains("class 0 (\"run\")"), "{error}");
        assert!(chosen.find(&Label::Name("jump".into())).is_err());
    }
}
