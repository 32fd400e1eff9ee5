//! The model of a RUN.toml: a file, layers one after the other, or a graph of layers.

use super::keras_objects::keras_object;
use super::reading::Source;
use super::tables::LayerTable;
use crate::failure::Failure;
use crate::files::{self, Columns, DataFiles};
use crate::own_classes::OwnClasses;
use cornu::Unequal;
use cornu::data::Data;
use cornu::extend::InputLayer;
use cornu::extend::Registry;
use cornu::extend::did_you_mean;
use cornu::extend::{Arg, Call};
use cornu::{Compile, Input, LayerRef, Model, Opened, Predict, Symbol};
use serde_json::Value;

/// Types of inputs.
const DTYPES: &[&str] = &[
    "float32", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
    "bool", "string",
];

/// Layers that take several inputs as arguments, and not as a list.
const BY_ARGUMENT: &[&str] =
    &["MultiHeadAttention", "GroupQueryAttention", "GroupedQueryAttention"];

/// Training data for layers that are adapted to them.
pub struct Shown {
    /// The files.
    pub files: DataFiles,
    /// Columns by name.
    pub columns: Columns,
    /// How sequences of unequal length stand in a batch.
    pub unequal: Unequal,
}

/// Builds the model, compiled where the file says how or the model's file is.
///
/// # Errors
/// A layer, input or setting that cannot be, with its line.
pub fn model(
    source: &Source,
    seed: u64,
    shown: &Shown,
    registry: &Registry,
) -> Result<Opened, Failure> {
    let table = &source.run.model;
    let opened = match &table.file {
        Some(file) => {
            let opened = from_file(source, file, registry)?;
            opened.set_seed(seed);
            opened
        }
        None => Opened::Model(Builder::new(source, seed, shown, registry)?.build()?),
    };
    let opened = match &source.run.compile {
        None => opened,
        Some(c) => {
            let mut compile = Compile::new("rmsprop", Value::Null);
            let settings = [
                ("optimizer", &c.optimizer),
                ("loss", &c.loss),
                ("loss_weights", &c.loss_weights),
                ("metrics", &c.metrics),
                ("weighted_metrics", &c.weighted_metrics),
            ];
            for (key, v) in settings {
                if let Some(v) = v {
                    compile = compile.set(key, keras_object(v));
                }
            }
            let model: &Model = &opened;
            let compiled =
                model.compile(compile).map_err(|e| source.wrong_below(&["compile"], e))?;
            Opened::Compiled(Box::new(compiled))
        }
    };
    Ok(match (&table.name, opened) {
        (None, opened) => opened,
        (Some(name), Opened::Model(m)) => Opened::Model(m.name(name)),
        (Some(name), Opened::Compiled(c)) => Opened::Compiled(Box::new(c.name(name))),
    })
}

/// The classes of the author's own that the file and the flags name.
///
/// # Errors
/// An extension file that cannot be read, with the line that names it.
pub fn own_classes(source: &Source, flags: &OwnClasses) -> Result<Registry, Failure> {
    let table = &source.run.model;
    let of_file: Vec<_> = table.extension.0.iter().map(|p| source.path(p)).collect();
    let own = OwnClasses { extensions: of_file, assume: table.assume || flags.assume };
    let way = ["model", "extension"];
    let mut registry = own.registry().map_err(|f| source.wrong_below(&way, f))?;
    for path in &flags.extensions {
        registry = registry.extension(path)?;
    }
    Ok(registry)
}

fn from_file(source: &Source, file: &str, registry: &Registry) -> Result<Opened, Failure> {
    let table = &source.run.model;
    let beside = [
        ("input", table.input.is_some()),
        ("input_dtype", table.input_dtype.is_some()),
        ("inputs", !table.inputs.is_empty()),
        ("layers", !table.layers.is_empty()),
        ("outputs", !table.outputs.0.is_empty()),
    ];
    if let Some((key, _)) = beside.into_iter().find(|(_, given)| *given) {
        let message =
            format!("[model] `{key}`: the model comes from `file`; leave one of them out");
        return Err(source.wrong(&["model", key], &message));
    }
    Opened::read_with(source.path(file), registry)
        .map_err(|e| source.wrong_below(&["model", "file"], Failure::from(e)))
}

