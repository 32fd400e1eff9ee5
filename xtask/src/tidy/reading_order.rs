//! Modules stand in the order in which a newcomer reads them: a module imports only what stands
//! above it.

use super::Finding;
use super::modules::{Reference, declared, list_of, path_of, references};
use super::source::Crate;
use std::collections::BTreeMap;

pub(super) fn check(krate: &Crate) -> Vec<Finding> {
    let rule = "a module imports what stands above it";
    upward(krate)
        .into_iter()
        .map(|(edge, place)| {
            Finding::new(place, format!("{rule}. Received: {} imports {}", edge.from, edge.to))
        })
        .collect()
}

/// Two modules of one list: the first imports the second.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    from: String,
    to: String,
}

/// The imports of modules that stand below, each with the place of the first.
fn upward(krate: &Crate) -> BTreeMap<Edge, String> {
    let mut edges = BTreeMap::new();
    for source in &krate.sources {
        let Some(module) = path_of(krate, source) else { continue };
        if source.stem() == "tests" {
            continue;
        }
        for Reference { line, path, .. } in references(source, &module) {
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
