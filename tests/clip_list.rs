//! Lists of clips as data sets and tools write them.

use std::fs;
use std::path::{Path, PathBuf};

use eco::clip::{ClipEntry, ClipError, Label, List, Result, Separator, read_list, read_stream};
use tempfile::TempDir;

/// A folder with clips, all of them empty files.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for clip in [
        "room/plain.mp4",
        "room/drinking (31).mp4",
        "room/drinking (32).mp4",
        "room/it's.mp4",
        "room/five/img_1.jpg",
        "room/take 2/img_1.jpg",
        "-3B32lodo2M/img_1.jpg",
        "20417.webm",
        "20418/00001.jpg",
        "juggling_balls/AbCdEfGhIjk_000014_000024.mp4",
        "brush_hair/April_u_0.avi",
        "brush_hair/April_u_1.avi",
        "Archery/v_Archery_g02_c05.avi",
        "#1.mp4",
        "a,b.mp4",
    ] {
        let path = folder.path().join(clip);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"").unwrap();
    }
    folder
}

fn read(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> Result<List> {
    let list = folder.join(name);
    fs::write(&list, text).unwrap();
    read_list(&list, Separator::Line)
}

/// The clips of a list, and what stands beside them: `path frames label`.
fn clips(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> Vec<String> {
    let list = read(folder, name, text).unwrap_or_else(|error| panic!("{name}: {error}"));
    list.entries
        .iter()
        .map(|entry| words(entry, folder))
        .collect()
}

fn words(entry: &ClipEntry, folder: &Path) -> String {
    let path = entry.path.strip_prefix(folder).unwrap_or(&entry.path);
    let frames = entry
        .stated_frames
        .map_or("-".to_owned(), |frames| frames.to_string());
    let label = match &entry.label {
        None => "-".to_owned(),
        Some(Label::Index(index)) => index.to_string(),
        Some(Label::Name(name)) => format!("{name:?}"),
    };
    format!("{} {frames} {label}", path.display())
}

#[test]
fn every_form_is_understood() {
    let folder = folder();
    let folder = folder.path();
    let cases: [(&str, &str, &[&str]); 24] = [
        (
            "paths",
            "room/plain.mp4\n\nroom/five\r\n",
            &["room/plain.mp4 - -", "room/five - -"],
        ),
        (
            "slowfast.csv",
            "room/drinking (31).mp4 1\nroom/plain.mp4 2\n",
            &["room/drinking (31).mp4 - 1", "room/plain.mp4 - 2"],
        ),
        ("a dash", "-3B32lodo2M 0\n", &["-3B32lodo2M - 0"]),
        (
            "tsn",
            "room/five 5 3\nroom/take 2 7 4\n",
            &["room/five 5 3", "room/take 2 7 4"],
        ),
        (
            "a path that ends in a number",
            "room/take 2 7\nroom/five 8\n",
            &["room/take 2 - 7", "room/five - 8"],
        ),
        ("without labels", "room/five 5 -1\n", &["room/five 5 -"]),
        ("trailing slash", "room/five/ 5 1\n", &["room/five 5 1"]),
        (
            "comma.csv",
            "room/plain.mp4,2\nroom/drinking (31).mp4,1\n",
            &["room/plain.mp4 - 2", "room/drinking (31).mp4 - 1"],
        ),
        (
            "names.csv",
            "room/plain.mp4,juggling balls\n\"a,b.mp4\",yoga\n",
            &["room/plain.mp4 - \"juggling balls\"", "a,b.mp4 - \"yoga\""],
        ),
        (
            "label first",
            "2,room/plain.mp4\n1,room/five\n",
            &["room/plain.mp4 - 2", "room/five - 1"],
        ),
        (
            "header.csv",
            "path,label\nroom/plain.mp4,2\n",
            &["room/plain.mp4 - 2"],
        ),
        (
            "pandas.csv",
            ",split,video_path,num_frames,Label\n0,val,room/five,5,yoga\n",
            &["room/five 5 \"yoga\""],
        ),
        (
            "hugging face",
            "file_name,label\n\"room/drinking (31).mp4\",jump\n",
            &["room/drinking (31).mp4 - \"jump\""],
        ),
        (
            "tabs",
            "room/drinking (31).mp4\t1\nroom/plain.mp4\t2\n",
            &["room/drinking (31).mp4 - 1", "room/plain.mp4 - 2"],
        ),
        (
            "header of words",
            "path label\nroom/plain.mp4 3\n",
            &["room/plain.mp4 - 3"],
        ),
        (
            "quotes",
            "\"room/drinking (31).mp4\"\n'room/plain.mp4' 1\n",
            &["room/drinking (31).mp4 - -", "room/plain.mp4 - 1"],
        ),
        (
            "backslashes",
            "room\\plain.mp4 3 1\n.\\room\\five 5 2\n",
            &["room/plain.mp4 3 1", "room/five 5 2"],
        ),
        (
            "names",
            "room/plain.mp4 juggling balls\nroom/take 2 yoga\n",
            &[
                "room/plain.mp4 - \"juggling balls\"",
                "room/take 2 - \"yoga\"",
            ],
        ),
        (
            "concat",
            "ffconcat version 1.0\nfile 'room/it'\\''s.mp4'\nduration 3\nfile room/plain.mp4\n",
            &["room/it's.mp4 - -", "room/plain.mp4 - -"],
        ),
        (
            "comments.m3u",
            "#EXTM3U\n#EXTINF:3,plain\nroom/plain.mp4\n#1.mp4\n",
            &["room/plain.mp4 - -", "#1.mp4 - -"],
        ),
        (
            "something v1",
            "20417;Turning the camera left\n20418;Putting a, b; and c\n",
            &[
                "20417.webm - \"Turning the camera left\"",
                "20418 - \"Putting a, b; and c\"",
            ],
        ),
        (
            "something v2",
            r#"[{"id":"20417","label":"turning it","template":"Turning [it]"}]"#,
            &["20417.webm - \"Turning it\""],
        ),
        (
            "kinetics",
            "label,youtube_id,time_start,time_end,split\njuggling balls,AbCdEfGhIjk,14,24,train\n",
            &["juggling_balls/AbCdEfGhIjk_000014_000024.mp4 - \"juggling balls\""],
        ),
        (
            "mixed",
            "single 2 0\nroom/five\nroom/plain.mp4 8 1\n",
            &["single 2 0", "room/five - -", "room/plain.mp4 8 1"],
        ),
    ];
    for (name, text, expected) in cases {
        assert_eq!(clips(folder, name, text), expected, "{name}");
        let marked = format!("\u{feff}{text}");
        assert_eq!(
            clips(folder, name, &marked),
            expected,
            "{name}, with a mark"
        );
        let wide: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(clips(folder, name, wide), expected, "{name}, UTF-16");
        if !text.starts_with('[') {
            let windows = text.replace('\n', "\r\n");
            assert_eq!(clips(folder, name, windows), expected, "{name}, CRLF");
        }
    }
}

#[test]
fn splits_of_data_sets_are_known_by_their_names() {
    let folder = folder();
    let folder = folder.path();
    let text = "April_u_0.avi 1 \nApril_u_1.avi 2 \nBlonde_u_1.avi 0 \n";
    let list = read(folder, "brush_hair_test_split1.txt", text).unwrap();
    assert_eq!(
        words(&list.entries[0], folder),
        "brush_hair/April_u_1.avi - \"brush_hair\""
    );
    assert_eq!(
        list.note.as_deref(),
        Some("1 of 3 taken, those for testing")
    );
    let train = clips(
        folder,
        "trainlist01.txt",
        "Archery/v_Archery_g02_c05.avi 3\n",
    );
    assert_eq!(train, ["Archery/v_Archery_g02_c05.avi - \"Archery\""]);
    let test = clips(folder, "testlist01.txt", "Archery/v_Archery_g02_c05.avi\n");
    assert_eq!(test, train);
}

#[test]
fn a_list_in_no_known_form_is_one_error_that_names_form_and_line() {
    let folder = folder();
    let error = |name: &str, text: &str| read(folder.path(), name, text).unwrap_err().to_string();
    let several = error("multiclass", "room/five 5 1 3 4\n");
    assert!(
        several.contains("line 1") && several.contains("several labels"),
        "{several}"
    );
    let offset = error("offset", "# made by hand\nroom/five 0 5 1\n");
    assert!(
        offset.contains("line 2") && offset.contains("first-frame"),
        "{offset}"
    );
    let odd = error("odd", "room/plain.mp4 3 1\nroom/five 5 2\nroom/gone\n");
    assert!(
        odd.contains("line 3") && odd.contains("`path frames label`"),
        "{odd}"
    );
    let short = error(
        "short.csv",
        "path,label\nroom/plain.mp4,3\nroom/five\nroom/five2;3\n",
    );
    assert!(
        short.contains("line 4") && short.contains("`path,label`"),
        "{short}"
    );
    let json = error("json", "{\"a\": {\"annotations\": {}}}");
    assert!(json.contains("no field is known to hold a path"), "{json}");
    for empty in ["", "\n \n", "# nothing\n", "path,label\n", "[]"] {
        let error = read(folder.path(), "empty", empty).unwrap_err();
        assert!(matches!(error, ClipError::EmptyList), "{empty:?}: {error}");
    }
}

#[test]
fn a_part_of_a_clip_is_refused_where_a_label_is_expected() {
    let folder = folder();
    for (text, part) in [
        ("room/plain.mp4 5-10\n", "5-10"),
        ("room/five\nroom/plain.mp4 00:01-00:03\n", "00:01-00:03"),
        ("room/plain.mp4 0.5 2.5\n", "0.5 2.5"),
        ("room/plain.mp4,5-10\n", "5-10"),
    ] {
        let error = read(folder.path(), "parts.txt", text)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&format!("{part:?} after the path is a part")),
            "{text}: {error}"
        );
        assert!(error.contains("line"), "{text}: {error}");
    }
    // A heading says that it is a label.
    let found = clips(
        folder.path(),
        "ages.csv",
        "path,label\nroom/plain.mp4,5-10\n",
    );
    assert_eq!(found, ["room/plain.mp4 - \"5-10\""]);
}

