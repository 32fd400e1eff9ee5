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
        names.extend(name.filter(|n| is_name(n)).map(str::to_string));
    }
    names
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_')
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

/// A path that a file names, from the crate's root.
#[derive(Debug)]
pub(super) struct Reference {
    /// The line where it begins, from 0.
    pub(super) line: usize,
    pub(super) path: Vec<String>,
    /// Whether it stands in a `use`.
    pub(super) in_use: bool,
}

/// A name that a file uses or hands on.
#[derive(Debug)]
pub(super) struct UsePath {
    /// The line where the `use` begins, from 0.
    pub(super) line: usize,
    /// From the crate's root, without the `*` of a glob.
    pub(super) path: Vec<String>,
    /// What it is called here; `None` for a glob.
    pub(super) name: Option<String>,
    /// Whether it is a re-export.
    pub(super) is_public: bool,
}

/// A file's own code as one text, with the line of each of its bytes.
struct OwnText {
    text: String,
    starts: Vec<(usize, usize)>,
}

impl OwnText {
    fn of(source: &Source) -> Self {
        let mut own = Self { text: String::new(), starts: Vec::new() };
        for (i, line) in source.own_code() {
            own.starts.push((own.text.len(), i));
            own.text.push_str(line);
            own.text.push('\n');
        }
        own
    }

    fn line_of(&self, at: usize) -> usize {
        self.starts[self.starts.partition_point(|(start, _)| *start <= at) - 1].1
    }

    /// Where each `use` item begins and ends, and whether it is a re-export.
    fn uses(&self) -> Vec<(usize, usize, bool)> {
        let mut found = Vec::new();
        for (at, word) in self.text.match_indices("use ") {
            let before = self.text[..at].rsplit(['\n', ';', '{', '}']).next().unwrap_or("").trim();
            let is_public = before == "pub" || before.starts_with("pub(") && before.ends_with(')');
            if !before.is_empty() && !is_public {
                continue;
            }
            let end = self.text[at..].find(';').map_or(self.text.len(), |n| at + n);
            found.push((at + word.len(), end, is_public));
        }
        found
    }
}

/// The paths from the crate's root that a file's own code names by `crate::` or `super::`.
pub(super) fn references(source: &Source, module: &[String]) -> Vec<Reference> {
    let own = OwnText::of(source);
    let uses = own.uses();
    let mut found = Vec::new();
    for (at, word) in own.text.match_indices("crate::").chain(own.text.match_indices("super::")) {
        let before = own.text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let mut base = if word == "crate::" { vec![] } else { parent(module) };
        let mut rest = &own.text[at + word.len()..];
        while let Some(r) = rest.strip_prefix("super::") {
            base.pop();
            rest = r;
        }
        let mut paths = Vec::new();
        tree(rest, base, &mut paths);
        let (line, in_use) =
            (own.line_of(at), uses.iter().any(|(start, end, _)| (*start..*end).contains(&at)));
        found.extend(paths.into_iter().map(|p| Reference { line, path: p.path, in_use }));
    }
    found.sort_by(|a, b| (a.line, &a.path).cmp(&(b.line, &b.path)));
    found
}

/// What the `use` items of a file's own code name inside its crate.
pub(super) fn use_paths(source: &Source, module: &[String]) -> Vec<UsePath> {
    let own = OwnText::of(source);
    let children = declared(source);
    let mut found = Vec::new();
    for (start, end, is_public) in own.uses() {
        let line = own.line_of(start);
        let mut branches = Vec::new();
        tree(&own.text[start..end], vec![], &mut branches);
        for b in branches {
            let Some(path) = absolute(&b.path, module, &children) else { continue };
            let name = (!b.is_glob).then(|| b.alias.or(b.path.last().cloned())).flatten();
            found.push(UsePath { line, path, name, is_public });
        }
    }
    found
}

/// A used path from the crate's root; `None` for one of another crate.
fn absolute(path: &[String], module: &[String], children: &[String]) -> Option<Vec<String>> {
    let first = path.first()?;
    let n_super = path.iter().take_while(|p| *p == "super").count();
    let (base, rest) = match first.as_str() {
        "crate" => (&[][..], &path[1..]),
        "self" => (module, &path[1..]),
        "super" => (&module[..module.len().saturating_sub(n_super)], &path[n_super..]),
        child if children.iter().any(|c| c == child) => (module, path),
        _ => return None,
    };
    Some([base, rest].concat())
}

fn parent(module: &[String]) -> Vec<String> {
    module[..module.len().saturating_sub(1)].to_vec()
}

/// A branch of a use tree.
struct Branch {
    path: Vec<String>,
    alias: Option<String>,
    is_glob: bool,
}

/// The branches of a use tree `a::{b, c::d as e, f::*}` put behind `base`; gives what stands behind
/// the tree.
fn tree<'a>(text: &'a str, mut base: Vec<String>, found: &mut Vec<Branch>) -> &'a str {
    let word_end = |t: &str| t.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(t.len());
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
        let end = word_end(text);
        if end > 0 && (&text[..end] != "self" || base.is_empty()) {
            base.push(text[..end].to_string());
        }
        match text[end..].strip_prefix("::") {
            Some(next) if end > 0 => text = next,
            _ => {
                let after = text[end..].trim_start();
                let renamed = after.strip_prefix("as ").map(|a| a.trim_start());
                let alias = renamed.map(|a| a[..word_end(a)].to_string());
                let is_glob = after.starts_with('*');
                found.push(Branch { path: base, alias, is_glob });
                return match renamed {
                    Some(a) => &a[word_end(a)..],
                    None => after.strip_prefix('*').unwrap_or(after),
                };
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
            .map(|r| format!("{} {} {}", r.line, r.path.join("::"), r.in_use))
            .collect();
        let want = ["0 Error true", "0 a::b true", "0 a::c::D true", "0 f true", "1 x::w::V false"];
        assert_eq!(paths[..5], want);
        assert_eq!(paths[5..], ["2 g false"]);
    }

    #[test]
    fn uses_know_their_names() {
        let text = "mod z;\npub(crate) use z::{self, A as B};\nuse super::w::*;\nuse std::fmt;\n";
        let module = ["x".to_string(), "y".to_string()];
        let found: Vec<String> = use_paths(&Source::new("src/x/y.rs", text), &module)
            .into_iter()
            .map(|u| format!("{} {:?} {}", u.path.join("::"), u.name, u.is_public))
            .collect();
        let want = ["x::y::z Some(\"z\") true", "x::y::z::A Some(\"B\") true", "x::w None false"];
        assert_eq!(found, want);
    }
}
