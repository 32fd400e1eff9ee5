//! Rust text with its comments and the contents of its strings blanked out, so that rules see code
//! alone.

/// Replaces comments by spaces and what stands between quotes by `~`; lines keep their number and
/// place.
pub(super) fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let (kind, end) = token(&chars, i);
        for (k, &c) in chars[i..end].iter().enumerate() {
            let edge = k == 0 || i + k + 1 == end;
            out.push(match kind {
                _ if c == '\n' => '\n',
                Kind::Code => c,
                Kind::Quoted if edge => c,
                Kind::Quoted => '~',
                Kind::Comment => ' ',
            });
        }
        i = end;
    }
    out
}

#[derive(Clone, Copy)]
enum Kind {
    Code,
    Quoted,
    Comment,
}

/// The kind of what starts at `i`, and where it ends.
fn token(chars: &[char], i: usize) -> (Kind, usize) {
    let at = |k: usize| chars.get(k).copied().unwrap_or('\0');
    let in_word = i > 0 && (chars[i - 1].is_alphanumeric() || chars[i - 1] == '_');
    match at(i) {
        '/' if at(i + 1) == '/' => (Kind::Comment, find(chars, i, |k| at(k) == '\n')),
        '/' if at(i + 1) == '*' => (Kind::Comment, end_of_block(chars, i)),
        '"' => (Kind::Quoted, end_of_string(chars, i + 1)),
        'r' if !in_word && matches!(at(i + 1), '"' | '#') => {
            let hashes = (i + 1..).take_while(|&k| at(k) == '#').count();
            if at(i + 1 + hashes) != '"' {
                return (Kind::Code, i + 1);
            }
            let closes = |k: usize| at(k) == '"' && (1..=hashes).all(|h| at(k + h) == '#');
            (Kind::Quoted, (find(chars, i + 2 + hashes, closes) + 1 + hashes).min(chars.len()))
        }
        '\'' if at(i + 1) == '\\' => {
            (Kind::Quoted, (find(chars, i + 3, |k| at(k) == '\'') + 1).min(chars.len()))
        }
        '\'' if at(i + 2) == '\'' => (Kind::Quoted, i + 3),
        _ => (Kind::Code, i + 1),
    }
}

fn find(chars: &[char], from: usize, is: impl Fn(usize) -> bool) -> usize {
    (from..chars.len()).find(|&k| is(k)).unwrap_or(chars.len())
}

fn end_of_string(chars: &[char], mut i: usize) -> usize {
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(chars.len())
}

fn end_of_block(chars: &[char], mut i: usize) -> usize {
    let mut depth = 0;
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blank() {
        let text = "let a = \"unsafe // x\"; // unsafe\n/* unsafe /* */ b\n*/ let c = \
            r#\"un\"safe\"#;\nlet d: &'a str = '\"'; '\\'' end";
        let code = code_only(text);
        assert_eq!(code.lines().count(), text.lines().count());
        assert!(!code.contains("unsafe"), "{code}");
        for kept in ["let a", "let c", "let d: &'a str", "end"] {
            assert!(code.contains(kept), "{kept}: {code}");
        }
    }

    #[test]
    fn a_word_that_ends_in_r_is_no_raw_string() {
        assert_eq!(code_only("for\"x\" // y"), "for\"~\"     ");
    }
}
