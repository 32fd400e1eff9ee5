//! The files of a crate import each other in no circle, through re-exports neither.

use super::Finding;
use super::imports::{Imports, Module, imports, modules};
use super::source::Crate;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(krate: &Crate) -> Vec<Finding> {
    let imports = imports(krate);
    let files = modules(krate);
    let name = |m: &Module| files[m].path.clone();
    circles(&imports)
        .iter()
        .map(|circle| {
            let edges = circle.iter().flat_map(|from| {
                let to = imports.edges[*from].iter().filter(|(to, _)| circle.contains(*to));
                to.map(move |(to, line)| (from, to, *line))
            });
            let told: Vec<String> = edges
                .map(|(from, to, line)| format!("{}:{} imports {}", name(from), line + 1, name(to)))
                .collect();
            let first = circle.iter().next().expect("a circle has files");
            let rule = "files import each other in a circle; move what both need to a file below";
            Finding::new(name(first), format!("{rule}. Received: {}", told.join("; ")))
        })
        .collect()
}

/// Sets of modules each of which reaches all others of its set.
fn circles(imports: &Imports) -> Vec<BTreeSet<&Module>> {
    let reached: BTreeMap<&Module, BTreeSet<&Module>> =
        imports.edges.keys().map(|m| (m, reachable(imports, m))).collect();
    let mut found: Vec<BTreeSet<&Module>> = Vec::new();
    for (module, all) in &reached {
        let meets = |m: &&Module| reached.get(*m).is_some_and(|back| back.contains(*module));
        let circle: BTreeSet<&Module> = all.iter().copied().filter(meets).collect();
        if !circle.is_empty() && !found.contains(&circle) {
            found.push(circle);
        }
    }
    found
}

/// The modules that one imports, by way of others too.
fn reachable<'a>(imports: &'a Imports, from: &Module) -> BTreeSet<&'a Module> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&Module> =
        imports.edges.get(from).into_iter().flat_map(|e| e.keys()).collect();
    while let Some(module) = open.pop() {
        if found.insert(module) {
            open.extend(imports.edges.get(module).into_iter().flat_map(|e| e.keys()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::source::Source;
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<Finding> {
        let sources = files.iter().map(|(p, t)| Source::new(format!("crates/k/src/{p}"), t));
        check(&Crate { folder: "crates/k".into(), sources: sources.collect() })
    }

    #[test]
    fn two_files_that_import_each_other_are_found() {
        let lib = ("lib.rs", "mod a;\nmod b;\n");
        let b = ("b.rs", "use crate::a::A;\npub struct B;\n");
        assert!(found(&[lib, ("a.rs", "pub struct A;\n"), b]).is_empty());
        let both = found(&[lib, ("a.rs", "\nuse crate::b::B;\npub struct A;\n"), b]);
        assert_eq!(both.len(), 1);
        let told = "crates/k/src/a.rs:2 imports crates/k/src/b.rs; \
            crates/k/src/b.rs:1 imports crates/k/src/a.rs";
        assert!(both[0].message.ends_with(told), "{}", both[0].message);
    }

    #[test]
    fn a_re_export_leads_to_the_file_that_defines() {
        let lib = ("lib.rs", "mod m;\n");
        let list = ("m/mod.rs", "mod a;\nmod b;\npub use a::A as Other;\npub use b::*;\n");
        let a = ("m/a.rs", "use super::B;\npub struct A;\n");
        assert!(found(&[lib, list, a, ("m/b.rs", "pub struct B;\n")]).is_empty());
        assert_eq!(
            found(&[lib, list, a, ("m/b.rs", "use super::Other;\npub struct B;\n")]).len(),
            1
        );
        let by_path = ("m/b.rs", "pub struct B(crate::m::Other);\n");
        assert_eq!(found(&[lib, list, a, by_path]).len(), 1);
    }

    #[test]
    fn a_module_that_uses_what_its_child_takes_from_it_is_found() {
        let lib = ("lib.rs", "mod m;\n");
        let child = ("m/a.rs", "use super::Limit;\npub struct A;\n");
        let below = ("m/mod.rs", "mod a;\npub use a::A;\npub struct Limit;\n");
        assert!(found(&[lib, below, child]).is_empty());
        let uses = ("m/mod.rs", "mod a;\nuse a::A;\npub struct Limit;\n");
        assert_eq!(found(&[lib, uses, child]).len(), 1);
    }
}
