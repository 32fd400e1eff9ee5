//! Core layers: dense products, embeddings, masks.

pub(crate) mod lora;
pub(crate) mod dense;
pub(crate) mod einsum_dense;
pub(crate) mod embedding;
pub(crate) mod reversible_embedding;
pub(crate) mod identity;
pub(crate) mod masking;
