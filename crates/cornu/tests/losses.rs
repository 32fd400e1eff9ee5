//! Losses, metrics and compiled models against what real Keras computes on small literals
//! (`python/make_losses.py`), losses cut in shards against whole batches, and gradients of losses
//! against central differences.

use cornu::extend::{Compiled, ModelOutputs};
use cornu::extend::{Cx, Flow};
use cornu::losses::Loss;
use cornu::metrics::{Metric, MetricValue};
use cornu_cpu::{Feed, Fetch, Part, Program, ProgramSpec, Shard, Store, Threads, Workspace};
use cornu_ir::grad::gradient;
use cornu_ir::{Buffer, Builder, DType, Graph, Spec, Tensor, Var, interpret::interpret};
use serde_json::Value;
use std::sync::LazyLock;

static FIXTURE: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("fixtures/losses.json")).unwrap());

fn fixture(part: &str) -> &'static [Value] {
    FIXTURE[part].as_array().unwrap()
}

fn floats(v: &Value) -> Vec<f64> {
    match v {
        Value::Array(items) => items.iter().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect(),
        _ => vec![v.as_f64().unwrap_or(f64::NAN)],
    }
}

/// An array of the fixture, by its number.
fn tensor(v: &Value) -> Option<Tensor> {
    let v = &fixture("arrays")[v.as_u64()? as usize];
    let dims: Vec<usize> =
        v.get("dims")?.as_array()?.iter().map(|d| d.as_u64().unwrap() as usize).collect();
    let data = floats(&v["data"]);
    Some(match v["dtype"].as_str()? {
        "bool" => Tensor::new(&dims, data.iter().map(|x| (*x != 0.0) as u8).collect()),
        "int32" => Tensor::new(&dims, data.iter().map(|x| *x as i32).collect()),
        _ => Tensor::new(&dims, data.iter().map(|x| *x as f32).collect()),
    })
}

fn in_f64(t: &Tensor) -> Tensor {
    match t.dtype() {
        DType::F32 => Tensor::new(&t.dims, t.to_f64()),
        _ => t.clone(),
    }
}

fn rows(t: &Tensor, from: usize, to: usize) -> Tensor {
    let n = t.n_elements() / t.dims[0].max(1);
    let dims = [&[to - from], &t.dims[1..]].concat();
    let cut = t.to_f64()[from * n..to * n].to_vec();
    match t.dtype() {
        DType::F32 => Tensor::new(&dims, cut.iter().map(|x| *x as f32).collect()),
        DType::F64 => Tensor::new(&dims, cut),
        DType::I32 => Tensor::new(&dims, cut.iter().map(|x| *x as i32).collect()),
        DType::I64 => Tensor::new(&dims, cut.iter().map(|x| *x as i64).collect()),
        DType::Bool => Tensor::new(&dims, cut.iter().map(|x| *x as u8).collect()),
    }
}

/// Single precision, in which Keras computed: a rounding an operation, and differences of near
/// numbers in the larger cases.
fn close(got: &[f64], want: &[f64]) -> bool {
    let near = |g: f64, w: f64| {
        (g - w).abs() <= 2e-6 + 2e-5 * w.abs()
            || (g.is_nan() && w.is_nan())
            || (!g.is_finite() && w.is_nan())
    };
    got.len() == want.len() && got.iter().zip(want).all(|(g, w)| near(*g, *w))
}

/// The data of a case: targets, predictions, mask, weights.
struct Case {
    what: String,
    loss: Loss,
    ins: Vec<Tensor>,
    has_mask: bool,
    has_weight: bool,
    values: Option<Vec<f64>>,
    total: f64,
}

fn loss_cases() -> Vec<Case> {
    let read = |v: &Value| {
        let (mask, weight) = (tensor(&v["mask"]), tensor(&v["sample_weight"]));
        let mut ins = vec![tensor(&v["y_true"]).unwrap(), tensor(&v["y_pred"]).unwrap()];
        let (has_mask, has_weight) = (mask.is_some(), weight.is_some());
        ins.extend(mask);
        ins.extend(weight);
        let shapes: Vec<_> = ins.iter().map(|t| t.spec().to_string()).collect();
        let what = format!(
            "{} {} on {} mask {has_mask} weight {has_weight}",
            v["class"],
            v["config"],
            shapes.join(", ")
        );
        let loss = Loss::from_class(v["class"].as_str().unwrap(), v["config"].clone()).unwrap();
        let values = (!v["values"].is_null()).then(|| floats(&v["values"]));
        Case { what, loss, ins, has_mask, has_weight, values, total: floats(&v["total"])[0] }
    };
    fixture("losses").iter().map(read).collect()
}

