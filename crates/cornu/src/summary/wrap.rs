//! Text in columns, broken into lines as the Python library rich breaks it.

#[cfg(feature = "progress")]
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Without the feature `progress` every character takes one column.
#[cfg(not(feature = "progress"))]
trait OneColumn {
    fn width(&self) -> usize;
}

#[cfg(not(feature = "progress"))]
impl OneColumn for str {
    fn width(&self) -> usize {
        self.chars().count()
    }
}

#[cfg(feature = "progress")]
fn char_width(c: char) -> usize {
    c.width().unwrap_or(0)
}

#[cfg(not(feature = "progress"))]
fn char_width(_: char) -> usize {
    1
}

/// Where text stands in its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
    Center,
}

/// Lines of a cell, each of the column's width; words that are too long are cut with an ellipsis.
pub(super) fn cell_lines(text: &str, width: usize, align: Align) -> Vec<String> {
    broken(text, width, false)
        .into_iter()
        .map(|line| aligned(cut(line, width, align), width, align))
        .collect()
}

/// Lines of plain text; words that are too long go on in the next line.
pub(super) fn text_lines(text: &str, width: usize) -> Vec<String> {
    broken(text, width, true)
}

fn cut(line: String, width: usize, align: Align) -> String {
    let line = if align == Align::Left { line } else { line.trim_end().to_string() };
    if line.width() <= width {
        return line;
    }
    let mut kept = String::new();
    for c in line.chars() {
        if kept.width() + char_width(c) > width.saturating_sub(1) {
            break;
        }
        kept.push(c);
    }
    let gap = width.saturating_sub(1 + kept.width());
    format!("{kept}{}…", " ".repeat(gap))
}

fn aligned(line: String, width: usize, align: Align) -> String {
    let room = width.saturating_sub(line.width());
    match align {
        Align::Left => format!("{line}{}", " ".repeat(room)),
        Align::Right => format!("{}{line}", " ".repeat(room)),
        Align::Center => format!("{}{line}{}", " ".repeat(room / 2), " ".repeat(room - room / 2)),
    }
}

/// The words of a text, each with the blanks behind it: where it starts, and the word.
fn words(chars: &[char]) -> Vec<(usize, String)> {
    let mut words = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let mut end = at;
        let mut skip = |blank: bool| {
            while end < chars.len() && chars[end].is_whitespace() == blank {
                end += 1;
            }
            end
        };
        let start_of_word = skip(true);
        if start_of_word == chars.len() {
            break;
        }
        skip(false);
        let next = skip(true);
        words.push((at, chars[at..next].iter().collect()));
        at = next;
    }
    words
}

fn broken(text: &str, width: usize, fold: bool) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut breaks: Vec<usize> = Vec::new();
    let mut used = 0;
    for (start, word) in words(&chars) {
        let length = word.trim_end().width();
        if length <= width.saturating_sub(used) {
            used += word.width();
        } else if length > width && fold {
            let mut at = start;
            let pieces = chopped(&word, width);
            for (i, piece) in pieces.iter().enumerate() {
                if at > 0 {
                    breaks.push(at);
                }
                if i + 1 == pieces.len() {
                    used = piece.width();
                } else {
                    at += piece.chars().count();
                }
            }
        } else if length > width {
            if start > 0 {
                breaks.push(start);
            }
            used = word.width();
        } else if used > 0 && start > 0 {
            breaks.push(start);
            used = word.width();
        }
    }
    let ends = breaks.iter().copied().chain([chars.len()]);
    let mut from = 0;
    ends.map(|to| {
        let line: String = chars[from..to].iter().collect();
        from = to;
        without_overhang(line, width)
    })
    .collect()
}

/// A word in pieces that fit a width.
fn chopped(word: &str, width: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for c in word.chars() {
        let last = pieces.last_mut().expect("never empty");
        if last.width() + char_width(c) > width && !last.is_empty() {
            pieces.push(c.to_string());
        } else {
            last.push(c);
        }
    }
    pieces
}

/// The line without the blanks that stand beyond its width.
fn without_overhang(mut line: String, width: usize) -> String {
    while line.chars().count() > width && line.ends_with(char::is_whitespace) {
        line.pop();
    }
    line
}
