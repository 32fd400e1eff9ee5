//! Runs with callbacks come to what Keras's came to: epochs, values, rates, files, weights, and the
//! order of the hooks.
//!
//! The fixture is made by `python/make_callbacks.py`.

use cornu::Logs;
use cornu::callbacks::{
    BackupAndRestore, Callback, Frequency, LambdaCallback, LearningRateScheduler, RemoteMonitor,
    Run, by_class,
};
use cornu::data::{Array, Data};
use cornu::metrics::MetricValue;
use cornu::{
    Compile, CompiledModel, Dense, Dropout, Error, Fit, Gru, Input, Lstm, Model, Reshape, Result,
};
use cornu_ir::Tensor;
use ndarray::{ArrayD, IxDyn};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/callbacks")
}

fn fixture() -> Value {
    serde_json::from_slice(&std::fs::read(folder().join("cases.json")).unwrap()).unwrap()
}

fn table(v: &Value) -> Data {
    let rows: Vec<Vec<f32>> = v
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect())
        .collect();
    let shape = IxDyn(&[rows.len(), rows[0].len()]);
    Data::Dense(Array::F32(ArrayD::from_shape_vec(shape, rows.concat()).unwrap()))
}

fn fit(f: &Value, validate: bool) -> Fit<'static> {
    let fit = Fit::new().batch_size(5).shuffle(false).verbose(0);
    if validate { fit.validation_data(table(&f["vx"]), table(&f["vy"])) } else { fit }
}

fn model(name: &str) -> CompiledModel {
    CompiledModel::open(folder().join(format!("{name}.keras"))).unwrap()
}

fn weights(m: &Model) -> Vec<f64> {
    m.weights().iter().flat_map(|a| a.to_f64().unwrap().to_owned()).collect()
}