#[test]
fn a_list_of_which_nothing_exists_is_one_error() {
    let folder = folder();
    let text = "away/a.mp4 1\naway/b.mp4 2\n";
    let error = read(folder.path(), "away", text).unwrap_err();
    let ClipError::NothingListed { clips, form, first } = &error else {
        panic!("{error}")
    };
    let found = (*clips, &form[..], first.as_path());
    assert_eq!(found, (2, "`path label`", Path::new("away/a.mp4")));
    // One clip that is missing among others is that clip's error.
    let text = "away/a.mp4 1\nroom/plain.mp4 2\n";
    assert_eq!(
        clips_of(read(folder.path(), "away", text)),
        ["away/a.mp4", "plain.mp4"]
    );
}

fn clips_of(list: Result<List>) -> Vec<String> {
    let name = |entry: &ClipEntry| match entry.path.is_absolute() {
        true => entry
            .path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned(),
        false => entry.path.to_string_lossy().into_owned(),
    };
    list.unwrap().entries.iter().map(name).collect()
}

#[test]
fn an_entry_that_exists_as_it_stands_is_a_path() {
    let folder = folder();
    for odd in [
        "room/plain.mp4 2",
        "a,b.mp4,3",
        "file 'x'",
        "'quoted'",
        "[1]",
        "path,label",
    ] {
        let path = folder.path().join(odd);
        fs::create_dir_all(&path).unwrap();
        let text = format!("{odd}\nroom/plain.mp4 1\n");
        let expected = [format!("{odd} - -"), "room/plain.mp4 - 1".to_owned()];
        assert_eq!(clips(folder.path(), "list", text), expected);
        fs::remove_dir(path).unwrap();
    }
}

