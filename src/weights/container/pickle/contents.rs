//! What a checkpoint's object holds: tensors by dotted name, and the dictionaries around them.

use std::collections::HashMap;

use super::dictionaries::Dictionaries;
use super::machine::Pickle;
use super::meaning::{Meaning, Meanings, Place};
use super::objects::key_as_text;
use super::tensors::Tensors;
use super::values::{Item, Object, Value, dotted};
use crate::text::printable;
use crate::weights::container::refusal::Refusal;
use crate::weights::container::structure::{Structure, TopLevel};
use crate::weights::container::suspicious::is_suspicious;
use crate::weights::container::view::View;

/// Deepest nesting that is followed, about Python's own limit.
const MAX_DEPTH: usize = 1000;
/// All names together, in bytes.
const MAX_NAMES: usize = 64 << 20;
/// Most suspicious names that are listed.
const MAX_SUSPICIOUS: usize = 200;

/// What a pickle holds.
#[derive(Debug)]
pub(in crate::weights::container) struct Contents {
    /// Tensors with their dotted names, in the file's order.
    pub(in crate::weights::container) tensors: Vec<(String, View)>,
    pub(in crate::weights::container) structure: Structure,
}

/// Lists what the object in `pickle` holds.
///
/// # Errors
/// [`Refusal`] when the root is no dictionary, when tensors in a dictionary of weights cannot be read, or when a tensor
/// contradicts itself.
pub(in crate::weights::container) fn contents<'a>(
    pickle: &Pickle<'a>,
    tensors: Tensors<'_>,
) -> Result<Contents, Refusal> {
    let mut walk = Walk {
        pickle,
        meanings: Meanings::new(pickle, tensors),
        dictionaries: Dictionaries::default(),
        top: Vec::new(),
        first: HashMap::new(),
        names: 0,
        found: Contents {
            tensors: Vec::new(),
            structure: Structure::default(),
        },
    };
    walk.run()?;
    walk.finish()
}

/// A value that is yet to be looked at.
struct Node<'a> {
    path: String,
    value: Value<'a>,
    depth: usize,
    /// The item of the root that it belongs to.
    top: usize,
    /// The innermost recorded dictionary around it.
    dictionary: Option<usize>,
    /// Whether a NumPy array counts as a tensor here.
    arrays: bool,
}

/// An item of the root.
struct Top<'a> {
    key: String,
    value: Value<'a>,
    tensors: usize,
    /// Where the same dictionary was met first.
    alias: Option<String>,
}

struct Walk<'p, 'a> {
    pickle: &'p Pickle<'a>,
    meanings: Meanings<'p, 'a>,
    dictionaries: Dictionaries,
    top: Vec<Top<'a>>,
    /// Where a dictionary was met first.
    first: HashMap<usize, String>,
    /// Bytes of names so far.
    names: usize,
    found: Contents,
}

impl<'p, 'a> Walk<'p, 'a> {
    fn run(&mut self) -> Result<(), Refusal> {
        let mut rest = vec![Node {
            path: String::new(),
            value: self.pickle.root,
            depth: 0,
            top: 0,
            dictionary: None,
            arrays: false,
        }];
        while let Some(node) = rest.pop() {
            if node.depth > MAX_DEPTH {
                let reason = format!("it nests values more than {MAX_DEPTH} levels deep");
                return Err(Refusal::Malformed(reason));
            }
            let place = Place {
                value: node.value,
                arrays: node.arrays,
                dictionary: node.dictionary,
                dictionaries: &self.dictionaries,
            };
            match self.meanings.of(&place)? {
                Meaning::Tensor(view) => self.add(node, view),
                Meaning::Dict(items) => self.open(node, items, false, &mut rest)?,
                Meaning::Module(items) => self.open(node, items, true, &mut rest)?,
                Meaning::Sequence(elements) => self.open_sequence(node, elements, &mut rest)?,
                Meaning::Other if node.depth == 0 => return Err(self.no_dictionary(node.value)),
                Meaning::Other => {}
            }
        }
        Ok(())
    }

    fn add(&mut self, node: Node<'a>, view: View) {
        if let Some(top) = self.top.get_mut(node.top) {
            top.tensors += 1;
        }
        self.dictionaries.count(node.dictionary);
        self.found.tensors.push((node.path, view));
    }

