//! What a translation changed, for reports and warnings: each thing once, with the layers it is of.

use std::collections::BTreeMap;

/// What was read under other words, and what has no effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    mapped: BTreeMap<String, Vec<String>>,
    ignored: BTreeMap<String, Vec<String>>,
}

fn add(list: &mut BTreeMap<String, Vec<String>>, what: impl Into<String>, layer: &str) {
    let layers = list.entry(what.into()).or_default();
    if !layer.is_empty() && !layers.iter().any(|l| l == layer) {
        layers.push(layer.to_string());
    }
}

/// Each thing with the layers it is of, the first few of them.
fn lines(list: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let line = |(what, layers): (&String, &Vec<String>)| {
        let shown: Vec<String> = layers.iter().take(4).map(|n| format!("`{n}`")).collect();
        let more = match layers.len().saturating_sub(4) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        match shown[..] {
            [] => what.clone(),
            _ => format!("{what} ({}{more})", shown.join(", ")),
        }
    };
    list.iter().map(line).collect()
}

impl Notes {
    /// Notes what is read under another name or in another form.
    pub(crate) fn mapped(&mut self, what: impl Into<String>, layer: &str) {
        add(&mut self.mapped, what, layer);
    }

    /// Notes what the file says and nothing heeds.
    pub(crate) fn ignored(&mut self, what: impl Into<String>, layer: &str) {
        add(&mut self.ignored, what, layer);
    }

    /// What was read under another name or in another form, one line each.
    pub(crate) fn mapped_lines(&self) -> Vec<String> {
        lines(&self.mapped)
    }

    /// What the file says and nothing heeds, one line each.
    pub(crate) fn ignored_lines(&self) -> Vec<String> {
        lines(&self.ignored)
    }

    /// Warns of what the file says and nothing heeds.
    pub(crate) fn warn(&self) {
        self.ignored_lines().iter().for_each(|line| log::warn!("{line}"));
    }
}
