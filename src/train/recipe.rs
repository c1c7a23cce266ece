//! How a network is fitted: every value, under the name it has in JSON and metadata.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::recipe::Architecture;
use crate::text::names;

/// Clips per forward pass below which [`BatchNorm::Auto`] freezes the statistics.
const SMALL_BATCH: usize = 8;

/// Which tensors are trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tuned {
    /// The last stage of the 3D net, `res5`, and the head. The rest computes as at inference.
    Last,
    /// Every tensor.
    All,
}

names!(Tuned {
    Last = "last",
    All = "all",
});

/// How a step follows from the gradients so far. With `g` the gradient and `v` the momentum, `v = momentum * v + g`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Update {
    /// A step goes along `v`.
    Plain,
    /// A step goes along `g + momentum * v`, PyTorch's form of Nesterov's rule.
    Nesterov,
}

names!(Update {
    Plain = "plain",
    Nesterov = "nesterov",
});

/// What batch norms do in training. Their scale and shift are learned in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchNorm {
    /// They normalise by the statistics of each batch, and the running statistics follow.
    Trained,
    /// They normalise by the running statistics, which stay as they are.
    Frozen,
    /// Frozen with fewer than 8 clips per forward pass, else trained.
    Auto,
}

names!(BatchNorm {
    Trained = "trained",
    Frozen = "frozen",
    Auto = "auto",
});

/// What numbers convolutions and products are computed with. Weights, gradients and steps have 32 bits in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arithmetic {
    /// 32 bits.
    Fp32,
    /// 16 bits with the range of 32, where PyTorch's autocast uses them.
    Bf16,
}

names!(Arithmetic {
    Fp32 = "fp32",
    Bf16 = "bf16",
});

/// How the learning rate changes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "schedule", rename_all = "snake_case")]
pub enum Schedule {
    /// It is multiplied by `factor` after `patience` evaluations in a row that were no better than the best one so far.
    Plateau {
        /// Evaluations.
        patience: usize,
        /// Below 1.
        factor: f64,
    },
    /// It rises from 0 along a line, then falls to 0 along half a cosine.
    Cosine {
        /// Epochs of the rise.
        warm_up: f64,
    },
}

/// Shares of values that are zeroed at random in training, in the places that the networks have for it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    /// Of the features that the head reads.
    pub head: f64,
    /// Of the features of each frame that the 2D net makes, in ECO-Full.
    pub frames: f64,
    /// Of the features that the 3D net makes, in ECO-Full.
    pub volume: f64,
}

/// The presets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// As the authors train.
    Official,
    /// For a few thousand clips and fewer.
    Small,
}

names!(Preset {
    Official = "official",
    Small = "small",
});

/// What an epoch looks at of each clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum Views {
    /// The clip as it is, or one of this many variations of it, each as likely as the others. They never change, so that what
    /// an untrained part of the network makes of them can be kept.
    Kept(usize),
    /// A new variation in every epoch.
    New,
}

const NEW: &str = "new";

impl From<Views> for Value {
    fn from(views: Views) -> Self {
        match views {
            Views::Kept(count) => count.into(),
            Views::New => NEW.into(),
        }
    }
}

impl TryFrom<Value> for Views {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let count = value.as_u64().and_then(|count| count.try_into().ok());
        match (value.as_str(), count) {
            (Some(NEW), _) => Ok(Self::New),
            (_, Some(count)) => Ok(Self::Kept(count)),
            _ => Err(format!("expected a whole number, or {NEW}")),
        }
    }
}

impl FromStr for Views {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        value_of(text).try_into()
    }
}

