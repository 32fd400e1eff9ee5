//! Classes by name: targets of strings, names kept in files, labels and reports.

mod running;

use cornu::Model;
use running::{refused, run_with, said};
use std::path::Path;

/// A table of two kinds of points; the class is `earn` where the first number is positive.
fn table(folder: &Path, name: &str, labels: [&str; 2]) {
    let rows: String = (0..40)
        .map(|i| {
            let x = f64::from(i % 8) - 3.5;
            format!("{x},{},{}\n", f64::from(i) / 40.0, labels[usize::from(x > 0.0)])
        })
        .collect();
    std::fs::write(folder.join(name), format!("a,b,label\n{rows}")).unwrap();
}

fn run_file(folder: &Path, last: &str, loss: &str, data: &str) {
    let text = format!(
        "[data]\ntrain = \"train.csv\"\n{data}\n[model]\nname = \"points\"\ninput = [2]\n\
         layers = [\n  {{ class = \"Dense\", name = \"topic\", {last} }},\n]\n\n[compile]\n\
         optimizer = {{ class = \"Adam\", learning_rate = 0.1 }}\nloss = \"{loss}\"\n\
         metrics = [\"accuracy\"]\n\n[fit]\nepochs = 60\nverbose = 0\n\n\
         [output]\nmodel = \"m.keras\"\n"
    );
    std::fs::write(folder.join("RUN.toml"), text).unwrap();
}

const LAST: [(&str, &str); 3] = [
    ("units = 2, activation = \"softmax\"", "sparse_categorical_crossentropy"),
    ("units = 2, activation = \"softmax\"", "categorical_crossentropy"),
    ("units = 1, activation = \"sigmoid\"", "binary_crossentropy"),
];

#[test]
fn strings_are_classes_for_each_loss_and_come_back() {
    for (last, loss) in LAST {
        let dir = tempfile::tempdir().unwrap();
        let p = dir.path();
        table(p, "train.csv", ["acq", "earn"]);
        run_file(p, last, loss, "test = \"train.csv\"\n");
        let told = said(p, &["fit", "RUN.toml"]);
        assert!(told.contains("test accuracy: 1"), "{loss}: {told}");
        let model = Model::open(p.join("m.keras")).unwrap();
        assert_eq!(model.class_names("topic").unwrap(), ["acq", "earn"], "{loss}");
        let labels = ["predict", "m.keras", "--input", "train.csv", "--output", "-", "--labels"];
        let lines = said(p, &labels);
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!((lines[0], lines.len()), ("label,probability", 41), "{loss}");
        assert!(lines[1].starts_with("acq,0.") && lines[5].starts_with("earn,0."), "{lines:?}");
        let report = said(p, &["evaluate", "m.keras", "--input", "train.csv", "--report"]);
        let row = |name: &str| {
            let mut lines = report.lines().map(str::trim);
            lines.find(|l| l.starts_with(name)).map(|l| l.split_whitespace().collect())
        };
        let words: Vec<&str> = row("earn").unwrap();
        assert_eq!(words, ["earn", "1.00", "1.00", "1.00", "20"], "{loss}: {report}");
        let json = said(p, &["evaluate", "m.keras", "--input", "train.csv", "--report", "--json"]);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let confusion = &json["report"]["topic"]["confusion"];
        assert_eq!(*confusion, serde_json::json!([[20, 0], [0, 20]]), "{loss}");
    }
}

#[test]
fn a_class_that_training_never_saw_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let p = dir.path();
    table(p, "train.csv", ["acq", "earn"]);
    table(p, "test.csv", ["acq", "earm"]);
    run_file(p, LAST[0].0, LAST[0].1, "test = \"test.csv\"\n");
    let told = refused(p, &["fit", "RUN.toml"], 1);
    assert!(told.contains("RUN.toml, line 3: ") && told.contains("class `earm` of sample 4"));
    assert!(told.contains("(acq, earn); did you mean `earn`?"), "{told}");
    assert!(!p.join("m.keras").exists());
    run_file(p, LAST[0].0, LAST[0].1, "");
    said(p, &["fit", "RUN.toml"]);
    let told = refused(p, &["evaluate", "m.keras", "--input", "test.csv"], 1);
    assert!(told.contains("test.csv: class `earm`"), "{told}");
    let told = refused(p, &["fit", "m.keras", "--input", "test.csv"], 1);
    assert!(told.contains("class `earm`"), "{told}");
}

