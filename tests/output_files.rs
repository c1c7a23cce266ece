//! The files that `classify` writes: tables for other programs, the report and the contact sheet.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use eco::clip::Given;
use eco::file::FileError;
use eco::recognise::{Class, ClipName, FrameRange, Prediction, Row, RowError, Timings};
use eco::show::report::{About, PageFrames, ReportPage};
use eco::show::sheet::write_sheet;
use eco::show::values::{Content, ValuesFile};
use eco::show::{Cut, Ending, Picture, RowFormat, TextStyle, read_rows};
use safetensors::SafeTensors;

fn row(clip: &str) -> Prediction {
    let class = Class {
        index: 1,
        label: "right".into(),
        score: 0.9,
        logit: 2.0,
    };
    Prediction {
        clip: ClipName::new(clip),
        given: Given::default(),
        range: None,
        source_frames: 30,
        frames: vec![0, 10, 10, 20],
        frame_names: Vec::new(),
        views: 1,
        uncertain: false,
        top: vec![class],
        logits: None,
        timings: Some(Timings::default()),
        engine: "libtorch".into(),
        precision: "fp32".into(),
        decoder: None,
    }
}

fn window(clip: &str) -> Row {
    let range = FrameRange {
        start_frame: 8,
        end_frame: 16,
        start_seconds: None,
        end_seconds: None,
    };
    Row::Answer(Prediction {
        range: Some(range),
        ..row(clip)
    })
}

/// Two clips with three values each, the second a part of a clip.
fn write_table(path: &Path, content: Content) {
    let columns = ["left", "right, \"up\"", "down"]
        .map(str::to_owned)
        .to_vec();
    let table = ValuesFile::create(path, content, columns).unwrap();
    let mut table = table.computed_in("bf16");
    table
        .add(&Row::Answer(row("a, b")), &[0.1, 1.0e-30, 16_777_217.0])
        .unwrap();
    table.add(&window("c"), &[-1.0, 0.0, 0.5]).unwrap();
    table.finish().unwrap();
}