/// All values of a fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Which tensors are trained.
    pub tune: Tuned,
    /// Times that every clip is seen, at most.
    pub epochs: usize,
    /// Clips per forward pass.
    pub batch: usize,
    /// Forward passes per step.
    pub accumulate: usize,
    /// The learning rate, before the schedule and the factors below.
    pub learning_rate: f64,
    /// Factor of the head's learning rate.
    pub head_rate: f64,
    /// Factor of the learning rate of the biases of convolutions and of the head.
    pub bias_rate: f64,
    /// How the learning rate changes.
    #[serde(flatten)]
    pub schedule: Schedule,
    /// Share of the momentum that a step keeps.
    pub momentum: f64,
    /// How a step follows from the gradients.
    pub update: Update,
    /// Weight decay of the weights of convolutions and of the head.
    pub weight_decay: f64,
    /// Factor of the weight decay of their biases.
    pub bias_decay: f64,
    /// Factor of the weight decay of batch norms' scales and shifts.
    pub norm_decay: f64,
    /// The largest norm of a step's gradient; a longer one is scaled down to it.
    pub clip: Option<f64>,
    /// Share of the target that is spread evenly over all classes.
    pub label_smoothing: f64,
    /// Shares of values that are zeroed.
    pub dropout: Dropout,
    /// What batch norms do.
    pub batch_norm: BatchNorm,
    /// Evaluations in a row without a new best after which the fit ends.
    pub early_stop: Option<usize>,
    /// What an epoch looks at of each clip.
    pub views: Views,
    /// Whether half of the variations are mirrored.
    pub mirror: bool,
    /// What numbers it is computed with.
    pub precision: Arithmetic,
    /// Where every random number comes from.
    pub seed: u64,
}

/// A value that no fit can have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{name} is {found}: it must be {expected}")]
pub struct RecipeError {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub found: String,
    /// What would do.
    pub expected: &'static str,
}

impl Recipe {
    /// The recipe of a preset for a network.
    pub fn of(preset: Preset, architecture: Architecture) -> Self {
        match preset {
            Preset::Official => Self::official(architecture),
            Preset::Small => Self::small(architecture),
        }
    }

    /// What the authors' scripts for fine-tuning do: mzolfaghari/ECO-pytorch @ b175e7c, `scripts/run_demo_ECO_*.sh`, and for
    /// ECO-Full's dropout `tf_model_zoo/ECOfull/ECOfull.yaml`. One thing differs: they clip gradients after the step, where
    /// it has no effect on it; here it is done before.
    pub fn official(architecture: Architecture) -> Self {
        Self {
            tune: Tuned::All,
            epochs: 40,
            batch: 16,
            accumulate: 4,
            learning_rate: 1e-3,
            head_rate: 1.0,
            bias_rate: 2.0,
            schedule: Schedule::PLATEAU,
            momentum: 0.9,
            update: Update::Nesterov,
            weight_decay: 5e-4,
            bias_decay: 0.0,
            norm_decay: 0.0,
            clip: Some(50.0),
            label_smoothing: 0.0,
            dropout: match architecture {
                Architecture::Lite => Dropout::of_head(0.3),
                Architecture::Full => Dropout {
                    head: 0.0,
                    frames: 0.5,
                    volume: 0.3,
                },
            },
            batch_norm: BatchNorm::Trained,
            early_stop: None,
            views: Views::New,
            mirror: true,
            precision: Arithmetic::Fp32,
            seed: 0,
        }
    }

    /// The authors' values but for these: the last stage alone, a new head that learns ten times as fast, a cosine after two
    /// epochs of warm-up, softer targets, twice the dropout, batch-norm statistics that small batches leave alone, an end when
    /// nothing gets better, and four variations of each clip.
    pub fn small(architecture: Architecture) -> Self {
        let official = Self::official(architecture);
        Self {
            tune: Tuned::Last,
            batch: 8,
            accumulate: 2,
            head_rate: 10.0,
            schedule: Schedule::cosine(official.epochs),
            label_smoothing: 0.1,
            dropout: match architecture {
                Architecture::Lite => Dropout::of_head(0.6),
                Architecture::Full => Dropout {
                    head: 0.0,
                    frames: 0.6,
                    volume: 0.6,
                },
            },
            batch_norm: BatchNorm::Auto,
            early_stop: Some(10),
            views: Views::Kept(4),
            ..official
        }
    }

