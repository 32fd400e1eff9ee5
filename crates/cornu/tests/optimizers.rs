//! Optimizers and schedules against Keras 3.15.1 on JAX: every case of `fixtures/optimizers.json`,
//! which `python/make_optimizers.py` writes.

use cornu::optimizers::schedules::Schedule;
use cornu::optimizers::{
    Adam, AdamW, Lion, LossScaleOptimizer, MultiOptimizer, Optimizer, OptimizerMap, Sgd, VarInfo,
};
use cornu_cpu::{Feed, Fetch, Part, Program, ProgramSpec, SlotId, Store, Threads, Workspace};
use cornu_ir::interpret::interpret;
use cornu_ir::{Builder, DType, Graph, Spec, Tensor, passes};
use serde_json::Value;

/// Both sides compute in f32, in orders that differ in sums, products of matrices and what a
/// compiler contracts: a few rounding errors of 6e-8 a step over six steps, the more where a case
/// subtracts.
const RELATIVE: f64 = 1e-6;
/// Below this size a weight's error is that of the larger terms it was made from.
const ABSOLUTE: f64 = 5e-7;

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/optimizers.json")).unwrap()
}

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn dims(v: &Value) -> Vec<usize> {
    v.as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as usize).collect()
}

fn vars(f: &Value) -> Vec<VarInfo> {
    let read = |v: &Value| VarInfo {
        path: v["path"].as_str().unwrap().into(),
        name: v["name"].as_str().unwrap().into(),
        shape: dims(&v["shape"]),
        dtype: DType::F32,
        constraint: (!v["constraint"].is_null())
            .then(|| serde_json::from_value(v["constraint"].clone()).unwrap()),
    };
    f["variables"].as_array().unwrap().iter().map(read).collect()
}

/// Consecutive numbers as tensors of the weights' shapes.
fn tensors(vars: &[VarInfo], flat: &[f64]) -> Vec<Tensor> {
    let mut rest = flat;
    let mut out = Vec::new();
    for v in vars {
        let (own, after) = rest.split_at(v.shape.iter().product());
        out.push(Tensor::new(&v.shape, own.iter().map(|&x| x as f32).collect::<Vec<_>>()));
        rest = after;
    }
    assert!(rest.is_empty());
    out
}

fn flat(tensors: &[Tensor]) -> Vec<f64> {
    tensors.iter().flat_map(Tensor::to_f64).collect()
}

/// The config with the settings that Keras's config has not.
fn optimizer(case: &Value) -> Optimizer {
    let read = Optimizer::from_json(&case["optimizer"])
        .unwrap_or_else(|e| panic!("{}: {e}", case["label"]));
    let names: Vec<&str> =
        case["exclude"].as_array().into_iter().flatten().map(|x| x.as_str().unwrap()).collect();
    macro_rules! exclude {
        ($($Type:ident)*) => {
            $(if let Some(x) = read.downcast_ref::<$Type>() {
                return x.clone().exclude_from_weight_decay(names).into();
            })*
        };
    }
    exclude!(Sgd AdamW Lion);
    assert!(names.is_empty());
    read
}

/// Inputs weights, gradients, state; outputs weights, state.
fn step(optimizer: &Optimizer, vars: &[VarInfo]) -> Graph {
    let b = Builder::new();
    let weight = |v: &VarInfo| b.input(v.path.clone(), Spec::known(v.dtype, &v.shape));
    let params: Vec<_> = vars.iter().map(weight).collect();
    let gradients: Vec<_> = vars.iter().map(weight).collect();
    let state: Vec<_> = optimizer
        .state(vars)
        .iter()
        .map(|s| b.input(s.name.clone(), Spec::known(s.dtype, &s.shape)))
        .collect();
    let update = optimizer.update(vars, &params, &gradients, &state);
    update.params.iter().chain(&update.state).for_each(|v| b.output("", *v));
    b.finish().unwrap()
}

fn finalized(
    optimizer: &Optimizer,
    vars: &[VarInfo],
    params: &[Tensor],
    state: &[Tensor],
) -> Option<Vec<Tensor>> {
    let b = Builder::new();
    let input = |t: &Tensor| b.input("", t.spec());
    let (p, s): (Vec<_>, Vec<_>) =
        (params.iter().map(input).collect(), state.iter().map(input).collect());
    let update = optimizer.finalize(vars, &p, &s)?;
    update.params.iter().for_each(|v| b.output("", *v));
    Some(interpret(&b.finish().unwrap(), &[params, state].concat()))
}

fn worst(got: &[f64], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let off = |(g, w): (&f64, &f64)| {
        if g.is_nan() || w.is_nan() {
            f64::INFINITY
        } else {
            (g - w).abs() / (ABSOLUTE + RELATIVE * w.abs())
        }
    };
    got.iter().zip(want).map(off).fold(0.0, f64::max)
}

/// Equal, but for whole numbers written as integers or not.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            x.keys().eq(y.keys()) && x.iter().all(|(k, v)| same(v, &y[k]))
        }
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(a, b)| same(a, b))
        }
        (Value::Number(x), Value::Number(y)) => x.as_f64() == y.as_f64(),
        _ => a == b,
    }
}

