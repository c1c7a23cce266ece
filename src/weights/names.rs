//! From a checkpoint's tensor names to the model's.

use std::cmp::Ordering;
use std::collections::HashMap;

use regex::Regex;

use super::error::WeightsError;
use super::tensor::TensorSpec;

/// Path segments that wrappers add and the model does not have: DataParallel, torch.compile, and
/// the official TSN wrapper around ECO.
const WRAPPERS: &[&str] = &["module", "_orig_mod", "base_model"];

/// Names the classifier goes by: the official wrapper's with dropout, and the notebook's.
const HEADS: &[&str] = &["new_fc", "fc_final"];
/// The classifier in the model.
const HEAD: &str = "fc_final";

/// Whether `segment` of a key path belongs to a wrapper.
pub(super) fn is_wrapper(segment: &str) -> bool {
    WRAPPERS.contains(&segment)
}

/// Whether a key path segment says that the weights below it are moving averages.
pub(super) fn is_ema(segment: &str) -> bool {
    segment.split(['_', '-', ' ']).any(|word| {
        matches!(
            word.to_ascii_lowercase().as_str(),
            "ema" | "swa" | "averaged" | "shadow"
        )
    })
}

/// A user's renaming rule, applied to every name before anything else.
#[derive(Debug, Clone)]
pub struct Rename {
    pattern: Regex,
    replacement: String,
}

impl std::str::FromStr for Rename {
    type Err = WeightsError;

    /// Parses `REGEX=REPLACEMENT`, split at the last `=`. The replacement may use `$1`.
    fn from_str(rule: &str) -> Result<Self, WeightsError> {
        let bad = |reason: String| WeightsError::Rename {
            rule: rule.to_string(),
            reason,
        };
        let (pattern, replacement) = rule
            .rsplit_once('=')
            .ok_or_else(|| bad("expected REGEX=REPLACEMENT, for example '^backbone\\.='".into()))?;
        let pattern = Regex::new(pattern).map_err(|e| bad(e.to_string()))?;
        Ok(Self {
            pattern,
            replacement: replacement.to_string(),
        })
    }
}

/// A name from a file as it may be shown: control characters are escaped, so that a file cannot steer
/// the terminal, and very long names are cut.
pub fn printable(name: &str) -> String {
    const LONGEST: usize = 200;
    let mut out = String::new();
    for c in name.chars().take(LONGEST) {
        if c.is_control() {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
    }
    if name.chars().nth(LONGEST).is_some() {
        out.push_str("...");
    }
    out
}

/// Text that may quote a file, with control characters escaped but for line ends.
pub(super) fn visible(text: &str) -> String {
    let escaped = |c: char| match c {
        '\n' => c.to_string(),
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// A path as it may stand between quotes in a command that a user copies: itself when it is made of
/// harmless characters, else a placeholder.
pub(super) fn quotable(path: &std::path::Path) -> String {
    let text = path.display().to_string();
    let harmless = |c: char| c.is_alphanumeric() || "_-./+=,:@~ ".contains(c);
    if text.chars().all(harmless) {
        text
    } else {
        "FILE".to_string()
    }
}

/// Applies `rules` in order.
pub(super) fn rename(name: &str, rules: &[Rename]) -> String {
    rules.iter().fold(name.to_string(), |name, rule| {
        rule.pattern
            .replace_all(&name, rule.replacement.as_str())
            .into_owned()
    })
}

/// Finds the model's name for a checkpoint's.
pub(super) struct NameMap {
    by_name: HashMap<String, usize>,
    /// By `layer.parameter`; `None` where two layers of the model share both.
    by_tail: HashMap<String, Option<usize>>,
}

impl NameMap {
    pub(super) fn new(spec: &[TensorSpec]) -> Self {
        let mut by_tail: HashMap<String, Option<usize>> = HashMap::new();
        for (index, wanted) in spec.iter().enumerate() {
            by_tail
                .entry(tail(&wanted.name).to_string())
                .and_modify(|slot| *slot = None)
                .or_insert(Some(index));
        }
        let by_name = spec
            .iter()
            .enumerate()
            .map(|(i, s)| (s.name.clone(), i))
            .collect();
        Self { by_name, by_tail }
    }

    /// The position in the model's list that `name` belongs to: the same name once wrappers'
    /// segments are gone, else the same last two parts.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let cleaned = clean(name);
        if let Some(&index) = self.by_name.get(&cleaned) {
            return Some(index);
        }
        self.by_tail.get(tail(&cleaned)).copied().flatten()
    }
}

/// Drops wrappers' segments and gives the classifier its name in the model.
pub(super) fn clean(name: &str) -> String {
    let mut parts: Vec<&str> = name.split('.').filter(|part| !is_wrapper(part)).collect();
    if let [.., layer, _] = parts.as_mut_slice()
        && HEADS.contains(layer)
    {
        *layer = HEAD;
    }
    parts.join(".")
}

/// The last two parts of a dotted name, or all of a shorter one.
pub(super) fn tail(name: &str) -> &str {
    let mut dots = name.rmatch_indices('.').map(|(at, _)| at);
    dots.next();
    dots.next().map_or(name, |at| &name[at + 1..])
}

/// Orders names so that numbers inside them count (`layer2` before `layer10`).
pub(super) fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.bytes().peekable(), b.bytes().peekable());
    loop {
        match (a.peek().copied(), b.peek().copied()) {
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let order = number(&mut a).cmp(&number(&mut b));
                if order != Ordering::Equal {
                    return order;
                }
            }
            (x, y) => {
                if x != y || x.is_none() {
                    return x.cmp(&y);
                }
                a.next();
                b.next();
            }
        }
    }
}

