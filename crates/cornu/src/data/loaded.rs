//! What a file gave: inputs, targets, weights and the split of its samples.

use super::checks::{check_cardinality, check_finite};
use super::error::{DataError, Result};
use super::source::Data;

/// Options for reading data files.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadOptions {
    /// True if a table begins with column names; `None` to detect them: a first line without
    /// numbers holds names.
    pub header: Option<bool>,
    /// True to allow NaN and infinity; otherwise they are errors that name the position.
    pub allow_non_finite: bool,
    /// Names of the keys, members or columns that are inputs, in the model's order. All others
    /// without a role are ignored then.
    pub inputs: Vec<String>,
    /// Names of the keys, members or columns that are targets.
    pub targets: Vec<String>,
    /// True if each listed column of a table is an input of its own, rather than a feature of one
    /// input.
    pub apart: bool,
    /// Largest number of bytes to which the members of an archive may unpack.
    pub max_unpacked_bytes: u64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            header: None,
            allow_non_finite: false,
            inputs: Vec::new(),
            targets: Vec::new(),
            apart: false,
            max_unpacked_bytes: 8 << 30,
        }
    }
}

impl ReadOptions {
    /// What a member, key or column of that name is for.
    pub(crate) fn role(&self, name: &str) -> Role {
        let listed = |names: &[String]| names.iter().any(|n| n == name);
        match role(name) {
            _ if listed(&self.inputs) => Role::Input,
            _ if listed(&self.targets) => Role::Target,
            Role::Input if !self.inputs.is_empty() => Role::Other,
            Role::Target if !self.targets.is_empty() => Role::Other,
            by_name => by_name,
        }
    }

    /// Checks that what was asked for by name was found.
    pub(crate) fn need_listed<'a>(
        &self,
        who: &str,
        found: impl Iterator<Item = &'a str>,
    ) -> Result<()> {
        let found: Vec<&str> = found.collect();
        match self.inputs.iter().chain(&self.targets).find(|name| !found.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let rule = format!("inputs and targets must be among {}.", found.join(", "));
                Err(DataError::invalid(who, rule, format!("`{name}`")))
            }
        }
    }
}

/// Content of a data file: inputs, targets, sample weights.
///
/// A file may hold features and labels together (`.jsonl`, `.csv`, `.npz`, `.parquet`) or one array
/// (`.npy`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loaded {
    /// Inputs by name, in the file's order.
    pub inputs: Vec<(String, Data)>,
    /// Targets by name, in the file's order; empty if the file has none.
    pub targets: Vec<(String, Data)>,
    /// Sample weights, by sample or by timestep.
    pub sample_weight: Option<Data>,
    /// Part of each sample (`train`, `test`, …), if the file has parts.
    pub split: Option<Vec<String>>,
}

impl Loaded {
    /// Returns the number of samples.
    pub fn n_samples(&self) -> usize {
        self.inputs.iter().chain(&self.targets).next().map_or(0, |(_, data)| data.n_samples())
    }

    /// Returns the samples of one part.
    ///
    /// # Errors
    /// The file has no parts, or no part of this name.
    pub fn part(&self, name: &str) -> Result<Loaded> {
        let Some(split) = &self.split else {
            let rule = "the file names no parts; add a column `split`.";
            return Err(DataError::invalid(format!("part `{name}`"), rule, "none"));
        };
        let rows: Vec<u32> =
            (0..split.len() as u32).filter(|&i| split[i as usize] == name).collect();
        if rows.is_empty() {
            let mut parts: Vec<&str> = split.iter().map(String::as_str).collect();
            parts.sort_unstable();
            parts.dedup();
            let rule = format!("the part must be one of {}.", parts.join(", "));
            return Err(DataError::invalid("part", rule, format!("`{name}`")));
        }
        let take = |list: &[(String, Data)]| -> Result<Vec<(String, Data)>> {
            list.iter().map(|(name, data)| Ok((name.clone(), data.take(&rows)?))).collect()
        };
        Ok(Loaded {
            inputs: take(&self.inputs)?,
            targets: take(&self.targets)?,
            sample_weight: self.sample_weight.as_ref().map(|w| w.take(&rows)).transpose()?,
            split: Some(vec![name.to_owned(); rows.len()]),
        })
    }

