//! The recipe, a row per value.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::text::one_line;

/// A value of the recipe.
#[derive(Debug, PartialEq)]
pub(super) struct RecipeRow {
    pub name: String,
    pub value: String,
    /// What the preset has instead, where it has another value.
    pub instead_of: Option<String>,
}

/// The rows of `recipe`, compared with those of `preset`.
pub(super) fn rows(
    recipe: &BTreeMap<String, Value>,
    preset: Option<&BTreeMap<String, Value>>,
) -> Vec<RecipeRow> {
    let theirs: BTreeMap<String, String> =
        preset.map(flat).unwrap_or_default().into_iter().collect();
    flat(recipe)
        .into_iter()
        .map(|(name, value)| RecipeRow {
            instead_of: theirs.get(&name).filter(|their| **their != value).cloned(),
            name,
            value,
        })
        .collect()
}

fn flat(values: &BTreeMap<String, Value>) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for (name, value) in values {
        add(&one_line(name), value, &mut rows);
    }
    rows
}

/// Values in values have names with dots. An object that has one object alone is a choice with values of its own.
fn add(name: &str, value: &Value, rows: &mut Vec<(String, String)>) {
    let Value::Object(fields) = value else {
        return rows.push((name.to_owned(), written(value)));
    };
    let choice = fields.iter().next().filter(|_| fields.len() == 1);
    let fields = match choice {
        Some((choice, Value::Object(fields))) => {
            rows.push((name.to_owned(), one_line(choice)));
            fields
        }
        _ => fields,
    };
    for (field, value) in fields {
        add(&format!("{name}.{}", one_line(field)), value, rows);
    }
}

fn written(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => one_line(text),
        // Rust writes 2.0 as 2, as docs do.
        Value::Number(number) if number.is_f64() => number
            .as_f64()
            .map_or_else(|| number.to_string(), |number| number.to_string()),
        other => one_line(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values(json: Value) -> BTreeMap<String, Value> {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn values_in_values_are_rows_and_what_differs_says_from_what() {
        let recipe = values(json!({
            "batch": 8, "clip": null, "dropout": { "head": 0.6, "frames": 0.0 }, "learning_rate": 2e-3,
            "schedule": { "cosine": { "warm_up": 2.0 } }, "tune": "last",
        }));
        let preset = values(json!({
            "batch": 8, "clip": 50.0, "dropout": { "head": 0.6, "frames": 0.5 }, "learning_rate": 0.002,
            "schedule": { "plateau": { "patience": 5 } },
        }));
        let rows = rows(&recipe, Some(&preset));
        let rows: Vec<(&str, &str, Option<&str>)> = rows
            .iter()
            .map(|row| (&row.name[..], &row.value[..], row.instead_of.as_deref()))
            .collect();
        assert_eq!(
            rows,
            [
                ("batch", "8", None),
                ("clip", "none", Some("50")),
                ("dropout.frames", "0", Some("0.5")),
                ("dropout.head", "0.6", None),
                ("learning_rate", "0.002", None),
                ("schedule", "cosine", Some("plateau")),
                ("schedule.warm_up", "2", None),
                ("tune", "last", None),
            ]
        );
    }

    #[test]
    fn without_a_preset_nothing_differs() {
        let rows = rows(&values(json!({ "seed": 0, "balance": true })), None);
        assert!(rows.iter().all(|row| row.instead_of.is_none()));
        assert_eq!(rows[0].value, "true");
    }
}