/// Takes a run of digits as (length without leading zeros, digits), which orders as its value.
fn number(bytes: &mut std::iter::Peekable<std::str::Bytes<'_>>) -> (usize, Vec<u8>) {
    let mut digits = Vec::new();
    while let Some(digit) = bytes.next_if(u8::is_ascii_digit) {
        if digit != b'0' || !digits.is_empty() {
            digits.push(digit);
        }
    }
    (digits.len(), digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(names: &[&str]) -> Vec<TensorSpec> {
        names
            .iter()
            .map(|n| TensorSpec {
                name: n.to_string(),
                shape: vec![1],
            })
            .collect()
    }

    #[test]
    fn every_known_prefix_leads_to_the_same_tensor() {
        let spec = spec(&["eco_2d.basic_conv.conv1_7x7_s2.weight", "fc_final.bias"]);
        let map = NameMap::new(&spec);
        for name in [
            "eco_2d.basic_conv.conv1_7x7_s2.weight",
            "module.base_model.conv1_7x7_s2.weight",
            "conv1_7x7_s2.weight",
            "_orig_mod.module.eco_2d.basic_conv.conv1_7x7_s2.weight",
            "net.backbone.conv1_7x7_s2.weight",
        ] {
            assert_eq!(map.find(name), Some(0), "{name}");
        }
        for name in [
            "module.new_fc.bias",
            "module.base_model.fc_final.bias",
            "fc_final.bias",
        ] {
            assert_eq!(map.find(name), Some(1), "{name}");
        }
        assert_eq!(map.find("module.base_model.conv1_7x7_s2_bn.weight"), None);
    }

    #[test]
    fn a_tail_that_two_layers_share_matches_neither() {
        let spec = spec(&["a.conv.weight", "b.conv.weight"]);
        let map = NameMap::new(&spec);
        assert_eq!(map.find("b.conv.weight"), Some(1));
        assert_eq!(map.find("conv.weight"), None);
    }

    #[test]
    fn moving_averages_are_recognised_by_whole_words() {
        assert!(is_ema("state_dict_ema") && is_ema("ema_model") && is_ema("EMA"));
        assert!(!is_ema("schema") && !is_ema("state_dict"));
    }

    #[test]
    fn rename_rules_are_regular_expressions_with_groups() {
        let rules: Vec<Rename> = vec![r"^net_(\w+)\.=m.$1.".parse().unwrap()];
        assert_eq!(rename("net_conv1.weight", &rules), "m.conv1.weight");
        assert!("no equals sign".parse::<Rename>().is_err());
        assert!("(=x".parse::<Rename>().is_err());
    }

    #[test]
    fn numbers_in_names_order_by_value() {
        assert_eq!(
            natural_order("layer2.weight", "layer10.weight"),
            Ordering::Less
        );
        assert_eq!(natural_order("a01", "a1"), Ordering::Equal);
        assert_eq!(natural_order("a", "a1"), Ordering::Less);
    }
}