/// Runs a graph, again and again.
type Runner = Box<dyn FnMut(&[Tensor]) -> Vec<Tensor>>;

#[test]
fn every_step_is_keras_step() {
    compare(|graph, _| Box::new(move |ins| interpret(&graph, ins)));
}

#[test]
fn every_step_is_keras_step_as_a_program_in_place() {
    compare(|graph, n_weights| {
        let n = graph.inputs.len();
        let mut store = Store::new();
        let specs: Vec<Spec> = graph.inputs.iter().map(|p| graph.spec(p.value).clone()).collect();
        let slots: Vec<SlotId> = specs
            .iter()
            .map(|s| store.push(&Tensor::zeros(s.dtype, &s.numbers().unwrap())))
            .collect();
        let moved: Vec<SlotId> = (0..n_weights).chain(2 * n_weights..n).map(|i| slots[i]).collect();
        let feeds = slots.iter().map(|&s| Feed::State(s)).collect();
        let fetches = moved.iter().map(|&s| Fetch::State(s)).collect();
        let part = Part { graph: passes::run(graph), feeds, fetches };
        let mut program =
            Program::from(ProgramSpec { update: Some(part), ..ProgramSpec::default() });
        Box::new(move |ins| {
            slots.iter().zip(ins).for_each(|(&s, t)| store.write().replace(s, t));
            program.run(&Threads::new(1), &mut Workspace::default(), &store, &[], &mut []);
            moved.iter().map(|&s| store.variable(s).tensor()).collect()
        })
    });
}

