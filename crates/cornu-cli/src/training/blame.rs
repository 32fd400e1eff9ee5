//! What a failure of a run is about: the line of a RUN.toml or the flag that it is told with.

/// What a failure is about.
#[derive(Clone, Copy, Debug)]
pub enum Blame {
    /// An option of `fit`, by its key.
    Option(&'static str),
    /// The training data.
    Train,
    /// The test data.
    Test,
    /// Names of classes.
    Classes,
    /// A result, by its key: `model`, `history`, `plot`.
    Output(&'static str),
    /// Model, data and compile settings together.
    Together,
}
