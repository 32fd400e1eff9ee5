//! The table of Keras 3: boxes with heavy heads.

use super::memory::with_commas;
use super::memory::{Counts, readable_bytes};
use super::rows::{Row, Rows};
use super::style::{Extra, column_ends, too_short};
use super::wrap::{Align, cell_lines, text_lines};
use crate::Result;
use cornu_ir::Dim;

/// The least width of rich's console where there is no terminal.
const CONSOLE: usize = 80;

pub(super) fn render(
    rows: &Rows,
    extras: &[Extra],
    counts: &Counts,
    line_length: Option<usize>,
    columns: usize,
) -> Result<String> {
    let (mut shares, mut length) =
        if rows.is_chain { (vec![0.45, 0.80, 1.0], 88) } else { (vec![0.3, 0.56, 0.74, 1.0], 108) };
    let mut heads = vec!["Layer (type)", "Output Shape", "Param #", "Connected to"];
    heads.truncate(shares.len());
    let mut aligns = vec![Align::Left, Align::Left, Align::Right, Align::Left];
    aligns.truncate(shares.len());
    for e in extras {
        shares = shares.iter().map(|p| p * e.rest).chain([1.0]).collect();
        length += e.growth.0;
        heads.push(e.header);
        aligns.push(e.align);
    }
    let length = line_length.unwrap_or_else(|| length.min(columns.saturating_sub(4)));
    let widths = widths(&shares, length)?;
    let table = Table { widths: &widths, aligns: &aligns };
    let mut text: String =
        text_lines(&format!("Model: \"{}\"", rows.model_name), length.max(CONSOLE))
            .into_iter()
            .map(|l| l + "\n")
            .collect();
    table.rule(['┏', '━', '┳', '┓'], &mut text);
    table.row(&heads, '┃', &mut text);
    table.rule(['┡', '━', '╇', '┩'], &mut text);
    for (i, r) in rows.rows.iter().enumerate() {
        if i > 0 {
            table.rule(['├', '─', '┼', '┤'], &mut text);
        }
        let mut cells = vec![name(r), shapes(&r.shapes), with_commas(r.n_params)];
        if !rows.is_chain {
            cells.push(if r.reads.is_empty() { "-".into() } else { r.reads.join(", ") });
        }
        cells.extend(extras.iter().map(|e| e.cells[i].clone()));
        table.row(&cells.iter().map(String::as_str).collect::<Vec<_>>(), '│', &mut text);
    }
    table.rule(['└', '─', '┴', '┘'], &mut text);
    let mut line = |what: &str, n: usize, bytes: f64| {
        text.push_str(&format!(
            " {what} params: {} ({})\n",
            with_commas(n),
            readable_bytes(bytes, "B")
        ))
    };
    let (total, bytes) = counts.total();
    line("Total", total, bytes);
    line("Trainable", counts.trainable, counts.trainable_bytes);
    line("Non-trainable", counts.fixed, counts.fixed_bytes);
    if let Some((n, bytes)) = counts.optimizer {
        line("Optimizer", n, bytes);
    }
    Ok(text)
}

/// Widths of the columns' texts. Keras shares out the whole line; rich then takes back what edges
/// and padding need, from the columns evenly.
fn widths(shares: &[f64], line_length: usize) -> Result<Vec<usize>> {
    let ends = column_ends(shares, line_length);
    let mut widths: Vec<usize> = ends
        .iter()
        .enumerate()
        .map(|(i, end)| end - if i == 0 { 0 } else { ends[i - 1] })
        .collect();
    if widths.iter().any(|w| *w < 4) {
        return Err(too_short(line_length));
    }
    let mut excess = 3 * widths.len() + 1;
    let n = widths.len();
    for (i, w) in widths.iter_mut().enumerate() {
        let taken = (excess as f64 / (n - i) as f64).round_ties_even() as usize;
        *w = w.saturating_sub(taken);
        excess -= taken;
    }
    Ok(widths)
}

fn name(r: &Row) -> String {
    let inside = if r.level > 0 { format!("{}└ ", "   ".repeat(r.level)) } else { String::new() };
    format!("{inside}{} ({})", r.name, r.class)
}

fn shapes(all: &[Vec<Dim>]) -> String {
    let one = |dims: &Vec<Dim>| {
        let dims: Vec<String> =
            dims.iter().map(|d| d.map_or("None".into(), |n| n.to_string())).collect();
        format!("({})", dims.join(", "))
    };
    match all {
        [] => "?".into(),
        [s] => one(s),
        many => format!("[{}]", many.iter().map(one).collect::<Vec<_>>().join(", ")),
    }
}

struct Table<'a> {
    widths: &'a [usize],
    aligns: &'a [Align],
}

impl Table<'_> {
    /// A line between rows: its left end, stroke, crossing and right end.
    fn rule(&self, [left, stroke, cross, right]: [char; 4], text: &mut String) {
        let parts: Vec<String> =
            self.widths.iter().map(|w| stroke.to_string().repeat(w + 2)).collect();
        text.push_str(&format!("{left}{}{right}\n", parts.join(&cross.to_string())));
    }

    /// A row; short cells of a head stand at its foot.
    fn row(&self, cells: &[&str], edge: char, text: &mut String) {
        let columns: Vec<Vec<String>> = cells
            .iter()
            .zip(self.widths)
            .zip(self.aligns)
            .map(|((c, w), a)| cell_lines(c, *w, *a))
            .collect();
        let n_lines = columns.iter().map(Vec::len).max().unwrap_or(0);
        for i in 0..n_lines {
            for (column, w) in columns.iter().zip(self.widths) {
                let above = if edge == '┃' { n_lines - column.len() } else { 0 };
                let blank = " ".repeat(*w);
                text.push_str(&format!(
                    "{edge} {} ",
                    i.checked_sub(above).and_then(|i| column.get(i)).unwrap_or(&blank)
                ));
            }
            text.push_str(&format!("{edge}\n"));
        }
    }
}
