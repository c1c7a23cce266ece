//! What weights carry about themselves, in the `__metadata__` map of a safetensors header.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use serde::de::DeserializeOwned;

use super::error::WeightsError;
use super::training::Training;
use crate::recipe::{Architecture, DEFAULT_SEGMENTS, Preprocess, Sampling};

/// Version of the keys below. Raised when a reader of the old version would misread the new one.
pub const FORMAT_VERSION: u32 = 1;

/// What was taken for granted because nothing said otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Assumed {
    /// How frames were prepared.
    pub preprocess: bool,
    /// Frames per clip.
    pub segments: bool,
    /// The class names.
    pub labels: bool,
}

impl Assumed {
    const EVERYTHING: Self = Self {
        preprocess: true,
        segments: true,
        labels: true,
    };

    /// The fields by the names they have in files.
    fn fields(&mut self) -> [(&'static str, &mut bool); 3] {
        [
            ("preprocess", &mut self.preprocess),
            ("segments", &mut self.segments),
            ("labels", &mut self.labels),
        ]
    }
}

/// One thing that weights say about how to use them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fact {
    /// What it is about: `preprocess`, `sampling`, `segments` or `labels`.
    pub about: &'static str,
    /// Its value in words; `None` where there is none.
    pub value: Option<String>,
    /// Whether something says so; else it is assumed.
    pub known: bool,
}

impl Display for Fact {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (value, known) = match (&self.value, self.known) {
            (None, _) => ("none", ""),
            (Some(value), true) => (value.as_str(), ""),
            (Some(value), false) => (value.as_str(), " (assumed)"),
        };
        write!(f, "{} {value}{known}", self.about)
    }
}

/// Everything needed to use weights, apart from their values.
///
/// Stored as strings under keys that start with `eco.`, so that they never clash with what other
/// programs put there.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Metadata {
    /// Version of this layout.
    pub format_version: u32,
    /// Network the weights are for.
    pub architecture: Architecture,
    /// Number of classes; `None` where a partial import has no classifier.
    pub classes: Option<usize>,
    /// Class names by index, as many as there are classes.
    pub labels: Option<Vec<String>>,
    /// Frames per clip the weights were trained with.
    pub segments: usize,
    /// How frames were prepared in training.
    pub preprocess: Preprocess,
    /// How frames were sampled in training, where that is known.
    pub sampling: Option<Sampling>,
    /// Which of these nothing says. Where [`Self::sampling`] is `None`, the official one is assumed.
    pub assumed: Assumed,
    /// Name of the checkpoint file they were imported from, without its directory.
    pub source_file: Option<String>,
    /// SHA-256 of that file, in hexadecimal.
    pub source_sha256: Option<String>,
    /// The checkpoint's `epoch`.
    pub epoch: Option<i64>,
    /// The checkpoint's `arch`.
    pub arch: Option<String>,
    /// The checkpoint's `best_prec1`, the best validation accuracy in percent.
    pub best_prec1: Option<f64>,
    /// Version of eco that wrote the file; `None` for files of other programs.
    pub eco_version: Option<String>,
    /// Names of the model's tensors that a partial import did not find.
    pub missing: Vec<String>,
    /// How `eco train` made them.
    pub training: Option<Training>,
}

impl Default for Metadata {
    fn default() -> Self {
        Self {
            format_version: FORMAT_VERSION,
            architecture: Architecture::Lite,
            classes: None,
            labels: None,
            segments: DEFAULT_SEGMENTS,
            preprocess: Preprocess::Official,
            sampling: None,
            assumed: Assumed::EVERYTHING,
            source_file: None,
            source_sha256: None,
            epoch: None,
            arch: None,
            best_prec1: None,
            eco_version: None,
            missing: Vec::new(),
            training: None,
        }
    }
}

impl Metadata {
    /// What is known and what is assumed about the use of the weights.
    pub fn facts(&self) -> [Fact; 4] {
        let fact = |about, value, known| Fact {
            about,
            value,
            known,
        };
        let Assumed {
            preprocess,
            segments,
            labels,
        } = self.assumed;
        let sampling = self.sampling.unwrap_or_default().to_string();
        let names = self
            .labels
            .as_ref()
            .map(|names| format!("of {} classes", names.len()));
        [
            fact("preprocess", Some(self.preprocess.to_string()), !preprocess),
            fact("sampling", Some(sampling), self.sampling.is_some()),
            fact("segments", Some(self.segments.to_string()), !segments),
            fact("labels", names, !labels),
        ]
    }

