//! `eco evaluate --report` and `--confusion`: what the page says, and the page in a real browser.

mod browser;
mod driver;
mod tools;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use browser::{Browser, POOR_CONTRAST};
use driver::{clip, folder, output};
use serde_json::{Value, json};

fn evaluate() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
    command.arg("evaluate").env_remove("ECO_WEIGHTS");
    command
}

/// Evaluates with the demo weights and few segments, which is quick.
fn quick() -> Command {
    let mut command = evaluate();
    command.args(["--weights", "demo", "--segments", "4", "--device", "cpu"]);
    command
}

/// Class names that could be taken for something else.
const ODD: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"quoted\" & 'single'",
    "回転する箱を左へ動かす",
    "a name that goes on and on, far beyond what any column of any table on a telephone has room for, without an end in sight",
    "growing",
    "shrinking",
];

/// Predictions of so many clips: clip `n` is of class `n % classes`. Every `wrong`th answer is the next class, the first of
/// them with the highest score.
fn predictions(folder: &Path, labels: &[String], clips: usize, wrong: usize) -> PathBuf {
    let classes = labels.len();
    let mut text = json!({ "eco_predictions": 1, "settings": { "segments": "16" }, "labels": labels, "clips": clips })
        .to_string();
    for n in 0..clips {
        let truth = n % classes;
        let is_wrong = n % wrong == 0;
        let said = (truth + usize::from(is_wrong)) % classes;
        let best = 0.5 + 0.4 / (1.0 + n as f64 / wrong as f64);
        let rest = (1.0 - best) / classes as f64;
        let mut scores = vec![(rest * 1e6).round() / 1e6; classes];
        scores[said] = (best * 1e6).round() / 1e6;
        let name = format!("clips/</script><b>{n}</b> \"x\".mp4");
        text += &format!(
            "\n{}",
            json!({ "clip": name, "truth": truth, "scores": scores })
        );
    }
    let path = folder.join("p.jsonl");
    fs::write(&path, text + "\n").unwrap();
    path
}

fn odd() -> Vec<String> {
    ODD.map(str::to_owned).to_vec()
}

fn numbered(classes: usize) -> Vec<String> {
    (0..classes)
        .map(|class| format!("class number {class}"))
        .collect()
}

/// The page of these predictions.
fn page_of(folder: &Path, labels: &[String], clips: usize, wrong: usize) -> PathBuf {
    let from = predictions(folder, labels, clips, wrong);
    let page = folder.join("page.html");
    let (code, _, stderr) = output(
        evaluate()
            .arg("--from")
            .arg(from)
            .arg("--report")
            .arg(&page),
    );
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("page.html ("), "{stderr}");
    page
}

#[test]
fn the_page_says_how_good_the_network_is_on_which_clips() {
    let folder = folder();
    for name in ["a", "b"] {
        clip(&folder.path().join("data"), name, 6);
    }
    let list = folder.path().join("list.csv");
    // The two clips are the same: one of the two classes is wrong, whatever the network says.
    let rows = "path,label\ndata/a,growing\ndata/b,shrinking\nnowhere,growing\n";
    fs::write(&list, rows).unwrap();
    let (page, kept) = (
        folder.path().join("page.html"),
        folder.path().join("p.jsonl"),
    );
    let run = || {
        let mut command = quick();
        command.arg(&list).arg("--report").arg(&page);
        command
            .arg("--predictions")
            .arg(&kept)
            .args(["--min-score", "0.2", "--format", "json"]);
        let (code, stdout, stderr) = output(&mut command);
        assert_eq!(code, 1, "one clip fails: {stderr}");
        let measures: Value = serde_json::from_str(&stdout).unwrap();
        (measures, fs::read_to_string(&page).unwrap())
    };
    let (measures, text) = run();
    let right = measures["top"][0]["count"].as_u64().unwrap();
    for expected in [
        "<title>ECO evaluation: 3 clips, 6 classes</title>",
        "<b>2</b> answered",
        "<b>1</b> failed",
        &format!("{right} of 2 answered clips; 95% interval"),
        "Score at least 20%",
        "over the 2 classes that have clips; 4 have none",
        "the rank of a class is 1, and 1 more for every class with a higher score",
        "The weights are the embedded demo",
        "Preprocessing",
        "nowhere does not exist",
        "moving left</span></th>",
        "Reliability diagram",
    ] {
        assert!(text.contains(expected), "{expected}");
    }
    let mistakes = 2 - right;
    assert!(mistakes > 0);
    let pictures = text.matches("<img src=\"data:image/jpeg").count() as u64;
    assert_eq!(pictures, 4 * mistakes, "the frames of each mistake");
    // All clips are answered: the network is not run again, and the frames are there all the same.
    let (_, again) = run();
    let pictures = again.matches("<img src=\"data:image/jpeg").count() as u64;
    assert_eq!(pictures, 4 * mistakes);
    // From predictions alone there are no frames.
    let (_, _, stderr) = output(
        evaluate()
            .arg("--from")
            .arg(&kept)
            .arg("--report")
            .arg(&page),
    );
    assert!(stderr.contains("page.html"), "{stderr}");
    let text = fs::read_to_string(&page).unwrap();
    assert!(text.contains("Frames are not shown: the scores come from files of predictions"));
    assert!(!text.contains("data:image/jpeg"));
}

