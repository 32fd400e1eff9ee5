//! Precision, recall and F1 of each class.

use super::confusion::{ConfusionMatrix, Id};
use crate::data::{ClassNames, DataError};
use std::fmt;

/// The report on a classification: precision, recall, F1 and support of each class and their means.
///
/// A ratio without samples is 0, as scikit-learn's `zero_division=0`. It is shown as a table:
///
/// ```text
///               precision    recall  f1-score   support
///
///          run       0.75      1.00      0.86         3
///          sit       0.75      0.75      0.75         4
///         walk       0.75      0.60      0.67         5
///
///     accuracy                           0.75        12
///    macro avg       0.75      0.78      0.76        12
/// weighted avg       0.75      0.75      0.74        12
/// ```
///
/// Source: scikit-learn's `classification_report`.
///
/// ```
/// use cornu::report::ClassificationReport;
/// let report = ClassificationReport::new([0, 0, 1, 1], [0, 1, 1, 1], None)?;
/// assert_eq!(report.accuracy(), 0.75);
/// let one = &report.classes()[1];
/// assert_eq!((one.precision, one.recall, one.f1, one.support), (2.0 / 3.0, 1.0, 0.8, 2));
/// # Ok::<(), cornu::data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ClassificationReport {
    classes: Vec<ClassReport>,
    matrix: ConfusionMatrix,
}

/// The numbers of one class, or means over classes.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassReport {
    /// The name of the class, or of the mean.
    pub name: String,
    /// The share of samples predicted as the class that are of it.
    pub precision: f64,
    /// The share of samples of the class that were predicted as it.
    pub recall: f64,
    /// The harmonic mean of precision and recall.
    pub f1: f64,
    /// The number of samples of the class.
    pub support: usize,
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

impl ClassificationReport {
    /// Returns the report on true and predicted class ids.
    ///
    /// # Errors
    /// As [`ConfusionMatrix::new`].
    pub fn new<T: IntoIterator<Item: Id>, P: IntoIterator<Item: Id>>(
        truth: T,
        predicted: P,
        names: Option<&ClassNames>,
    ) -> Result<Self, DataError> {
        let matrix = ConfusionMatrix::new(truth, predicted, names)?;
        let counts = matrix.counts();
        let class = |(i, name): (usize, &String)| {
            let right = counts[[i, i]] as f64;
            let support = counts.row(i).sum();
            let precision = ratio(right, counts.column(i).sum() as f64);
            let recall = ratio(right, support as f64);
            let f1 = ratio(2.0 * right, (counts.column(i).sum() + support) as f64);
            ClassReport { name: name.clone(), precision, recall, f1, support }
        };
        let classes = matrix.names().iter().enumerate().map(class).collect();
        Ok(Self { classes, matrix })
    }

    /// Returns the numbers of each class.
    pub fn classes(&self) -> &[ClassReport] {
        &self.classes
    }

    /// Returns the confusion matrix.
    pub fn matrix(&self) -> &ConfusionMatrix {
        &self.matrix
    }

    /// Returns the share of right predictions.
    pub fn accuracy(&self) -> f64 {
        let counts = self.matrix.counts();
        ratio(counts.diag().sum() as f64, counts.sum() as f64)
    }

    /// Returns the means over classes, each counted alike.
    pub fn macro_average(&self) -> ClassReport {
        self.average("macro avg", |_| 1.0)
    }

    /// Returns the means over classes, each counted by its samples.
    pub fn weighted_average(&self) -> ClassReport {
        self.average("weighted avg", |class| class.support as f64)
    }

    fn average(&self, name: &str, weight: impl Fn(&ClassReport) -> f64) -> ClassReport {
        let all: f64 = self.classes.iter().map(&weight).sum();
        let mean = |of: fn(&ClassReport) -> f64| {
            ratio(self.classes.iter().map(|c| of(c) * weight(c)).sum(), all)
        };
        ClassReport {
            name: name.to_owned(),
            precision: mean(|c| c.precision),
            recall: mean(|c| c.recall),
            f1: mean(|c| c.f1),
            support: self.matrix.counts().sum(),
        }
    }
}