    /// Returns the targets of the file, or all its arrays if it names no targets.
    pub fn into_targets(self) -> Vec<(String, Data)> {
        if self.targets.is_empty() { self.inputs } else { self.targets }
    }

    /// Puts listed inputs and targets in their order, and checks that all parts agree in their
    /// samples, that there is one, and, unless allowed, that all are finite.
    pub(crate) fn checked(mut self, who: &str, options: &ReadOptions) -> Result<Loaded> {
        self.inputs.sort_by_key(|(name, _)| listed_place(&options.inputs, name));
        self.targets.sort_by_key(|(name, _)| listed_place(&options.targets, name));
        let weights = self.sample_weight.iter().map(|w| ("sample_weight", w));
        let named =
            self.inputs.iter().chain(&self.targets).map(|(name, data)| (name.as_str(), data));
        let parts: Vec<(&str, &Data)> = named.chain(weights).collect();
        check_cardinality(who, &parts)?;
        if !options.allow_non_finite {
            let several = parts.len() > 1;
            for (name, data) in &parts {
                let place = if several { format!("{who}, `{name}`") } else { who.to_owned() };
                check_finite(&place, data)?;
            }
        }
        Ok(self)
    }
}

/// The place of `name` in a list; what is not in it comes after.
pub(crate) fn listed_place(names: &[String], name: &str) -> usize {
    names.iter().position(|n| n == name).unwrap_or(names.len())
}

/// What a member, key or column of that name is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Input,
    Target,
    SampleWeight,
    Split,
    Other,
}

/// The role by name: `x`, `x0`…, `text` are inputs; `y`, `y0`…, `label(s)`, `target(s)` are
/// targets.
fn role(name: &str) -> Role {
    let numbered = |letter: char| {
        name.strip_prefix(letter)
            .is_some_and(|rest| rest.len() < 4 && rest.bytes().all(|b| b.is_ascii_digit()))
    };
    match name {
        "text" => Role::Input,
        "label" | "labels" | "target" | "targets" => Role::Target,
        "sample_weight" => Role::SampleWeight,
        "split" => Role::Split,
        _ if numbered('x') => Role::Input,
        _ if numbered('y') => Role::Target,
        _ => Role::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_roles() {
        for (name, want) in [
            ("x", Role::Input),
            ("x12", Role::Input),
            ("text", Role::Input),
            ("y", Role::Target),
            ("y0", Role::Target),
            ("label", Role::Target),
            ("xy", Role::Other),
            ("year", Role::Other),
            ("split", Role::Split),
        ] {
            assert_eq!(role(name), want, "{name}");
        }
    }

    #[test]
    fn listed_names_come_first() {
        let options = ReadOptions {
            inputs: vec!["a".into(), "y".into()],
            targets: vec!["x".into()],
            ..ReadOptions::default()
        };
        let roles = ["a", "y", "x", "x1", "label", "split", "b"].map(|name| options.role(name));
        let want = [
            Role::Input,
            Role::Input,
            Role::Target,
            Role::Other,
            Role::Other,
            Role::Split,
            Role::Other,
        ];
        assert_eq!(roles, want);
        let e = options.need_listed("t.csv", ["a", "x"].into_iter()).unwrap_err().to_string();
        assert_eq!(e, "t.csv: inputs and targets must be among a, x. Received: `y`.");
    }

    #[test]
    fn parts_are_selected_by_name() {
        let loaded = Loaded {
            inputs: vec![("x".into(), Data::from([1.0f32, 2.0, 3.0]))],
            targets: vec![("y".into(), Data::from([0i64, 1, 2]))],
            sample_weight: None,
            split: Some(vec!["train".into(), "test".into(), "train".into()]),
        };
        let train = loaded.part("train").unwrap();
        assert_eq!(train.inputs[0].1, Data::from([1.0f32, 3.0]));
        assert_eq!(train.into_targets()[0].1, Data::from([0i64, 2]));
        let e = loaded.part("dev").unwrap_err().to_string();
        assert_eq!(e, "part: the part must be one of test, train. Received: `dev`.");
    }
}
