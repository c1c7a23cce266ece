//! A headless Chromium, driven through ChromeDriver's WebDriver interface.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tools;

/// Chromium without background traffic of its own, so that every request in its log is the page's.
const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1000",
];

/// Text whose contrast with what is behind it is under 4.5, which WCAG level AA asks for.
#[allow(dead_code, reason = "each test binary uses its own part")]
pub(crate) const POOR_CONTRAST: &str = "
    const channels = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
        .map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
    const behind = e => {
        for (; e; e = e.parentElement) {
            const colour = channels(getComputedStyle(e).backgroundColor);
            if (colour.length === 3 || colour[3] === 1) return colour;
        }
        return [255, 255, 255];
    };
    const poor = [];
    for (const e of document.querySelectorAll('body *')) {
        const words = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
        if (!words || e.matches('script, style, option, .frame i, .skip') || !e.checkVisibility()) continue;
        const [a, b] = [light(channels(getComputedStyle(e).color)), light(behind(e))];
        const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        if (ratio < 4.5) poor.push(`${e.className || e.tagName} ${ratio}`);
    }
    return poor;";

/// One browser window.
pub(crate) struct Browser {
    driver: Child,
    session: String,
    /// Open for as long as the driver may write to it.
    _output: BufReader<ChildStdout>,
    /// Its profile, removed at the end.
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser; `None` where none is installed.
    pub(crate) fn start() -> Option<Self> {
        let chromium = ["chromium", "chromium-browser", "google-chrome"]
            .iter()
            .find_map(|name| on_path(name));
        let (Some(chromium), Some(chromedriver)) = (chromium, on_path("chromedriver")) else {
            tools::skip("a page", "chromium and chromedriver are not on PATH");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut driver = Command::new(chromedriver)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(driver.stdout.take().unwrap());
        let url = format!("http://127.0.0.1:{}", port(&mut output));
        let mut arguments = ARGUMENTS.map(str::to_owned).to_vec();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "binary": chromium, "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        }}});
        let answer = post(&format!("{url}/session"), &wanted);
        let id = answer["sessionId"].as_str().unwrap();
        Some(Self {
            driver,
            session: format!("{url}/session/{id}"),
            _output: output,
            _profile: profile,
        })
    }

    /// Opens a file; the logs begin there, and not with the page of an empty window.
    pub(crate) fn open(&self, page: &Path) {
        self.command("url", &json!({ "url": "about:blank" }));
        self.log("performance");
        self.log("browser");
        self.command(
            "url",
            &json!({ "url": format!("file://{}", page.display()) }),
        );
    }

    /// What `script`, the body of a function, returns.
    pub(crate) fn eval(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Clicks the first element that matches.
    pub(crate) fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.command(&format!("element/{element}/click"), &json!({}));
    }

    /// Types into the first element that matches.
    pub(crate) fn keys(&self, selector: &str, text: &str) {
        let element = self.find(selector);
        self.command(
            &format!("element/{element}/value"),
            &json!({ "text": text }),
        );
    }

    /// A command of the DevTools protocol.
    pub(crate) fn devtools(&self, command: &str, parameters: Value) {
        self.command(
            "goog/cdp/execute",
            &json!({ "cmd": command, "params": parameters }),
        );
    }

    /// The messages of a log since it was last read.
    pub(crate) fn log(&self, kind: &str) -> Vec<String> {
        let entries = self.command("se/log", &json!({ "type": kind }));
        let message = |entry: &Value| entry["message"].as_str().unwrap().to_owned();
        entries.as_array().unwrap().iter().map(message).collect()
    }

    /// The addresses that were asked for since the log was last read.
    pub(crate) fn requests(&self) -> Vec<String> {
        let url = |message: String| {
            let event: Value = serde_json::from_str(&message).unwrap();
            let event = &event["message"];
            (event["method"] == "Network.requestWillBeSent").then(|| {
                event["params"]["request"]["url"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
        };
        self.log("performance")
            .into_iter()
            .filter_map(url)
            .collect()
    }

    fn find(&self, selector: &str) -> String {
        let query = json!({ "using": "css selector", "value": selector });
        let element = self.command("element", &query);
        element
            .as_object()
            .unwrap()
            .values()
            .next()
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn command(&self, name: &str, body: &Value) -> Value {
        post(&format!("{}/{name}", self.session), body)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A browser whose session is not closed would outlive its driver.
        let _ = minreq::delete(&self.session).send();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn post(url: &str, body: &Value) -> Value {
    let response = minreq::post(url)
        .with_json(body)
        .unwrap()
        .with_timeout(60)
        .send()
        .unwrap();
    let answer: Value = response.json().unwrap();
    assert!(response.status_code == 200, "{url}: {answer}");
    answer["value"].clone()
}

/// The port that ChromeDriver says it listens on, after a line that repeats the 0 it was given.
fn port(output: &mut BufReader<ChildStdout>) -> u16 {
    let port = |line: String| -> Option<u16> {
        line.split("on port ")
            .nth(1)?
            .trim_end_matches('.')
            .parse()
            .ok()
    };
    let lines = output.lines().map_while(Result::ok);
    lines
        .filter_map(port)
        .find(|&port| port != 0)
        .expect("ChromeDriver says its port")
}

fn on_path(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}
