//! Lists as tables: columns separated by commas, tabs or semicolons, with or without a line that names them.

use std::path::PathBuf;

use super::words::Row;

/// Names of columns that hold paths, the surest first.
const PATH: [&str; 24] = [
    "path",
    "file_name",
    "filename",
    "video_path",
    "file_path",
    "filepath",
    "clip_path",
    "frame_dir",
    "frames_path",
    "video",
    "file",
    "clip",
    "videos",
    "paths",
    "files",
    "clips",
    "video_name",
    "vid_name",
    "clip_name",
    "folder",
    "directory",
    "video_id",
    "name",
    "id",
];
/// So many of them are hardly the name of a clip.
const SURE: usize = 9;
/// Names of columns that hold labels, the surest first.
const LABEL: [&str; 17] = [
    TEMPLATE,
    "label",
    "label_name",
    "class",
    "class_name",
    "category",
    "action",
    "target",
    "label_id",
    "label_index",
    "class_id",
    "class_index",
    "class_idx",
    "label_idx",
    "category_id",
    "gt",
    "y",
];
/// The column of Something-Something's labels, in which words in brackets stand for objects.
const TEMPLATE: &str = "template";
/// Names of columns that hold numbers of frames.
const FRAMES: [&str; 8] = [
    "frames",
    "num_frames",
    "n_frames",
    "nframes",
    "frame_count",
    "total_frames",
    "numframes",
    "nr_frames",
];
/// Names of columns that hold what clips belong together by.
const GROUP: [&str; 8] = [
    "group",
    "group_id",
    "subject",
    "subject_id",
    "person",
    "person_id",
    "actor",
    "scene",
];

/// What stands in which column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    separator: u8,
    count: usize,
    path: usize,
    frames: Option<usize>,
    label: Option<usize>,
    group: Option<usize>,
    /// Start and end of a part of the video that `path` is the id of, in seconds: Kinetics.
    times: Option<(usize, usize)>,
    /// Part of the data set: Kinetics.
    split: Option<usize>,
    has_templates: bool,
}

impl Columns {
    /// Reads a line that names columns; `None` when it names none that holds paths.
    pub(super) fn named(header: &[u8]) -> Option<Self> {
        let headed = |separator: &u8| {
            let names = fields(header, *separator)?;
            let names: Vec<String> = names
                .iter()
                .map(|name| name.trim().to_lowercase())
                .collect();
            Self::of(&names, *separator)
        };
        [b',', b'\t', b';'].iter().find_map(headed)
    }

    /// Columns of these names.
    pub(super) fn of(names: &[String], separator: u8) -> Option<Self> {
        let find = |known: &[&str]| {
            known
                .iter()
                .find_map(|k| names.iter().position(|name| name == k))
        };
        let times = find(&["time_start"]).zip(find(&["time_end"]));
        let video = find(&["youtube_id"]);
        let (path, times) = match video.zip(times) {
            Some((video, times)) => (video, Some(times)),
            None => (find(&PATH)?, None),
        };
        Some(Columns {
            separator,
            count: names.len(),
            path,
            frames: find(&FRAMES),
            label: find(&LABEL),
            group: find(&GROUP),
            times,
            split: find(&["split"]),
            has_templates: names.iter().any(|name| name == TEMPLATE),
        })
    }

    /// Tables without names of columns: `path,label`, `label,path` and `path,frames,label`.
    pub(super) fn unnamed(separator: u8) -> [Self; 3] {
        let columns = |count, path, frames, label| Columns {
            separator,
            count,
            path,
            frames,
            label: Some(label),
            group: None,
            times: None,
            split: None,
            has_templates: false,
        };
        [
            columns(2, 0, None, 1),
            columns(2, 1, None, 0),
            columns(3, 0, Some(1), 2),
        ]
    }

