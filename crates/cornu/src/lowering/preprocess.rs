//! What preprocessing layers do outside the graph: they encode raw inputs, write words from ids,
//! and keep a vocabulary.

use crate::Result;
use crate::data::Data;

/// A layer whose meaning is no arithmetic: it reads entries of the model, and the graph takes what
/// it makes of them.
pub trait Encoder {
    /// What the graph takes, for the data of each input of the call.
    fn encode(&self, inputs: &[&Data]) -> Result<Data>;

    /// Whether its sequences of unequal length are filled up with 0 to the longest of a batch, and
    /// nobody is told where they end.
    fn fills_up(&self) -> bool {
        false
    }

    /// A text of words that the layer knows, for measurements on made data; `draw` gives a whole
    /// number below its argument.
    fn example(
        &self,
        draw: &mut dyn FnMut(usize) -> usize,
        _timesteps: Option<usize>,
    ) -> Result<String> {
        Ok(format!("word {}", draw(1000)))
    }
}

/// A layer whose outputs are words: the graph gives their ids, and what leaves the model is written
/// from them.
pub trait Decoder {
    /// The words of ids.
    fn decode(&self, ids: &Data) -> Result<Data>;
}

/// A layer that keeps a vocabulary, which a file may hold beside the config.
pub trait Lookup {
    /// Takes what a file holds: the lines of `vocabulary.txt`, the weights of `tf_idf`.
    ///
    /// # Errors
    /// Lines that are no tokens of the layer's kind.
    fn adopt(&self, lines: Option<Vec<String>>, idf_weights: Option<Vec<f32>>) -> Result<()>;

    /// Groups below the layer's own that hold the same vocabulary again.
    fn inner_groups(&self) -> &'static [&'static str] {
        &[]
    }

    /// The lines of `vocabulary.txt`: all tokens by id, unless the config holds them or there are
    /// none.
    fn lines(&self) -> Result<Option<Vec<String>>>;

    /// The weights of `tf_idf` by id, which a file keeps.
    fn idf_weights(&self) -> Result<Option<Vec<f32>>>;
}
