//! Files and crates as the rules see them.

use super::lexer::code_only;
use std::fs;
use std::path::Path;

/// A Rust file.
pub(super) struct Source {
    /// From the workspace's folder, with `/`.
    pub(super) path: String,
    /// As written.
    pub(super) lines: Vec<String>,
    /// Without comments and the contents of strings, line by line.
    pub(super) code: Vec<String>,
    /// Whether each line belongs to an inline `#[cfg(test)]` module.
    pub(super) in_tests: Vec<bool>,
}

impl Source {
    pub(super) fn new(path: impl Into<String>, text: &str) -> Self {
        let lines: Vec<String> = text.lines().map(str::to_string).collect();
        let mut code: Vec<String> = code_only(text).lines().map(str::to_string).collect();
        code.resize(lines.len(), String::new());
        let in_tests = test_lines(&code);
        Self { path: path.into(), lines, code, in_tests }
    }

    /// The lines of code outside inline test modules, with their numbers from 0.
    pub(super) fn own_code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code
            .iter()
            .enumerate()
            .filter(|(i, line)| !self.in_tests[*i] && !line.trim().is_empty())
            .map(|(i, line)| (i, line.as_str()))
    }

    /// Name without `.rs`.
    pub(super) fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.strip_suffix(".rs").unwrap_or(name)
    }
}

/// Marks the lines of `#[cfg(test)] mod x { … }`, as rustfmt lays them out.
fn test_lines(code: &[String]) -> Vec<bool> {
    let mut marks = vec![false; code.len()];
    let mut i = 0;
    while i < code.len() {
        let opens = code[i].trim() == "#[cfg(test)]"
            && code.get(i + 1).is_some_and(|l| l.contains("mod ") && l.ends_with('{'));
        if opens {
            let indent: String = code[i].chars().take_while(|c| *c == ' ').collect();
            let end = (i..code.len())
                .find(|&k| code[k].trim_end() == format!("{indent}}}"))
                .unwrap_or(code.len() - 1);
            marks[i..=end].fill(true);
            i = end;
        }
        i += 1;
    }
    marks
}

/// A crate: its Rust files.
pub(super) struct Crate {
    /// Its folder, from the workspace's, with `/`.
    pub(super) folder: String,
    pub(super) sources: Vec<Source>,
}

impl Crate {
    /// Reads every Rust file under `folder`.
    pub(super) fn read(root: &Path, folder: &Path) -> Result<Self, String> {
        let name =
            |p: &Path| p.strip_prefix(root).unwrap_or(p).to_string_lossy().replace('\\', "/");
        let mut sources = Vec::new();
        let mut open = vec![folder.to_path_buf()];
        while let Some(dir) = open.pop() {
            for entry in
                fs::read_dir(&dir).map_err(|e| format!("{}: {e}", dir.display()))?.flatten()
            {
                let path = entry.path();
                if path.is_dir() {
                    open.push(path);
                } else if path.extension().is_some_and(|e| e == "rs") {
                    let text = fs::read_to_string(&path)
                        .map_err(|e| format!("{}: {e}", path.display()))?;
                    sources.push(Source::new(name(&path), &text));
                }
            }
        }
        sources.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { folder: name(folder), sources })
    }

    /// The file of a path.
    pub(super) fn source(&self, path: &str) -> Option<&Source> {
        self.sources.iter().find(|s| s.path == path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_modules_are_apart() {
        let s = Source::new(
            "a.rs",
            "//! A.\nfn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {\n    }\n}\nfn c() {}\n",
        );
        assert_eq!(s.own_code().map(|(i, _)| i).collect::<Vec<_>>(), [1, 8]);
        assert_eq!(s.stem(), "a");
    }
}
