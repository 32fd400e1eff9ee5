//! Regular expressions that choose weights by their names.

use crate::{Error, Result};

/// A regular expression without look-around.
pub(super) struct Pattern {
    #[cfg(feature = "regex")]
    expression: regex_lite::Regex,
}

impl Pattern {
    /// An expression; `rule` says what it must be in an error of `who`.
    #[cfg(feature = "regex")]
    pub(super) fn new(who: &str, rule: &str, expression: &str) -> Result<Self> {
        let wrong = |_| Error::argument(who, rule, expression);
        Ok(Self { expression: regex_lite::Regex::new(expression).map_err(wrong)? })
    }

    #[cfg(not(feature = "regex"))]
    pub(super) fn new(who: &str, _: &str, expression: &str) -> Result<Self> {
        Err(Error::Unsupported(format!(
            "{who}: the regular expression `{expression}` in this build; build cornu with the \
             feature `regex`"
        )))
    }

    /// True if the expression is found in a text.
    #[cfg(feature = "regex")]
    pub(super) fn is_match(&self, text: &str) -> bool {
        self.expression.is_match(text)
    }

    #[cfg(not(feature = "regex"))]
    pub(super) fn is_match(&self, _: &str) -> bool {
        false
    }
}
