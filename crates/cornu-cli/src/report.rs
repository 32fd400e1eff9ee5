//! A report of a classifier by class, as tables and as JSON.

use cornu::report::ClassificationReport;
use serde_json::{Value, json};

/// The report as an object: accuracy, a measure of each class, the confusion matrix.
pub fn json(report: &ClassificationReport) -> Value {
    let classes: Vec<Value> = report
        .classes()
        .iter()
        .map(|c| {
            json!({
                "class": c.name, "precision": c.precision, "recall": c.recall, "f1": c.f1,
                "support": c.support,
            })
        })
        .collect();
    let counts = report.matrix().counts();
    let rows: Vec<Vec<usize>> = counts.rows().into_iter().map(|row| row.to_vec()).collect();
    json!({"accuracy": report.accuracy(), "classes": classes, "confusion": rows})
}

/// The report as tables: the measures, then the confusion matrix.
pub fn text(report: &ClassificationReport) -> String {
    let matrix = report.matrix();
    format!("{report}\nconfusion matrix (rows: target, columns: predicted)\n{matrix}")
}
