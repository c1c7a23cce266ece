//! What tests do where a program they use is not installed.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::env;
use std::fmt::Display;
use std::fs::File;
use std::io::Write;

/// Says that something is not tested and why, straight on stderr, since the test runner hides what passing tests print.
/// Where ECO_REQUIRE_TOOLS is set, as in CI, the test fails instead.
pub(crate) fn skip(what: &str, why: impl Display) {
    assert!(
        env::var_os("ECO_REQUIRE_TOOLS").is_none(),
        "{what} is not tested: {why}"
    );
    say_skipped(what, why);
}

/// As [`skip`], for what no installation can mend. The file ECO_SKIPPED, if it is set, gets a line, so that `make test` can count.
pub(crate) fn say_skipped(what: &str, why: impl Display) {
    let line = format!("{what} is not tested: {why}\n");
    std::io::stderr()
        .write_all(format!("\nSKIPPED: {line}").as_bytes())
        .unwrap();
    if let Some(path) = env::var_os("ECO_SKIPPED") {
        let file = File::options().append(true).open(path);
        file.and_then(|mut file| file.write_all(line.as_bytes()))
            .unwrap();
    }
}
