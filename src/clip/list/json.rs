//! Lists as JSON: an array of objects, or an object per line.

use serde_json::{Map, Value};

use super::columns::Columns;
use super::words::Row;

/// The rows of a list, or the number of the object that is wrong, from 1, and what is wrong with it.
pub(super) fn rows(text: &[u8]) -> Result<Vec<(usize, Row)>, (usize, String)> {
    let mut rows = Vec::new();
    for value in serde_json::Deserializer::from_slice(text).into_iter::<Value>() {
        let value = value.map_err(|error| (error.line(), error.to_string()))?;
        let objects = match value {
            Value::Array(objects) => objects,
            other => vec![other],
        };
        for object in objects {
            let place = rows.len() + 1;
            rows.push((place, row(object).map_err(|reason| (place, reason))?));
        }
    }
    Ok(rows)
}

fn row(object: Value) -> Result<Row, String> {
    let object = match object {
        Value::Object(object) => object,
        Value::String(path) => return Ok(Row::of(path.as_bytes())),
        other => return Err(format!("expected an object or a path, found {other}")),
    };
    let (names, fields): (Vec<String>, Vec<String>) = text_fields(object).unzip();
    let columns = Columns::of(&names, b',').ok_or_else(|| {
        let names = names.join(", ");
        format!(
            "no field is known to hold a path (such as `path`, `file_name` or `id`), only {names}"
        )
    })?;
    columns
        .row(&fields)
        .ok_or_else(|| "it names no clip".to_owned())
}

/// The fields that are texts or numbers, by their names in small letters.
fn text_fields(object: Map<String, Value>) -> impl Iterator<Item = (String, String)> {
    object.into_iter().filter_map(|(name, value)| {
        let text = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some((name.to_lowercase(), text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_rows_in_an_array_or_one_a_line() {
        let array =
            br#"[{"id": "20417", "label": "turning it", "template": "Turning [something]"}]"#;
        let found = rows(array).unwrap();
        assert_eq!(found[0].1.path, b"20417");
        assert_eq!(found[0].1.label.as_deref(), Some("Turning something"));
        let lines =
            b"{\"file_name\": \"a.mp4\", \"label\": 3}\n{\"file_name\": \"b.mp4\", \"label\": 4}\n";
        assert_eq!(rows(lines).unwrap()[1].1.label.as_deref(), Some("4"));
        assert_eq!(rows(b"{\"a\": {}}").unwrap_err().0, 1);
        assert_eq!(rows(b"[\"a.mp4\", 3]").unwrap_err().0, 2);
    }
}
