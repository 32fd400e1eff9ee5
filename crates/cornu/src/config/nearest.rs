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
        let distance = strsim::damerau_levenshtein(&name, &candidate_plain);
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
