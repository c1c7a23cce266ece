//! The dictionaries near the root of a checkpoint, one of which is a state_dict.

use crate::weights::container::structure::Group;

/// How deep dictionaries are looked at for a state_dict.
const MAX_DEPTH: usize = 4;
/// How many dictionaries are tried for a state_dict.
const MAX_DICTIONARIES: usize = 64;

/// A dictionary near the root.
struct Dictionary {
    path: String,
    outer: Option<usize>,
    depth: usize,
    /// Python for it, in the checkpoint `c`.
    place: String,
    /// It is part of what a module's `state_dict()` would give.
    is_module: bool,
    /// Tensors that are its own items, and all below it.
    direct: usize,
    tensors: usize,
}

/// The dictionaries that were met, each known by its number.
#[derive(Default)]
pub(super) struct Dictionaries(Vec<Dictionary>);

impl Dictionaries {
    /// Notes the dictionary at `path`, `depth` values below the root, in the dictionary `outer`. Returns what its items are
    /// in: too deep, or after too many others, that is the one around it.
    pub(super) fn record(
        &mut self,
        outer: Option<usize>,
        path: &str,
        depth: usize,
        is_module: bool,
    ) -> Option<usize> {
        let around = outer.map(|outer| &self.0[outer]);
        // Between two dictionaries there may be lists, which have no Python of their own here.
        let next = around.is_none_or(|around| around.depth + 1 == depth);
        if !next || depth >= MAX_DEPTH || self.0.len() >= MAX_DICTIONARIES {
            return outer;
        }
        let in_module = around.is_some_and(|around| around.is_module);
        let mut place = match around {
            Some(around) if in_module => around.place.clone(),
            Some(around) => {
                let below = path.strip_prefix(&around.path).unwrap_or_default();
                let key = below.strip_prefix('.').unwrap_or(below);
                format!("{}[{}]", around.place, serde_json::Value::from(key))
            }
            None => "c".to_string(),
        };
        if is_module && !in_module {
            place.push_str(".state_dict()");
        }
        self.0.push(Dictionary {
            path: path.to_string(),
            outer,
            depth,
            place,
            is_module: is_module || in_module,
            direct: 0,
            tensors: 0,
        });
        Some(self.0.len() - 1)
    }

    /// Counts a tensor that is an item of `dictionary`.
    pub(super) fn count(&mut self, dictionary: Option<usize>) {
        if let Some(innermost) = dictionary {
            self.0[innermost].direct += 1;
        }
        let mut around = dictionary;
        while let Some(index) = around {
            self.0[index].tensors += 1;
            around = self.0[index].outer;
        }
    }

    /// Python for `dictionary`, in the checkpoint `c`.
    pub(super) fn place(&self, dictionary: Option<usize>) -> String {
        dictionary.map_or("c".to_string(), |index| self.0[index].place.clone())
    }

    /// Whether tensors are items of `dictionary` itself.
    pub(super) fn has_tensors(&self, dictionary: Option<usize>) -> bool {
        dictionary.is_some_and(|index| self.0[index].direct > 0)
    }

    /// Those that hold tensors, and the root, outermost first.
    pub(super) fn groups(mut self) -> Vec<Group> {
        self.0.sort_by_key(|dictionary| dictionary.depth);
        self.0
            .into_iter()
            .filter(|dictionary| dictionary.tensors > 0 || dictionary.path.is_empty())
            .map(|dictionary| Group {
                key: dictionary.path,
                tensors: dictionary.tensors,
            })
            .collect()
    }
}