    /// The same for so many epochs. A warm-up that would leave none of them takes one less than all.
    pub fn lasting(self, epochs: usize) -> Self {
        let schedule = match self.schedule {
            Schedule::Cosine { warm_up } => Schedule::Cosine {
                warm_up: warm_up.min(epochs.saturating_sub(1) as f64),
            },
            plateau @ Schedule::Plateau { .. } => plateau,
        };
        Self {
            epochs,
            schedule,
            ..self
        }
    }

    /// Whether batch norms normalise by their running statistics.
    pub fn freezes_statistics(&self) -> bool {
        match self.batch_norm {
            BatchNorm::Trained => false,
            BatchNorm::Frozen => true,
            BatchNorm::Auto => self.batch < SMALL_BATCH,
        }
    }

    /// Checks that a fit can have these values.
    ///
    /// # Errors
    /// The first value that it cannot have.
    pub fn check(&self) -> Result<(), RecipeError> {
        for (name, value) in [
            ("epochs", self.epochs),
            ("batch", self.batch),
            ("accumulate", self.accumulate),
            ("early_stop", self.early_stop.unwrap_or(1)),
        ] {
            ensure(value > 0, name, value, "at least 1")?;
        }
        let clip = self.clip.unwrap_or(1.0);
        for (name, value) in [("learning_rate", self.learning_rate), ("clip", clip)] {
            let is_positive = value > 0.0 && value.is_finite();
            ensure(is_positive, name, value, "above 0")?;
        }
        for (name, value) in [
            ("head_rate", self.head_rate),
            ("bias_rate", self.bias_rate),
            ("weight_decay", self.weight_decay),
            ("bias_decay", self.bias_decay),
            ("norm_decay", self.norm_decay),
        ] {
            let is_size = value >= 0.0 && value.is_finite();
            ensure(is_size, name, value, "0 or above")?;
        }
        for (name, value) in [
            ("momentum", self.momentum),
            ("label_smoothing", self.label_smoothing),
            ("dropout.head", self.dropout.head),
            ("dropout.frames", self.dropout.frames),
            ("dropout.volume", self.dropout.volume),
        ] {
            let is_share = (0.0..1.0).contains(&value);
            ensure(is_share, name, value, "from 0 to below 1")?;
        }
        match self.schedule {
            Schedule::Plateau { patience, factor } => {
                ensure(patience > 0, "patience", patience, "at least 1")?;
                let is_factor = factor > 0.0 && factor < 1.0;
                ensure(is_factor, "factor", factor, "between 0 and 1")
            }
            Schedule::Cosine { warm_up } => {
                let is_part = (0.0..self.epochs as f64).contains(&warm_up);
                let expected = "0 or above and fewer than the epochs";
                ensure(is_part, "warm_up", warm_up, expected)
            }
        }
    }

    /// Every value under its name, sorted by name; one is `dropout.head`.
    pub fn values(&self) -> Vec<(String, Value)> {
        let mut values = Vec::new();
        for (name, value) in self.to_map() {
            match value {
                Value::Object(parts) => {
                    let parts = parts.into_iter();
                    values.extend(parts.map(|(part, value)| (format!("{name}.{part}"), value)));
                }
                value => values.push((name, value)),
            }
        }
        values
    }

    pub(super) fn to_map(&self) -> Map<String, Value> {
        match serde_json::json!(self) {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    /// What another recipe has instead, in words: `learning_rate 0.01 instead of 0.001`. Empty for equal recipes.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let (ours, theirs) = (self.values(), other.values());
        let of = |values: &[(String, Value)], name: &str| {
            let found = values.iter().find(|(known, _)| known == name);
            found.map_or(Value::Null, |(_, value)| value.clone())
        };
        let only_theirs = theirs.iter().map(|(name, _)| name);
        let only_theirs = only_theirs.filter(|name| ours.iter().all(|(known, _)| known != *name));
        let names = ours.iter().map(|(name, _)| name).chain(only_theirs);
        let both = names.map(|name| (name, of(&ours, name), of(&theirs, name)));
        both.filter(|(_, our, their)| our != their)
            .map(|(name, our, their)| format!("{name} {their} instead of {our}"))
            .collect()
    }
}

/// A value as it is typed.
pub(super) fn value_of(text: &str) -> Value {
    match text {
        "none" => Value::Null,
        _ => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
    }
}

impl Schedule {
    /// The authors'.
    pub(super) const PLATEAU: Self = Self::Plateau {
        patience: 5,
        factor: 0.1,
    };

