//! The HTML report in a real browser.

mod browser;
mod tools;

use std::path::{Path, PathBuf};

use browser::{Browser, POOR_CONTRAST};
use eco::clip::Given;
use eco::recognise::FrameRange;
use eco::recognise::{Class, ClipName, Prediction, Row, RowError, Timings};
use eco::show::report::{About, PageFrames, ReportPage};
use eco::show::{Cut, Ending, Picture};
use serde_json::{Value, json};

const HOSTILE: &str = "clips/\"quoted\" & <b>odd</b>'s name.mp4";

fn answer(clip: &str, label: &str, score: f32, forward_ms: f64) -> Row {
    let class = |index: usize, label: &str, score| Class {
        index,
        label: label.into(),
        score,
        logit: 1.0,
    };
    Row::Answer(Prediction {
        clip: ClipName::new(clip),
        given: Given::default(),
        range: None,
        source_frames: 280,
        frames: vec![8, 26, 43, 61],
        frame_names: Vec::new(),
        views: 1,
        uncertain: score < 0.5,
        top: vec![
            class(0, label, score),
            class(1, "tai chi", (1.0 - score) / 2.0),
        ],
        logits: None,
        timings: Some(Timings {
            decode_ms: 40.0,
            forward_ms,
        }),
        engine: "libtorch".into(),
        precision: "fp32".into(),
        decoder: None,
    })
}

fn report(folder: &Path) -> PathBuf {
    let path = folder.join("report.html");
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let about = About {
        version: "0.0.0".into(),
        note: Some("The weights are a <b>demo</b>.".into()),
        weights: vec![pair("File", "weights/<i>a</i>.safetensors")],
        settings: vec![pair("Engine", "libtorch")],
    };
    let mut report = ReportPage::create(&path, about, PageFrames::Auto).unwrap();
    let rgb: Vec<u8> = (0..224 * 224 * 3).map(|i| (i % 251) as u8).collect();
    let frame = |index| Picture {
        rgb: &rgb,
        side: 224,
        index,
        name: Some("img \"1\".jpg"),
    };
    let frames = [8, 26, 43, 61].map(frame);
    report
        .add(
            &answer("clips/clip_10", "arm wrestling", 0.81, 190.0),
            &frames,
        )
        .unwrap();
    report
        .add(&answer("clips/clip_2", "abseiling", 0.31, 210.0), &frames)
        .unwrap();
    let failed = RowError {
        clip: ClipName::new("clips/bad"),
        given: Given::default(),
        range: None,
        error: "frame <x> is truncated".into(),
    };
    report.add(&Row::Failed(failed), &[]).unwrap();
    report
        .add(
            &answer(HOSTILE, "zumba <script>alert(1)</script>", 0.97, 180.0),
            &frames,
        )
        .unwrap();
    report.finish(Ending::Complete).unwrap();
    path
}

/// The paths of the rows that are shown, in order.
fn shown(browser: &Browser) -> Value {
    browser.eval(
        "return [...document.querySelectorAll('tbody tr:not([hidden]) .path')].map(e => e.textContent)",
    )
}

