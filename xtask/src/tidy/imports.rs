//! What the files of a crate import from each other: uses and paths, led through re-exports to the
//! file that defines the name.

use super::modules::{declared, path_of, references, use_paths};
use super::source::{Crate, Source};
use std::collections::{BTreeMap, BTreeSet};

/// A path of a module inside its crate.
pub(super) type Module = Vec<String>;

/// One file imports another: the first place where it does.
pub(super) struct Imports {
    /// For each module, those it imports, with the line of the first import from 0.
    pub(super) edges: BTreeMap<Module, BTreeMap<Module, usize>>,
}

/// A module: what it defines, and what it hands on under its own path.
struct Exports {
    defined: BTreeSet<String>,
    named: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
}

/// The modules of a crate's library or program with their files; test files are apart.
pub(super) fn modules(krate: &Crate) -> BTreeMap<Module, &Source> {
    let files = krate.sources.iter().filter(|s| !s.path.split('/').any(|part| part == "tests"));
    files.filter(|s| s.stem() != "tests").filter_map(|s| Some((path_of(krate, s)?, s))).collect()
}

/// The imports between the files of a crate. A re-export is a signpost and no import.
pub(super) fn imports(krate: &Crate) -> Imports {
    let modules = modules(krate);
    let exports: BTreeMap<&Module, Exports> =
        modules.iter().map(|(module, source)| (module, exports_of(source, module))).collect();
    let mut edges: BTreeMap<Module, BTreeMap<Module, usize>> = BTreeMap::new();
    for (module, source) in &modules {
        let used = use_paths(source, module).into_iter().filter(|u| !u.is_public);
        let named = references(source, module).into_iter().filter(|r| !r.in_use);
        let paths = used.map(|u| (u.line, u.path)).chain(named.map(|r| (r.line, r.path)));
        for (line, path) in paths {
            let Some(to) = resolve(&exports, &path, 0) else { continue };
            if to != *module && !to.is_empty() {
                edges.entry(module.clone()).or_default().entry(to).or_insert(line);
            }
        }
    }
    Imports { edges }
}

fn exports_of(source: &Source, module: &Module) -> Exports {
    let mut exports =
        Exports { defined: defined(source), named: BTreeMap::new(), globs: Vec::new() };
    for u in use_paths(source, module).into_iter().filter(|u| u.is_public) {
        match u.name {
            Some(name) => drop(exports.named.insert(name, u.path)),
            None => exports.globs.push(u.path),
        }
    }
    exports.defined.extend(declared(source));
    exports
}

/// Names of the items that a file defines.
fn defined(source: &Source) -> BTreeSet<String> {
    const ITEMS: [&str; 8] =
        ["struct", "enum", "trait", "fn", "type", "const", "static", "macro_rules!"];
    let mut names = BTreeSet::new();
    for (_, line) in source.own_code() {
        let mut words = line.split_whitespace().peekable();
        while let Some(word) = words.next() {
            if let (true, Some(next)) = (ITEMS.contains(&word), words.peek()) {
                let end = next.find(|c: char| !c.is_alphanumeric() && c != '_');
                names.insert(next[..end.unwrap_or(next.len())].to_string());
            }
        }
    }
    names
}

/// The module whose file defines what a path names; `None` where it leaves the crate.
fn resolve(exports: &BTreeMap<&Module, Exports>, path: &[String], depth: usize) -> Option<Module> {
    const MOST_SIGNPOSTS: usize = 16;
    let module = (0..=path.len()).rev().map(|n| path[..n].to_vec());
    let module = module.into_iter().find(|m| exports.contains_key(m))?;
    let Some(name) = path.get(module.len()) else { return Some(module) };
    if depth > MOST_SIGNPOSTS {
        return Some(module);
    }
    let own = &exports[&module];
    if let Some(path_on) = own.named.get(name) {
        let rest = &path[module.len() + 1..];
        return resolve(exports, &[path_on, rest].concat(), depth + 1);
    }
    if !own.defined.contains(name) {
        for glob in &own.globs {
            let inner = resolve(exports, &[glob, &path[module.len()..]].concat(), depth + 1);
            let found = inner.filter(|m| exports[m].defined.contains(name));
            if found.is_some() {
                return found;
            }
        }
    }
    Some(module)
}