#[test]
fn zero_separated_lists_are_told_by_their_bytes() {
    let folder = folder();
    let found = clips(folder.path(), "list", b"room/plain.mp4\0room/five\0");
    assert_eq!(found, ["room/plain.mp4 - -", "room/five - -"]);
}

fn streamed(text: impl AsRef<[u8]>, separator: Separator) -> Vec<Result<ClipEntry>> {
    let reader = std::io::Cursor::new(text.as_ref().to_vec());
    read_stream(reader, separator).collect()
}

#[test]
fn a_stream_is_understood_as_it_comes() {
    let folder = folder();
    let folder = folder.path();
    let absolute = |name: &str| folder.join(name).display().to_string();
    let (plain, five, take) = (
        absolute("room/plain.mp4"),
        absolute("room/five"),
        absolute("room/take 2"),
    );
    let text = format!("gone 7\n{plain}\n{five} 5 3\n# comment\n{take} 2 4\n");
    for text in [
        text.clone().into_bytes(),
        text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
    ] {
        let text = if text[0] == 0 {
            [&[0xFE, 0xFF][..], &text].concat()
        } else {
            text
        };
        let entries = streamed(text, Separator::Line);
        let found: Vec<String> = entries
            .iter()
            .map(|e| words(e.as_ref().unwrap(), folder))
            .collect();
        assert_eq!(
            found,
            [
                "gone 7 - -",
                "room/plain.mp4 - -",
                "room/five 5 3",
                "room/take 2 2 4"
            ]
        );
    }
    let entries = streamed(format!("{plain}\0# not there\0"), Separator::Zero);
    let paths: Vec<PathBuf> = entries
        .into_iter()
        .map(|entry| entry.unwrap().path)
        .collect();
    assert_eq!(
        paths,
        [PathBuf::from(plain.clone()), PathBuf::from("# not there")]
    );
    let entries = streamed(format!("{plain}\0{five}\0"), Separator::Line);
    assert!(matches!(&entries[..], [Err(ClipError::List { .. })]));
}