    /// Puts the items of a dictionary on the list, or notes that they are there already.
    fn open(
        &mut self,
        node: Node<'a>,
        items: Vec<Item<'a>>,
        is_module: bool,
        rest: &mut Vec<Node<'a>>,
    ) -> Result<(), Refusal> {
        if let (Value::Object(index), false) = (node.value, items.is_empty()) {
            if let Some(first) = self.first.get(&index) {
                if let (1, Some(top)) = (node.depth, self.top.get_mut(node.top)) {
                    top.alias = Some(first.clone());
                }
                self.found
                    .structure
                    .aliases
                    .push((node.path, first.clone()));
                return Ok(());
            }
            self.first.insert(index, node.path.clone());
        }
        let dictionary =
            self.dictionaries
                .record(node.dictionary, &node.path, node.depth, is_module);
        let arrays = !items
            .iter()
            .any(|&(_, value)| self.meanings.reader.is_tensor(value));
        if node.depth == 0 {
            let top = |&(key, value): &Item<'a>| Top {
                key: key_as_text(key),
                value,
                tensors: 0,
                alias: None,
            };
            self.top = items.iter().map(top).collect();
        }
        for (position, &(key, value)) in items.iter().enumerate().rev() {
            if let Value::Object(_) = value {
                let top = if node.depth == 0 { position } else { node.top };
                let inner = (key_as_text(key), value);
                self.push(&node, inner, top, (dictionary, arrays), rest)?;
            }
        }
        Ok(())
    }

    /// Puts the elements of a sequence on the list, named by their position. A sequence met again is left out.
    fn open_sequence(
        &mut self,
        node: Node<'a>,
        elements: &[Value<'a>],
        rest: &mut Vec<Node<'a>>,
    ) -> Result<(), Refusal> {
        if node.depth == 0 {
            return Err(self.no_dictionary(node.value));
        }
        if let Value::Object(index) = node.value
            && self.first.insert(index, String::new()).is_some()
        {
            return Ok(());
        }
        for (position, &value) in elements.iter().enumerate().rev() {
            if let Value::Object(_) = value {
                let inner = (position.to_string(), value);
                self.push(&node, inner, node.top, (node.dictionary, false), rest)?;
            }
        }
        Ok(())
    }

    fn push(
        &mut self,
        node: &Node<'a>,
        (key, value): (String, Value<'a>),
        top: usize,
        (dictionary, arrays): (Option<usize>, bool),
        rest: &mut Vec<Node<'a>>,
    ) -> Result<(), Refusal> {
        let path = match node.path.as_str() {
            "" => key,
            outer => format!("{outer}.{key}"),
        };
        self.names += path.len();
        if self.names > MAX_NAMES {
            let reason = format!("the names in it take more than {MAX_NAMES} bytes");
            return Err(Refusal::Malformed(reason));
        }
        rest.push(Node {
            path,
            value,
            depth: node.depth + 1,
            top,
            dictionary,
            arrays,
        });
        Ok(())
    }

    fn no_dictionary(&self, root: Value<'a>) -> Refusal {
        let elements = self.pickle.arena.elements(root);
        let first = elements
            .first()
            .and_then(|&first| match self.pickle.arena.get(first)? {
                Object::Dict(_) => Some(()),
                Object::Call(call) => self.pickle.dictionary_items(call).map(drop),
                _ => None,
            });
        Refusal::NoDictionary {
            kind: self.pickle.type_name(root),
            first: first.is_some(),
        }
    }

    /// Refuses tensors that cannot be read where weights are, and describes the rest.
    fn finish(mut self) -> Result<Contents, Refusal> {
        let nothing = self.found.tensors.is_empty();
        let refused = self
            .meanings
            .unread
            .iter()
            .position(|(dictionary, _)| nothing || self.dictionaries.has_tensors(*dictionary));
        if let Some(index) = refused {
            return Err(self.meanings.unread.swap_remove(index).1);
        }
        let structure = &mut self.found.structure;
        for top in self.top {
            if let Some(value) = self.pickle.scalar(top.value) {
                structure.scalars.insert(top.key.clone(), value);
            }
            let what = match &top.alias {
                Some(first) => format!("the same dict as '{}'", printable(first)),
                None if self.meanings.reader.is_tensor(top.value) => "tensor".to_string(),
                None => self.pickle.describe(top.value, top.tensors),
            };
            structure.top.push(TopLevel { key: top.key, what });
        }
        structure.groups = self.dictionaries.groups();
        let globals = self
            .pickle
            .globals
            .iter()
            .map(|(module, name)| dotted(module, name));
        structure.suspicious = globals
            .filter(|global| is_suspicious(global))
            .take(MAX_SUSPICIOUS)
            .collect();
        Ok(self.found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::container::pickle::machine::MAX_OPS;

    fn read(bytes: &[u8]) -> Result<Contents, Refusal> {
        let pickle = Pickle::read(bytes, &mut MAX_OPS.clone())?;
        contents(&pickle, Tensors::Nowhere)
    }

    #[test]
    fn a_dictionary_under_two_keys_is_an_alias_of_its_first() {
        // d = {'w': 1}; {'best': d, 'last': d}
        let found = read(b"\x80\x02}q\x00(X\x04\0\0\0bestq\x01}q\x02X\x01\0\0\0wq\x03K\x01sX\x04\0\0\0lastq\x04h\x02u.").unwrap();
        let structure = found.structure;
        assert_eq!(
            structure.aliases(),
            [("last".to_string(), "best".to_string())]
        );
        let what: Vec<&str> = structure
            .top()
            .iter()
            .map(|top| top.what.as_str())
            .collect();
        assert_eq!(what, ["dict, 1 entries", "the same dict as 'best'"]);
    }

    #[test]
    fn what_holds_itself_ends() {
        assert!(read(b"\x80\x02]q\x00h\x00a.").is_err());
        // {'a': itself}
        let found = read(b"\x80\x02}q\x00X\x01\0\0\0aq\x01h\x00s.").unwrap();
        assert_eq!(
            found.structure.aliases(),
            [("a".to_string(), String::new())]
        );
    }

    #[test]
    fn values_beside_the_weights_are_described() {
        // {'lr': 0.5, 'name': 'ECO', 'seen': True}
        let found = read(
            b"\x80\x02}(X\x02\0\0\0lrG\x3f\xe0\0\0\0\0\0\0X\x04\0\0\0nameX\x03\0\0\0ECOX\x04\0\0\0seen\x88u.",
        )
        .unwrap();
        let what: Vec<&str> = found
            .structure
            .top()
            .iter()
            .map(|top| top.what.as_str())
            .collect();
        assert_eq!(what, ["float 0.5", "str \"ECO\"", "bool true"]);
    }
}