#[test]
fn the_report_works_in_a_browser() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    browser.open(&report(folder.path()));
    let (ten, two, bad, odd) = ("clips/clip_10", "clips/clip_2", "clips/bad", HOSTILE);

    assert_eq!(browser.eval("return document.title"), "ECO report: 4 clips");
    assert_eq!(shown(&browser), json!([ten, two, bad, odd]));
    let injected =
        "return document.querySelectorAll('.path *, tbody .label *, .error i, dd *').length";
    assert_eq!(
        browser.eval(injected),
        0,
        "names are text, whatever they hold"
    );

    browser.click("th[data-key=clip] button");
    assert_eq!(
        shown(&browser),
        json!([odd, bad, two, ten]),
        "2 comes before 10"
    );
    browser.click("th[data-key=score] button");
    assert_eq!(
        shown(&browser),
        json!([odd, ten, two, bad]),
        "best first, failed last"
    );
    let sorted = "return document.querySelector('th[data-key=score]').getAttribute('aria-sort')";
    assert_eq!(browser.eval(sorted), "descending");
    browser.keys("th[data-key=score] button", "\u{e007}");
    assert_eq!(
        shown(&browser),
        json!([two, ten, odd, bad]),
        "Enter turns the order"
    );
    assert_eq!(browser.eval(sorted), "ascending");
    browser.click("th[data-key=n] button");

    browser.keys("#search", "ZUMBA odd");
    assert_eq!(shown(&browser), json!([odd]));
    let count = "return document.querySelector('#count').textContent";
    assert_eq!(browser.eval(count), "1 of 4 shown");
    browser.keys("#search", " nonsense");
    assert_eq!(
        browser.eval("return document.querySelector('#nothing').hidden"),
        false
    );
    browser.eval(
        "const s = document.querySelector('#search'); s.value = ''; s.dispatchEvent(new Event('input'))",
    );
    browser.keys("#state", "failed");
    assert_eq!(shown(&browser), json!([bad]));
    // Keys so soon after others would be taken for the rest of the same word.
    browser.eval(
        "const s = document.querySelector('#state'); s.value = ''; s.dispatchEvent(new Event('change'))",
    );
    browser.click(".classes li:nth-child(2) button");
    assert_eq!(shown(&browser), json!([two]), "the rows of one class");
    browser.keys("#class", "any");
    assert_eq!(shown(&browser), json!([ten, two, bad, odd]));

    let notices = "return [...document.querySelectorAll('.notice')].map(e => e.textContent)";
    assert_eq!(
        browser.eval(notices),
        json!(["Note. The weights are a <b>demo</b>."])
    );
    let made =
        "return Math.abs(Date.now() - new Date(document.querySelector('time').dateTime)) < 6e5";
    assert_eq!(browser.eval(made), true, "the page has its date");

    browser.eval("document.querySelectorAll('img').forEach(i => i.loading = 'eager')");
    let broken = "return Promise.all([...document.images].map(i => i.decode())).then(() => document.images.length)";
    assert_eq!(browser.eval(broken), 12, "every picture can be decoded");
    let silent = "return [...document.images].filter(i => !i.alt.startsWith('Frame ')).length";
    assert_eq!(browser.eval(silent), 0);

    assert_eq!(browser.eval(POOR_CONTRAST), json!([]));
    let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
    browser.devtools("Emulation.setEmulatedMedia", dark);
    let page = "return getComputedStyle(document.body).backgroundColor";
    assert_eq!(browser.eval(page), "rgb(20, 23, 27)");
    assert_eq!(browser.eval(POOR_CONTRAST), json!([]));

    let phone = json!({ "width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": true });
    browser.devtools("Emulation.setDeviceMetricsOverride", phone);
    let widths = "return [innerWidth, document.documentElement.scrollWidth]";
    assert_eq!(
        browser.eval(widths),
        json!([360, 360]),
        "nothing is wider than the phone"
    );

    assert_eq!(
        browser.log("browser"),
        [] as [String; 0],
        "the console is silent"
    );
    let outside = |url: &String| !url.starts_with("file://") && !url.starts_with("data:");
    let requests = browser.requests();
    assert!(!requests.is_empty(), "the log has the page itself");
    let outside: Vec<_> = requests.iter().filter(|url| outside(url)).collect();
    assert_eq!(
        outside,
        [] as [&String; 0],
        "nothing comes from outside the page"
    );
}

