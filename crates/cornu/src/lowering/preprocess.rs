//! What preprocessing layers do outside the graph: they encode raw inputs, write words from ids,
//! and keep a vocabulary.

use crate::Result;
use crate::data::Data;

/// Trait of preprocessing layers: run on the raw inputs of the model, before the graph.
pub trait Encoder {
    /// Converts the raw inputs of a call, such as strings, to the data that the graph takes.
    fn encode(&self, inputs: &[&Data]) -> Result<Data>;

    /// True if the layer pads sequences to the longest of the batch and emits no mask.
    fn fills_up(&self) -> bool {
        false
    }

    /// Returns a text of words that the layer knows, for measurements on random data. `draw`
    /// returns a whole number below its argument.
    fn example(
        &self,
        draw: &mut dyn FnMut(usize) -> usize,
        _timesteps: Option<usize>,
    ) -> Result<String> {
        Ok(format!("word {}", draw(1000)))
    }
}

/// Trait of layers whose outputs are words: the graph computes ids, which are decoded after it.
pub trait Decoder {
    /// Returns the words of ids.
    fn decode(&self, ids: &Data) -> Result<Data>;
}

/// Trait of layers with a vocabulary, which a file may hold outside the config.
pub trait Lookup {
    /// Loads the vocabulary of a file: the lines of `vocabulary.txt`, and the weights of `tf_idf`.
    ///
    /// # Errors
    /// Lines that are not valid tokens of the layer.
    fn adopt(&self, lines: Option<Vec<String>>, idf_weights: Option<Vec<f32>>) -> Result<()>;

    /// Returns the groups below the layer's own that hold the same vocabulary again.
    fn inner_groups(&self) -> &'static [&'static str] {
        &[]
    }

    /// Returns the lines of `vocabulary.txt`: all tokens by id, unless the config holds them or
    /// there are none.
    fn lines(&self) -> Result<Option<Vec<String>>>;

    /// Returns the weights of `tf_idf` by id, which a file keeps.
    fn idf_weights(&self) -> Result<Option<Vec<f32>>>;
}
