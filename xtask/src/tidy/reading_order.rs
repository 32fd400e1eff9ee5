//! Modules stand in the order in which a newcomer reads them: a module imports only what stands
//! above it.

use super::Finding;
use super::modules::{declared, list_of, path_of, references};
use super::project::{ALLOWANCES, Allowance};
use super::source::Crate;
use std::collections::BTreeMap;

pub(super) fn check(krate: &Crate) -> Vec<Finding> {
    let allowed = |edge: &Edge| ALLOWANCES.iter().any(|a| edge.is(a));
    let breaches = upward(krate).into_iter().filter(|(edge, _)| !allowed(edge));
    breaches
        .map(|(edge, place)| {
            Finding::new(
                place,
                format!(
                    "a module imports what stands above it. Received: {} imports {}",
                    edge.from, edge.to
                ),
            )
        })
        .collect()
}

/// Exceptions that nothing needs any more.
pub(super) fn unused_allowances(crates: &[Crate]) -> Vec<Finding> {
    let edges: Vec<Edge> = crates.iter().flat_map(upward).map(|(edge, _)| edge).collect();
    let unused = ALLOWANCES.iter().filter(|a| !edges.iter().any(|e| e.is(a)));
    unused
        .map(|a| {
            Finding::new(
                "xtask/src/tidy/project.rs",
                format!("no module needs the exception {} -> {} ({})", a.from, a.to, a.reason),
            )
        })
        .collect()
}

/// Two modules of one list: the first imports the second.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    from: String,
    to: String,
}

impl Edge {
    fn is(&self, a: &Allowance) -> bool {
        let inside =
            |list: &str| self.from.strip_prefix(list).is_some_and(|name| !name.contains("::"));
        (self.from == a.from || a.from.strip_suffix('*').is_some_and(inside)) && self.to == a.to
    }
}

/// The imports of modules that stand below, each with the place of the first.
fn upward(krate: &Crate) -> BTreeMap<Edge, String> {
    let mut edges = BTreeMap::new();
    for source in &krate.sources {
        let Some(module) = path_of(krate, source) else { continue };
        if source.stem() == "tests" {
            continue;
        }
        for (line, path) in references(source, &module) {
            let depth = module.iter().zip(&path).take_while(|(a, b)| a == b).count();
            let (Some(from), Some(to)) = (module.get(depth), path.get(depth)) else { continue };
            let order = list_of(krate, &module[..depth]).map(declared).unwrap_or_default();
            let place = |name: &String| order.iter().position(|m| m == name);
            if let (Some(a), Some(b)) = (place(from), place(to))
                && a < b
            {
                let krate = krate.folder.rsplit('/').next().unwrap_or_default().replace('-', "_");
                let name = |last: &str| {
                    [krate.as_str()]
                        .into_iter()
                        .chain(module[..depth].iter().map(String::as_str))
                        .chain([last])
                        .collect::<Vec<_>>()
                        .join("::")
                };
                edges
                    .entry(Edge { from: name(from), to: name(to) })
                    .or_insert_with(|| format!("{}:{}", source.path, line + 1));
            }
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::super::source::Source;
    use super::*;

    fn krate(files: &[(&str, &str)]) -> Crate {
        Crate {
            folder: "crates/k".into(),
            sources: files
                .iter()
                .map(|(p, t)| Source::new(format!("crates/k/src/{p}"), t))
                .collect(),
        }
    }

    #[test]
    fn an_import_from_below_is_found() {
        let lib = ("lib.rs", "mod a;\nmod b;\n");
        let down = krate(&[lib, ("a.rs", "\n"), ("b.rs", "use crate::a::X;\n")]);
        assert!(check(&down).is_empty());
        let up = krate(&[lib, ("a.rs", "\nuse crate::b::X;\n"), ("b.rs", "\n")]);
        let found = check(&up);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place, "crates/k/src/a.rs:2");
        assert!(found[0].message.contains("k::a imports k::b"), "{}", found[0].message);
    }

    #[test]
    fn an_exception_holds_for_its_modules_alone() {
        let edge = |from: &str, to: &str| Edge { from: from.into(), to: to.into() };
        let one = Allowance { from: "k::a", to: "k::b", reason: "" };
        assert!(
            edge("k::a", "k::b").is(&one)
                && !edge("k::c", "k::b").is(&one)
                && !edge("k::a", "k::c").is(&one)
        );
        let all = Allowance { from: "k::m::*", to: "k::m::t", reason: "" };
        assert!(
            edge("k::m::a", "k::m::t").is(&all)
                && !edge("k::m::a::b", "k::m::t").is(&all)
                && !edge("k::n::a", "k::m::t").is(&all)
        );
    }

    #[test]
    fn siblings_inside_a_module_have_their_order_too() {
        let lib = ("lib.rs", "mod m;\n");
        let list = ("m/mod.rs", "mod a;\nmod b;\n");
        assert_eq!(
            check(&krate(&[lib, list, ("m/a.rs", "use super::b::X;\n"), ("m/b.rs", "")])).len(),
            1
        );
        assert_eq!(
            check(&krate(&[
                lib,
                list,
                ("m/a.rs", "use super::X;\n"),
                ("m/b.rs", "use super::a::Y;\n")
            ]))
            .len(),
            0
        );
        let tests = ("m/a.rs", "#[cfg(test)]\nmod tests {\n    use super::super::b::X;\n}\n");
        assert_eq!(check(&krate(&[lib, list, tests, ("m/b.rs", "")])).len(), 0);
    }
}