fn python(code: &str, path: &Path) -> String {
    let output = Command::new(common::python())
        .args(["-c", code])
        .arg(path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_safetensors_table_carries_the_names_of_its_clips() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("features.safetensors");
    write_table(&path, Content::Features);
    let bytes = fs::read(&path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = tensors.tensor("features").unwrap();
    assert_eq!(tensor.shape(), [2, 3]);
    assert_eq!(tensor.data()[..4], 0.1f32.to_le_bytes());
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let about = metadata.metadata().as_ref().unwrap();
    assert_eq!(about["clips"], r#"["a, b","c"]"#);
    assert_eq!(about["ranges"], "[null,[8,16]]");
    assert_eq!(about["precision"], "bf16");
    assert_eq!(about["columns"], r#"["left","right, \"up\"","down"]"#);
}

#[test]
fn python_reads_safetensors_and_npy_tables() {
    let folder = tempfile::tempdir().unwrap();
    let safetensors = folder.path().join("scores.safetensors");
    write_table(&safetensors, Content::Scores);
    let code = "
import sys, safetensors
with safetensors.safe_open(sys.argv[1], 'numpy') as f:
    print(f.get_tensor('scores').tolist(), f.metadata()['clips'])";
    let expected = "[[0.10000000149011612, 1.0000000031710769e-30, 16777216.0], [-1.0, 0.0, 0.5]]";
    assert_eq!(
        python(code, &safetensors),
        format!("{expected} [\"a, b\",\"c\"]\n")
    );

    let npy = folder.path().join("scores.npy");
    write_table(&npy, Content::Scores);
    let code = "
import sys, numpy
a = numpy.load(sys.argv[1])
print(a.tolist(), a.dtype, a.flags['C_CONTIGUOUS'])";
    assert_eq!(python(code, &npy), format!("{expected} float32 True\n"));
    let names = fs::read_to_string(folder.path().join("scores.clips.json")).unwrap();
    assert_eq!(
        names,
        "{\"clips\":[\"a, b\",\"c\"],\"precision\":\"bf16\",\"ranges\":[null,[8,16]],\"rows\":[0,1]}\n"
    );
}

#[test]
fn a_csv_table_has_one_column_per_label() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scores.csv");
    write_table(&path, Content::Scores);
    let expected = "clip,start_frame,end_frame,left,\"right, \"\"up\"\"\",down\n\
        \"a, b\",,,0.1,0.000000000000000000000000000001,16777216\n\
        c,8,16,-1,0,0.5\n";
    assert_eq!(fs::read_to_string(path).unwrap(), expected);
}

#[test]
fn a_table_of_no_clips_is_a_table_of_no_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.npy");
    ValuesFile::create(&path, Content::Features, vec!["0".into()])
        .unwrap()
        .finish()
        .unwrap();
    let code = "import sys, numpy; print(numpy.load(sys.argv[1]).shape)";
    assert_eq!(python(code, &path), "(0, 1)\n");
}

#[test]
fn an_extension_that_is_not_known_is_refused_with_those_that_are() {
    let error =
        ValuesFile::create(Path::new("features.csv"), Content::Features, Vec::new()).unwrap_err();
    assert!(matches!(error, FileError::Extension { .. }));
    assert_eq!(
        error.to_string(),
        "features.csv should end in .safetensors or .npy"
    );
}

#[test]
fn values_of_another_head_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scores.csv");
    let mut table = ValuesFile::create(&path, Content::Scores, vec!["left".into()]).unwrap();
    assert!(table.add(&Row::Answer(row("a")), &[0.5, 0.5]).is_err());
    drop(table);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_report_escapes_whatever_comes_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    let mut report = ReportPage::create(&path, About::default(), PageFrames::Auto).unwrap();
    let mut hostile = row("<img src=x onerror=alert(1)>\" '\u{1b}[31m");
    hostile.top[0].label = "</script><script>alert(2)</script>".into();
    report.add(&Row::Answer(hostile), &[]).unwrap();
    let error = "<svg onload=alert(3)>".to_owned();
    let failed = RowError {
        clip: ClipName::new("b"),
        given: Given::default(),
        range: None,
        error,
    };
    report.add(&Row::Failed(failed), &[]).unwrap();
    report.finish(Ending::Complete).unwrap();
    let page = fs::read_to_string(path).unwrap();
    for raw in ["<img", "<script>alert", "<svg", "\u{1b}"] {
        assert!(!page.contains(raw), "{raw:?} is not escaped");
    }
    assert!(page.contains("<b>1</b> failed") && page.contains("<b>1</b> answered"));
    assert!(
        page.contains("3 of 30 frames"),
        "repeated frames count once"
    );
}

#[test]
fn a_sheet_shows_the_frames_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sheet.png");
    let colours = [[200, 0, 0], [0, 200, 0], [0, 0, 200], [9, 8, 7]];
    let pixels = colours.map(|colour: [u8; 3]| colour.repeat(224 * 224));
    let frame = |(index, rgb)| Picture {
        rgb,
        side: 224,
        index,
        name: None,
    };
    let frames: Vec<Picture> = pixels
        .iter()
        .map(Vec::as_slice)
        .enumerate()
        .map(frame)
        .collect();
    write_sheet(&path, &row("clip"), &frames).unwrap();
    let sheet = image::open(&path).unwrap().to_rgb8();
    for colour in colours {
        let same = sheet.pixels().filter(|pixel| pixel.0 == colour).count();
        assert!(same >= 224 * 224, "{colour:?} covers {same} pixels");
    }
}

