use std::collections::HashMap;
use std::fmt::Write;

use serde::Serialize;

use super::Row;
use super::row::WeightStatistics;
use super::statistics::Statistics;
use crate::weights::{Metadata, UnusableWeights, Weights};

/// Where the weights of a summary come from, and what they say about themselves.
#[derive(Debug, Serialize)]
pub struct WeightsOrigin {
    /// The file, or `demo`.
    pub file: String,
    /// What the file carries beside the tensors.
    pub metadata: Metadata,
}

impl WeightsOrigin {
    /// Names and values of what is known.
    pub(super) fn lines(&self) -> Vec<(String, String)> {
        let mut lines = vec![("Weights".to_owned(), self.file.clone())];
        // The file's own keys, so that nothing the metadata may hold is left out here.
        for (key, value) in self.metadata.to_map() {
            let Some(key) = key.strip_prefix("eco.") else {
                continue;
            };
            let mut name = key.replace('_', " ");
            if let Some(first) = name.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            lines.push((name, shortened(&value)));
        }
        lines
    }
}

/// Characters of a value that are shown; lists of labels are longer.
const SHOWN: usize = 90;

fn shortened(value: &str) -> String {
    let mut text: String = value.chars().take(SHOWN).collect();
    if value.chars().count() > SHOWN {
        let _ = write!(text, "... ({} characters)", value.chars().count());
    }
    text
}

/// Fills in what the values of the weights are like.
pub(super) fn describe(rows: &mut [Row], weights: &Weights) -> Result<(), UnusableWeights> {
    let mut non_finite: HashMap<String, usize> = HashMap::new();
    let mut by_layer: HashMap<String, WeightStatistics> = HashMap::new();
    for spec in weights.specs().iter().filter(|spec| !spec.is_counter()) {
        let Some((layer, name)) = spec.name.rsplit_once('.') else {
            continue;
        };
        let Statistics {
            mean,
            std,
            non_finite: count,
            ..
        } = Statistics::of(&weights.floats(&spec.name)?);
        *non_finite.entry(layer.to_owned()).or_default() += count;
        if name == "weight" {
            let dtype = format!("{:?}", weights.file_dtype(&spec.name));
            by_layer.insert(layer.to_owned(), WeightStatistics { dtype, mean, std });
        }
    }
    for row in rows {
        row.weight = by_layer.remove(&row.name);
        let below = format!("{}.", row.name);
        let inside = |name: &str| name == row.name || name.starts_with(&below);
        let counts = non_finite.iter().filter(|(name, _)| inside(name));
        row.non_finite = Some(counts.map(|(_, count)| count).sum());
    }
    Ok(())
}
