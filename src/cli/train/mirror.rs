//! What mirror images show.

use anyhow::anyhow;

use super::args::{Args, Mirror};
use crate::cli::exit::Failure;
use crate::cli::say::say;
use crate::train::Classes;

/// Whether variations are mirrored, and the class of each class's mirror images.
pub(super) struct Mirroring {
    pub is_on: bool,
    pub classes: Vec<usize>,
}

impl Mirroring {
    /// As the flags say. Where they do not, nothing is mirrored when a class that has no partner is told by what is left and
    /// what is right.
    ///
    /// # Errors
    /// Pairs of classes that there are not.
    pub(super) fn find(args: &Args, classes: &Classes) -> Result<Self, Failure> {
        let names = classes.names().unwrap_or_default();
        let mut mirrored: Vec<usize> = (0..classes.count()).collect();
        for pair in &args.flip_pairs {
            let (a, b) = parse(pair, names)?;
            if mirrored[a] != a || mirrored[b] != b {
                return Err(Failure::usage(anyhow!(
                    "--flip-pairs {pair:?} names a class that has a partner already"
                )));
            }
            mirrored.swap(a, b);
        }
        let is_on = match args.mirror {
            Mirror::On => true,
            Mirror::Off => false,
            Mirror::Auto => {
                let mut alone = names.iter().enumerate();
                let side = alone.find(|(class, name)| mirrored[*class] == *class && has_side(name));
                if let (Some((_, name)), true, false) = (side, args.varies(), args.speech.quiet) {
                    say(format_args!(
                        "eco: views are not mirrored, as {name:?} is one of the classes; --flip-pairs names its mirror image, \
                         --mirror on mirrors all the same"
                    ));
                }
                side.is_none()
            }
        };
        Ok(Self {
            is_on,
            classes: mirrored,
        })
    }
}

/// Whether a name has the word `left` or `right`.
fn has_side(name: &str) -> bool {
    let words = name.split(|c: char| !c.is_alphanumeric());
    let mut words = words.map(str::to_lowercase);
    words.any(|word| word == "left" || word == "right")
}

/// Two classes from `name=name`; names may have `=` in them.
fn parse(pair: &str, names: &[String]) -> Result<(usize, usize), Failure> {
    let place = |name: &str| names.iter().position(|known| known == name.trim());
    let splits = pair.match_indices('=');
    let mut found =
        splits.filter_map(|(at, _)| Some((place(&pair[..at])?, place(&pair[at + 1..])?)));
    match found.next() {
        Some((a, b)) if a != b => Ok((a, b)),
        _ => Err(Failure::usage(anyhow!(
            "--flip-pairs {pair:?} does not name two of the classes; expected such as `turn left=turn right`"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_names_of_two_classes() {
        let names = ["turn left", "turn right", "a=b"].map(str::to_owned);
        let parsed = |pair| parse(pair, &names).ok();
        assert_eq!(parsed("turn left=turn right"), Some((0, 1)));
        assert_eq!(parsed("a=b = turn left"), Some((2, 0)));
        assert_eq!(parsed("turn left"), None);
        assert_eq!(parsed("turn left=turn left"), None);
        assert_eq!(parsed("turn left=up"), None);
    }

    #[test]
    fn sides_are_words() {
        assert!(has_side("Turning left") && has_side("move_RIGHT"));
        assert!(!has_side("bright") && !has_side("leftover"));
    }
}