#[test]
fn a_page_without_answers_or_without_mistakes_says_so() {
    let folder = folder();
    let list = folder.path().join("list.csv");
    fs::write(&list, "path,label\nnowhere,growing\n").unwrap();
    let page = folder.path().join("page.html");
    let (code, _, _) = output(quick().arg(&list).arg("--report").arg(&page));
    assert_eq!(code, 1);
    let text = fs::read_to_string(&page).unwrap();
    assert!(text.contains("No clip was answered."), "no answers");
    let page = page_of(folder.path(), &numbered(1), 8, 3);
    let text = fs::read_to_string(&page).unwrap();
    assert!(
        text.contains("Every answer is right.") && text.contains("No class is taken for another.")
    );
    assert!(text.contains("ECO evaluation: 8 clips, 1 class<"));
}

/// What a table shows, as the text of one column of its visible rows.
fn column(browser: &Browser, table: &str, column: usize) -> Value {
    browser.eval(&format!(
        "return [...document.querySelectorAll('#{table} tbody tr:not([hidden])')].map(row => row.cells[{column}].textContent)"
    ))
}

fn text(browser: &Browser, selector: &str) -> String {
    let found = browser.eval(&format!(
        "return document.querySelector('{selector}').textContent"
    ));
    found.as_str().unwrap().to_owned()
}

/// Clicks what may be below the tools, which stay at the top.
fn click(browser: &Browser, selector: &str) {
    browser.eval(&format!(
        "document.querySelector('{selector}').scrollIntoView({{ block: 'center' }})"
    ));
    browser.click(selector);
}

fn set(browser: &Browser, selector: &str, value: &str, event: &str) {
    browser.eval(&format!(
        "const e = document.querySelector('{selector}'); e.value = '{value}'; e.dispatchEvent(new Event('{event}'))"
    ));
}

