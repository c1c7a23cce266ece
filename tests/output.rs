//! Every format of the rows that `classify` prints.

use std::io::{self, Write};

use eco::clip::Given;
use eco::recognise::{Class, ClipName, FrameRange, Prediction, Row, RowError, Timings};
use eco::show::{Colour, Cut, Ending, RowFormat, TextStyle};

fn class(index: usize, label: &str, score: f32, logit: f32) -> Class {
    Class {
        index,
        label: label.into(),
        score,
        logit,
    }
}

fn prediction(clip: &str) -> Prediction {
    Prediction {
        clip: ClipName::new(clip),
        given: Given::default(),
        range: None,
        source_frames: 280,
        frames: vec![8, 26, 43, 61],
        frame_names: Vec::new(),
        views: 1,
        uncertain: false,
        top: vec![
            class(6, "arm wrestling", 0.832_1, 9.25),
            class(150, "headbutting", 0.1, 0.1),
            class(3, "体操", 1.0e-6, -3.5),
        ],
        logits: None,
        timings: Some(Timings {
            decode_ms: 41.5,
            forward_ms: 182.25,
        }),
        engine: "libtorch".into(),
        precision: "fp32".into(),
        decoder: None,
    }
}

fn failure(clip: &str) -> Row {
    Row::Failed(RowError {
        clip: ClipName::new(clip),
        given: Given::default(),
        range: None,
        error: "no frames, \"none\"\u{1b}[31m".into(),
    })
}

fn written_with(format: RowFormat, style: TextStyle, rows: &[Row]) -> String {
    ended(format, style, rows, Ending::Complete)
}

fn ended(format: RowFormat, style: TextStyle, rows: &[Row], ending: Ending) -> String {
    let mut out = Vec::new();
    let mut writer = format.writer(&mut out, style);
    rows.iter().for_each(|row| writer.write(row).unwrap());
    writer.finish(ending).unwrap();
    drop(writer);
    String::from_utf8(out).unwrap()
}

fn written(format: RowFormat, rows: &[Row]) -> String {
    written_with(format, TextStyle::default(), rows)
}

#[test]
fn text_is_aligned_within_80_columns_and_has_no_colour() {
    let rows = [Row::Answer(prediction("clips/arm")), failure("clips/bad")];
    let text = written(RowFormat::Text, &rows);
    let expected = [
        "clips/arm",
        "   1  arm wrestling  █████████████████████████        83.21%",
        "   2  headbutting    ███                              10.00%",
        "   3  体操                                            <0.01%",
        "",
        "clips/bad",
        "  error: no frames, \"none\"\\u{1b}[31m",
        "",
    ];
    assert_eq!(text, expected.join("\n"));
}

#[test]
fn text_of_an_uncertain_window_says_so_and_gives_its_time() {
    let mut row = prediction("long.mp4");
    row.uncertain = true;
    row.range = Some(FrameRange {
        start_frame: 50,
        end_frame: 100,
        start_seconds: Some(2.0),
        end_seconds: Some(4.0),
    });
    let text = written(RowFormat::Text, &[Row::Answer(row)]);
    assert!(
        text.starts_with("long.mp4  2.00 s to 4.00 s\n  uncertain: "),
        "{text}"
    );
}

#[test]
fn a_label_wider_than_the_terminal_is_cut_without_breaking_the_columns() {
    use unicode_width::UnicodeWidthStr;
    let mut row = prediction("clip");
    row.top[0].label = "空手道".repeat(30);
    let text = written(RowFormat::Text, &[Row::Answer(row)]);
    let widths: Vec<usize> = text.lines().skip(1).map(UnicodeWidthStr::width).collect();
    assert_eq!(widths, [80, 80, 80]);
    assert!(text.contains('…'));
}

#[test]
fn colour_changes_nothing_but_escape_sequences() {
    let rows = [Row::Answer(prediction("clips/arm"))];
    let style = TextStyle {
        colour: Colour::Always,
        ..TextStyle::default()
    };
    let coloured = written_with(RowFormat::Text, style, &rows);
    assert!(coloured.contains("\u{1b}["));
    let stripped: String = anstream::adapter::strip_str(&coloured).to_string();
    assert_eq!(stripped, written(RowFormat::Text, &rows));
}

#[test]
fn json_of_one_clip_is_a_list_with_exact_float32_values() {
    let mut row = prediction("clips/arm");
    row.logits = Some(vec![0.1, 16_777_216.0, 1.0e-30]);
    let text = written(RowFormat::Json, &[Row::Answer(row)]);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value.as_array().map(Vec::len), Some(1));
    assert_eq!(value[0]["clip"], "clips/arm");
    assert_eq!(value[0]["top"][0]["label"], "arm wrestling");
    assert_eq!(value[0]["top"][2]["score"].as_f64().unwrap() as f32, 1.0e-6);
    assert!(
        text.contains("\"logits\": [0.1, 16777216.0, 1e-30]"),
        "{text}"
    );
    assert!(text.contains("\"frames\": [8, 26, 43, 61]"), "{text}");
}