/// A model in the making.
struct Builder<'a> {
    source: &'a Source,
    seed: u64,
    shown: &'a Shown,
    registry: &'a Registry,
    /// The inputs, in their order.
    inputs: Vec<Symbol>,
    /// What can be named: inputs and layers with their values.
    named: Vec<(String, Vec<Symbol>)>,
    /// Values of the layer before.
    last: Vec<Symbol>,
}

impl<'a> Builder<'a> {
    fn new(
        source: &'a Source,
        seed: u64,
        shown: &'a Shown,
        registry: &'a Registry,
    ) -> Result<Self, Failure> {
        let table = &source.run.model;
        if table.layers.is_empty() {
            let message = "[model]: give `layers`, or a `file` to start from";
            return Err(source.wrong(&["model"], message));
        }
        let (mut inputs, mut named) = (vec![], vec![]);
        match (&table.input, &table.inputs[..]) {
            (Some(_), [_, ..]) => {
                let message = "[model]: `input` is the only input, `inputs` are several; give one";
                return Err(source.wrong(&["model", "inputs"], message));
            }
            (None, []) => {
                let message = "[model]: `input` is missing, the shape without the batch, such as \
                    `input = [0, 12]` for any number of timesteps of 12 features";
                return Err(source.wrong(&["model"], message));
            }
            (Some(shape), []) => {
                let way = ["model", "input_dtype"];
                inputs.push(entry(source, &way, None, shape, table.input_dtype.as_deref())?);
            }
            (None, several) => {
                if table.input_dtype.is_some() {
                    let message = "[model] `input_dtype`: each of several `inputs` has a `dtype` \
                        of its own";
                    return Err(source.wrong(&["model", "input_dtype"], message));
                }
                for (i, input) in several.iter().enumerate() {
                    let at = i.to_string();
                    if named.iter().any(|(name, _)| *name == input.name) {
                        let message = format!("[model] inputs: `{}` comes twice", input.name);
                        return Err(source.wrong(&["model", "inputs", &at, "name"], &message));
                    }
                    let way = ["model", "inputs", &at, "dtype"];
                    let name = Some(input.name.as_str());
                    let symbol = entry(source, &way, name, &input.shape, input.dtype.as_deref())?;
                    named.push((input.name.clone(), vec![symbol.clone()]));
                    inputs.push(symbol);
                }
            }
        }
        let last = if inputs.len() == 1 { inputs.clone() } else { vec![] };
        Ok(Self { source, seed, shown, registry, inputs, named, last })
    }

    fn build(self) -> Result<Model, Failure> {
        let table = &self.source.run.model;
        let is_graph = !table.inputs.is_empty()
            || !table.outputs.0.is_empty()
            || table.layers.iter().any(|l| !l.inputs.0.is_empty());
        let model = if is_graph { self.graph()? } else { self.chain()? };
        Ok(model)
    }

    /// The layers one after the other.
    fn chain(self) -> Result<Model, Failure> {
        let input = &self.inputs[0];
        let mut layers: Vec<LayerRef> = vec![];
        for (i, table) in self.source.run.model.layers.iter().enumerate() {
            let mut next = self.layer(i, table)?;
            if table.adapt {
                let before = || Ok(Model::sequential(input, layers.clone())?);
                let first = layers.is_empty().then_some(0);
                next = self.adapted(i, next, first, before)?;
            }
            layers.push(next);
        }
        let model = Model::sequential(input, layers.clone()).map_err(|e| {
            // The first layer without which the model can be made is the one at fault.
            let fails = |n: &usize| Model::sequential(input, layers[..=*n].to_vec()).is_err();
            let at = (0..layers.len()).find(fails).unwrap_or(0);
            self.at_layer(at, e)
        })?;
        model.seed(self.seed).map_err(Failure::from)
    }

