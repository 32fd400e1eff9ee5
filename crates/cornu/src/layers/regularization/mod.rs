//! Layers against overfitting: dropout, noise, a penalty on activity.

pub(crate) mod dropout;
pub(crate) mod noise;
pub(crate) mod activity_regularization;
