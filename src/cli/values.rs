//! Flag values: one of a few names, and times.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::clip::Position;
use crate::text::UnknownName;

/// A parser for an enum of the library: `#[arg(value_parser = one_of(Sampling::ALL, Sampling::name))]`. Help texts and
/// completions list the names.
pub(super) fn one_of<T>(
    all: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static + std::str::FromStr<Err = UnknownName>,
{
    PossibleValuesParser::new(all.iter().map(|value| name(*value))).try_map(|text| text.parse())
}

/// Parses a time: `1s`, `500ms`.
pub(super) fn parse_time(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(Position::Seconds(seconds)) => Ok(seconds),
        _ => Err("expected a time, such as 1s or 500ms".into()),
    }
}

/// Parses a time that is not zero.
pub(super) fn parse_above_zero(text: &str) -> Result<f64, String> {
    const A_YEAR: f64 = 365.0 * 24.0 * 3600.0;
    match parse_time(text)? {
        seconds if seconds > 0.0 && seconds <= A_YEAR => Ok(seconds),
        _ => Err("expected a time above 0, and below a year".into()),
    }
}
