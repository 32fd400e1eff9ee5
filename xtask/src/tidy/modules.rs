//! The modules of a crate in the order in which their lists name them, and the paths a file names.

use super::source::{Crate, Source};

/// Names of the modules that a file declares outside inline modules, in order.
pub(super) fn declared(source: &Source) -> Vec<String> {
    let mut names = Vec::new();
    for (_, line) in source.own_code() {
        let line = line.trim();
        let rest =
            line.strip_prefix("pub(crate) ").or_else(|| line.strip_prefix("pub ")).unwrap_or(line);
        let name = rest.strip_prefix("mod ").and_then(|after| after.strip_suffix(';'));
        names.extend(
            name.filter(|n| !n.is_empty() && n.chars().all(|c| c.is_alphanumeric() || c == '_'))
                .map(str::to_string),
        );
    }
    names
}

/// The path of a file's module inside its crate: `src/layers/mod.rs` is `[layers]`. `None` for what
/// is no module of the library.
pub(super) fn path_of(krate: &Crate, source: &Source) -> Option<Vec<String>> {
    let inside =
        source.path.strip_prefix(&krate.folder)?.strip_prefix("/src/")?.strip_suffix(".rs")?;
    let mut path: Vec<String> = inside.split('/').map(str::to_string).collect();
    match path.last().map(String::as_str) {
        Some("mod") => drop(path.pop()),
        Some("lib" | "main") if path.len() == 1 => path.clear(),
        _ => {}
    }
    Some(path)
}

/// The file that declares the modules inside a module.
pub(super) fn list_of<'a>(krate: &'a Crate, path: &[String]) -> Option<&'a Source> {
    let at = format!("{}/src", krate.folder);
    let candidates = match path {
        [] => vec![format!("{at}/lib.rs"), format!("{at}/main.rs")],
        _ => vec![format!("{at}/{}/mod.rs", path.join("/")), format!("{at}/{}.rs", path.join("/"))],
    };
    candidates.iter().find_map(|c| krate.source(c))
}

/// The paths from the crate's root that a file's own code names by `crate::` or `super::`, with the
/// lines where they begin.
pub(super) fn references(source: &Source, module: &[String]) -> Vec<(usize, Vec<String>)> {
    let mut text = String::new();
    let mut starts = Vec::new();
    for (i, line) in source.own_code() {
        starts.push((text.len(), i));
        text.push_str(line);
        text.push('\n');
    }
    let line_of = |at: usize| starts[starts.partition_point(|(s, _)| *s <= at) - 1].1;
    let mut found = Vec::new();
    for (at, word) in text.match_indices("crate::").chain(text.match_indices("super::")) {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let mut base = if word == "crate::" {
            vec![]
        } else {
            module[..module.len().saturating_sub(1)].to_vec()
        };
        let mut rest = &text[at + word.len()..];
        while let Some(r) = rest.strip_prefix("super::") {
            base.pop();
            rest = r;
        }
        let mut paths = Vec::new();
        tree(rest, base, &mut paths);
        found.extend(paths.into_iter().map(|p| (line_of(at), p)));
    }
    found.sort();
    found
}

/// The paths of a use tree `a::{b, c::d}` put behind `base`; gives what stands behind the tree.
fn tree<'a>(text: &'a str, mut base: Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let mut text = text.trim_start();
    loop {
        if let Some(mut inner) = text.strip_prefix('{') {
            loop {
                inner = tree(inner, base.clone(), found).trim_start();
                match inner.strip_prefix(',') {
                    Some(next) if !next.trim_start().starts_with('}') => inner = next,
                    next => {
                        return next.unwrap_or(inner).trim_start().strip_prefix('}').unwrap_or("");
                    }
                }
            }
        }
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        if end > 0 {
            base.push(text[..end].to_string());
        }
        match text[end..].strip_prefix("::") {
            Some(next) if end > 0 => text = next,
            _ => {
                found.push(base);
                let after = text[end..].trim_start();
                return after.strip_prefix('*').unwrap_or_else(|| {
                    after.strip_prefix("as ").map_or(after, |a| {
                        a.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_')
                    })
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_stand_in_order() {
        let s = Source::new(
            "lib.rs",
            "//! A.\npub mod b;\nmod a;\n#[cfg(test)]\nmod tests;\npub(crate) mod c;\n",
        );
        assert_eq!(declared(&s), ["b", "a", "tests", "c"]);
    }

    #[test]
    fn paths_of_use_trees() {
        let s = Source::new(
            "src/x/y.rs",
            "use crate::{Error, a::{b, c::D as E}, f::*};\nlet z = super::w::V; // crate::no\nlet \
                q = $crate::g!();\n",
        );
        let module = ["x".to_string(), "y".to_string()];
        let paths: Vec<String> = references(&s, &module)
            .into_iter()
            .map(|(line, p)| format!("{line} {}", p.join("::")))
            .collect();
        assert_eq!(paths, ["0 Error", "0 a::b", "0 a::c::D", "0 f", "1 x::w::V", "2 g"]);
    }
}