/// The arguments with a folder of our own in place of `DIR`.
fn placed(v: &Value, dir: &str) -> Value {
    match v {
        Value::String(s) => s.replace("DIR", dir).into(),
        Value::Object(map) => map
            .iter()
            .map(|(k, v)| (k.clone(), placed(v, dir)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

fn files(dir: &Path, below: &str) -> Vec<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().map(|e| e.unwrap()) {
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            all.extend(files(&entry.path(), &format!("{name}/")))
        } else {
            all.push(name)
        }
    }
    all.sort();
    all
}

/// As close as float32 sums in another order come; NaN agrees with NaN.
fn near(a: f64, b: f64) -> bool {
    (a.is_nan() && b.is_nan()) || a == b || (a - b).abs() <= 2e-5 * (1.0 + b.abs())
}

/// Lines of a CSV file agree, its numbers nearly.
fn lines_agree(ours: &str, theirs: &str, what: &str) {
    let cells = |text: &str| -> Vec<Vec<String>> {
        text.split("\r\n").map(|l| l.split([',', ';']).map(str::to_string).collect()).collect()
    };
    let (a, b) = (cells(ours), cells(theirs));
    assert_eq!(a.len(), b.len(), "{what}: {ours}\n{theirs}");
    for (a, b) in a.iter().flatten().zip(b.iter().flatten()) {
        let same = match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => near(a, b),
            _ => a == b,
        };
        assert!(same, "{what}: {a}, expected {b}");
    }
    assert_eq!(
        ours.matches([',', ';']).collect::<String>(),
        theirs.matches([',', ';']).collect::<String>(),
        "{what}"
    );
}

#[test]
fn runs_with_callbacks_come_to_what_keras_came_to() {
    let f = fixture();
    let cases = f["cases"].as_array().unwrap();
    assert!(cases.len() >= 20);
    for (n, case) in cases.iter().enumerate() {
        let what = format!("case {n}, {}", case["callbacks"]);
        let dir = tempfile::tempdir().unwrap();
        let mut m = model(case["model"].as_str().unwrap());
        for theirs in case["history"].as_array().unwrap() {
            let mut fit =
                fit(&f, case["validate"] == true).epochs(case["epochs"].as_u64().unwrap() as usize);
            for c in case["callbacks"].as_array().unwrap() {
                let config = placed(&c[1], dir.path().to_str().unwrap());
                fit = fit.boxed_callback(
                    by_class(c[0].as_str().unwrap(), config)
                        .unwrap_or_else(|e| panic!("{what}: {e}")),
                );
            }
            let history = m
                .fit(table(&f["x"]), table(&f["y"]), fit)
                .unwrap_or_else(|e| panic!("{what}: {e}"))
                .to_json();
            let ours = |k: &str| {
                history[k].as_array().unwrap_or_else(|| panic!("{what}: no `{k}` in {history}"))
            };
            for (k, values) in theirs.as_object().unwrap() {
                let values = values.as_array().unwrap();
                assert_eq!(ours(k).len(), values.len(), "{what}: `{k}`");
                for (a, b) in ours(k).iter().zip(values) {
                    let a = a.as_f64().unwrap_or_else(|| {
                        a.as_str().map_or(f64::NAN, |s| s.parse().unwrap_or(f64::NAN))
                    });
                    let b: f64 = b.as_str().unwrap().parse().unwrap();
                    assert!(
                        near(a, b) || (!a.is_finite() && !b.is_finite()),
                        "{what}: `{k}` {a}, expected {b}"
                    );
                }
            }
        }
        let theirs: Vec<String> = case["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_str().unwrap().to_string())
            .collect();
        assert_eq!(files(dir.path(), ""), theirs, "{what}");
        for (name, text) in case["texts"].as_object().unwrap() {
            lines_agree(
                &std::fs::read_to_string(dir.path().join(name)).unwrap(),
                text.as_str().unwrap(),
                &what,
            );
        }
        for (a, b) in weights(&m).into_iter().zip(case["weights"].as_array().unwrap()) {
            let b = b.as_f64().unwrap_or(f64::NAN);
            assert!(
                near(a, b) || (!a.is_finite() && !b.is_finite()),
                "{what}: weight {a}, expected {b}"
            );
        }
    }
}

/// Notes every hook as Keras's fixture does: name, number, keys of the logs.
struct Told(Arc<Mutex<Vec<Value>>>);

impl Told {
    fn note(&self, name: &str, n: Option<usize>, logs: Option<&Logs>) -> Result<()> {
        let keys: std::collections::BTreeSet<&String> =
            logs.into_iter().flat_map(|l| l.keys()).collect();
        self.0.lock().unwrap().push(json!([name, n, keys]));
        Ok(())
    }
}

impl Callback for Told {
    fn on_train_begin(&mut self, _: &mut Run<'_>) -> Result<()> {
        self.note("on_train_begin", None, None)
    }
    fn on_train_end(&mut self, _: &mut Run<'_>, logs: &Logs) -> Result<()> {
        self.note("on_train_end", None, Some(logs))
    }
    fn on_epoch_begin(&mut self, _: &mut Run<'_>, epoch: usize) -> Result<()> {
        self.note("on_epoch_begin", Some(epoch), None)
    }
    fn on_epoch_end(&mut self, _: &mut Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        self.note("on_epoch_end", Some(epoch), Some(logs))
    }
    fn on_train_batch_begin(&mut self, _: &mut Run<'_>, step: usize) -> Result<()> {
        self.note("on_train_batch_begin", Some(step), None)
    }
    fn on_train_batch_end(&mut self, _: &mut Run<'_>, step: usize, logs: &Logs) -> Result<()> {
        self.note("on_train_batch_end", Some(step), Some(logs))
    }
    fn on_test_begin(&mut self, _: &mut Run<'_>) -> Result<()> {
        self.note("on_test_begin", None, None)
    }
    fn on_test_end(&mut self, _: &mut Run<'_>, logs: &Logs) -> Result<()> {
        self.note("on_test_end", None, Some(logs))
    }
    fn on_test_batch_begin(&mut self, _: &mut Run<'_>, step: usize) -> Result<()> {
        self.note("on_test_batch_begin", Some(step), None)
    }
    fn on_test_batch_end(&mut self, _: &mut Run<'_>, step: usize, logs: &Logs) -> Result<()> {
        self.note("on_test_batch_end", Some(step), Some(logs))
    }
}

#[test]
fn hooks_come_in_keras_order() {
    let f = fixture();
    let told = Arc::new(Mutex::new(Vec::new()));
    model("plain")
        .fit(table(&f["x"]), table(&f["y"]), fit(&f, true).epochs(2).callback(Told(told.clone())))
        .unwrap();
    let told = told.lock().unwrap();
    let hooks = |all: &[Value]| all.iter().map(Value::to_string).collect::<Vec<_>>();
    assert_eq!(hooks(&told), hooks(f["hooks"].as_array().unwrap()));
}

#[test]
fn a_schedule_of_epochs_sets_the_rate() {
    let f = fixture();
    for name in ["plain", "several"] {
        let halving =
            LearningRateScheduler::new(|epoch, rate| if epoch > 0 { rate * 0.5 } else { rate });
        let history = model(name)
            .fit(table(&f["x"]), table(&f["y"]), fit(&f, false).epochs(3).callback(halving))
            .unwrap()
            .to_json();
        let theirs = f["halved"][name][0].as_object().unwrap();
        let keys = |m: &serde_json::Map<String, Value>| {
            m.keys().cloned().collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(keys(history.as_object().unwrap()), keys(theirs));
        for (k, values) in theirs {
            for (a, b) in history[k].as_array().unwrap().iter().zip(values.as_array().unwrap()) {
                assert!(
                    near(a.as_f64().unwrap(), b.as_str().unwrap().parse().unwrap()),
                    "{name}, {k}: {a}, expected {b}"
                );
            }
        }
    }
}

/// Fails once so many hooks have come: the run is killed there.
struct Killer(usize);

impl Killer {
    fn count(&mut self) -> Result<()> {
        self.0 = self.0.wrapping_sub(1);
        if self.0 == 0 { Err(Error::Data("killed".into())) } else { Ok(()) }
    }
}

impl Callback for Killer {
    fn on_epoch_begin(&mut self, _: &mut Run<'_>, _: usize) -> Result<()> {
        self.count()
    }
    fn on_epoch_end(&mut self, _: &mut Run<'_>, _: usize, _: &mut Logs) -> Result<()> {
        self.count()
    }
    fn on_train_batch_begin(&mut self, _: &mut Run<'_>, _: usize) -> Result<()> {
        self.count()
    }
    fn on_train_batch_end(&mut self, _: &mut Run<'_>, _: usize, _: &Logs) -> Result<()> {
        self.count()
    }
}

#[test]
fn a_run_killed_anywhere_goes_on_to_the_same_bits() {
    let f = fixture();
    let run = |m: &mut CompiledModel, dir: &Path, freq: Frequency, killed_at: usize| {
        let backup = BackupAndRestore::new(dir.join("backup")).save_freq(freq);
        // The order of samples is drawn anew each epoch: the place in it must come back too.
        let fit = fit(&f, false)
            .epochs(3)
            .shuffle(true)
            .seed(5)
            .callback(backup)
            .callback(Killer(killed_at));
        m.fit(table(&f["x"]), table(&f["y"]), fit)
    };
    let averaged = || model("averaged");
    let models: [(&str, &dyn Fn() -> CompiledModel); 3] =
        [("averaged", &averaged), ("LoRA", &adapted), ("stateful", &stateful)];
    for (what, model) in models {
        for freq in [Frequency::Epoch, Frequency::Batches(1), Frequency::Batches(2)] {
            let dir = tempfile::tempdir().unwrap();
            let mut whole = model();
            let last = run(&mut whole, dir.path(), freq, 0).unwrap();
            // 3 epochs of 3 batches: 2 hooks a batch and 2 an epoch.
            for killed_at in 1..=24 {
                let what = format!("{what}, {freq:?}, killed at hook {killed_at}");
                let dir = tempfile::tempdir().unwrap();
                assert!(run(&mut model(), dir.path(), freq, killed_at).is_err(), "{what}");
                let mut again = model();
                let history = run(&mut again, dir.path(), freq, 0).unwrap();
                assert_eq!(weights(&again), weights(&whole), "{what}");
                let value = |h: &cornu::History| {
                    h.to_json()["loss"].as_array().and_then(|l| l.last().cloned())
                };
                if let Some(loss) = value(&history) {
                    assert_eq!(Some(loss), value(&last), "{what}");
                }
                assert!(!dir.path().join("backup/latest.weights.h5").exists());
            }
        }
    }
}

/// A model of two layers that go on with their states from batch to batch, behind a dropout.
fn stateful() -> CompiledModel {
    let x = Input::new([3]);
    let h = Dropout::new(0.2).call(&Reshape::new([3, 1]).call(&x).unwrap()).unwrap();
    let h = Gru::new(3).return_sequences(true).stateful(true).call(&h).unwrap();
    let y = Dense::new(1).call(&Lstm::new(4).stateful(true).call(&h).unwrap()).unwrap();
    Model::new(&x, &y).unwrap().compile(Compile::new("adam", "mse")).unwrap()
}

/// A model whose kernels are not trained, but products beside them.
fn adapted() -> CompiledModel {
    let x = Input::new([3]);
    let h = Dense::new(4).lora_rank(2).call(&x).unwrap();
    let y = Dense::new(1).lora_rank(1).call(&h).unwrap();
    let model = Model::new(&x, &y).unwrap().compile(Compile::new("adam", "mse")).unwrap();
    let value = |i: usize| ((i * 7 % 11) as f32 - 5.0) / 10.0;
    let values: Vec<Tensor> = model
        .weights()
        .iter()
        .map(|a| Tensor::new(a.shape(), (0..a.len()).map(value).collect()))
        .collect();
    model.set_weights(&values).unwrap();
    model
}

#[test]
fn values_are_posted_as_keras_posts_them() {
    let f = fixture();
    for as_json in [false, true] {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let root = format!("http://{}", server.local_addr().unwrap());
        let heard = std::thread::spawn(move || {
            let (stream, _) = server.accept().unwrap();
            let mut reader = BufReader::new(stream);
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if line.trim().is_empty() {
                    break;
                }
                if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
                    length = n.trim().parse().unwrap();
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            reader
                .get_mut()
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .unwrap();
            (head, String::from_utf8(body).unwrap())
        });
        let monitor = RemoteMonitor::new(&root).path("/here").field("values").send_as_json(as_json);
        model("plain")
            .fit(table(&f["x"]), table(&f["y"]), fit(&f, false).epochs(1).callback(monitor))
            .unwrap();
        let (head, body) = heard.join().unwrap();
        assert!(head.starts_with("POST /here HTTP/1.1"), "{head}");
        let sent: Value = if as_json {
            assert!(head.to_lowercase().contains("content-type: application/json"), "{head}");
            serde_json::from_str(&body).unwrap()
        } else {
            assert!(
                head.to_lowercase().contains("content-type: application/x-www-form-urlencoded")
                    && body.starts_with("values=%7B%22epoch%22%3A+0"),
                "{body}"
            );
            json!({"epoch": 0, "loss": 0.0, "mae": 0.0})
        };
        assert_eq!(sent["epoch"], 0);
        assert!(sent["loss"].is_number() && sent["mae"].is_number(), "{sent}");
    }
}

#[test]
fn an_error_in_a_callback_ends_the_run_and_keeps_what_was_trained() {
    let f = fixture();
    let mut m = model("plain");
    let before = weights(&m);
    let failing = LambdaCallback::new().on_epoch_end(|_, epoch, logs| {
        logs.insert("mine".into(), MetricValue::Number(1.0));
        if epoch == 1 { Err(Error::Data("enough".into())) } else { Ok(()) }
    });
    let e = m
        .fit(table(&f["x"]), table(&f["y"]), fit(&f, false).epochs(9).callback(failing))
        .unwrap_err()
        .to_string();
    assert!(e.contains("enough"), "{e}");
    assert!(weights(&m) != before);
}

#[test]
fn arguments_without_meaning_are_refused() {
    for (class, config, word) in [
        ("EarlyStopping", json!({"patient": 3}), "patient"),
        ("ReduceLROnPlateau", json!({"factor": 1.5}), "factor"),
        ("ModelCheckpoint", json!({"filepath": "x.bin"}), ".keras"),
        (
            "ModelCheckpoint",
            json!({"filepath": "x.keras", "save_weights_only": true}),
            ".weights.h5",
        ),
        ("ModelCheckpoint", json!({"filepath": "x.keras", "save_freq": "week"}), "frequency"),
        ("CSVLogger", json!({}), "filename"),
        ("LambdaCallback", json!({}), "function"),
        ("Wonder", json!({}), "Wonder"),
    ] {
        let e = by_class(class, config).err().unwrap_or_else(|| panic!("{class}")).to_string();
        assert!(e.contains(word), "{e}");
    }
}