impl fmt::Display for ClassificationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (by_class, by_sample) = (self.macro_average(), self.weighted_average());
        let names = self.classes.iter().map(|c| c.name.chars().count());
        let width = names.chain([by_sample.name.len()]).max().unwrap_or(0);
        let heads = ["precision", "recall", "f1-score", "support"];
        write!(f, "{:width$} ", "")?;
        heads.iter().try_for_each(|head| write!(f, " {head:>9}"))?;
        writeln!(f, "\n")?;
        let line = |f: &mut fmt::Formatter<'_>, c: &ClassReport| {
            let (name, n) = (&c.name, c.support);
            let (precision, recall, f1) = (c.precision, c.recall, c.f1);
            writeln!(f, "{name:>width$}  {precision:>9.2} {recall:>9.2} {f1:>9.2} {n:>9}")
        };
        self.classes.iter().try_for_each(|c| line(f, c))?;
        let (accuracy, n) = (self.accuracy(), by_class.support);
        writeln!(f, "\n{:>width$}  {:9} {:9} {accuracy:>9.2} {n:>9}", "accuracy", "", "")?;
        line(f, &by_class)?;
        line(f, &by_sample)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUTH: [i64; 12] = [0, 1, 2, 2, 0, 1, 2, 2, 1, 0, 2, 1];
    const PREDICTED: [i64; 12] = [0, 2, 2, 2, 0, 1, 1, 2, 1, 0, 0, 1];

    fn near(c: &ClassReport, want: [f64; 3], support: usize) {
        for (got, want) in [c.precision, c.recall, c.f1].into_iter().zip(want) {
            assert!((got - want).abs() < 1e-15, "{c:?}");
        }
        assert_eq!(c.support, support);
    }

    /// Printed by scikit-learn 1.9.1.
    #[test]
    fn numbers_and_table_are_those_of_scikit_learn() {
        let names = ClassNames::new(["run", "sit", "walk"]).unwrap();
        let report = ClassificationReport::new(TRUTH, PREDICTED, Some(&names)).unwrap();
        near(&report.classes()[0], [0.75, 1.0, 0.8571428571428571], 3);
        near(&report.classes()[1], [0.75, 0.75, 0.75], 4);
        near(&report.classes()[2], [0.75, 0.6, 0.6666666666666666], 5);
        near(&report.macro_average(), [0.75, 0.7833333333333333, 0.7579365079365079], 12);
        near(&report.weighted_average(), [0.75, 0.75, 0.7420634920634921], 12);
        let want = [
            "              precision    recall  f1-score   support",
            "",
            "         run       0.75      1.00      0.86         3",
            "         sit       0.75      0.75      0.75         4",
            "        walk       0.75      0.60      0.67         5",
            "",
            "    accuracy                           0.75        12",
            "   macro avg       0.75      0.78      0.76        12",
            "weighted avg       0.75      0.75      0.74        12",
            "",
        ];
        assert_eq!(report.to_string(), want.join("\n"));
    }

    #[test]
    fn classes_without_samples_count_as_zero() {
        let names = ClassNames::new(["a", "b", "c"]).unwrap();
        let report = ClassificationReport::new([0, 0, 1], [0, 0, 0], Some(&names)).unwrap();
        near(&report.classes()[0], [0.6666666666666666, 1.0, 0.8], 2);
        near(&report.classes()[2], [0.0, 0.0, 0.0], 0);
        near(
            &report.macro_average(),
            [0.2222222222222222, 0.3333333333333333, 0.26666666666666666],
            3,
        );
        near(
            &report.weighted_average(),
            [0.4444444444444444, 0.6666666666666666, 0.5333333333333333],
            3,
        );
    }
}
