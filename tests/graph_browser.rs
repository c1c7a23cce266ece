//! The HTML drawing of the network in a real browser.

mod browser;
mod tools;

use std::process::Command;

use browser::Browser;
use serde_json::json;

#[test]
fn the_drawing_shows_what_a_box_is_and_zooms() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("eco.html");
    let mut eco = Command::new(env!("CARGO_BIN_EXE_eco"));
    eco.args(["graph", "--format", "html", "--output"])
        .arg(&page);
    assert!(eco.status().unwrap().success());
    browser.open(&page);

    let counts = "return ['#picture svg g', 'aside .unit', 'aside .unit.chosen']
        .map(what => document.querySelectorAll(what).length)";
    let boxes = browser.eval(counts)[0].as_u64().unwrap();
    assert!(boxes > 50, "{boxes}");
    assert_eq!(browser.eval(counts), json!([boxes, boxes, 0]));

    // Every box shows its own entry, which names it.
    let strangers = "return [...document.querySelectorAll('#picture svg g')].filter(box => {
        box.dispatchEvent(new MouseEvent('click', { bubbles: true }));
        const chosen = document.querySelectorAll('aside .unit.chosen');
        const title = box.querySelector('text').textContent;
        return chosen.length !== 1 || chosen[0].querySelector('h2').textContent !== title;
    }).map(box => box.textContent)";
    assert_eq!(browser.eval(strangers), json!([]));

    browser.click("#picture svg g:nth-of-type(3)");
    let shown = "return document.querySelector('aside .unit.chosen').innerText";
    let entry = browser.eval(shown).as_str().unwrap().to_owned();
    assert!(entry.contains("eco_2d.basic_conv.conv1_7x7_s2"), "{entry}");
    assert!(entry.contains("16×64×112×112"), "{entry}");
    browser.keys("#picture svg g:nth-of-type(4)", "\u{e007}");
    let entry = browser.eval(shown).as_str().unwrap().to_owned();
    assert!(
        entry.contains("pool1_3x3_s2"),
        "Enter chooses, too: {entry}"
    );

    let width = "return document.querySelector('#picture svg').getBoundingClientRect().width";
    let before = browser.eval(width).as_f64().unwrap();
    browser.click("#in");
    let larger = browser.eval(width).as_f64().unwrap();
    assert!((larger / before - 1.25).abs() < 0.01, "{before} {larger}");
    browser.click("#out");
    browser.click("#out");
    let smaller = browser.eval(width).as_f64().unwrap();
    assert!((smaller / before - 0.8).abs() < 0.01, "{before} {smaller}");
    browser.click("#fit");
    let fits =
        "const p = document.querySelector('#picture'); return p.scrollWidth <= p.clientWidth";
    assert_eq!(browser.eval(fits), true);

    let phone = json!({ "width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": true });
    browser.devtools("Emulation.setDeviceMetricsOverride", phone);
    let room = "return document.querySelector('#picture').clientWidth";
    assert_eq!(browser.eval(room), 360);

    assert_eq!(
        browser.log("browser"),
        [] as [String; 0],
        "the console is silent"
    );
    let requests = browser.requests();
    assert!(
        requests.iter().all(|url| url.starts_with("file://")),
        "{requests:?}"
    );
}
