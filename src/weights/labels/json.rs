//! Class names in JSON.

use serde_json::{Deserializer, Map, Value};

use super::numbering::{in_order, index};
use super::table::Table;

/// Fields that hold the names of a larger document, such as a `config.json` of Hugging Face or annotations of COCO.
const INNER: [&str; 6] = [
    "id2label",
    "label2id",
    "labels",
    "names",
    "classes",
    "categories",
];

/// Reads a list of names or of objects with names, a map of index to name or of name to index, a document with one of
/// these inside, or an object with a name on each line.
pub(super) fn parse(text: &str) -> Result<Vec<String>, String> {
    let values = Deserializer::from_str(text).into_iter();
    let mut values = values.collect::<Result<Vec<Value>, _>>().map_err(|e| {
        format!("it begins as JSON does and is none: {e}; Python writes it with json.dump(labels, open(FILE, \"w\"))")
    })?;
    if values.len() > 1 {
        return list(values);
    }
    match values.pop() {
        Some(Value::Array(items)) => list(items),
        Some(Value::Object(mut document)) => {
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
        other => Err(format!(
            "expected a list or a map, found {}",
            shown(&other.unwrap_or_default())
        )),
    }
}

fn list(items: Vec<Value>) -> Result<Vec<String>, String> {
    if items.iter().any(Value::is_object) {
        return objects(&items);
    }
    let names = items.into_iter().map(|item| match item {
        Value::String(name) => Ok(name),
        other => Err(format!(
            "the list holds {}, which is no name",
            shown(&other)
        )),
    });
    names.collect()
}

/// The names of objects, by the fields that all of them have.
fn objects(items: &[Value]) -> Result<Vec<String>, String> {
    if let Some(other) = items.iter().find(|item| !item.is_object()) {
        return Err(format!("the list holds objects and {}", shown(other)));
    }
    let first = items.first().and_then(Value::as_object);
    let everywhere = |field: &&String| items.iter().all(|item| item.get(*field).is_some());
    let fields = first.into_iter().flat_map(Map::keys);
    let headings: Vec<String> = fields.filter(everywhere).cloned().collect();
    let cell = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let row = |item: &Value| headings.iter().map(|field| cell(&item[field])).collect();
    let table = Table {
        rows: items.iter().map(row).collect(),
        headings,
    };
    let names = table.names();
    names.unwrap_or_else(|| Err(table.without_names()))
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