    pub(super) fn parse(&self, record: &[u8]) -> Option<Row> {
        let mut fields = fields(record, self.separator)?;
        // A label with separators in it, if it is the last column and is not quoted.
        if fields.len() > self.count && self.label == Some(self.count - 1) {
            let label = fields.split_off(self.count - 1);
            fields.push(label.join(&char::from(self.separator).to_string()));
        }
        for field in &mut fields {
            *field = field.trim().to_owned();
        }
        (fields.len() == self.count).then(|| self.row(&fields))?
    }

    /// The row of these fields.
    pub(super) fn row(&self, fields: &[String]) -> Option<Row> {
        let field =
            |column: Option<usize>| Some(fields.get(column?)?.clone()).filter(|f| !f.is_empty());
        let path = field(Some(self.path))?;
        let frames = match field(self.frames) {
            Some(frames) => Some(frames.parse().ok()?),
            None => None,
        };
        let mut row = Row {
            frames,
            label: field(self.label),
            group: field(self.group),
            ..Row::of(path.as_bytes())
        };
        if let Some((start, end)) = self.times {
            let second = |column| Some(field(Some(column))?.parse::<f64>().ok()? as u64);
            row.path = format!("{path}_{:06}_{:06}", second(start)?, second(end)?).into_bytes();
        }
        if let Some(label) = row.label.as_mut().filter(|_| self.has_templates) {
            label.retain(|c| !matches!(c, '[' | ']'));
        }
        if let Some(label) = &row.label {
            let split = field(self.split).filter(|_| self.times.is_some());
            row.folders = class_folders(label, split.as_deref());
        }
        Some(row)
    }

    /// The form in words.
    pub(super) fn words(&self) -> String {
        let mut names = vec!["..."; self.count];
        names[self.path] = if self.times.is_some() {
            "youtube_id"
        } else {
            "path"
        };
        for (column, name) in [(self.frames, "frames"), (self.label, "label")] {
            if let Some(column) = column {
                names[column] = name;
            }
        }
        let separator = match self.separator {
            b'\t' => "<tab>".to_owned(),
            other => char::from(other).to_string(),
        };
        names.join(&separator)
    }
}

/// Where data sets keep the clips of a class: in a directory with its name as it is, without blanks, or, as torchvision writes
/// Kinetics, also without quotes and brackets; perhaps below a directory of the split.
fn class_folders(label: &str, split: Option<&str>) -> Vec<PathBuf> {
    let joined = label.replace(' ', "_");
    let plain = joined.replace(['\'', '(', ')'], "");
    let mut classes = vec![label.to_owned(), joined, plain];
    classes.dedup();
    // The lists call it `validate` where the directory is `val`.
    let splits = split.into_iter().flat_map(|split| match split {
        "validate" => vec![split, "val"],
        _ => vec![split],
    });
    let tops: Vec<PathBuf> = std::iter::once(PathBuf::new())
        .chain(splits.map(PathBuf::from))
        .collect();
    let below = |top: &PathBuf| {
        classes
            .iter()
            .map(|class| top.join(class))
            .collect::<Vec<_>>()
    };
    tops.iter().flat_map(below).collect()
}

/// The columns of a header that name parts of clips, other than those of Kinetics, whose clips are files of their own.
pub(super) fn part_columns(header: &[u8]) -> Option<String> {
    const START: [&str; 6] = [
        "start",
        "start_frame",
        "start_time",
        "start_sec",
        "time_start",
        "begin",
    ];
    const END: [&str; 6] = [
        "end",
        "end_frame",
        "end_time",
        "end_sec",
        "time_end",
        "stop",
    ];
    let separators = [b',', b'\t', b';'].into_iter();
    let names = separators
        .filter_map(|separator| fields(header, separator))
        .next()?;
    let names: Vec<String> = names
        .iter()
        .map(|name| name.trim().to_lowercase())
        .collect();
    let find = |known: &[&str]| names.iter().find(|name| known.contains(&&name[..]));
    let (start, end) = find(&START).zip(find(&END))?;
    (!names.iter().any(|name| name == "youtube_id")).then(|| format!("{start} and {end}"))
}

