//! A report of a classifier by class: precision, recall, F1 and the confusion matrix.

use serde_json::{Value, json};

/// What became of each sample: rows are the classes of the targets, columns those predicted.
pub struct Report {
    names: Vec<String>,
    counts: Vec<Vec<usize>>,
}

/// Measures of one class.
struct OfClass {
    precision: f64,
    recall: f64,
    f1: f64,
    support: usize,
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl Report {
    /// Counts pairs of the target's class and the predicted one.
    pub fn new(names: Vec<String>, pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut counts = vec![vec![0; names.len()]; names.len()];
        pairs.into_iter().for_each(|(target, predicted)| counts[target][predicted] += 1);
        Self { names, counts }
    }

    fn of_class(&self, k: usize) -> OfClass {
        let (hits, support) = (self.counts[k][k], self.counts[k].iter().sum());
        let (precision, recall) =
            (share(hits, self.counts.iter().map(|row| row[k]).sum()), share(hits, support));
        let sum = precision + recall;
        let f1 = if sum > 0.0 { 2.0 * precision * recall / sum } else { 0.0 };
        OfClass { precision, recall, f1, support }
    }

    fn accuracy(&self) -> f64 {
        let hits = (0..self.names.len()).map(|k| self.counts[k][k]).sum();
        share(hits, self.counts.iter().flatten().sum())
    }

    /// The report as an object.
    pub fn json(&self) -> Value {
        let classes: Vec<Value> = self
            .names
            .iter()
            .enumerate()
            .map(|(k, name)| {
                let c = self.of_class(k);
                json!({
                    "class": name, "precision": c.precision, "recall": c.recall, "f1": c.f1,
                    "support": c.support,
                })
            })
            .collect();
        json!({"accuracy": self.accuracy(), "classes": classes, "confusion": self.counts})
    }

    /// The report as tables.
    pub fn text(&self) -> String {
        let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
        let first = width(&mut self.names.iter().map(|n| n.chars().count())).max(5);
        let mut text = format!(
            "{:first$}  {:>9}  {:>9}  {:>9}  {:>9}\n",
            "class", "precision", "recall", "f1", "support"
        );
        for (k, name) in self.names.iter().enumerate() {
            let c = self.of_class(k);
            text.push_str(&format!(
                "{name:first$}  {:>9.4}  {:>9.4}  {:>9.4}  {:>9}\n",
                c.precision, c.recall, c.f1, c.support
            ));
        }
        let n: usize = self.counts.iter().flatten().sum();
        text.push_str(&format!("accuracy {:.4} of {n}\n\n", self.accuracy()));
        text.push_str("confusion matrix (rows: target, columns: predicted)\n");
        let digits = |row: &Vec<usize>| width(&mut row.iter().map(|n| n.to_string().len()));
        let cell = width(&mut self.counts.iter().map(digits)).max(first.min(12));
        let short = |name: &str| name.chars().take(cell).collect::<String>();
        text.push_str(&" ".repeat(first));
        self.names.iter().for_each(|name| text.push_str(&format!("  {:>cell$}", short(name))));
        text.push('\n');
        for (name, row) in self.names.iter().zip(&self.counts) {
            text.push_str(&format!("{name:first$}"));
            row.iter().for_each(|n| text.push_str(&format!("  {n:>cell$}")));
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_of_a_small_matrix() {
        let names = ["run", "walk"].map(String::from).to_vec();
        let report = Report::new(names, [(0, 0), (0, 0), (0, 1), (1, 1)]);
        let found = report.json();
        assert_eq!(found["confusion"], json!([[2, 1], [0, 1]]));
        assert_eq!(found["accuracy"], 0.75);
        assert_eq!(found["classes"][0]["precision"], 1.0);
        assert_eq!(found["classes"][1]["recall"], 1.0);
        assert_eq!(found["classes"][1]["precision"], 0.5);
        assert_eq!(found["classes"][0]["support"], 3);
        let text = report.text();
        assert!(text.contains("walk      0.5000     1.0000     0.6667          1"), "{text}");
    }
}
