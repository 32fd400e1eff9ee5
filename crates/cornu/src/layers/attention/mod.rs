//! Attention.

pub(crate) mod single_head;
pub(crate) mod projection;
pub(crate) mod multi_head_attention;
pub(crate) mod grouped_query_attention;
