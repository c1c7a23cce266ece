//! `examples/serve.py`: eco as a long-living worker behind a small HTTP server.
#![cfg(unix)]

mod driver;
mod tools;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use driver::{folder, video};
use serde_json::Value;

/// Requests that the example lets wait.
const WAITING: usize = 8;

/// The server, until it is dropped.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start() -> Option<Self> {
        let root = env!("CARGO_MANIFEST_DIR");
        let started = Command::new("python3")
            .arg(format!("{root}/examples/serve.py"))
            .args([env!("CARGO_BIN_EXE_eco"), "0", "--weights", "demo"])
            .args(["--segments", "4", "--device", "cpu"])
            .env_remove("ECO_WEIGHTS")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(error) => {
                tools::skip("the server", format_args!("python3: {error}"));
                return None;
            }
        };
        let mut url = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        lines.read_line(&mut url).unwrap();
        let url = url.trim().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{url:?}");
        Some(Self { child, url })
    }

    /// Status and body of the answer to a file.
    fn post(&self, body: &[u8]) -> (u16, String) {
        post(&self.url, body)
    }

    /// Sends a signal to the worker.
    fn signal(&self, name: &str) {
        let parent = self.child.id().to_string();
        let sent = Command::new("pkill").args([name, "-P", &parent]).status();
        assert!(sent.unwrap().success());
    }
}

fn post(url: &str, body: &[u8]) -> (u16, String) {
    let request = minreq::post(url).with_body(body).with_timeout(120);
    let answer = request.send().unwrap();
    (answer.status_code, answer.as_str().unwrap().to_owned())
}

impl Drop for Server {
    fn drop(&mut self) {
        // Killed, the server leaves its worker a closed pipe, which ends it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_video_that_is_uploaded_is_answered_with_its_row_whatever_came_before() {
    let folder = folder();
    let Some(clip) = video(folder.path(), "clip.mp4", "8") else {
        return;
    };
    let Some(server) = Server::start() else {
        return;
    };
    let clip = fs::read(clip).unwrap();
    let is_answered = || {
        let (status, body) = server.post(&clip);
        let row: Value = serde_json::from_str(&body).unwrap_or_default();
        status == 200 && row["top"][0]["label"].is_string()
    };
    assert!(is_answered());

    let (status, body) = server.post(b"no video");
    let row: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 422, "{body}");
    assert!(row["error"].is_string(), "{body}");
    assert_eq!(server.post(b"").0, 413);
    assert!(is_answered());

    // Of a worker that ended, at most one request sees anything.
    server.signal("-KILL");
    thread::sleep(Duration::from_millis(200));
    assert!(is_answered() || is_answered());

    // While the worker is busy, so many requests wait, and one more is refused at once.
    server.signal("-STOP");
    let statuses: Vec<u16> = thread::scope(|scope| {
        let (url, clip) = (&server.url, &clip);
        let requests: Vec<_> = (0..=WAITING)
            .map(|_| scope.spawn(move || post(url, clip).0))
            .collect();
        while !requests.iter().any(|request| request.is_finished()) {
            thread::sleep(Duration::from_millis(20));
        }
        server.signal("-CONT");
        let done = requests.into_iter();
        done.map(|request| request.join().unwrap()).collect()
    });
    let count = |status| statuses.iter().filter(|&&found| found == status).count();
    assert_eq!((count(200), count(503)), (WAITING, 1), "{statuses:?}");
}