    /// The layers as a graph.
    fn graph(mut self) -> Result<Model, Failure> {
        let tables = &self.source.run.model.layers;
        let mut called: Vec<LayerRef> = vec![];
        for (i, table) in tables.iter().enumerate() {
            let read = self.sources(i, table)?;
            let mut layer = self.layer(i, table)?;
            if table.adapt {
                let (inputs, symbol) = (&self.inputs, &read[0]);
                let before = || Ok(Model::new(&inputs[..], symbol)?);
                let first = self.input_of(i, table);
                layer = self.adapted(i, layer, first, before)?;
            }
            let call = match &read[..] {
                [one] => Call::one(one.clone()),
                several if BY_ARGUMENT.contains(&&*table.class) => {
                    let args = several.iter().cloned().map(Arg::Value).collect();
                    Call::new(args, vec![])
                }
                several => Call::list(several.iter().cloned()),
            };
            let values = layer.call_all(call).map_err(|e| self.at_layer(i, e))?;
            called.push(layer.clone());
            if let Some(name) = layer.given_name() {
                if self.named.iter().any(|(n, _)| n == name) {
                    let message = format!("layer {}: the name `{name}` comes twice", i + 1);
                    return Err(self.source.wrong(&way_of(&i.to_string(), "name"), &message));
                }
                self.named.push((name.to_string(), values.clone()));
            }
            self.last = values;
        }
        let outputs = &self.source.run.model.outputs.0;
        let way = ["model", "outputs"];
        let found: Vec<Symbol> =
            outputs.iter().map(|o| self.value(&way, o)).collect::<Result<_, _>>()?;
        let model = match &found[..] {
            [] => Model::new(&self.inputs[..], &self.last[0]),
            [one] => Model::new(&self.inputs[..], one),
            several => Model::new(&self.inputs[..], several),
        };
        let model = model.map_err(|e| self.source.wrong_below(&["model"], e))?;
        let leads_nowhere =
            |layer: &LayerRef| model.layers().iter().all(|(_, member)| *member != layer);
        if let Some(i) = called.iter().position(leads_nowhere) {
            let message = format!(
                "layer {} {}: no output of the model depends on it; name it in `outputs` of \
                 [model] or in `inputs` of another layer, or leave it out",
                i + 1,
                tables[i].class
            );
            return Err(self.source.wrong(&["model", "layers", &i.to_string()], &message));
        }
        model.seed(self.seed).map_err(Failure::from)
    }

    /// The values that a layer is called on.
    fn sources(&self, i: usize, table: &LayerTable) -> Result<Vec<Symbol>, Failure> {
        let at = i.to_string();
        if table.inputs.0.is_empty() {
            return match self.last.first() {
                Some(value) => Ok(vec![value.clone()]),
                None => Err(self.source.wrong(
                    &["model", "layers", &at],
                    &format!(
                        "layer {} {}: the model has several inputs; say on which the layer is \
                         called: `inputs = [\"{}\"]`",
                        i + 1,
                        table.class,
                        self.named[0].0
                    ),
                )),
            };
        }
        table.inputs.0.iter().map(|name| self.value(&way_of(&at, "inputs"), name)).collect()
    }