    /// The header map, keys in order. `format=pt` is what other readers of safetensors look for.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let mut map = BTreeMap::from([("format".to_string(), "pt".to_string())]);
        let mut put = |key: &str, value: Option<String>| {
            map.extend(value.map(|value| (format!("eco.{key}"), value)));
        };
        put("format_version", Some(self.format_version.to_string()));
        put("architecture", Some(self.architecture.to_string()));
        put("classes", self.classes.map(|v| v.to_string()));
        put(
            "labels",
            self.labels
                .as_ref()
                .map(|v| serde_json::json!(v).to_string()),
        );
        put("segments", Some(self.segments.to_string()));
        put("preprocess", Some(self.preprocess.to_string()));
        put(
            "sampling",
            self.sampling.map(|sampling| sampling.to_string()),
        );
        let mut assumed = self.assumed;
        let assumed = assumed
            .fields()
            .into_iter()
            .filter(|(_, assumed)| **assumed);
        let assumed: Vec<&str> = assumed.map(|(name, _)| name).collect();
        put("assumed", (!assumed.is_empty()).then(|| assumed.join(",")));
        put("source_file", self.source_file.clone());
        put("source_sha256", self.source_sha256.clone());
        put("epoch", self.epoch.map(|v| v.to_string()));
        put("arch", self.arch.clone());
        put("best_prec1", self.best_prec1.map(|v| v.to_string()));
        put("version", self.eco_version.clone());
        let missing = (!self.missing.is_empty()).then(|| serde_json::json!(self.missing));
        put("missing", missing.map(|v| v.to_string()));
        let training = self.training.as_ref();
        put(
            "training",
            training.map(|v| serde_json::json!(v).to_string()),
        );
        map
    }

    /// Reads the header map back; `None` for a file that `eco` did not write.
    ///
    /// # Errors
    /// [`WeightsError::Metadata`] for a newer layout and for values that do not parse,
    /// [`WeightsError::UnknownArchitecture`].
    pub fn from_map(map: &BTreeMap<String, String>) -> Result<Option<Self>, WeightsError> {
        let get = |key: &str| map.get(&format!("eco.{key}")).cloned();
        let Some(version) = get("format_version") else {
            return Ok(None);
        };
        let format_version: u32 = parse("format_version", &version)?;
        if format_version > FORMAT_VERSION {
            return Err(WeightsError::Metadata(format!(
                "written by eco {} in layout {format_version}; this version reads up to \
                 {FORMAT_VERSION}. Update eco, or import the checkpoint again",
                get("version").unwrap_or_else(|| "of a later version".to_string())
            )));
        }
        let default = Self::default();
        let listed = get("assumed").unwrap_or_default();
        let mut assumed = Assumed::default();
        for (name, assumed) in assumed.fields() {
            *assumed = get(name).is_none() || listed.split(',').any(|listed| listed == name);
        }
        Ok(Some(Self {
            format_version,
            architecture: match get("architecture") {
                Some(name) => name.parse()?,
                None => default.architecture,
            },
            classes: optional("classes", get("classes"))?,
            labels: json("labels", get("labels"))?,
            segments: optional("segments", get("segments"))?.unwrap_or(default.segments),
            preprocess: named("preprocess", get("preprocess"))?.unwrap_or(default.preprocess),
            sampling: named("sampling", get("sampling"))?,
            assumed,
            source_file: get("source_file"),
            source_sha256: get("source_sha256"),
            epoch: optional("epoch", get("epoch"))?,
            arch: get("arch"),
            best_prec1: optional("best_prec1", get("best_prec1"))?,
            eco_version: get("version"),
            missing: json("missing", get("missing"))?.unwrap_or_default(),
            training: json("training", get("training"))?,
        }))
    }
}