/// Looks at the page in light and dark, on a phone and on paper.
fn looks(browser: &Browser) {
    for scheme in ["light", "dark"] {
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser.devtools("Emulation.setEmulatedMedia", media);
        assert_eq!(browser.eval(POOR_CONTRAST), json!([]), "{scheme}");
    }
    for (width, mobile) in [(1280, false), (390, true)] {
        let size =
            json!({ "width": width, "height": 840, "deviceScaleFactor": 1, "mobile": mobile });
        browser.devtools("Emulation.setDeviceMetricsOverride", size);
        let is_wider = "return document.documentElement.scrollWidth > innerWidth";
        assert_eq!(
            browser.eval(is_wider),
            false,
            "{width}: nothing is wider than the page"
        );
    }
    browser.devtools("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    let visible =
        "return ['.tools', '#clips', '#mistakes', '#classes', '#confusion', '#calibration']
        .map(name => document.querySelector(name).checkVisibility())";
    assert_eq!(
        browser.eval(visible),
        json!([false, false, true, true, true, true])
    );
    browser.devtools("Emulation.setEmulatedMedia", json!({ "media": "" }));
    assert_eq!(
        browser.log("browser"),
        [] as [String; 0],
        "the console is silent"
    );
    let requests = browser.requests();
    let outside = requests
        .iter()
        .filter(|url| !url.starts_with("file://") && !url.starts_with("data:"));
    assert_eq!(
        outside.collect::<Vec<_>>(),
        [] as [&String; 0],
        "nothing comes from outside the page"
    );
}

#[test]
fn the_page_of_six_classes_with_odd_names_works_in_a_browser() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let folder = folder();
    browser.open(&page_of(folder.path(), &odd(), 60, 4));
    assert_eq!(
        browser.eval("return document.title"),
        "ECO evaluation: 60 clips, 6 classes"
    );
    assert_eq!(
        browser.eval(
            "return document.querySelectorAll('main b b, main script, main img, .path *').length"
        ),
        0,
        "names are text, whatever they hold"
    );
    assert_eq!(column(&browser, "class-table", 1), json!(ODD));
    let worst = "return [...document.querySelectorAll('.mistakes .path')].map(e => e.textContent)";
    let worst = browser.eval(worst);
    assert_eq!(worst[0], "clips/</script><b>0</b> \"x\".mp4");
    assert_eq!(worst.as_array().unwrap().len(), 15);

    // Recall: every second class has all the mistakes.
    click(&browser, "#class-table th[data-key=recall] button");
    let sorted = "return document.querySelector('#class-table th[data-key=recall]').getAttribute('aria-sort')";
    assert_eq!(browser.eval(sorted), "descending");
    assert_eq!(column(&browser, "class-table", 3)[0], "1.0000");
    browser.keys("#class-table th[data-key=recall] button", "\u{e007}");
    assert_eq!(browser.eval(sorted), "ascending");
    assert_eq!(column(&browser, "class-table", 3)[0], "0.5000");

    browser.keys("#search", "回転");
    assert_eq!(column(&browser, "class-table", 1), json!([ODD[2]]));
    assert_eq!(text(&browser, "#count"), "1 class, 10 clips");
    set(&browser, "#search", "", "input");

    // A cell of the matrix lists its clips and zooms to its true class.
    assert_eq!(
        browser.eval("return [...document.querySelectorAll('#confusion .matrix tbody td')].map(e => Number(e.textContent)).reduce((a, b) => a + b)"),
        60
    );
    click(
        &browser,
        "#confusion .matrix tbody tr:nth-child(1) td:nth-of-type(2) button",
    );
    assert_eq!(text(&browser, "#zoom-name"), ODD[0]);
    assert_eq!(text(&browser, "#found"), "5 of 60 shown");
    assert_eq!(
        text(&browser, "#pair"),
        format!("only {}, taken for {} ✕", ODD[0], ODD[1])
    );
    assert_eq!(column(&browser, "clip-table", 2)[0], ODD[1]);
    assert_eq!(column(&browser, "clip-table", 4)[0], "2");
    click(&browser, "#pair");
    assert_eq!(text(&browser, "#found"), "10 of 60 shown");
    click(&browser, "#whole");
    assert_eq!(text(&browser, "#found"), "60 of 60 shown");
    set(&browser, "#state", "wrong", "change");
    assert_eq!(text(&browser, "#found"), "15 of 60 shown");
    looks(&browser);

    // Without JavaScript the text is there.
    browser.devtools(
        "Emulation.setScriptExecutionDisabled",
        json!({ "value": true }),
    );
    browser.open(&folder.path().join("page.html"));
    let seen = "return ['.tools', '#clip-table', '.figures', '.mistakes', '.pairs', '#class-table', '#confusion .matrix', '.diagram', 'noscript']
        .map(name => document.querySelector(name).checkVisibility())";
    assert_eq!(
        browser.eval(seen),
        json!([false, false, true, true, true, true, true, true, true])
    );
}

/// A browser on a loaded machine is given this much; it takes a fraction of it.
const SECOND: f64 = 1000.0;

