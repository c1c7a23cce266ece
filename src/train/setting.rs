//! Other values of a recipe, by their names.

use serde_json::Value;
use thiserror::Error;

use super::recipe::{Arithmetic, BatchNorm, Recipe, Schedule, Tuned, Update, value_of};

/// Why a value of a recipe cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SetError {
    /// There is none of this name.
    #[error("a recipe has no value {name:?}; it has {}", known.join(", "))]
    Unknown {
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// It belongs to another schedule than the recipe's.
    #[error("{name} is a value of the schedule {schedule}, and the recipe has another one")]
    OtherSchedule {
        /// The name.
        name: String,
        /// The schedule that has it.
        schedule: &'static str,
    },
    /// It cannot be this.
    #[error("{name} cannot be {text:?}: it must be {expected}")]
    Unfit {
        /// The name.
        name: String,
        /// The value.
        text: String,
        /// What would do.
        expected: String,
    },
}

impl Recipe {
    /// The same recipe with another value under a name. What is no number, `true`, `false` or `none` is a word.
    ///
    /// # Errors
    /// [`SetError`]. Whether a fit can have the value is left to [`Recipe::check`].
    pub fn with(&self, name: &str, text: &str) -> Result<Self, SetError> {
        let unfit = || SetError::Unfit {
            name: name.to_owned(),
            text: text.to_owned(),
            expected: expected(name),
        };
        if name == "schedule" {
            // What belongs to the other schedule goes.
            let schedule = match text {
                PLATEAU => Schedule::PLATEAU,
                COSINE => Schedule::cosine(self.epochs),
                _ => return Err(unfit()),
            };
            return Ok(Self {
                schedule,
                ..self.clone()
            });
        }
        let mut map = self.to_map();
        let place = match name.split_once('.') {
            None => map.get_mut(name),
            Some((outer, inner)) => map.get_mut(outer).and_then(|parts| parts.get_mut(inner)),
        };
        match (place, schedule_of(name)) {
            (Some(place), _) if !place.is_object() => *place = value_of(text),
            (_, Some(schedule)) => {
                return Err(SetError::OtherSchedule {
                    name: name.to_owned(),
                    schedule,
                });
            }
            _ => {
                let known = self.values().into_iter().map(|(name, _)| name);
                return Err(SetError::Unknown {
                    name: name.to_owned(),
                    known: known.collect(),
                });
            }
        }
        serde_json::from_value(Value::Object(map)).map_err(|_| unfit())
    }
}

const PLATEAU: &str = "plateau";
const COSINE: &str = "cosine";

/// The schedule that has a value of this name.
fn schedule_of(name: &str) -> Option<&'static str> {
    match name {
        "factor" | "patience" => Some(PLATEAU),
        "warm_up" => Some(COSINE),
        _ => None,
    }
}

/// What a value may be, in words.
fn expected(name: &str) -> String {
    match name {
        "epochs" | "batch" | "accumulate" | "patience" | "seed" => "a whole number".to_owned(),
        "early_stop" => "a whole number, or none".to_owned(),
        "views" => "a whole number, or new".to_owned(),
        "clip" => "a number, or none".to_owned(),
        "mirror" => one_of(&["true", "false"]),
        "schedule" => one_of(&[PLATEAU, COSINE]),
        "tune" => one_of(Tuned::ALL),
        "update" => one_of(Update::ALL),
        "batch_norm" => one_of(BatchNorm::ALL),
        "precision" => one_of(Arithmetic::ALL),
        _ => "a number".to_owned(),
    }
}

/// `a, b or c`.
fn one_of(words: &[impl ToString]) -> String {
    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
    match words.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => words.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Architecture;
    use crate::train::recipe::Views;

    #[test]
    fn every_value_can_be_set_by_its_name() {
        let recipe = Recipe::small(Architecture::Full);
        for (name, value) in recipe.values() {
            let text = match &value {
                Value::Null => "none".to_owned(),
                Value::String(word) => word.clone(),
                value => value.to_string(),
            };
            assert_eq!(recipe.with(&name, &text), Ok(recipe.clone()), "{name}");
        }
        let set = |name, text| recipe.with(name, text).unwrap();
        assert_eq!(set("dropout.volume", "0.25").dropout.volume, 0.25);
        assert_eq!(set("clip", "none").clip, None);
        assert_eq!(set("views", "new").views, Views::New);
        assert_eq!(set("schedule", "plateau").schedule, Schedule::PLATEAU);
        let plateau = set("schedule", "plateau").with("patience", "3").unwrap();
        assert!(matches!(
            plateau.schedule,
            Schedule::Plateau { patience: 3, .. }
        ));
        assert_eq!(
            recipe.differences(&plateau).join(", "),
            "schedule \"plateau\" instead of \"cosine\", warm_up null instead of 2.0, factor 0.1 instead of null, \
             patience 3 instead of null"
        );
    }

    #[test]
    fn what_cannot_be_set_is_refused_with_what_can() {
        let recipe = Recipe::small(Architecture::Lite);
        let refused = |name, text| recipe.with(name, text).unwrap_err().to_string();
        assert!(refused("rate", "1").starts_with("a recipe has no value \"rate\"; it has "));
        assert!(refused("dropout", "1").contains("dropout.head, "));
        assert_eq!(
            refused("patience", "1"),
            "patience is a value of the schedule plateau, and the recipe has another one"
        );
        let plateau = recipe.with("schedule", "plateau").unwrap();
        let error = plateau.with("warm_up", "1").unwrap_err().to_string();
        assert!(error.starts_with("warm_up is a value of the schedule cosine"));
    }

    #[test]
    fn what_a_value_must_be_is_said_in_plain_words() {
        let recipe = Recipe::small(Architecture::Lite);
        for (name, text, expected) in [
            ("epochs", "1.5", "a whole number"),
            ("batch", "-1", "a whole number"),
            ("early_stop", "soon", "a whole number, or none"),
            ("learning_rate", "abc", "a number"),
            ("learning_rate", "none", "a number"),
            ("dropout.head", "true", "a number"),
            ("clip", "x", "a number, or none"),
            ("views", "old", "a whole number, or new"),
            ("mirror", "1", "true or false"),
            ("update", "adam", "plain or nesterov"),
            ("batch_norm", "1", "trained, frozen or auto"),
            ("schedule", "steps", "plateau or cosine"),
        ] {
            let error = recipe.with(name, text).unwrap_err().to_string();
            let words = format!("{name} cannot be {text:?}: it must be {expected}");
            assert_eq!(error, words);
        }
    }

    #[test]
    fn a_cosine_that_is_chosen_warms_up_for_less_than_all_epochs() {
        let official = Recipe::official(Architecture::Lite);
        let chosen = official.lasting(2).with("schedule", "cosine").unwrap();
        assert_eq!(chosen.schedule, Schedule::Cosine { warm_up: 1.0 });
        chosen.check().unwrap();
    }
}