    /// That of [`Preset::Small`]: two epochs of warm-up, if so many epochs leave any for the rest.
    pub(super) fn cosine(epochs: usize) -> Self {
        Self::Cosine {
            warm_up: 2.0_f64.min(epochs.saturating_sub(1) as f64),
        }
    }
}

impl Dropout {
    /// None, in any place.
    pub const NONE: Self = Self::of_head(0.0);

    const fn of_head(head: f64) -> Self {
        Self {
            head,
            frames: 0.0,
            volume: 0.0,
        }
    }
}

fn ensure(
    holds: bool,
    name: &'static str,
    found: impl ToString,
    expected: &'static str,
) -> Result<(), RecipeError> {
    match holds {
        true => Ok(()),
        false => Err(RecipeError {
            name,
            found: found.to_string(),
            expected,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_can_be_fitted_with_and_are_read_back_from_json() {
        for architecture in Architecture::ALL {
            for &preset in Preset::ALL {
                let recipe = Recipe::of(preset, architecture);
                recipe.check().unwrap();
                let json = serde_json::to_string(&recipe).unwrap();
                assert_eq!(serde_json::from_str::<Recipe>(&json).unwrap(), recipe);
            }
        }
    }

    #[test]
    fn recipes_tell_what_differs() {
        let official = Recipe::official(Architecture::Lite);
        let other = Recipe {
            learning_rate: 0.01,
            clip: None,
            ..official.clone()
        };
        assert_eq!(
            official.differences(&other),
            [
                "clip null instead of 50.0",
                "learning_rate 0.01 instead of 0.001"
            ]
        );
        assert!(official.differences(&official).is_empty());
    }

    #[test]
    fn values_that_no_fit_can_have_are_refused_by_name() {
        let official = || Recipe::official(Architecture::Lite);
        let warm_up = |warm_up| Schedule::Cosine { warm_up };
        let wrong = [
            Recipe {
                momentum: 1.0,
                ..official()
            },
            Recipe {
                learning_rate: f64::NAN,
                ..official()
            },
            Recipe {
                batch: 0,
                ..official()
            },
            Recipe {
                schedule: warm_up(40.0),
                ..official()
            },
            Recipe {
                clip: Some(0.0),
                ..official()
            },
        ];
        let messages = wrong.map(|recipe| recipe.check().unwrap_err().to_string());
        assert_eq!(
            messages,
            [
                "momentum is 1: it must be from 0 to below 1",
                "learning_rate is NaN: it must be above 0",
                "batch is 0: it must be at least 1",
                "warm_up is 40: it must be 0 or above and fewer than the epochs",
                "clip is 0: it must be above 0",
            ]
        );
    }

    #[test]
    fn the_warm_up_of_a_preset_fits_into_the_epochs() {
        let warm_up = |epochs| {
            let recipe = Recipe::small(Architecture::Lite).lasting(epochs);
            recipe.check().unwrap();
            recipe.schedule
        };
        let expected = [(1, 0.0), (2, 1.0), (3, 2.0), (40, 2.0)];
        for (epochs, expected) in expected {
            assert_eq!(warm_up(epochs), Schedule::Cosine { warm_up: expected });
        }
        let official = Recipe::official(Architecture::Lite).lasting(1);
        assert_eq!((official.epochs, official.schedule), (1, Schedule::PLATEAU));
    }

    #[test]
    fn small_batches_freeze_the_statistics_where_nothing_else_is_said() {
        let with = |batch| Recipe {
            batch,
            ..Recipe::small(Architecture::Lite)
        };
        assert!(with(7).freezes_statistics() && !with(8).freezes_statistics());
    }
}