#[test]
fn json_of_several_clips_is_a_list_in_input_order() {
    let rows = [
        Row::Answer(prediction("a")),
        failure("b"),
        Row::Answer(prediction("c")),
    ];
    let value: serde_json::Value = serde_json::from_str(&written(RowFormat::Json, &rows)).unwrap();
    let clips: Vec<&str> = value
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["clip"].as_str().unwrap())
        .collect();
    assert_eq!(clips, ["a", "b", "c"]);
    assert_eq!(value[1]["error"], "no frames, \"none\"\u{1b}[31m");
    assert_eq!(written(RowFormat::Json, &[]), "[]\n");
}

#[test]
fn json_is_indented_as_people_read_it() {
    let text = written(RowFormat::Json, &[failure("a"), failure("b")]);
    let row = |clip: &str| {
        format!(
            "  {{\n    \"clip\": \"{clip}\",\n    \"error\": \"no frames, \\\"none\\\"\\u001b[31m\"\n  }}"
        )
    };
    assert_eq!(text, format!("[\n{},\n{}\n]\n", row("a"), row("b")));
}

#[test]
fn json_lines_are_flushed_one_by_one() {
    #[derive(Default)]
    struct Sink {
        pending: Vec<u8>,
        flushed: Vec<Vec<u8>>,
    }
    impl Write for &mut Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.pending.extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            self.flushed.push(std::mem::take(&mut self.pending));
            Ok(())
        }
    }
    let mut sink = Sink::default();
    let mut writer = RowFormat::Jsonl.writer(&mut sink, TextStyle::default());
    writer.write(&Row::Answer(prediction("a"))).unwrap();
    writer.write(&failure("b")).unwrap();
    drop(writer);
    assert_eq!(sink.flushed.len(), 2);
    for line in &sink.flushed {
        assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
        serde_json::from_slice::<serde_json::Value>(line).unwrap();
    }
}

#[test]
fn csv_has_one_line_per_class_and_quotes_what_needs_it() {
    let mut row = prediction("a \"clip\", with\nodd name");
    row.logits = Some(vec![0.5, -1.25]);
    let text = written(RowFormat::Csv, &[Row::Answer(row), failure("b")]);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let cell = |row: usize, name: &str| {
        rows[row][columns.iter().position(|column| column == name).unwrap()].to_owned()
    };
    assert_eq!(rows.len(), 4);
    assert_eq!(cell(0, "clip"), "a \"clip\", with\nodd name");
    assert_eq!(cell(1, "label"), "headbutting");
    assert_eq!(cell(2, "rank"), "3");
    assert_eq!(cell(2, "score").parse::<f32>().unwrap(), 1.0e-6);
    assert_eq!(cell(0, "frames"), "8 26 43 61");
    assert_eq!(cell(0, "logits"), "0.5 -1.25");
    assert_eq!(cell(0, "start_seconds"), "");
    assert_eq!(cell(3, "error"), "no frames, \"none\"\u{1b}[31m");
    assert_eq!(cell(3, "score"), "");
}

#[test]
fn csv_of_no_clips_is_its_header() {
    assert_eq!(written(RowFormat::Csv, &[]).lines().count(), 1);
}

#[test]
fn json_and_csv_say_how_many_clips_are_missing() {
    let cut = |format, rows: &[Row]| {
        let ending = Ending::Cut(Cut::Interrupted, Some(3));
        ended(format, TextStyle::default(), rows, ending)
    };
    for rows in [&[][..], &[failure("a")], &[failure("a"), failure("b")]] {
        let json: Vec<serde_json::Value> =
            serde_json::from_str(&cut(RowFormat::Json, rows)).unwrap();
        assert_eq!(json.len(), rows.len() + 1);
        let expected = serde_json::json!({ "incomplete": "interrupted", "missing_clips": 3 });
        assert_eq!(json.last(), Some(&expected));

        let csv = cut(RowFormat::Csv, rows);
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let last = reader.records().last().unwrap().unwrap();
        let fields: Vec<&str> = last.iter().filter(|field| !field.is_empty()).collect();
        assert_eq!(fields, ["incomplete: interrupted; clips missing: 3"]);
    }
    let unknown = Ending::Cut(Cut::Failed, None);
    let json = ended(RowFormat::Json, TextStyle::default(), &[], unknown);
    let expected = serde_json::json!([{ "incomplete": "failed", "missing_clips": null }]);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&json).unwrap(),
        expected
    );
}

#[test]
fn a_closed_pipe_comes_back_as_such_from_every_format() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for format in [
        RowFormat::Text,
        RowFormat::Json,
        RowFormat::Jsonl,
        RowFormat::Csv,
    ] {
        let mut writer = format.writer(Closed, TextStyle::default());
        let result = writer
            .write(&failure("a"))
            .and_then(|()| writer.finish(Ending::Complete));
        assert_eq!(
            result.unwrap_err().kind(),
            io::ErrorKind::BrokenPipe,
            "{format:?}"
        );
    }
}
