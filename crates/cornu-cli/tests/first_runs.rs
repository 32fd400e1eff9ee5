//! `cornu init` on data of every kind: what it writes runs as it is.

mod running;

use cornu::Model;
use cornu::data::{Data, write};
use ndarray::{Array1, Array3};
use running::{refused, said};
use std::path::Path;

/// Writes a file for data, trains two epochs of it, and gives its text.
fn works(folder: &Path, args: &[&str]) -> String {
    let _ = std::fs::remove_file(folder.join("RUN.toml"));
    said(folder, &[&["init"], args].concat());
    let text = std::fs::read_to_string(folder.join("RUN.toml")).unwrap();
    said(folder, &["fit", "RUN.toml", "--dry-run"]);
    said(folder, &["fit", "RUN.toml", "--epochs", "2", "--verbose", "0"]);
    Model::open(folder.join("out/first.keras")).unwrap();
    text
}

#[test]
fn tables_with_classes_by_name_or_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let p = dir.path();
    let rows = |target: &dyn Fn(usize) -> String| -> String {
        (0..30).map(|i| format!("{},{}.5,{}\n", i % 5, i, target(i))).collect()
    };
    let names = ["setosa", "virginica", "versicolor"];
    let text = format!("a,b,species\n{}", rows(&|i| names[i % 3].into()));
    std::fs::write(p.join("iris.csv"), text).unwrap();
    let written = works(p, &["--from", "iris.csv"]);
    assert!(written.contains("target_columns = [\"species\"]"), "{written}");
    assert!(written.contains("classes = [\"setosa\", \"versicolor\", \"virginica\"]"), "{written}");
    assert!(written.contains("units = 3, activation = \"softmax\""), "{written}");
    let names = Model::open(p.join("out/first.keras")).unwrap().class_names("dense_2").unwrap();
    assert_eq!(names, ["setosa", "versicolor", "virginica"]);
    std::fs::write(p.join("n.csv"), rows(&|i| (i % 2).to_string())).unwrap();
    let written = works(p, &["--from", "n.csv"]);
    assert!(written.contains("binary_crossentropy"), "{written}");
    let text = format!("price,a\n{}", (0..30).map(|i| format!("{i}.25,{i}\n")).collect::<String>());
    std::fs::write(p.join("price.csv"), text).unwrap();
    let written = works(p, &["--from", "price.csv", "--target-column", "price"]);
    assert!(written.contains("loss = \"mse\"") && written.contains("input = [1]"), "{written}");
}

#[test]
fn series_of_equal_and_unequal_length() {
    let dir = tempfile::tempdir().unwrap();
    let p = dir.path();
    let line = |i: usize, label: &str| {
        let steps: Vec<String> = (0..2 + i % 4).map(|t| format!("[{t}.5, {i}.0, 1.0]")).collect();
        format!("{{\"x\": [{}], \"label\": {label}}}\n", steps.join(", "))
    };
    let text: String = (0..20).map(|i| line(i, &(i % 4).to_string())).collect();
    std::fs::write(p.join("t.jsonl"), text).unwrap();
    let written = works(p, &["--from", "t.jsonl"]);
    assert!(written.contains("input = [0, 3]") && written.contains("units = 4"), "{written}");
    assert!(written.contains("\nvalidation_split = 0.2"), "{written}");
    // Sorted by class: the last fifth cannot validate.
    let text: String = (0..20).map(|i| line(i, &format!("\"c{}\"", i / 10))).collect();
    std::fs::write(p.join("t.jsonl"), text).unwrap();
    let written = works(p, &["--from", "t.jsonl"]);
    assert!(written.contains("\n# validation_split = 0.2"), "{written}");
    // A target for each timestep.
    let steps = |i: usize| format!("{:?}", (0..2 + i % 4).map(|t| t % 2).collect::<Vec<_>>());
    let text: String = (0..20).map(|i| line(i, &steps(i))).collect();
    std::fs::write(p.join("t.jsonl"), text).unwrap();
    let written = works(p, &["--from", "t.jsonl"]);
    assert!(written.contains("return_sequences = true"), "{written}");
    let x = Array3::from_shape_fn((12, 5, 2), |(i, t, f)| (i + t * f) as f32);
    write(p.join("x.npy"), &[("x".into(), Data::from(x))]).unwrap();
    let y = Array1::from_shape_fn(12, |i| i as f32 / 7.0);
    write(p.join("y.npy"), &[("y".into(), Data::from(y))]).unwrap();
    let written = works(p, &["--from", "x.npy", "--target", "y.npy"]);
    assert!(written.contains("input = [5, 2]"), "{written}");
    assert!(written.contains("train_target = \"y.npy\""), "{written}");
}

#[test]
fn texts_ids_and_several_inputs() {
    let dir = tempfile::tempdir().unwrap();
    let p = dir.path();
    let text: String =
        (0..12).map(|i| format!("\"word{} a b\",{}\n", i % 3, ["up", "low"][i % 2])).collect();
    std::fs::write(p.join("t.csv"), format!("text,label\n{text}")).unwrap();
    let written = works(p, &["--from", "t.csv"]);
    assert!(written.contains("TextVectorization"), "{written}");
    let text: String = (0..12)
        .map(|i| format!("{{\"x\": {:?}, \"y\": {}.5}}\n", (0..3 + i % 3).collect::<Vec<_>>(), i))
        .collect();
    std::fs::write(p.join("ids.jsonl"), text).unwrap();
    let written = works(p, &["--from", "ids.jsonl"]);
    assert!(written.contains("input_dim = 5") && written.contains("int32"), "{written}");
    let text: String = (0..12).map(|i| format!("{i},\"word{} a\",{}\n", i % 3, i % 2)).collect();
    std::fs::write(p.join("both.csv"), format!("size,text,label\n{text}")).unwrap();
    let written = works(p, &["--from", "both.csv"]);
    assert!(written.contains("[[model.inputs]]") && written.contains("Concatenate"), "{written}");
}

#[test]
fn what_init_cannot_do_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let p = dir.path();
    std::fs::write(p.join("RUN.toml"), "kept").unwrap();
    let told = refused(p, &["init"], 2);
    assert!(told.contains("RUN.toml is there already") && told.contains("--force"), "{told}");
    assert_eq!(std::fs::read_to_string(p.join("RUN.toml")).unwrap(), "kept");
    let told = said(p, &["init", "--output", "-"]);
    assert!(told.contains("[model]\nname = "), "{told}");
    write(p.join("x.npy"), &[("x".into(), Data::from(vec![1.0f32, 2.0]))]).unwrap();
    let told = refused(p, &["init", "--from", "x.npy", "--force"], 2);
    assert!(told.contains("--target"), "{told}");
    let told = refused(p, &["init", "--from", "no.csv", "--force"], 1);
    assert!(told.contains("no.csv"), "{told}");
    // The file to be filled in is right but for its data.
    said(p, &["init", "--force"]);
    let told = refused(p, &["fit", "RUN.toml"], 1);
    assert!(told.contains("`train.csv` cannot be read"), "{told}");
}