#[test]
fn addresses_and_names_in_archives_are_paths_with_or_without_labels() {
    let folder = folder();
    fs::write(folder.path().join("a.tar"), "").unwrap();
    let hidden = "https://host/a.mp4?\u{2026}";
    let list = "https://host/a.mp4?key=1,2;3 4\na.tar/x/1.mp4 5\n20417 6\n";
    let expected = [
        format!("{hidden} - 4"),
        "a.tar/x/1.mp4 - 5".to_owned(),
        "20417.webm - 6".to_owned(),
    ];
    assert_eq!(clips(folder.path(), "list", list), expected);
    let table = "path,label\nhttps://host/a.mp4?key=1,growing\na.tar/x/1.mp4,shrinking\n";
    let expected = [
        format!("{hidden} - \"growing\""),
        "a.tar/x/1.mp4 - \"shrinking\"".to_owned(),
    ];
    assert_eq!(clips(folder.path(), "table", table), expected);
    assert_eq!(
        clips(folder.path(), "plain", "a.tar/x/1.mp4\na.tar/x/2.mp4\n").len(),
        2
    );
    // Lines alone say nothing about the lines behind them.
    let inside = folder.path().join("a.tar/x");
    let clip = folder.path().join("20417");
    let lines = format!(
        "https://host/a?k=1,2\n{}\n{} 7\n",
        inside.display(),
        clip.display()
    );
    let streamed: Vec<ClipEntry> = streamed(lines, Separator::Line)
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(streamed[0].path, Path::new("https://host/a?\u{2026}"));
    assert_eq!(streamed[1].path, inside);
    assert_eq!(streamed[2].label, Some(Label::Index(7)));
    // A line that an error quotes.
    let error = read(
        folder.path(),
        "table",
        format!("{table}https://host/b?key=1\n"),
    )
    .unwrap_err();
    assert!(!error.to_string().contains("key"), "{error}");
}

#[cfg(unix)]
#[test]
fn paths_in_a_list_need_not_be_utf8() {
    let entries = streamed(b"caf\xe9\n", Separator::Line);
    let entry = entries[0].as_ref().unwrap();
    assert_eq!(entry.path.as_os_str().as_encoded_bytes(), b"caf\xe9");
}
