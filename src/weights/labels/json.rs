//! Class names in JSON.

use serde_json::{Map, Value};

use super::numbering::{in_order, index};

/// Fields that hold the names of a larger document, such as a `config.json` of Hugging Face or annotations of COCO.
const INNER: [&str; 6] = [
    "id2label",
    "label2id",
    "labels",
    "names",
    "classes",
    "categories",
];

/// Fields of objects that hold a name.
const NAME: [&str; 4] = ["name", "label", "class", "class_name"];

/// Fields of objects that hold an index.
const INDEX: [&str; 6] = [
    "id",
    "index",
    "label_id",
    "class_id",
    "class_index",
    "label_index",
];

/// Reads a list of names or of objects with names, a map of index to name or of name to index, or a document with one of
/// these inside.
pub(super) fn parse(text: &str) -> Result<Vec<String>, String> {
    match serde_json::from_str(text).map_err(|e| e.to_string())? {
        Value::Array(items) => list(items),
        Value::Object(mut document) => {
            let inner = INNER.iter().find_map(|name| {
                let is_inner = matches!(document.get(*name)?, Value::Array(_) | Value::Object(_));
                is_inner.then(|| document.remove(*name))?
            });
            match inner {
                Some(Value::Array(items)) => list(items),
                Some(Value::Object(names)) => map(names),
                _ => map(document),
            }
        }
        other => Err(format!("expected a list or a map, found {}", shown(&other))),
    }
}

fn list(items: Vec<Value>) -> Result<Vec<String>, String> {
    let pairs = items
        .into_iter()
        .enumerate()
        .map(|(place, item)| match item {
            Value::String(name) => Ok((place, name)),
            Value::Object(object) => {
                let field = |names: &[&str]| names.iter().find_map(|name| object.get(*name));
                let Some(Value::String(name)) = field(&NAME) else {
                    return Err(format!("{} has no name", shown(&Value::Object(object))));
                };
                let at = field(&INDEX).map_or(Ok(place), |value| match value {
                    Value::String(text) => index(text),
                    other => index(&other.to_string()),
                })?;
                Ok((at, name.clone()))
            }
            other => Err(format!(
                "the list holds {}, which is no name",
                shown(&other)
            )),
        });
    in_order(pairs.collect::<Result<_, String>>()?)
}

fn map(map: Map<String, Value>) -> Result<Vec<String>, String> {
    let keys_are_indices = map.keys().all(|key| index(key).is_ok());
    let pairs = map.into_iter().map(|(key, value)| match value {
        Value::String(name) if keys_are_indices => Ok((index(&key)?, name)),
        Value::String(at) => Ok((index(&at)?, key)),
        Value::Number(n) => {
            let at = n.as_u64().ok_or_else(|| format!("{n} is no class index"))?;
            Ok((at as usize, key))
        }
        other => Err(format!(
            "the map holds {}, which is neither name nor index",
            shown(&other)
        )),
    });
    in_order(pairs.collect::<Result<_, String>>()?)
}

/// The start of a JSON value.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