fn invalid(key: &str, value: &str) -> WeightsError {
    let shown: String = value.chars().take(60).collect();
    WeightsError::Metadata(format!("eco.{key} is {shown:?}"))
}

fn parse<T: std::str::FromStr>(key: &str, value: &str) -> Result<T, WeightsError> {
    value.parse().map_err(|_| invalid(key, value))
}

fn optional<T: std::str::FromStr>(
    key: &str,
    value: Option<String>,
) -> Result<Option<T>, WeightsError> {
    value.map(|value| parse(key, &value)).transpose()
}

/// A value that is known by a name.
fn named<T: DeserializeOwned>(key: &str, name: Option<String>) -> Result<Option<T>, WeightsError> {
    let parse = |name: String| {
        let value = serde_json::Value::String(name.clone());
        serde_json::from_value(value).map_err(|_| invalid(key, &name))
    };
    name.map(parse).transpose()
}

fn json<T: DeserializeOwned>(key: &str, value: Option<String>) -> Result<Option<T>, WeightsError> {
    value
        .map(|value| serde_json::from_str(&value).map_err(|_| invalid(key, &value)))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::training::Judged;

    #[test]
    fn metadata_survives_the_header() {
        let metadata = Metadata {
            classes: Some(2),
            labels: Some(vec!["a, \"b\"".into(), "c\nd".into()]),
            preprocess: Preprocess::Caffe,
            sampling: Some(Sampling::Caffe),
            assumed: Assumed {
                segments: true,
                ..Assumed::default()
            },
            source_file: Some("m.pth.tar".into()),
            source_sha256: Some("ab".into()),
            epoch: Some(35),
            arch: Some("ECO".into()),
            best_prec1: Some(64.4),
            eco_version: Some("0.1.0".into()),
            missing: vec!["fc_final.bias".into()],
            training: Some(Training {
                tuned: "head".into(),
                start: "demo".into(),
                start_sha256: None,
                clips: 30,
                clips_per_class: vec![10, 20],
                data_sha256: "cd".into(),
                recipe: BTreeMap::from([("penalty".into(), 0.01.into())]),
                judged: Some(Judged {
                    how: "5-fold cross-validation".into(),
                    clips: 30,
                    top_1: 29,
                }),
            }),
            ..Metadata::default()
        };
        assert_eq!(
            Metadata::from_map(&metadata.to_map()).unwrap(),
            Some(metadata)
        );
    }

    #[test]
    fn what_is_known_is_told_from_what_is_assumed() {
        let told = |metadata: &Metadata| metadata.facts().map(|fact| fact.to_string()).join(", ");
        assert_eq!(
            told(&Metadata::default()),
            "preprocess official (assumed), sampling official (assumed), segments 16 (assumed), labels none"
        );
        let metadata = Metadata {
            labels: Some(vec!["a".into(), "b".into()]),
            sampling: Some(Sampling::Caffe),
            assumed: Assumed {
                labels: true,
                ..Assumed::default()
            },
            ..Metadata::default()
        };
        assert_eq!(
            told(&metadata),
            "preprocess official, sampling caffe, segments 16, labels of 2 classes (assumed)"
        );
        let read = Metadata::from_map(&metadata.to_map()).unwrap().unwrap();
        assert_eq!(told(&read), told(&metadata));
    }

    #[test]
    fn files_of_other_programs_have_no_metadata() {
        let map = BTreeMap::from([("format".to_string(), "pt".to_string())]);
        assert_eq!(Metadata::from_map(&map).unwrap(), None);
    }

    #[test]
    fn another_network_is_refused_by_its_name() {
        let mut map = Metadata::default().to_map();
        map.insert("eco.architecture".into(), "ECO-Slow".into());
        let error = Metadata::from_map(&map).unwrap_err().to_string();
        assert!(
            error.contains("ECO-Slow") && error.contains("ECO-Lite"),
            "{error}"
        );
    }

    #[test]
    fn a_newer_layout_is_refused_with_advice() {
        let mut map = Metadata::default().to_map();
        map.insert("eco.format_version".into(), "2".into());
        assert!(
            Metadata::from_map(&map)
                .unwrap_err()
                .to_string()
                .contains("Update eco")
        );
    }
}
