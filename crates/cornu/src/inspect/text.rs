//! What is inside a file, as text.

use super::{Inspection, StoredArray};
use crate::config::short;
use crate::summary::readable_bytes;
use std::fmt;

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.kind)?;
        let lines =
            [("Keras", &self.keras_version), ("backend", &self.backend), ("saved", &self.saved)];
        for (what, value) in lines {
            if let Some(v) = value {
                writeln!(f, "  {what:<10} {v}")?;
            }
        }
        if let Some(m) = &self.model {
            let classes: Vec<String> = m
                .classes
                .iter()
                .map(|(c, n)| if *n == 1 { c.clone() } else { format!("{n} {c}") })
                .collect();
            writeln!(f, "  {:<10} {} `{}`: {}", "model", m.class, m.name, classes.join(", "))?;
            if !m.unknown.is_empty() {
                writeln!(f, "  {:<10} {}", "unknown", m.unknown.join(", "))?;
            }
        }
        if let Some(c) = &self.compiled {
            writeln!(f, "  {:<10} {}, loss {}", "compiled", c.optimizer, short(&c.loss))?;
        }
        if let Some(why) = &self.refused {
            writeln!(f, "  {:<10} cornu does not open it as a model: {why}", "refused")?;
        }
        write_arrays(f, "Weights", &self.weights)?;
        write_arrays(f, "Optimizer", &self.optimizer)?;
        write_arrays(f, "Other arrays", &self.others)?;
        if !self.assets.is_empty() {
            writeln!(f, "Assets: {}", self.assets.len())?;
            self.assets.iter().try_for_each(|(path, n)| {
                writeln!(f, "  {path}  {}", readable_bytes(*n as f64, "B"))
            })?;
        }
        write_lines(f, "Legacy", &self.legacy)?;
        write_lines(f, "Without effect", &self.ignored)?;
        write_lines(f, "Passed over, for they are no weights", &self.foreign)
    }
}

fn write_lines(f: &mut fmt::Formatter<'_>, what: &str, lines: &[String]) -> fmt::Result {
    if !lines.is_empty() {
        writeln!(f, "{what}:")?;
    }
    lines.iter().try_for_each(|line| writeln!(f, "  {line}"))
}

fn write_arrays(f: &mut fmt::Formatter<'_>, what: &str, arrays: &[StoredArray]) -> fmt::Result {
    if arrays.is_empty() {
        return Ok(());
    }
    let n: usize = arrays.iter().map(|a| a.shape.iter().product::<usize>()).sum();
    let bytes: usize = arrays.iter().map(|a| a.bytes).sum();
    writeln!(
        f,
        "{what}: {} arrays, {n} numbers, {}",
        arrays.len(),
        readable_bytes(bytes as f64, "B")
    )?;
    let width = arrays.iter().map(|a| a.path.chars().count()).max().unwrap_or(0);
    for a in arrays {
        let shape: Vec<String> = a.shape.iter().map(usize::to_string).collect();
        let of = a.of.as_ref().map_or(String::new(), |o| format!("  {o}"));
        let line = format!(
            "  {:<width$}  {:<8} {:<14}{of}",
            a.path,
            a.dtype,
            format!("({})", shape.join(", "))
        );
        writeln!(f, "{}", line.trim_end())?;
    }
    Ok(())
}