#[test]
fn listed_classes_give_order_names_of_numbers_and_weights() {
    let dir = tempfile::tempdir().unwrap();
    let p = dir.path();
    table(p, "train.csv", ["acq", "earn"]);
    let listed = "classes = [\"earn\", \"acq\"]\n";
    run_file(p, LAST[0].0, LAST[0].1, listed);
    said(p, &["fit", "RUN.toml", "--class-weight", "earn:2.0,acq:0.5"]);
    let names = || Model::open(p.join("m.keras")).unwrap().class_names("topic").unwrap();
    assert_eq!(names(), ["earn", "acq"]);
    said(p, &["fit", "RUN.toml", "--classes", "acq,earn"]);
    assert_eq!(names(), ["acq", "earn"]);
    let told = refused(p, &["fit", "RUN.toml", "--class-weight", "eran:2.0"], 1);
    assert!(told.contains("the classes are earn, acq; did you mean `earn`?"), "{told}");
    table(p, "train.csv", ["0", "1"]);
    said(p, &["fit", "RUN.toml"]);
    assert_eq!(names(), ["earn", "acq"]);
    let lines =
        said(p, &["predict", "m.keras", "--input", "train.csv", "--output", "-", "--labels"]);
    assert!(lines.lines().nth(1).unwrap().starts_with("earn,"), "{lines}");
}

#[test]
fn classes_that_fit_neither_layer_nor_loss_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let p = dir.path();
    table(p, "train.csv", ["acq", "earn"]);
    let cases = [
        (LAST[0].0, LAST[0].1, "classes = [\"acq\", \"earn\", \"x\"]\n", "give it 3 units"),
        (LAST[2].0, LAST[2].1, "classes = [\"acq\", \"earn\", \"x\"]\n", "a Dense of 3 units"),
        (LAST[2].0, "mse", "", "need a loss of classes"),
        (LAST[0].0, LAST[0].1, "classes = { topik = [\"a\", \"b\"] }\n", "did you mean `topic`?"),
        (LAST[0].0, LAST[0].1, "classes = [\"acq\", \"acq\"]\n", "`acq` twice"),
    ];
    for (last, loss, data, words) in cases {
        run_file(p, last, loss, data);
        let told = refused(p, &["fit", "RUN.toml"], 1);
        assert!(told.contains("RUN.toml, line ") && told.contains(words), "{words}: {told}");
    }
}

#[test]
fn classes_of_timesteps_and_standard_streams() {
    let dir = tempfile::tempdir().unwrap();
    let p = dir.path();
    let line = |n: usize| {
        let x: Vec<String> = (0..n).map(|t| format!("[{}.0]", t % 2)).collect();
        let y: Vec<&str> = (0..n).map(|t| ["\"low\"", "\"up\""][t % 2]).collect();
        format!("{{\"x\": [{}], \"label\": [{}]}}\n", x.join(", "), y.join(", "))
    };
    let lines: String = (2..10).map(line).collect();
    std::fs::write(p.join("train.jsonl"), &lines).unwrap();
    std::fs::write(
        p.join("RUN.toml"),
        "[data]\ntrain = \"train.jsonl\"\n[model]\ninput = [0, 1]\nlayers = [\n\
         { class = \"LSTM\", units = 4, return_sequences = true },\n\
         { class = \"Dense\", units = 2, activation = \"softmax\" },\n]\n[compile]\n\
         optimizer = { class = \"Adam\", learning_rate = 0.1 }\n\
         loss = \"sparse_categorical_crossentropy\"\n[fit]\nepochs = 60\nverbose = 0\n\
         [output]\nmodel = \"m.keras\"\n",
    )
    .unwrap();
    said(p, &["fit", "RUN.toml"]);
    let args = ["predict", "m.keras", "--input", "-", "--output", "-", "--format", "jsonl"];
    let done = run_with(p, &[&args[..], &["--labels"]].concat(), &line(3));
    assert_eq!(done.code, 0, "{}", done.err);
    let row: serde_json::Value = serde_json::from_str(done.out.trim()).unwrap();
    assert_eq!(row["label"], serde_json::json!(["low", "up", "low"]));
    let report = said(p, &["evaluate", "m.keras", "--input", "train.jsonl", "--report"]);
    let accuracy = report.lines().map(str::trim).find(|l| l.starts_with("accuracy  "));
    assert_eq!(
        accuracy.unwrap().split_whitespace().collect::<Vec<_>>(),
        ["accuracy", "1.00", "44"]
    );
    let text = std::fs::read_to_string(p.join("RUN.toml")).unwrap();
    let binary = text
        .replace("units = 2, activation = \"softmax\"", "units = 1, activation = \"sigmoid\"")
        .replace("sparse_categorical_crossentropy", "binary_crossentropy");
    std::fs::write(p.join("RUN.toml"), binary).unwrap();
    said(p, &["fit", "RUN.toml"]);
    let report = said(p, &["evaluate", "m.keras", "--input", "train.jsonl", "--report"]);
    let accuracy = report.lines().map(str::trim).find(|l| l.starts_with("accuracy  "));
    assert_eq!(
        accuracy.unwrap().split_whitespace().collect::<Vec<_>>(),
        ["accuracy", "1.00", "44"]
    );
    let files = ["predict", "m.keras", "--input", "train.jsonl", "--output", "p.jsonl"];
    let told = refused(p, &[&files[..], &["--format", "csv"]].concat(), 2);
    assert!(told.contains("--format: it is for standard input and output"), "{told}");
    let done = run_with(p, &args, "{\"x\": 1");
    assert!(done.code == 1 && done.err.contains("standard input, line 1"), "{}", done.err);
}
