//! Data given to a builder, whose errors are told when the run begins.

use crate::data::{Arrays, DataError, IntoData};
use crate::{Error, Result};

/// Data that a builder was given.
#[derive(Clone, Default)]
pub(super) enum Given<'a> {
    #[default]
    None,
    Arrays(Arrays<'a>),
    Wrong(DataError),
}

impl<'a> Given<'a> {
    pub(super) fn of(data: impl IntoData<'a>) -> Self {
        data.into_data().map_or_else(Self::Wrong, Self::Arrays)
    }

    /// The arrays, if any were given; `what` names them in errors.
    pub(super) fn take(&mut self, what: &str) -> Result<Option<Arrays<'a>>> {
        match std::mem::take(self) {
            Self::None => Ok(None),
            Self::Arrays(arrays) => Ok(Some(arrays)),
            Self::Wrong(e) => Err(Error::from(e.within(what))),
        }
    }
}
