//! Preprocessing layers: numbers, categories, words, spectra. Words are encoded before the graph
//! runs.

pub(crate) mod fingerprint;
pub(crate) mod raw_data;
pub(crate) mod vocabulary;
pub(crate) mod rescaling;
pub(crate) mod category_encoding;
pub(crate) mod hashing;
pub(crate) mod string_lookup;
pub(crate) mod integer_lookup;
pub(crate) mod text_vectorization;
pub(crate) mod stft_spectrogram;
pub(crate) mod mel_spectrogram;
pub(crate) mod adapt;