/// A page of many windows of one video, in which the answer changes every 50 windows.
fn windows(folder: &Path, count: usize, ending: Ending) -> PathBuf {
    let path = folder.join("windows.html");
    let mut page = ReportPage::create(&path, About::default(), PageFrames::Auto).unwrap();
    page.expect(count);
    // Noise takes the most bytes of all pictures.
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let rgb: Vec<u8> = (0..224 * 224 * 3).map(|_| noise()).collect();
    for index in 0..count {
        let label = ["run", "jump", "swim"][index / 50 % 3];
        let Row::Answer(answer) = answer("match.mkv", label, 0.8, 100.0) else {
            unreachable!()
        };
        let range = FrameRange {
            start_frame: index * 16,
            end_frame: index * 16 + 32,
            start_seconds: Some(index as f64),
            end_seconds: Some(index as f64 + 2.0),
        };
        let frame = |place: usize| Picture {
            rgb: &rgb,
            side: 224,
            index: index * 16 + place,
            name: None,
        };
        let frames: Vec<Picture> = (0..16).map(frame).collect();
        let range = Some(range);
        page.add(&Row::Answer(Prediction { range, ..answer }), &frames)
            .unwrap();
    }
    page.finish(ending).unwrap();
    path
}

/// A browser on a loaded machine is given this much; it takes a fraction of it.
const SECOND: f64 = 1000.0;

#[test]
fn a_page_of_1200_windows_opens_in_a_second_and_turns_its_pages() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let page = windows(folder.path(), 1200, Ending::Cut(Cut::Interrupted, Some(7)));
    let bytes = std::fs::metadata(&page).unwrap().len();
    assert!(bytes < 10_000_000, "{bytes} bytes");
    // The best of three: browsers of other tests may be starting.
    let loads = (0..3).map(|_| {
        browser.open(&page);
        let end = "return performance.getEntriesByType('navigation')[0].loadEventEnd";
        browser.eval(end).as_f64().unwrap()
    });
    let loaded = loads.fold(f64::INFINITY, f64::min);
    assert!(loaded > 0.0 && loaded < SECOND, "{loaded} ms");
    assert_eq!(
        browser.eval("return document.title"),
        "ECO report: 1 clip, 1,200 answers"
    );
    let pictures = browser.eval("return document.images.length").as_u64();
    assert_eq!(pictures, Some(1200), "each row still has its picture");
    let notice = "return document.querySelector('.notice.bad').textContent";
    let expected = "Not complete: interrupted; clips missing: 7";
    assert_eq!(browser.eval(notice), expected);

    let rows = "return document.querySelectorAll('tbody tr:not([hidden])').length";
    let place = "return document.querySelector('#page').textContent";
    assert_eq!(browser.eval(rows), 100);
    assert_eq!(browser.eval(place), "1 to 100 of 1200");
    browser.click("#next");
    assert_eq!(browser.eval(place), "101 to 200 of 1200");
    let first = "return document.querySelector('tbody tr:not([hidden])').id";
    assert_eq!(browser.eval(first), "r101");

    // 24 runs of 50 windows each.
    let segments = "return document.querySelectorAll('.track a').length";
    assert_eq!(browser.eval(segments), 24);
    browser.click(".timeline details summary");
    browser.click(".segments li:nth-child(24) a");
    assert_eq!(browser.eval(place), "1101 to 1200 of 1200");
    let seen = "return new Promise(done => setTimeout(() => {
        const box = document.querySelector('#r1151').getBoundingClientRect();
        done(box.top >= 0 && box.bottom <= innerHeight);
    }, 300))";
    assert_eq!(
        browser.eval(seen),
        true,
        "the row of the segment is in sight"
    );
    let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
    for scheme in [json!({}), dark] {
        browser.devtools("Emulation.setEmulatedMedia", scheme);
        assert_eq!(browser.eval(POOR_CONTRAST), json!([]));
    }

    let phone = json!({ "width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": true });
    browser.devtools("Emulation.setDeviceMetricsOverride", phone);
    let widths = "return [innerWidth, document.documentElement.scrollWidth]";
    assert_eq!(browser.eval(widths), json!([360, 360]));
    assert_eq!(browser.log("browser"), [] as [String; 0]);
}
