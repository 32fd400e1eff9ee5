//! What exists stands in a list: each file in its module's, each member of a family in the
//! family's.

use super::Finding;
use super::modules::{declared, list_of, path_of};
use super::project::FAMILIES;
use super::source::{Crate, Source};

pub(super) fn check(krate: &Crate) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        krate.sources.iter().filter_map(|s| undeclared(krate, s)).collect();
    for family in FAMILIES {
        let Some(list) = krate.source(family.file) else { continue };
        let listed = members(list, family.list);
        for source in krate.sources.iter().filter(|s| s.path.starts_with(family.folder)) {
            let missing =
                implementers(source, family.implements).filter(|(_, name)| !listed.contains(name));
            findings.extend(missing.map(|(line, name)| {
                let message = format!(
                    "`{name}` implements {} and is not in `{}!` of {}",
                    family.implements, family.list, family.file
                );
                Finding::at(source, line, message)
            }));
        }
    }
    findings
}

/// A file that no list declares: the compiler never sees it.
fn undeclared(krate: &Crate, source: &Source) -> Option<Finding> {
    let module = path_of(krate, source)?;
    let (name, parent) = module.split_last()?;
    if parent.first().is_some_and(|m| m == "bin") || name == "bin" {
        return None;
    }
    let declares = list_of(krate, parent).is_some_and(|list| declared(list).contains(name));
    (!declares).then(|| Finding::new(&source.path, "no module list declares this file"))
}

/// The words in the blocks `list! { … }` of a file.
fn members(source: &Source, list: &str) -> Vec<String> {
    let (opens, qualified) = (format!("{list}! {{"), format!("::{list}! {{"));
    let mut inside = false;
    let mut words = Vec::new();
    for (_, line) in source.own_code() {
        if line.starts_with(&opens) || line.contains(&qualified) {
            inside = true;
        } else if line == "}" {
            inside = false;
        } else if inside {
            words
                .extend(line.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_string));
        }
    }
    words
}

/// Types for which a file implements a trait.
fn implementers<'a>(
    source: &'a Source,
    name: &'a str,
) -> impl Iterator<Item = (usize, String)> + 'a {
    source.own_code().filter_map(move |(i, line)| {
        let after =
            line.trim_start().strip_prefix("impl ")?.strip_prefix(name)?.strip_prefix(" for ")?;
        let end = after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len());
        (end > 0).then(|| (i, after[..end].to_string()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn krate(files: &[(&str, &str)]) -> Crate {
        Crate {
            folder: "crates/cornu".into(),
            sources: files
                .iter()
                .map(|(p, t)| Source::new(format!("crates/cornu/src/{p}"), t))
                .collect(),
        }
    }

    #[test]
    fn a_file_outside_every_list_is_found() {
        let found = check(&krate(&[("lib.rs", "mod a;\n"), ("a.rs", ""), ("b.rs", "")]));
        assert_eq!(
            found,
            [Finding::new("crates/cornu/src/b.rs", "no module list declares this file")]
        );
    }

    #[test]
    fn a_member_outside_its_family_is_found() {
        let list = ("losses/mod.rs", "mod a;\nfamily! {\n    \"A\" => A,\n}\n");
        let files = |text| krate(&[("lib.rs", "mod losses;\n"), list, ("losses/a.rs", text)]);
        assert!(check(&files("impl LossFunction for A {}\n")).is_empty());
        let found = check(&files("impl LossFunction for A {}\nimpl LossFunction for B {}\n"));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].place.ends_with("losses/a.rs:2") && found[0].message.contains("`B`"),
            "{:?}",
            found[0]
        );
    }
}
