//! The rooms of `src/`: which may use which, and that no files go round in circles.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// From the bottom up: a room uses the rooms before it and none after it.
const ROOMS: [(&str, &str); 13] = [
    ("text", "words and numbers as people read them"),
    ("random", "random numbers by seed and purpose"),
    ("file", "files that appear whole or not at all"),
    (
        "recipe",
        "how a clip becomes the network's input, in numbers",
    ),
    ("network", "what ECO is, without tensors"),
    ("clip", "from files to pixels"),
    ("weights", "from checkpoints to tensors by name"),
    ("engine", "runs the network on a device"),
    ("recognise", "the product: weights and clips to outcomes"),
    ("train", "fits networks to labelled clips"),
    (
        "check",
        "the self-check: whether a device computes what the CPU computes",
    ),
    ("show", "tables, pictures, pages, JSON, graphs"),
    ("cli", "flags, streams, progress, exit codes"),
];

/// A module's path, such as `["clip", "video"]`.
type Module = Vec<String>;

/// One file of `src/`: what it uses, as full paths, and what it hands on under its own name.
struct Source {
    uses: Vec<Module>,
    /// Name to full path of each `pub use`.
    exports: BTreeMap<String, Module>,
}

struct House(BTreeMap<Module, Source>);

impl House {
    fn read() -> Self {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = Vec::new();
        collect(&src, &mut files);
        // Programs stand outside: each has the library and is used by nobody.
        files.retain(|file| !file.starts_with(src.join("bin")));
        let modules: BTreeMap<Module, String> = files
            .iter()
            .map(|file| (module(file.strip_prefix(&src).unwrap()), file))
            .filter(|(module, _)| !module.is_empty())
            .map(|(module, file)| (module, without_tests(&fs::read_to_string(file).unwrap())))
            .collect();
        let folders: BTreeSet<Module> = files
            .iter()
            .filter(|file| file.file_name().unwrap() == "mod.rs")
            .map(|file| module(file.strip_prefix(&src).unwrap()))
            .collect();
        let source = |(module, text): (&Module, &String)| {
            let names: BTreeSet<&String> = modules
                .keys()
                .filter(|other| other.len() == module.len() + 1 && other.starts_with(module))
                .map(|other| &other[module.len()])
                .collect();
            let mut source = Source {
                uses: Vec::new(),
                exports: BTreeMap::new(),
            };
            for (is_public, path) in uses(text) {
                let Some(path) = absolute(module, &names, path) else {
                    continue;
                };
                if is_public && folders.contains(module) {
                    source
                        .exports
                        .insert(path.last().unwrap().clone(), path.clone());
                } else {
                    source.uses.push(path);
                }
            }
            (module.clone(), source)
        };
        Self(modules.iter().map(source).collect())
    }

    /// The file in which the thing at `path` is defined, re-exports followed.
    fn file_of(&self, path: &[String]) -> Option<&Module> {
        for length in (1..=path.len()).rev() {
            let Some((module, source)) = self.0.get_key_value(&path[..length]) else {
                continue;
            };
            return match path.get(length).and_then(|name| source.exports.get(name)) {
                Some(target) => {
                    let target = [&target[..], &path[length + 1..]].concat();
                    self.file_of(&target)
                }
                None => Some(module),
            };
        }
        None
    }

