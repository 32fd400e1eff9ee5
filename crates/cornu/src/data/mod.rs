//! Data: arrays, ragged series, the files they come from, and the batches they are cut into.
//!
//! Letters: `B` samples (the batch axis), `T` timesteps, `F` features, `N` the sum of the lengths
//! of all series.
//!
//! ```
//! use cornu::data::{BatchMaker, Data, Ragged};
//! use ndarray::{array, Array2};
//!
//! let long = array![[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]];
//! let short = array![[7.0f32, 8.0]];
//! let series = Ragged::from_list([long, short, Array2::zeros((0, 2))])?;
//! assert_eq!(series.lengths(), [3, 1, 0]);
//!
//! let data = Data::from(series);
//! let lengths = data.lengths().unwrap();
//! let batches = BatchMaker::AsTheyCome.plan_epoch(Some(&lengths), 3, 2, 0, 0)?;
//! assert_eq!(batches, [vec![0, 1], vec![2]]);
//! # Ok::<(), cornu::data::DataError>(())
//! ```

mod error;

mod axes;

mod array;
mod cast;
mod tensors;
mod ragged;

mod source;
mod data_set;
mod given;
mod element;
mod into_data;
mod lists;
pub use array::Array;
pub use data_set::{ArrayInfo, DataSet, Number, Role, Rows};
pub(crate) use data_set::{SetArray, read_rows};
pub use element::Element;
pub use error::{DataError, DataErrorKind};
pub use given::Arrays;
pub(crate) use given::{Values, by_names};
pub use into_data::{IntoData, ListItem};
pub use lists::Timestep;
pub use ragged::{PadSide, Ragged};
pub use source::Data;
pub(crate) use tensors::{array_of, tensor_of};

mod checks;
pub(crate) use checks::left_out;
pub use checks::{check_cardinality, check_finite, check_labels};

mod loaded;
pub use loaded::{Loaded, ReadOptions};

#[cfg(any(feature = "csv", feature = "parquet"))]
mod columns;
mod nested;
mod jsonl;
#[cfg(feature = "csv")]
mod delimited;
pub mod npy;
mod npz;
#[cfg(feature = "parquet")]
mod parquet;

mod formats;
pub use formats::{FORMATS, Format, read, read_with, write};

mod shuffle;
mod batch;
mod split;
pub use batch::{BATCH_MAKERS, BatchMaker, Cost};
pub use split::{ClassWeights, LabelForm, class_weights_to_sample_weights, split_at, split_last};

mod classes;
mod pad_sequences;
mod standard_scaler;
mod train_test_split;
mod windows;
pub use classes::{ClassNames, argmax, to_categorical};
pub use pad_sequences::PadSequences;
pub use standard_scaler::StandardScaler;
pub use train_test_split::{SplitRows, TrainTestSplit};
pub use windows::{WindowSet, Windows};
