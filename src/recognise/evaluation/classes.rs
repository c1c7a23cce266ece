use std::collections::HashMap;

use crate::clip::Label;
use crate::recognise::Labels;

/// A label that is no class of the network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TruthError {
    /// No class has this name, not even in another spelling.
    #[error("no class is called {name:?}{}", closest.as_ref().map_or(String::new(), |close| format!("; the closest is {close:?}")))]
    Unknown {
        /// The name.
        name: String,
        /// The class whose name is most like it, if any is.
        closest: Option<String>,
    },
    /// Several classes have this name.
    #[error("{count} classes are called {name:?}")]
    Ambiguous {
        /// The name.
        name: String,
        /// How many.
        count: usize,
    },
    /// The index is beyond the last class.
    #[error("class {index} is beyond the last one: the network has {classes}, counted from 0")]
    Index {
        /// The index.
        index: usize,
        /// Number of classes.
        classes: usize,
    },
}

/// Similarity from which another class is worth a mention, 0 to 1.
const LIKE: f64 = 0.7;

/// The classes of a network, to be found by what lists and directories call them.
#[derive(Debug, Clone)]
pub struct ClassNames {
    names: Vec<String>,
    by_name: HashMap<String, Vec<usize>>,
    by_spelling: HashMap<String, Vec<usize>>,
}

impl ClassNames {
    /// The names of `classes` classes.
    pub fn new(labels: &Labels, classes: usize) -> Self {
        let names = labels.all(classes);
        let index = |key: fn(&str) -> String| {
            let mut index: HashMap<String, Vec<usize>> = HashMap::new();
            for (class, name) in names.iter().enumerate() {
                index.entry(key(name)).or_default().push(class);
            }
            index
        };
        Self {
            by_name: index(str::to_owned),
            by_spelling: index(Self::spelling),
            names,
        }
    }

    /// The class that a label means: an index, or a name as it stands, or in another spelling: letters and digits alone are compared. Names are
    /// never taken by their order: sorting the directory names of some tools swaps two classes of Kinetics-400.
    ///
    /// # Errors
    /// [`TruthError`].
    pub fn find(&self, label: &Label) -> Result<usize, TruthError> {
        let name = match label {
            Label::Index(index) if *index < self.names.len() => return Ok(*index),
            Label::Index(index) => {
                return Err(TruthError::Index {
                    index: *index,
                    classes: self.names.len(),
                });
            }
            Label::Name(name) => name,
        };
        let found = self.by_name.get(name);
        match found
            .or_else(|| self.by_spelling.get(&Self::spelling(name)))
            .map(Vec::as_slice)
        {
            Some([class]) => Ok(*class),
            Some(classes) => Err(TruthError::Ambiguous {
                name: name.clone(),
                count: classes.len(),
            }),
            None => Err(TruthError::Unknown {
                name: name.clone(),
                closest: self.closest(name),
            }),
        }
    }

    /// A name without what tools change in it: case, quotes, brackets and commas, and whether words are joined by blanks, `_`
    /// or `-` or, as in UCF101's `ApplyEyeMakeup`, by capitals.
    pub fn spelling(name: &str) -> String {
        name.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect()
    }

    fn closest(&self, name: &str) -> Option<String> {
        let name = Self::spelling(name);
        let like = |other: &String| strsim::normalized_levenshtein(&name, &Self::spelling(other));
        let closest = self
            .names
            .iter()
            .max_by(|a, b| like(a).total_cmp(&like(b)))?;
        (like(closest) >= LIKE).then(|| closest.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> ClassNames {
        let owned = names.iter().map(|name| name.to_string()).collect();
        ClassNames::new(
            &Labels::from_names(owned, names.len()).unwrap(),
            names.len(),
        )
    }

    fn named(name: &str) -> Label {
        Label::Name(name.to_owned())
    }

    #[test]
    fn names_are_found_in_the_spelling_of_other_tools() {
        let classes = names(&[
            "skiing (not slalom or crosscountry)",
            "skiing crosscountry",
            "massaging person's head",
            "ApplyEyeMakeup",
        ]);
        for (name, class) in [
            ("skiing_not_slalom_or_crosscountry", 0),
            ("skiing_(not_slalom_or_crosscountry)", 0),
            ("skiing_crosscountry", 1),
            ("massaging_persons_head", 2),
            ("apply eye makeup", 3),
        ] {
            assert_eq!(classes.find(&named(name)), Ok(class), "{name}");
        }
    }

    #[test]
    fn a_name_as_it_stands_wins_over_other_spellings() {
        let classes = names(&["kick ball", "kick_ball"]);
        assert_eq!(classes.find(&named("kick_ball")), Ok(1));
        let error = classes.find(&named("Kick Ball")).unwrap_err();
        assert_eq!(error.to_string(), "2 classes are called \"Kick Ball\"");
    }

    #[test]
    fn what_is_no_class_is_an_error_that_helps() {
        let classes = names(&["archery", "bowling"]);
        let error = classes.find(&named("bowlin")).unwrap_err().to_string();
        assert_eq!(
            error,
            "no class is called \"bowlin\"; the closest is \"bowling\""
        );
        let error = classes
            .find(&named("juggling balls"))
            .unwrap_err()
            .to_string();
        assert_eq!(error, "no class is called \"juggling balls\"");
        let error = classes.find(&Label::Index(2)).unwrap_err().to_string();
        assert_eq!(
            error,
            "class 2 is beyond the last one: the network has 2, counted from 0"
        );
    }
}