    /// Every file with the files that it uses.
    fn edges(&self) -> BTreeMap<&Module, BTreeSet<&Module>> {
        let targets = |(module, source): (&'_ Module, &'_ Source)| {
            let found = source.uses.iter().filter_map(|path| self.file_of(path));
            let others: BTreeSet<&Module> = found.filter(|other| *other != module).collect();
            (self.0.get_key_value(module).unwrap().0, others)
        };
        self.0.iter().map(targets).collect()
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// `clip/video.rs` and `clip/video/mod.rs` are `clip::video`; `lib.rs` and `main.rs` are nothing.
fn module(file: &Path) -> Module {
    let mut parts: Module = file
        .with_extension("")
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    if parts.last().is_some_and(|part| part == "mod") {
        parts.pop();
    }
    match &parts[..] {
        [one] if one == "lib" || one == "main" => Vec::new(),
        _ => parts,
    }
}

/// Tests may use anything.
fn without_tests(text: &str) -> String {
    let tests = Regex::new(r"(?m)^#\[cfg\(test\)\]\n(?:#\[.*\]\n)*(?:mod|use) [^;{]*[;{]").unwrap();
    let Some(first) = tests.find(text) else {
        return text.to_owned();
    };
    match first.as_str().ends_with('{') {
        true => text[..first.start()].to_owned(),
        false => text[..first.start()].to_owned() + &without_tests(&text[first.end()..]),
    }
}

/// The paths of all `use` items, and of paths in the code that begin with `crate::`; each with whether it is handed on.
fn uses(text: &str) -> Vec<(bool, Module)> {
    let comments = Regex::new(r"(?m)^\s*//.*$").unwrap();
    let text = comments.replace_all(text, "");
    let items = Regex::new(r"(?ms)^\s*(pub(?:\([a-z]+\))? )?use ([^;]+);").unwrap();
    let mut found = Vec::new();
    for item in items.captures_iter(&text) {
        let tree: String = item[2].split_whitespace().collect::<Vec<_>>().join(" ");
        for path in paths(&tree) {
            found.push((item.get(1).is_some(), path));
        }
    }
    let rest = items.replace_all(&text, "");
    let inline = Regex::new(r"\bcrate((?:::\w+)+)").unwrap();
    for path in inline.captures_iter(&rest) {
        found.push((false, paths(&format!("crate{}", &path[1])).remove(0)));
    }
    found
}

/// `a::{b, c::{self, D as E}}` is `a::b`, `a::c` and `a::c::D`.
fn paths(tree: &str) -> Vec<Module> {
    let tree = tree.trim();
    let Some((head, inner)) = tree.split_once('{') else {
        let name = tree.split(" as ").next().unwrap_or(tree);
        let parts = name.split("::").map(|part| part.trim().to_owned());
        return vec![parts.filter(|part| part != "self" && part != "*").collect()];
    };
    let inner = inner.trim_end().strip_suffix('}').unwrap_or(inner);
    let (mut depth, mut start, mut items) = (0, 0, Vec::new());
    for (at, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    items.push(&inner[start..]);
    let head: Module = head
        .split("::")
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect();
    let items = items.iter().filter(|item| !item.trim().is_empty());
    items
        .flat_map(|item| paths(item))
        .map(|path| [&head[..], &path].concat())
        .collect()
}

/// The path from the root of the crate; nothing for other crates.
fn absolute(module: &Module, children: &BTreeSet<&String>, path: Module) -> Option<Module> {
    match path.first()?.as_str() {
        "crate" => Some(path[1..].to_vec()),
        "super" => {
            let up = path.iter().take_while(|part| *part == "super").count();
            let base = &module[..module.len().checked_sub(up)?];
            Some([base, &path[up..]].concat())
        }
        first if children.iter().any(|child| *child == first) => {
            Some([&module[..], &path].concat())
        }
        _ => None,
    }
}

fn room(module: &Module) -> Option<usize> {
    ROOMS.iter().position(|(name, _)| module[0] == *name)
}

fn shown(module: &Module) -> String {
    module.join("::")
}

#[test]
fn every_file_is_in_a_room() {
    for module in House::read().0.keys() {
        assert!(room(module).is_some(), "{} is in no room", shown(module));
    }
}

#[test]
fn no_room_uses_a_higher_one() {
    let house = House::read();
    let mut wrong = Vec::new();
    for (file, used) in house.edges() {
        for other in used.into_iter().filter(|other| room(other) > room(file)) {
            wrong.push(format!("{} uses {}", shown(file), shown(other)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_files_of_a_room_go_round_in_circles() {
    let house = House::read();
    let mut left = house.edges();
    for (file, used) in &mut left {
        used.retain(|other| room(other) == room(file));
    }
    // A file that uses none of those that are left, or is used by none, is no part of a circle.
    loop {
        let before = left.len();
        let files: BTreeSet<&Module> = left.keys().copied().collect();
        let used: BTreeSet<&Module> = left.values().flatten().copied().collect();
        left.retain(|file, used_here| {
            used_here.retain(|other| files.contains(other));
            !used_here.is_empty() && used.contains(file)
        });
        if left.len() == before {
            break;
        }
    }
    let circle = |(file, used): (&&Module, &BTreeSet<&Module>)| {
        let used: Vec<String> = used.iter().map(|other| shown(other)).collect();
        format!("{} uses {}", shown(file), used.join(", "))
    };
    let circles: Vec<String> = left.iter().map(circle).collect();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn the_front_page_of_the_docs_shows_the_same_rooms() {
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    for (name, what) in ROOMS {
        // There is a macro of that name as well.
        let link = if name == "file" { "mod@file" } else { name };
        let row = format!("//! | [`{link}`] | {what} |");
        assert!(page.contains(&row), "lib.rs lacks: {row}");
    }
}
