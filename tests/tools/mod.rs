//! What tests do where a program they use is not installed.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::env;
use std::fmt::Display;
use std::io::Write;

/// Says that something is not tested and why, straight on stderr, since the test runner hides what passing tests print.
/// Where ECO_REQUIRE_TOOLS is set, as in CI, the test fails instead.
pub fn skip(what: &str, why: impl Display) {
    assert!(
        env::var_os("ECO_REQUIRE_TOOLS").is_none(),
        "{what} is not tested: {why}"
    );
    say_skipped(what, why);
}

/// As [`skip`], for what no installation can mend.
pub fn say_skipped(what: &str, why: impl Display) {
    let message = format!("\nSKIPPED: {what} is not tested: {why}\n");
    std::io::stderr().write_all(message.as_bytes()).unwrap();
}
