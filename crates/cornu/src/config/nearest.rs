//! The name that a misspelt one probably means.

/// Returns the known name that is spelt most like `name`, if one is close. Case and underscores do
/// not count, and at most a third of the letters may differ.
///
/// ```
/// use cornu::extend::nearest;
/// assert_eq!(nearest("LTSM", ["Dense", "LSTM"]), Some("LSTM"));
/// assert_eq!(nearest("droput", ["units", "dropout"]), Some("dropout"));
/// assert_eq!(nearest("kitchen", ["units", "dropout"]), None);
/// ```
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |s: &str| s.to_lowercase().replace(['_', '-'], "");
    let name = plain(name);
    let of = |candidate: &'a str| {
        let candidate_plain = plain(candidate);
        let distance = distance(&name, &candidate_plain);
        let longest = name.chars().count().max(candidate_plain.chars().count());
        (distance * 3 <= longest).then_some((distance, candidate))
    };
    known.into_iter().filter_map(of).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// Returns `; did you mean …?` if a known name is close to a misspelt one, otherwise the empty
/// text.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map(|n| format!("; did you mean `{n}`?")).unwrap_or_default()
}

/// How many letters must be put in, left out, replaced or swapped with the next to make `a` into
/// `b`: the optimal string alignment distance.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn edits_are_counted() {
        let pairs = [("", "", 0), ("", "ab", 2), ("lstm", "ltsm", 1), ("adam", "adma", 1)];
        for (a, b, n) in
            pairs.into_iter().chain([("kitten", "sitting", 3), ("droput", "dropout", 1)])
        {
            assert_eq!((distance(a, b), distance(b, a)), (n, n), "{a} {b}");
        }
    }
}