#[test]
fn a_sheet_of_a_damaged_frame_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let frame = Picture {
        rgb: &[0; 3],
        side: 224,
        index: 0,
        name: None,
    };
    assert!(write_sheet(&folder.path().join("sheet.png"), &row("clip"), &[frame]).is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_sheet_is_the_picture_that_its_name_says() {
    let folder = tempfile::tempdir().unwrap();
    let rgb = vec![90; 224 * 224 * 3];
    let frame = Picture {
        rgb: &rgb,
        side: 224,
        index: 0,
        name: None,
    };
    for (name, start) in [
        ("a.png", &b"\x89PNG"[..]),
        ("a.jpg", b"\xff\xd8"),
        ("a.JPEG", b"\xff\xd8"),
    ] {
        let path = folder.path().join(name);
        write_sheet(&path, &row("clip"), &[frame]).unwrap();
        assert!(fs::read(&path).unwrap().starts_with(start), "{name}");
        image::load_from_memory(&fs::read(&path).unwrap()).unwrap();
    }
    let error = write_sheet(&folder.path().join("a.gif"), &row("clip"), &[frame]).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("a.gif should end in .png or .jpg"),
        "{error}"
    );
}

/// Rows of every kind: with all fields and with as few as there can be, answers and failures.
fn all_kinds() -> Vec<Row> {
    let full = Prediction {
        frame_names: vec!["1.jpg".into()],
        logits: Some(vec![0.1, -1.0e-30]),
        uncertain: true,
        ..row("a")
    };
    let failed = |range| RowError {
        clip: ClipName::new("bad"),
        given: Given::default(),
        range,
        error: "frame 3 is \"truncated\"".into(),
    };
    let window = window("c");
    let range = window.range().copied();
    vec![
        Row::Answer(full),
        window,
        Row::Failed(failed(None)),
        Row::Failed(failed(range)),
        Row::Answer(row("d")),
    ]
}

fn read(text: &[u8]) -> (Vec<Row>, Ending) {
    let mut rows = Vec::new();
    let ending = read_rows(text, |row| {
        rows.push(row);
        Ok::<(), eco::show::ReadRowsError>(())
    });
    (rows, ending.unwrap())
}

#[test]
fn rows_are_read_back_from_json_lines_and_from_a_list() {
    for format in [RowFormat::Json, RowFormat::Jsonl] {
        for ending in [Ending::Complete, Ending::Cut(Cut::Interrupted, Some(3))] {
            let mut text = Vec::new();
            let mut writer = format.writer(&mut text, TextStyle::default());
            all_kinds()
                .iter()
                .for_each(|row| writer.write(row).unwrap());
            writer.finish(ending).unwrap();
            drop(writer);
            let (rows, found) = read(&text);
            assert_eq!(rows, all_kinds(), "{format}");
            // JSON lines are rows and nothing else.
            let expected = match format {
                RowFormat::Json => ending,
                _ => Ending::Complete,
            };
            assert_eq!(found, expected, "{format}");
        }
    }
    assert_eq!(read(b" \n\n").0, []);
}

#[cfg(unix)]
#[test]
fn a_path_that_is_not_utf8_is_read_back_with_its_bytes() {
    use std::os::unix::ffi::OsStringExt;
    let name = std::ffi::OsString::from_vec(b"a\xff".to_vec());
    let odd = Row::Answer(Prediction {
        clip: ClipName::new(name),
        ..row("")
    });
    let line = serde_json::to_vec(&odd).unwrap();
    assert_eq!(read(&line).0, [odd]);
}

#[test]
fn what_is_no_row_is_named_with_its_place() {
    for (text, message) in [
        (
            "{\"clip\":\"a\",\"error\":\"b\"}\nmoving_up 3 %\n",
            "line 2: not JSON",
        ),
        (
            "\n{\"clip\":\"a\"}",
            "line 2: not a row of `eco classify` (missing field",
        ),
        (
            "[{\"error\":\"b\"}]",
            "element 1 of the list: not a row of `eco classify` (missing field `clip`)",
        ),
        ("[{}", "the list: not JSON"),
    ] {
        let error =
            read_rows(text.as_bytes(), |_| Ok::<(), eco::show::ReadRowsError>(())).unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}");
    }
}