#[test]
fn the_page_of_400_classes_and_10_000_clips_opens_in_a_second_and_can_be_read() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let folder = folder();
    let page = page_of(folder.path(), &numbered(400), 10_000, 3);
    let bytes = fs::metadata(&page).unwrap().len();
    assert!(bytes < 10_000_000, "{bytes} bytes");
    let loads = (0..3).map(|_| {
        browser.open(&page);
        let end = "return performance.getEntriesByType('navigation')[0].loadEventEnd";
        browser.eval(end).as_f64().unwrap()
    });
    let loaded = loads.fold(f64::INFINITY, f64::min);
    assert!(loaded > 0.0 && loaded < SECOND, "{loaded} ms");

    let decoded = "return document.querySelector('#cells img').decode().then(() => document.querySelector('#cells img').naturalWidth)";
    assert_eq!(browser.eval(decoded), 400);
    // The picture is told by the keyboard ...
    let right = "\u{e014}";
    browser.keys("#cells", right);
    browser.keys("#cells", right);
    let told = text(&browser, "#cell");
    assert!(
        told.starts_with("True class class number 0 (0), answer class number 1 (1): ")
            && told.contains(" of 25 clips"),
        "{told}"
    );
    // ... and by the pointer, which finds the clips close by.
    browser.eval(
        "const cells = document.querySelector('#cells'), box = cells.getBoundingClientRect();
         cells.dispatchEvent(new PointerEvent('pointermove', { clientX: box.left + box.width * 201.5 / 400, clientY: box.top + box.height * 203.5 / 400 }))",
    );
    let told = text(&browser, "#cell");
    assert!(
        told.contains("class number 202 (202), answer class number 202 (202)"),
        "{told}"
    );
    browser.keys("#cells", "\u{e007}");
    assert_eq!(text(&browser, "#zoom-name"), "class number 202");
    let zoomed = "return document.querySelectorAll('#zoom-table tbody tr').length";
    assert_eq!(
        browser.eval(zoomed),
        3,
        "with the class before it and the one after it"
    );
    click(&browser, "#whole");
    click(
        &browser,
        ".pairs tbody tr:first-child td:nth-of-type(2) button",
    );
    let listed = column(&browser, "clip-table", 2);
    assert!(listed.as_array().unwrap().len() > 1);
    click(&browser, "#whole");
    assert_eq!(text(&browser, "#page"), "1 to 100 of 10000");
    click(&browser, "#next");
    assert_eq!(text(&browser, "#page"), "101 to 200 of 10000");
    looks(&browser);
}

#[test]
fn one_class_and_no_right_answer_are_pages_too() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let folder = folder();
    for (labels, clips, wrong) in [
        (numbered(1), 5, 2),
        (numbered(3), 9, 1),
        (numbered(21), 2, 1),
    ] {
        browser.open(&page_of(folder.path(), &labels, clips, wrong));
        let rows = column(&browser, "class-table", 0);
        assert_eq!(rows.as_array().unwrap().len(), labels.len());
        set(&browser, "#class", "0", "change");
        assert_eq!(text(&browser, "#zoom-name"), "class number 0");
        set(&browser, "#class", "", "change");
        looks(&browser);
    }
}

#[test]
fn the_confusion_matrix_is_a_picture_or_a_table_by_its_name() {
    let folder = folder();
    let mut widths = Vec::new();
    for classes in [1, 6, 101, 400] {
        let from = predictions(folder.path(), &numbered(classes), 500, 3);
        let picture = folder.path().join(format!("{classes}.PNG"));
        let (code, _, stderr) = output(
            evaluate()
                .arg("--from")
                .arg(from)
                .arg("--confusion")
                .arg(&picture),
        );
        assert_eq!(code, 0, "{stderr}");
        let picture = image::open(&picture).unwrap().into_rgb8();
        widths.push(picture.width());
        // Below the legend.
        let cells = || picture.rows().skip(150).flatten();
        let is_blue = |pixel: &image::Rgb<u8>| pixel[2] > 150 && pixel[0] < 120;
        assert!(cells().any(is_blue), "{classes}: right answers");
        let is_red = |pixel: &image::Rgb<u8>| pixel[0] > 190 && pixel[2] < 140;
        assert_eq!(cells().any(is_red), classes > 1, "{classes}: wrong answers");
    }
    assert!(widths.is_sorted() && widths[3] > 4000, "{widths:?}");
    let from = predictions(folder.path(), &numbered(2), 4, 3);
    for name in ["cm.svg", "cm", "cm.png.txt"] {
        let file = folder.path().join(name);
        let (code, stdout, stderr) = output(
            evaluate()
                .arg("--from")
                .arg(&from)
                .arg("--confusion")
                .arg(&file),
        );
        assert_eq!((code, &stdout[..]), (2, ""), "{stderr}");
        assert!(stderr.contains("should end in .csv or .png"), "{stderr}");
        assert!(!file.exists());
    }
}