    /// A value by the name of its layer or input: `name`, or `name:1` for the second.
    fn value(&self, way: &[&str], name: &str) -> Result<Symbol, Failure> {
        let (base, index) = match name.rsplit_once(':') {
            Some((base, index)) => (base, index.parse::<usize>().ok()),
            None => (name, Some(0)),
        };
        let Some((_, values)) = self.named.iter().find(|(n, _)| n == base) else {
            let known: Vec<&str> = self.named.iter().map(|(n, _)| n.as_str()).collect();
            let hint = did_you_mean(base, known.iter().copied());
            let known = known.join(", ");
            let message = format!(
                "no input or layer before is named `{base}`; there are {known}{hint} (a layer is \
                 named by `name = \"…\"`)"
            );
            return Err(self.source.wrong_below(way, Failure::failed(message)));
        };
        index.and_then(|i| values.get(i)).cloned().ok_or_else(|| {
            let n = values.len();
            let message = format!("`{name}`: `{base}` gives {n} value(s), counted from 0");
            self.source.wrong_below(way, Failure::failed(message))
        })
    }

    fn layer(&self, i: usize, table: &LayerTable) -> Result<LayerRef, Failure> {
        let config = keras_object(&Value::Object(table.settings.clone()));
        let object = serde_json::json!({"class_name": table.class, "config": config});
        LayerRef::from_json(&object, &self.registry.clone().strict())
            .map_err(|e| self.at_layer(i, e))
    }

    /// The number of the input that a layer is called on, if it is called on one.
    fn input_of(&self, i: usize, table: &LayerTable) -> Option<usize> {
        match table.inputs.0.first() {
            Some(name) => self.source.run.model.inputs.iter().position(|n| n.name == *name),
            None => (i == 0).then_some(0),
        }
    }

    /// Returns a layer adapted to the training data: to the data of an input, or to the outputs of
    /// the layers before it.
    fn adapted(
        &self,
        i: usize,
        layer: LayerRef,
        input: Option<usize>,
        before: impl FnOnce() -> Result<Model, Failure>,
    ) -> Result<LayerRef, Failure> {
        let at = i.to_string();
        let wrong = |f: Failure| {
            let place = format!("layer {} `adapt`", i + 1);
            self.source.wrong_below(&way_of(&at, "adapt"), f.within(&place))
        };
        if self.shown.files.inputs.is_empty() {
            let message = "there are no training data; give `train` of [data]";
            return Err(wrong(Failure::failed(message)));
        }
        let adapt = || -> Result<LayerRef, Failure> {
            let before = before()?;
            let x = files::inputs_of_part(&before, &self.shown.files, &self.shown.columns)?;
            let options = Predict::new().unequal(self.shown.unequal);
            let (at, shown): (usize, Vec<Data>) = match input {
                Some(at) => (at, x),
                None => (0, before.predict(x, options)?.into_vec()),
            };
            let data = shown.get(at).ok_or_else(|| Failure::failed("the data hold no input"))?;
            Ok(layer.adapt(data)?)
        };
        adapt().map_err(wrong)
    }

    fn at_layer(&self, i: usize, e: cornu::Error) -> Failure {
        let at = i.to_string();
        let place = format!("layer {}", i + 1);
        self.source.wrong_below(&["model", "layers", &at], Failure::from(e).within(&place))
    }
}

/// The way to a key of a layer.
fn way_of<'w>(layer: &'w str, key: &'w str) -> [&'w str; 4] {
    ["model", "layers", layer, key]
}

/// The symbol of an input.
fn entry(
    source: &Source,
    way: &[&str],
    name: Option<&str>,
    shape: &[usize],
    dtype: Option<&str>,
) -> Result<Symbol, Failure> {
    let dtype = dtype.unwrap_or("float32");
    if !DTYPES.contains(&dtype) {
        let hint = did_you_mean(dtype, DTYPES.iter().copied());
        let message =
            format!("unknown type of an input `{dtype}`; there are {}{hint}", DTYPES.join(", "));
        return Err(source.wrong(way, &message));
    }
    let dims = shape.iter().map(|d| (*d > 0).then_some(*d));
    Ok(Input::of(InputLayer {
        name: name.map(str::to_string),
        batch_shape: std::iter::once(None).chain(dims).collect(),
        dtype: dtype.into(),
        ..InputLayer::default()
    }))
}
