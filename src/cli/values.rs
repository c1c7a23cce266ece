//! Flag values that are one of a few names.

use clap::builder::{PossibleValuesParser, TypedValueParser};

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