/// Whether a line names the columns of a list whose parts are separated by blanks.
pub(super) fn is_header(record: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(record) else {
        return false;
    };
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    let is_one_of = |word: &String, known: &[&str]| known.contains(&&word[..]);
    let is_known = |word: &String| {
        [&PATH[..], &LABEL, &FRAMES]
            .iter()
            .any(|known| is_one_of(word, known))
    };
    // A single word may well be a path.
    let surest = if words.len() > 1 {
        &PATH[..]
    } else {
        &PATH[..SURE]
    };
    words.iter().all(is_known) && words.iter().any(|word| is_one_of(word, surest))
}

/// The fields of a line, without the quotes around them; `None` for a line without separators or that is not UTF-8.
fn fields(record: &[u8], separator: u8) -> Option<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(separator)
        .flexible(true)
        .from_reader(record);
    let fields = reader.records().next()?.ok()?;
    (fields.len() > 1).then(|| fields.iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(columns: &Columns, record: &str) -> (String, Option<usize>, Option<String>) {
        let row = columns.parse(record.as_bytes()).unwrap();
        (String::from_utf8(row.path).unwrap(), row.frames, row.label)
    }

    #[test]
    fn columns_are_found_by_their_names() {
        let columns = Columns::named(b"split, Video_Path ,Label\n").unwrap();
        assert_eq!(
            row(&columns, "train,\"a, b.mp4\",7"),
            ("a, b.mp4".into(), None, Some("7".into()))
        );
        assert_eq!(
            row(&columns, "val,c.mp4,run, then jump").2.unwrap(),
            "run, then jump"
        );
        assert_eq!(columns.parse(b"val,c.mp4"), None);
        assert_eq!(columns.words(), "...,path,label");
        assert_eq!(Columns::named(b"a.mp4,label"), None);
    }

    #[test]
    fn a_column_may_say_which_clips_belong_together() {
        let columns = Columns::named(b"path,label,Subject").unwrap();
        let group = |record: &[u8]| columns.parse(record).unwrap().group;
        assert_eq!(group(b"a.mp4,run,anna").as_deref(), Some("anna"));
        assert_eq!(group(b"b.mp4,run,"), None);
    }

    #[test]
    fn columns_that_name_parts_of_clips_are_told() {
        let found = part_columns(b"path,Start,End,label");
        assert_eq!(found.as_deref(), Some("start and end"));
        assert_eq!(part_columns(b"label,youtube_id,time_start,time_end"), None);
        assert_eq!(part_columns(b"path,label,start"), None);
    }

    #[test]
    fn clips_of_a_class_are_looked_for_under_every_spelling_of_its_directory() {
        let found = class_folders("skiing (not slalom)", Some("validate"));
        let found: Vec<&str> = found
            .iter()
            .map(|folder| folder.to_str().unwrap())
            .collect();
        assert_eq!(
            found,
            [
                "skiing (not slalom)",
                "skiing_(not_slalom)",
                "skiing_not_slalom",
                "validate/skiing (not slalom)",
                "validate/skiing_(not_slalom)",
                "validate/skiing_not_slalom",
                "val/skiing (not slalom)",
                "val/skiing_(not_slalom)",
                "val/skiing_not_slalom",
            ]
        );
        assert_eq!(class_folders("run", None), [PathBuf::from("run")]);
    }

    #[test]
    fn kinetics_names_clips_by_video_and_time() {
        let columns = Columns::named(b"label,youtube_id,time_start,time_end,split").unwrap();
        let found = row(&columns, "juggling balls,AbC-_eF,14,24.0,train");
        assert_eq!(
            found,
            (
                "AbC-_eF_000014_000024".into(),
                None,
                Some("juggling balls".into())
            )
        );
    }
}