impl Case {
    /// The graph of a shard: total, and the gradient for the predictions.
    fn graph(&self, ins: &[Tensor], batch: usize) -> Graph {
        let b = Builder::new();
        let vars: Vec<Var<'_>> = ins.iter().map(|t| b.input("x", t.spec())).collect();
        let cx = Cx::new(&b, true, Some(batch));
        let mut rest = vars[2..].iter().copied();
        let mask = if self.has_mask { rest.next() } else { None };
        let weight = if self.has_weight { rest.next() } else { None };
        let total = self
            .loss
            .total(&cx, vars[0], vars[1], mask, weight)
            .unwrap_or_else(|e| panic!("{}: {e}", self.what));
        let d = gradient(&[(total, total.ones_like())], &[vars[1]])[0]
            .unwrap_or_else(|| vars[1].zeros_like());
        b.output("total", total);
        b.output("gradient", d);
        let g = b.finish().unwrap_or_else(|e| panic!("{}: {e}", self.what));
        cornu_ir::verify::verify(&g).unwrap();
        g
    }

    fn batch(&self) -> usize {
        self.ins[1].dims[0]
    }
}

#[test]
fn every_loss_is_what_keras_computes() {
    let mut wrong = vec![];
    for c in loss_cases() {
        if let Some(want) = &c.values {
            let b = Builder::new();
            let (t, p) = (b.input("y_true", c.ins[0].spec()), b.input("y_pred", c.ins[1].spec()));
            let values = c
                .loss
                .values(&Cx::new(&b, true, Some(c.batch())), t, p)
                .unwrap_or_else(|e| panic!("{}: {e}", c.what));
            b.output("values", values.value);
            let got = interpret(&b.finish().unwrap(), &c.ins[..2])[0].to_f64();
            if !close(&got, want) {
                wrong.push(format!("{}: values {got:?}, Keras {want:?}", c.what));
            }
        }
        let got = interpret(&c.graph(&c.ins, c.batch()), &c.ins)[0].to_f64();
        if !close(&got, &[c.total]) {
            wrong.push(format!("{}: total {got:?}, Keras {:?}", c.what, c.total));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_gradient_of_a_loss_agrees_with_central_differences() {
    for c in loss_cases() {
        let ins: Vec<Tensor> = c.ins.iter().map(in_f64).collect();
        let g = c.graph(&ins, c.batch());
        let [total, found] = [0, 1].map(|i| interpret(&g, &ins)[i].to_f64());
        if !total[0].is_finite() {
            // A power of a negative number, from predictions that are no probabilities: no number
            // for Keras either.
            assert!(c.total.is_nan(), "{}", c.what);
            continue;
        }
        let largest = found.iter().fold(1.0f64, |m, x| m.max(x.abs()));
        for k in 0..found.len() {
            let at = |d: f64| {
                let mut ins = ins.clone();
                if let Buffer::F64(v) = &mut ins[1].data {
                    v[k] += d;
                }
                interpret(&g, &ins)[0].to_f64()[0]
            };
            let h = 1e-5;
            let want = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
            assert!(
                (found[k] - want).abs() <= 2e-6 * largest,
                "{}: element {k}: {} by rule, {want} by differences",
                c.what,
                found[k]
            );
        }
    }
}

/// Total and gradient of a batch cut in shards.
fn in_shards(c: &Case, cut: &[usize]) -> (f64, Vec<f64>) {
    let feeds: Vec<Feed> = (0..c.ins.len()).map(Feed::Rows).collect();
    let parts: Vec<Part> = cut
        .iter()
        .map(|&n| {
            let ins: Vec<Tensor> = c.ins.iter().map(|t| rows(t, 0, n)).collect();
            let graph = cornu_ir::passes::run(c.graph(&ins, c.batch()));
            Part { graph, feeds: feeds.clone(), fetches: vec![Fetch::Sum(0), Fetch::Rows(0)] }
        })
        .collect();
    let mut first_row = 0;
    let shards = cut.iter().enumerate().map(|(part, &rows)| {
        first_row += rows;
        Shard { part, first_row: first_row - rows, rows }
    });
    let shards = shards.collect();
    let sum = Builder::new();
    let total = sum.input("total", Spec::known(DType::F32, &[]));
    sum.output("total", total * 1.0);
    let update = Some(Part {
        graph: sum.finish().unwrap(),
        feeds: vec![Feed::Sum(0)],
        fetches: vec![Fetch::Value(1)],
    });
    let mut program = Program::from(ProgramSpec { shard_graphs: parts, shards, update });
    let views: Vec<_> = c.ins.iter().map(Tensor::view).collect();
    let mut outs = [Tensor::zeros(DType::F32, &c.ins[1].dims), Tensor::zeros(DType::F32, &[])];
    let mut out_views: Vec<_> = outs.iter_mut().map(Tensor::view_mut).collect();
    program.run(&Threads::new(1), &mut Workspace::default(), &Store::new(), &views, &mut out_views);
    (outs[1].to_f64()[0], outs[0].to_f64())
}

#[test]
fn shards_of_a_loss_add_up_to_the_batch() {
    for c in
        loss_cases().iter().filter(|c| c.batch() > 1 && !c.loss.couples_rows(c.ins[1].dims.len()))
    {
        let whole = interpret(&c.graph(&c.ins, c.batch()), &c.ins);
        let (total, d) = in_shards(c, &[c.batch() - 1, 1]);
        assert!(
            close(&[total], &whole[0].to_f64()),
            "{}: {total}, whole {:?}",
            c.what,
            whole[0].to_f64()
        );
        assert!(close(&d, &whole[1].to_f64()), "{}: {d:?}, whole {:?}", c.what, whole[1].to_f64());
    }
}

fn numbers(v: &MetricValue) -> Vec<f64> {
    match v {
        MetricValue::Number(x) => vec![*x],
        MetricValue::List(list) => list.clone(),
    }
}

fn add(totals: &mut Vec<Vec<f64>>, more: Vec<Vec<f64>>) {
    if totals.is_empty() {
        *totals = more;
        return;
    }
    for (t, m) in totals.iter_mut().zip(more) {
        t.iter_mut().zip(m).for_each(|(t, m)| *t += m);
    }
}

#[test]
fn every_metric_is_what_keras_computes() {
    let cases = fixture("metrics");
    let mut wrong = vec![];
    for v in cases {
        let metric = Metric::from_class(v["class"].as_str().unwrap(), v["config"].clone()).unwrap();
        let (mask, weight) = (tensor(&v["mask"]), tensor(&v["sample_weight"]));
        let mut totals = vec![];
        let mut shapes = String::new();
        for batch in v["batches"].as_array().unwrap() {
            let mut ins = vec![tensor(&batch[0]).unwrap(), tensor(&batch[1]).unwrap()];
            ins.extend(mask.clone());
            ins.extend(weight.clone());
            shapes = ins.iter().map(|t| t.spec().to_string()).collect::<Vec<_>>().join(", ");
            let b = Builder::new();
            let vars: Vec<_> = ins.iter().map(|t| b.input("x", t.spec())).collect();
            let mut rest = vars[2..].iter().copied();
            let (mask, weight) = (
                mask.as_ref().and_then(|_| rest.next()),
                weight.as_ref().and_then(|_| rest.next()),
            );
            let cx = Cx::new(&b, false, Some(ins[1].dims[0]));
            let partials = metric
                .partials(&cx, vars[0], vars[1], mask, weight)
                .unwrap_or_else(|e| panic!("{} {} on {shapes}: {e}", v["class"], v["config"]));
            partials.iter().for_each(|p| b.output("p", *p));
            add(
                &mut totals,
                interpret(&b.finish().unwrap(), &ins).iter().map(Tensor::to_f64).collect(),
            );
        }
        let (got, want) = (numbers(&metric.result(&totals)), floats(&v["result"]));
        if !close(&got, &want) {
            wrong.push(format!(
                "{} {} on {shapes}: {got:?}, Keras {want:?}",
                v["class"], v["config"]
            ));
        }
    }
    for class in Metric::CLASSES.iter().filter(|c| **c != "MeanMetricWrapper") {
        assert!(cases.iter().any(|v| v["class"] == *class), "{class} has no cases");
    }
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// What `evaluate` reports, batch by batch, of the outputs' values.
fn evaluate(v: &Value) -> Vec<(String, Vec<f64>)> {
    let tensors =
        |v: &Value| v.as_array().unwrap().iter().map(|t| tensor(t).unwrap()).collect::<Vec<_>>();
    let (outputs, targets) = (tensors(&v["outputs"]), tensors(&v["targets"]));
    let (mask, weight) = (tensor(&v["mask"]), tensor(&v["sample_weight"]));
    let strings = |v: &Value| {
        v.as_array().map(|a| a.iter().map(|s| s.as_str().unwrap().to_string()).collect::<Vec<_>>())
    };
    let names = strings(&v["names"]).unwrap();
    let unknown = |t: &Tensor| Spec::new(t.dtype(), [&[None], &t.spec().dims[1..]].concat());
    let within = vec![String::new(); names.len()];
    let of = ModelOutputs {
        names: names.clone(),
        keys: strings(&v["keys"]),
        specs: outputs.iter().map(unknown).collect(),
        within,
    };
    let compiled =
        Compiled::resolve(&v["config"], &of, &targets.iter().map(unknown).collect::<Vec<_>>())
            .unwrap_or_else(|e| panic!("{}: {e}", v["config"]));
    let n = outputs[0].dims[0];
    let step = v["batch_size"].as_u64().unwrap() as usize;
    let (mut total, mut each, mut metrics) =
        (0.0, vec![0.0; compiled.losses.len()], vec![vec![]; compiled.metrics.len()]);
    for from in (0..n).step_by(step) {
        let to = (from + step).min(n);
        let all: Vec<Tensor> = outputs
            .iter()
            .chain(&targets)
            .chain(&mask)
            .chain(&weight)
            .map(|t| rows(t, from, to))
            .collect();
        let b = Builder::new();
        let vars: Vec<_> = all.iter().map(|t| b.input("x", t.spec())).collect();
        let (o, t) = (outputs.len(), targets.len());
        let mask_var = mask.as_ref().map(|_| vars[o + t]);
        let weight_var = weight.as_ref().map(|_| vars[vars.len() - 1].into());
        let flows: Vec<Flow<'_>> = vars[..o].iter().map(|v| Flow::masked(*v, mask_var)).collect();
        let weights = vec![weight_var; o];
        let cx = Cx::new(&b, false, Some(to - from));
        let targets: Vec<Flow<'_>> = vars[o..o + t].iter().map(|v| Flow::new(*v)).collect();
        let losses = compiled.loss_parts(&cx, &names, &flows, &targets, &weights).unwrap();
        let partials =
            compiled.metric_partials(&cx, &names, &flows, &targets, &weights, true).unwrap();
        losses
            .total
            .iter()
            .chain(&losses.each)
            .chain(partials.iter().flatten())
            .for_each(|v| b.output("y", *v));
        let (has_loss, n_partials) =
            (losses.total.is_some(), partials.iter().map(Vec::len).collect::<Vec<_>>());
        let mut results = interpret(&b.finish().unwrap(), &all).into_iter().map(|t| t.to_f64());
        if has_loss {
            total += results.next().unwrap()[0] * (to - from) as f64;
        }
        each.iter_mut().for_each(|e| *e += results.next().unwrap()[0] * (to - from) as f64);
        for (m, n) in metrics.iter_mut().zip(n_partials) {
            add(m, results.by_ref().take(n).collect());
        }
    }
    each.iter_mut().for_each(|e| *e /= n as f64);
    let logs = compiled.logs(total / n as f64, &each, &metrics);
    assert_eq!(logs.keys().cloned().collect::<Vec<_>>(), compiled.keys());
    logs.iter().map(|(k, v)| (k.clone(), numbers(v))).collect()
}

#[test]
fn compiled_models_report_what_keras_reports() {
    let mut wrong = vec![];
    for v in fixture("models") {
        let got = evaluate(v);
        let want: Vec<(String, Vec<f64>)> =
            v["logs"].as_object().unwrap().iter().map(|(k, v)| (k.clone(), floats(v))).collect();
        let same = got.len() == want.len()
            && got.iter().zip(&want).all(|(g, w)| g.0 == w.0 && close(&g.1, &w.1));
        if !same {
            wrong.push(format!("{}:\n  {got:?}\n  Keras {want:?}", v["config"]));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Equal, 0 and 0.0 being one number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, a)| b.get(k).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

#[test]
fn configs_are_written_as_keras_writes_them() {
    for v in fixture("serialized") {
        let again = match v["module"].as_str().unwrap() {
            "keras.losses" => Loss::from_json(v).unwrap().to_json(),
            _ => Metric::from_json(v).unwrap().to_json(),
        };
        assert!(same(&again, v), "{again}\n{v}");
    }
}

#[test]
fn unfit_shapes_are_named() {
    let b = Builder::new();
    let cx = Cx::new(&b, true, Some(4));
    let x = |dims: &[usize]| b.input("x", Spec::known(DType::F32, dims));
    let message = |loss: &str, t: &[usize], p: &[usize], w: Option<&[usize]>| {
        let e = Loss::by_name(loss).unwrap().total(&cx, x(t), x(p), None, w.map(x));
        e.err().map(|e| e.to_string()).unwrap_or_default()
    };
    assert!(message("bce", &[4, 3], &[4, 1], None).contains("targets (4, 3), predictions (4, 1)"));
    assert!(message("mse", &[4, 3], &[4, 5, 3], None).contains("must have one shape"));
    assert!(
        message("sparse_categorical_crossentropy", &[4, 5], &[4, 3], None).contains("class ids")
    );
    assert!(
        message("mse", &[4, 5, 1], &[4, 5, 1], Some(&[4])).contains("values (4, 5), weights (4,)")
    );
    assert!(Loss::by_name("no_such_loss").unwrap_err().to_string().contains("MeanSquaredError"));
    assert!(
        Loss::from_class("MeanSquaredError", serde_json::json!({"reduction": "average"}))
            .unwrap_err()
            .to_string()
            .contains("sum_over_batch_size")
    );
}
