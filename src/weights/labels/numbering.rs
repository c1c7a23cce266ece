//! Names by their numbers.

/// A class index, perhaps in quotes.
pub(super) fn index(text: &str) -> Result<usize, String> {
    text.trim()
        .trim_matches('"')
        .parse()
        .map_err(|_| format!("{text:?} is no class index"))
}

/// Sorts by index, which must run from 0 (or, as some data sets count, from 1) without gaps.
pub(super) fn in_order(mut pairs: Vec<(usize, String)>) -> Result<Vec<String>, String> {
    pairs.sort_by_key(|(at, _)| *at);
    let first = pairs.first().map_or(0, |(at, _)| *at);
    let gap = pairs
        .iter()
        .enumerate()
        .find(|(place, (at, _))| place + first != *at);
    if first > 1 || gap.is_some() {
        return Err(match gap {
            Some((place, (at, _))) => {
                format!("index {} is missing or {at} is there twice", place + first)
            }
            None => format!("the first index is {first}"),
        });
    }
    Ok(pairs.into_iter().map(|(_, name)| name).collect())
}

/// The place of each of `indices` in their order, from 0; `None` when they are no complete set (see [`in_order`]).
pub(super) fn places(indices: &[usize]) -> Option<Vec<usize>> {
    let first = *indices.iter().min()?;
    let mut seen = vec![false; indices.len()];
    for index in indices {
        let seen = seen.get_mut(index - first)?;
        if std::mem::replace(seen, true) {
            return None;
        }
    }
    (first <= 1).then(|| indices.iter().map(|index| index - first).collect())
}
