//! Lists that are known by their names: the splits of HMDB51 and UCF101.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use super::words::{Row, numbered};

/// A list of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Split {
    /// HMDB51's `<class>_test_split1.txt`: `clip 1` is for training, `clip 2` for testing, and `clip 0` is not used.
    Hmdb51 {
        /// The class, from the name of the list.
        class: String,
    },
    /// UCF101's `testlist01.txt` and `trainlist01.txt`: `Class/clip.avi`, in the latter with an index that counts from 1.
    Ucf101,
}

/// What a line of such a list says.
pub(super) enum Line {
    /// A clip.
    Row(Row),
    /// A clip that is not for testing.
    NotTested,
}

static HMDB51: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(.+)_test_split[1-3]\.txt$").expect("a valid pattern"));
static UCF101: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(test|train)list0[1-3]\.txt$").expect("a valid pattern"));

impl Split {
    /// Tells it from the name of the list.
    pub(super) fn of(list: &Path) -> Option<Self> {
        let name = list.file_name()?.to_str()?;
        if UCF101.is_match(name) {
            return Some(Split::Ucf101);
        }
        let class = HMDB51.captures(name)?[1].to_owned();
        Some(Split::Hmdb51 { class })
    }

    pub(super) fn parse(&self, record: &[u8]) -> Option<Line> {
        match self {
            Split::Hmdb51 { class } => {
                let row = numbered(record, 1)?;
                Some(match row.label.as_deref() {
                    Some("2") => Line::Row(Row {
                        label: Some(class.clone()),
                        folders: vec![PathBuf::from(class)],
                        ..row
                    }),
                    Some("0" | "1") => Line::NotTested,
                    _ => return None,
                })
            }
            Split::Ucf101 => {
                let row = numbered(record, 1).or_else(|| numbered(record, 0))?;
                let path = str::from_utf8(&row.path).ok()?;
                let mut parts = path.rsplit(['/', '\\']);
                let name = parts.next()?;
                let class = parts.next().or_else(|| class_of_name(name))?;
                Some(Line::Row(Row {
                    label: Some(class.to_owned()),
                    name: Some(name.as_bytes().to_vec()),
                    ..row
                }))
            }
        }
    }
}

/// The class in a name such as `v_Archery_g02_c05.avi`.
fn class_of_name(name: &str) -> Option<&str> {
    let (class, _group) = name.strip_prefix("v_")?.rsplit_once("_g")?;
    Some(class)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(list: &str, record: &str) -> Option<String> {
        match Split::of(Path::new(list))
            .unwrap()
            .parse(record.as_bytes())
            .unwrap()
        {
            Line::Row(row) => row.label,
            Line::NotTested => None,
        }
    }

    #[test]
    fn splits_are_not_labels() {
        let archery = Some("Archery".to_owned());
        assert_eq!(
            label("a/trainlist02.txt", "Archery/v_Archery_g31_c02.avi 3"),
            archery
        );
        assert_eq!(
            label("testlist01.txt", "Archery/v_Archery_g02_c05.avi"),
            archery
        );
        assert_eq!(label("testlist01.txt", "v_Archery_g02_c05.avi"), archery);
        let hmdb = "brush_hair_test_split1.txt";
        assert_eq!(
            label(hmdb, "April_brush_hair_u_nm_np1_ba_goo_0.avi 2 "),
            Some("brush_hair".into())
        );
        assert_eq!(
            label(hmdb, "Blonde_brush_hair_u_nm_np1_ba_med_1.avi 1"),
            None
        );
        assert_eq!(Split::of(Path::new("val.txt")), None);
    }
}
