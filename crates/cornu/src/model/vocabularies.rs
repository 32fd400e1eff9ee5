//! The vocabularies that files keep beside configs.

use super::model::Model;
use crate::architecture::{Container, Functional, MemberKind};
use crate::lowering::{LayerRef, Lookup};
use crate::saving::{Array as FileArray, Group};
use crate::{Error, Result};

/// The layers with a vocabulary and the paths of their groups, those of models inside too.
fn lookups<'a>(
    graph: &'a Functional,
    path: &str,
    found: &mut Vec<(String, &'a LayerRef, &'a dyn Lookup)>,
) {
    for (i, group) in graph.groups() {
        let MemberKind::Layer(layer) = &graph.members[i].kind else { continue };
        let here = format!("{path}layers/{group}");
        if let Some(l) = layer.rule().as_lookup() {
            found.push((here.clone(), layer, l));
        }
        match layer.as_container() {
            Some(Container::Functional(f)) => lookups(f, &format!("{here}/"), found),
            Some(Container::Sequential(s)) => {
                s.chain().into_iter().for_each(|f| lookups(f, &format!("{here}/"), found))
            }
            None => {}
        }
    }
}

/// The lines of a file as Python's `str.splitlines` cuts them, without empty ones at the end.
fn lines(text: &str) -> Vec<String> {
    let ends = |c: char| {
        matches!(
            c,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'
                ..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    let mut lines: Vec<String> =
        text.replace("\r\n", "\n").split(ends).map(str::to_string).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

impl Model {
    fn lookups(&self) -> Vec<(String, &LayerRef, &dyn Lookup)> {
        let mut found = Vec::new();
        lookups(self.graph(), "", &mut found);
        found
    }

    /// Gives the layers the vocabularies that a file holds beside the config: lines of text, and
    /// the weights of `tf_idf`.
    pub(crate) fn adopt_vocabularies(&self, weights: &Group) -> Result<()> {
        for (path, layer, lookup) in self.lookups() {
            let here = |e: Error| e.of_layer(layer.class(), &layer.shown_name());
            let file = format!("{path}/vocabulary.txt");
            let text = self
                .brought_assets()
                .iter()
                .find(|(p, _)| *p == file)
                .map(|(_, bytes)| std::str::from_utf8(bytes));
            let text = text
                .transpose()
                .map_err(|_| Error::Config(format!("assets/{file}: the text must be UTF-8")))?;
            let idf_weights = weights
                .get(&format!("{path}/vars/idf_weights"))
                .map(FileArray::to_f32)
                .transpose()?;
            lookup.adopt(text.map(lines), idf_weights).map_err(here)?;
        }
        Ok(())
    }

    /// The files that layers keep beside the config: those that came with the model, and
    /// vocabularies adapted since.
    pub(crate) fn assets(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let mut all = self.brought_assets().to_vec();
        for (path, layer, lookup) in self.lookups() {
            let lines =
                lookup.lines().map_err(|e| e.of_layer(layer.class(), &layer.shown_name()))?;
            let Some(lines) = lines else { continue };
            let groups = std::iter::once(path.clone())
                .chain(lookup.inner_groups().iter().map(|g| format!("{path}/{g}")));
            for file in groups.map(|g| format!("{g}/vocabulary.txt")) {
                if !all.iter().any(|(p, _)| *p == file) {
                    all.push((file, lines.join("\n").into_bytes()));
                }
            }
        }
        Ok(all)
    }

    /// Writes the weights of `tf_idf`, which are no weights of the model.
    pub(crate) fn write_idf_weights(&self, root: &mut Group) -> Result<()> {
        for (path, layer, lookup) in self.lookups() {
            let idf =
                lookup.idf_weights().map_err(|e| e.of_layer(layer.class(), &layer.shown_name()))?;
            let Some(idf) = idf else { continue };
            let groups = std::iter::once(path.clone())
                .chain(lookup.inner_groups().iter().map(|g| format!("{path}/{g}")));
            for group in groups {
                root.insert(
                    &format!("{group}/vars/idf_weights"),
                    FileArray::from_f32(&[idf.len()], &idf)?,
                )?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn lines_are_cut_as_python_cuts_them() {
        assert_eq!(lines("\n[UNK]\nhorn\r\ncall\n\n"), ["", "[UNK]", "horn", "call"]);
        assert!(lines("").is_empty());
    }
}