fn compare(run: impl Fn(Graph, usize) -> Runner) {
    let f = fixture();
    let vars = vars(&f);
    let first = tensors(
        &vars,
        &f["variables"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|v| numbers(&v["value"]))
            .collect::<Vec<_>>(),
    );
    let mut failures = Vec::new();
    for case in f["cases"].as_array().unwrap() {
        let label = case["label"].as_str().unwrap();
        let optimizer = optimizer(case);
        let mut run = run(step(&optimizer, &vars), vars.len());
        let mut weights = first.clone();
        let mut state: Vec<Tensor> =
            optimizer.state(&vars).iter().map(|s| s.first_value(&first)).collect();
        for (i, want) in case["steps"].as_array().unwrap().iter().enumerate() {
            let mut gradients = tensors(&vars, &numbers(&f["gradients"][i]));
            if case["infinite"].as_u64() == Some(i as u64) {
                let endless = gradients[0]
                    .to_f64()
                    .iter()
                    .map(|x| (x * f64::INFINITY) as f32)
                    .collect::<Vec<_>>();
                gradients[0] = Tensor::new(&vars[0].shape, endless);
            }
            let mut out = run(&[weights, gradients, state].concat());
            state = out.split_off(vars.len());
            weights = out;
            let off = worst(&flat(&weights), &numbers(want));
            if off > 1.0 {
                failures
                    .push(format!("{label}: weights after step {i} are {off:.2} tolerances off"));
            }
        }
        for ((got, want), spec) in state
            .iter()
            .zip(case["final_state"].as_array().unwrap())
            .zip(case["state"].as_array().unwrap())
        {
            let off = worst(&got.to_f64(), &numbers(want));
            if off > 1.0 {
                failures.push(format!("{label}: {spec} is {off:.2} tolerances off"));
            }
        }
        match (finalized(&optimizer, &vars, &weights, &state), &case["finalized"]) {
            (None, Value::Null) => {}
            (Some(got), Value::Null) => {
                let off = worst(&flat(&got), &flat(&weights));
                if off > 1.0 {
                    failures.push(format!(
                        "{label}: the end of training changed weights by {off:.2} tolerances"
                    ));
                }
            }
            (None, _) => failures.push(format!("{label}: the end of training must change weights")),
            (Some(got), want) => {
                let off = worst(&flat(&got), &numbers(want));
                if off > 1.0 {
                    failures.push(format!(
                        "{label}: weights at the end of training are {off:.2} tolerances off"
                    ));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn variables_stand_in_the_order_of_keras_files() {
    let f = fixture();
    let vars = vars(&f);
    for case in f["cases"].as_array().unwrap() {
        let label = &case["label"];
        let state = optimizer(case).state(&vars);
        let want = case["state"].as_array().unwrap();
        assert_eq!(state.len(), want.len(), "{label}");
        for (got, want) in state.iter().zip(want) {
            let dtype = if got.dtype == DType::I32 { "int32" } else { "float32" };
            assert_eq!(
                (&got.shape, dtype),
                (&dims(&want[1]), want[2].as_str().unwrap()),
                "{label}: {}",
                got.name
            );
            // Adafactor's factors bear only the weight's name in Keras, which says less.
            // Nadam's product has the name that Keras gives to unnamed variables, with their count
            // in the process.
            let keras = want[0].as_str().unwrap();
            if !label.as_str().unwrap().starts_with("adafactor") && !keras.starts_with("variable") {
                assert_eq!(got.name, keras, "{label}");
            }
        }
    }
}

#[test]
fn configs_come_back_as_keras_wrote_them() {
    let f = fixture();
    for case in f["cases"].as_array().unwrap() {
        let written = optimizer(case).to_json();
        assert!(same(&written, &case["optimizer"]), "{written}\n{}", case["optimizer"]);
        assert_eq!(Optimizer::from_json(&written).unwrap().to_json(), written);
    }
    for case in f["schedules"].as_array().unwrap() {
        let written = Schedule::from_json(&case["schedule"]).unwrap().to_json();
        assert!(same(&written, &case["schedule"]), "{written}\n{}", case["schedule"]);
    }
}

#[test]
fn schedules_have_keras_values() {
    let f = fixture();
    let steps: Vec<i32> = numbers(&f["schedule_steps"]).iter().map(|&x| x as i32).collect();
    let mut failures = Vec::new();
    for case in f["schedules"].as_array().unwrap() {
        let schedule = Schedule::from_json(&case["schedule"]).unwrap();
        for (&step, want) in steps.iter().zip(numbers(&case["values"])) {
            let got = f64::from(schedule.at(step));
            if (got - want).abs() > 1e-7 + 1e-6 * want.abs() {
                failures
                    .push(format!("{} at {step}: {got}, Keras {want}", case["schedule"]["config"]));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn broken_settings_are_refused_with_their_name() {
    let refused =
        |class: &str, config: Value| Optimizer::from_class(class, config).unwrap_err().to_string();
    let json = |s: &str| serde_json::from_str::<Value>(s).unwrap();
    assert!(refused("SGD", json(r#"{"momentum": 1.5}"#)).contains("momentum"));
    assert!(refused("SGD", json(r#"{"momentun": 0.5}"#)).contains("momentun"));
    assert!(
        refused("Adam", json(r#"{"clipnorm": 1.0, "clipvalue": 0.5}"#))
            .contains("clipnorm=1, clipvalue=0.5")
    );
    assert!(refused("Adam", json(r#"{"gradient_accumulation_steps": 1}"#)).contains("at least 2"));
    assert!(refused("AdamW", json(r#"{"weight_decay": null}"#)).contains("weight_decay"));
    assert!(refused("Adam", json(r#"{"learning_rate": "fast"}"#)).contains("learning_rate"));
    assert!(
        refused("Adam", json(r#"{"learning_rate": {"class_name": "MySchedule", "config": {}}}"#))
            .contains("MySchedule")
    );
    assert!(refused("Muon", json(r#"{"exclude_layers": ["(?=x)"]}"#)).contains("exclude_layers"));
    assert!(
        refused(
            "MultiOptimizer",
            json(r#"{"optimizer_map": {"class_name": "function", "config": "pick"}}"#)
        )
        .contains("OptimizerMap")
    );
    assert!(refused("AdamX", json("{}")).contains("AdamX"));
    assert!(Optimizer::by_name("adamw").is_ok());
    assert!(
        Optimizer::from_class(
            "Adam",
            json(r#"{"decay": 0.0, "jit_compile": true, "is_legacy_optimizer": false}"#)
        )
        .is_ok()
    );
}

#[test]
fn a_weight_has_one_optimizer() {
    let vars = vars(&fixture());
    let map = || OptimizerMap::new(Sgd::default());
    let wrong = |map: OptimizerMap| {
        Optimizer::from(MultiOptimizer::new(map)).check(&vars).unwrap_err().to_string()
    };
    let twice = wrong(map().with("dense/.*", Adam::default()).with(".*/kernel", Adam::default()));
    assert!(twice.contains("`dense/.*` and `.*/kernel` match `dense/kernel`"), "{twice}");
    assert!(wrong(map().with("a", Adam::default()).with("a", Sgd::default())).contains("once"));
    assert!(
        wrong(map().with("a", LossScaleOptimizer::new(Adam::default())))
            .contains("LossScaleOptimizer")
    );
    assert!(wrong(map().with("(?=a)", Adam::default())).contains("look-around"));
    // A whole path goes before expressions.
    let exact = map().with("dense/.*", Adam::default()).with("dense/kernel", Sgd::default());
    assert!(Optimizer::from(MultiOptimizer::new(exact)).check(&vars).is_ok());
}

#[test]
fn files_hold_the_variables_of_optimizers_within_in_groups_of_their_own() {
    let vars = vars(&fixture());
    let several = MultiOptimizer::new(
        OptimizerMap::new(Adam::default())
            .with("tall/kernel", Adam::default())
            .with("none", Sgd::default()),
    );
    let groups = Optimizer::from(LossScaleOptimizer::new(several)).groups(&vars);
    let told: Vec<(&str, usize)> =
        groups.iter().map(|g| (g.path.as_str(), g.places.len())).collect();
    let want = [
        ("vars", 24),
        ("inner_optimizer/vars", 20),
        ("inner_optimizer/optimizers/adam/vars", 4),
        ("inner_optimizer/optimizers/sgd/vars", 2),
        ("inner_optimizer/optimizers/adam_1/vars", 12),
    ];
    assert_eq!(told, want);
    assert_eq!((groups[2].places.clone(), groups[4].places.clone()), (6..10, 12..24));
}
