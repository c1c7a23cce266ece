//! Lines of standard input that say more than a path, which is copied to the clip's row of the output: `path<TAB>id`, and JSON objects.

use serde_json::{Map, Value};

use super::words::Row;

/// Fields in which an object may name its clip.
const PATHS: [&str; 2] = ["clip", "path"];

/// Fields that rows of the output have of their own.
const TAKEN: [&str; 15] = [
    "clip",
    "clip_base64",
    "line",
    "range",
    "source_frames",
    "frames",
    "frame_names",
    "views",
    "uncertain",
    "top",
    "logits",
    "timings",
    "engine",
    "decoder",
    "error",
];

/// The row of such a line, or why it cannot be used; `None` for other lines.
pub(super) fn row(record: &[u8]) -> Option<Result<Row, String>> {
    if record.starts_with(b"{") {
        return Some(object(record));
    }
    let mut parts = record.split(|&byte| byte == b'\t');
    let (path, id, end) = (parts.next()?, parts.next()?, parts.next());
    let id = str::from_utf8(id).ok().filter(|_| end.is_none())?;
    if id.is_empty() {
        return Some(Err("there is no id after its tab".to_owned()));
    }
    Some(Ok(Row {
        fields: Map::from_iter([("id".to_owned(), id.into())]),
        ..Row::of(path)
    }))
}

fn object(record: &[u8]) -> Result<Row, String> {
    let object = serde_json::from_slice(record);
    let mut fields: Map<String, Value> =
        object.map_err(|error| format!("it is no JSON object: {error}"))?;
    let name = PATHS.into_iter().find(|name| fields.contains_key(*name));
    let path = name.and_then(|name| fields.remove(name));
    let Some(Value::String(path)) = path else {
        return Err("it has no field `clip` or `path` with a text".to_owned());
    };
    match fields.keys().find(|name| TAKEN.contains(&name.as_str())) {
        Some(name) => Err(format!(
            "its field `{name}` cannot be copied, because rows have one of their own"
        )),
        None => Ok(Row {
            fields,
            ..Row::of(path.as_bytes())
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Result<(String, String), String>> {
        let text = |row: Row| {
            let fields = serde_json::to_string(&row.fields).unwrap();
            (String::from_utf8(row.path).unwrap(), fields)
        };
        row(line.as_bytes()).map(|row| row.map(text))
    }

    #[test]
    fn ids_and_fields_are_kept() {
        let found = |path: &str, fields: &str| Some(Ok((path.to_owned(), fields.to_owned())));
        assert_eq!(read("a b.mp4\t7"), found("a b.mp4", r#"{"id":"7"}"#));
        let line = r#"{"clip": "a.mp4", "id": 7, "of": {"set": [1, null]}}"#;
        let fields = r#"{"id":7,"of":{"set":[1,null]}}"#;
        assert_eq!(read(line), found("a.mp4", fields));
        assert_eq!(read(r#"{"path": "a.mp4"}"#), found("a.mp4", "{}"));
        assert_eq!(read("a.mp4"), None);
        assert_eq!(read("a.mp4\t3\t4"), None);
    }

    #[test]
    fn objects_that_cannot_be_used_are_errors() {
        for line in [
            r#"{"clip": 3}"#,
            r#"{"id": 3}"#,
            r#"{"clip": "a.mp4", "top": []}"#,
            r#"{"clip": "a.mp4""#,
            "a.mp4\t",
        ] {
            assert!(read(line).is_some_and(|row| row.is_err()), "{line}");
        }
    }
}
