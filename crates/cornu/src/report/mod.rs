//! Reports on results: confusion matrix, classification report, plots.
//!
//! ```
//! use cornu::data::{ClassNames, argmax};
//! use cornu::report::ClassificationReport;
//! use ndarray::array;
//! let names = ClassNames::new(["run", "walk"])?;
//! let probabilities = array![[0.9f32, 0.1], [0.2, 0.8], [0.6, 0.4]];
//! let report = ClassificationReport::new([0, 1, 1], &argmax(&probabilities), Some(&names))?;
//! assert_eq!(report.accuracy(), 2.0 / 3.0);
//! println!("{report}");
//! # Ok::<(), cornu::data::DataError>(())
//! ```

mod confusion;
mod classification;
#[cfg(feature = "plot")]
mod plot;

pub use classification::{ClassReport, ClassificationReport};
pub use confusion::{ConfusionMatrix, Id, accuracy_by_length};
#[cfg(feature = "plot")]
pub use plot::LinePlot;
