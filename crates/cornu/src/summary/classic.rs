//! The table of Keras 2: rules of underscores and equals signs.

use super::memory::{Counts, readable_bytes};
use super::rows::{Row, Rows};
use super::style::{Extra, column_ends, too_short};
use crate::Result;
use cornu_ir::spec::dims_text;

pub(super) fn render(
    rows: &Rows,
    extras: &[Extra],
    counts: &Counts,
    line_length: Option<usize>,
) -> Result<String> {
    let (shares, mut heads): (&[f64], Vec<&str>) = match rows.is_chain {
        true => (&[0.45, 0.85, 1.0], vec!["Layer (type)", "Output Shape", "Param #"]),
        false => (
            &[0.3, 0.6, 0.70, 1.0],
            vec!["Layer (type)", "Output Shape", "Param #", "Connected to"],
        ),
    };
    let mut length = line_length.unwrap_or(if rows.is_chain { 65 } else { 98 });
    let mut ends = column_ends(shares, length);
    for e in extras {
        length += e.growth.1;
        ends.push(length);
        heads.push(e.header);
    }
    if ends.iter().enumerate().any(|(i, end)| *end < 4 + if i == 0 { 0 } else { ends[i - 1] }) {
        return Err(too_short(length));
    }
    let mut out = Lines { text: String::new(), ends, length };
    out.line(&format!("Model: \"{}\"", rows.model_name));
    out.rule("_");
    out.row(heads.into_iter().map(String::from).collect(), 0);
    out.rule("=");
    for (i, r) in rows.rows.iter().enumerate() {
        let mut cells = vec![format!("{} ({})", r.name, r.class), shape(r), r.n_params.to_string()];
        if !rows.is_chain {
            let reads: Vec<String> = r.reads.iter().map(|c| format!("'{c}'")).collect();
            cells.push(format!("[{}]", reads.join(", ")));
        }
        cells.extend(extras.iter().map(|e| e.cells[i].clone()));
        out.row(cells, r.level);
        if r.is_expanded {
            out.inside("¯", r.level + 1);
            continue;
        }
        if !r.last_inside {
            out.inside(" ", r.level);
        }
        // Each model that ends here closes its frame.
        let next_level = rows.rows.get(i + 1).map_or(0, |n| n.level);
        (next_level..r.level).rev().for_each(|level| out.inside("¯", level));
    }
    out.rule("=");
    let mut count = |what: &str, n: usize, bytes: f64| {
        out.line(&format!("{what} params: {n} ({})", readable_bytes(bytes, "Byte")))
    };
    count("Total", counts.trainable + counts.fixed, counts.trainable_bytes + counts.fixed_bytes);
    count("Trainable", counts.trainable, counts.trainable_bytes);
    count("Non-trainable", counts.fixed, counts.fixed_bytes);
    out.rule("_");
    Ok(out.text)
}

fn shape(r: &Row) -> String {
    if r.several_shapes {
        return "multiple".into();
    }
    let all: Vec<String> = r.shapes.iter().map(|s| dims_text(s)).collect();
    match &all[..] {
        [one] if !r.is_input => one.clone(),
        all => format!("[{}]", all.join(", ")),
    }
}

struct Lines {
    text: String,
    /// Where the columns end.
    ends: Vec<usize>,
    length: usize,
}

impl Lines {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn rule(&mut self, stroke: &str) {
        self.line(&stroke.repeat(self.length));
    }

    /// A line of one stroke inside the frames of so many models.
    fn inside(&mut self, stroke: &str, level: usize) {
        let frame = "|".repeat(level);
        self.line(&format!(
            "{frame}{}{frame}",
            stroke.repeat(self.length.saturating_sub(2 * level))
        ));
    }

    /// A row in as many lines as its longest cell needs. Cells break behind what closes a tuple or
    /// a name, else where the column ends.
    fn row(&mut self, cells: Vec<String>, level: usize) {
        let mut left: Vec<Vec<char>> = cells.iter().map(|c| c.chars().collect()).collect();
        let last = left.len() - 1;
        while left.iter().any(|c| !c.is_empty()) {
            let mut line = String::new();
            let mut n_written = 0;
            for (i, cell) in left.iter_mut().enumerate() {
                let start = if i == 0 { 0 } else { self.ends[i - 1] };
                let space = if i == last { 0 } else { 2 };
                let mut fits = self.ends[i] - start - if i == last { 0 } else { space + 1 };
                if i == 0 {
                    fits = fits.saturating_sub(level).max(1);
                    line.push_str(&"|".repeat(level));
                    line.push(' ');
                    n_written += level + 1;
                }
                let fits =
                    break_after(&cell[..fits.min(cell.len())]).unwrap_or(fits.min(cell.len()));
                line.extend(cell.drain(..fits));
                line.push_str(&" ".repeat(space));
                n_written += fits + space;
                let to = self.ends[i] - if i == last { level } else { 0 };
                line.push_str(&" ".repeat(to.saturating_sub(n_written)));
                n_written = n_written.max(to);
            }
            line.push_str(&"|".repeat(level));
            self.line(&line);
        }
    }
}

/// Where the first closing of a tuple, dict, list or quoted name ends.
fn break_after(text: &[char]) -> Option<usize> {
    let pairs = [[')', ','], ['}', ','], [']', ','], ['\'', ',']];
    text.windows(2).position(|w| pairs.iter().any(|p| p == w)).map(|i| i + 2)
}
