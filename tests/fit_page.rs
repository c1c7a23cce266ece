//! The page about a training in a real browser.

mod browser;
mod tools;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use browser::{Browser, POOR_CONTRAST};
use eco::recognise::ClipName;
use eco::recognise::evaluation::{Evaluation, Sample};
use eco::show::Ending;
use eco::show::evaluation::{ClipList, LeftOut, Summary};
use eco::show::fit::{FitPage, JudgedClips, page};
use eco::show::report::About;
use eco::train::{EpochRecord, Measured};
use eco::weights::Training;
use serde_json::{Value, json};

/// As many epochs as the presets have.
const EPOCHS: usize = 40;

fn epochs() -> Vec<EpochRecord> {
    (0..EPOCHS)
        .map(|epoch| {
            let left = 1.0 / (1.0 + epoch as f64);
            EpochRecord {
                epoch,
                steps: 75 * (epoch + 1),
                loss: 2.0 * left,
                top_1: 1.0 - 0.8 * left,
                learning_rate: 1e-3 * left,
                judged: Some(Measured {
                    loss: 0.4 + left,
                    top_1: 0.9 - 0.5 * left,
                }),
                is_best: epoch < 30,
                seconds: 61.0,
                clips: 580,
            }
        })
        .collect()
}

/// Writes a page about 40 epochs; of 90 clips of three classes every fifth is taken for the next class.
fn write(path: &Path) {
    let labels = ["<b>odd</b>", "growing", "shrinking"].map(str::to_owned);
    let (mut evaluation, mut clips) = (Evaluation::new(3, None), ClipList::default());
    for clip in 0..90 {
        let truth = clip % 3;
        let mut scores = vec![0.1; 3];
        scores[(truth + usize::from(clip % 5 == 0)) % 3] = 0.8;
        let sample = Sample {
            clip: ClipName::new(format!("clips/</script>{clip}.mp4")),
            range: None,
            truth,
            scores: Ok(scores),
        };
        let judged = evaluation.add(&sample);
        clips.add(&sample, judged);
    }
    let training: Training = serde_json::from_value(json!({
        "tuned": "last", "start": "eco_lite.safetensors", "start_sha256": null, "clips": 1200,
        "clips_per_class": [300, 500, 400], "data_sha256": "cd".repeat(32),
        "recipe": { "batch": 8, "schedule": { "cosine": { "warm_up": 2.0 } }, "seed": 0 }, "judged": null,
    }))
    .unwrap();
    let about = About {
        version: "1.2.3".into(),
        ..About::default()
    };
    let page = FitPage {
        about: &about,
        training: &training,
        epochs: &epochs(),
        tried: &[],
        preset: None,
        judged: Some(JudgedClips {
            summary: &Summary {
                evaluation: &evaluation,
                labels: &labels,
                topk: 5,
                min_score: None,
                left_out: LeftOut::default(),
                failures: &[],
                speed: None,
                settings: &BTreeMap::new(),
                ending: Ending::Complete,
            },
            clips: &clips,
            frames: Ok(Vec::new()),
        }),
        left_out: &[],
        stages: &[("training", 2440.0)],
        incomplete: None,
    };
    page::write(File::create(path).unwrap(), page).unwrap();
}

#[test]
fn the_page_works_in_a_browser_in_light_and_dark_and_on_a_phone() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.html");
    write(&path);
    browser.open(&path);
    assert_eq!(
        browser.eval("return document.title"),
        "ECO training: last, 3 classes"
    );
    let count = |selector: &str| -> Value {
        browser.eval(&format!(
            "return document.querySelectorAll('{selector}').length"
        ))
    };
    assert_eq!(count(".chart svg"), 3);
    assert_eq!(count(".epochs tbody tr"), EPOCHS);
    assert_eq!(count("main b b, main script, .path *"), 0);
    browser.click("#epochs summary");
    browser.eval("document.querySelector('#class').value = '0'; document.querySelector('#class').dispatchEvent(new Event('change'))");
    let zoomed = browser.eval("return document.querySelector('#zoom-name').textContent");
    assert_eq!(zoomed, "<b>odd</b>");
    browser.keys("#search", "shrinking");
    assert_eq!(count("#class-table tbody tr:not([hidden])"), 1);
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
        assert_eq!(browser.eval(is_wider), false, "{width}");
    }
    // On the phone what has no room can be scrolled to.
    let scrolled = "const box = document.querySelector('#epochs .across'); box.scrollLeft = 9999; \
                    return box.scrollWidth > box.clientWidth && box.scrollLeft + box.clientWidth >= box.scrollWidth - 1";
    assert_eq!(browser.eval(scrolled), true);
    assert_eq!(browser.log("browser"), [] as [String; 0]);
    let outside = browser.requests().into_iter();
    let outside = outside.filter(|url| !url.starts_with("file://") && !url.starts_with("data:"));
    assert_eq!(outside.collect::<Vec<_>>(), [] as [String; 0]);
}
