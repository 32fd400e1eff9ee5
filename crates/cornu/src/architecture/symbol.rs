//! Symbols: what layers are called on before there are data.

use super::input_layer::InputLayer;
use crate::lowering::{Arg, Call, Cx, Flow, LayerRef, WeightTree, Weights};
use crate::{Error, Result};
use cornu_ir::spec::dims_text;
use cornu_ir::{Builder, Dim, Spec};
use std::sync::Arc;

/// Symbol: stands for an input or the output of a layer while a model is built; it has a shape, but
/// no data.
#[derive(Clone, Debug)]
pub struct Symbol {
    pub(crate) node: Arc<CallNode>,
    pub(crate) index: usize,
}

/// One call of a layer.
#[derive(Debug)]
pub(crate) struct CallNode {
    pub(crate) maker: Maker,
    pub(crate) call: Call<Symbol>,
    pub(crate) outputs: Vec<Output>,
}

/// What a call gives: its spec, and that of the mask it carries.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) spec: Spec,
    pub(crate) mask: Option<Spec>,
}

#[derive(Clone, Debug)]
pub(crate) enum Maker {
    Input(Arc<InputLayer>),
    Layer(LayerRef),
}

impl Symbol {
    /// Returns element type and dims.
    pub fn spec(&self) -> &Spec {
        &self.node.outputs[self.index].spec
    }

    /// Returns the dims, batch first; `None` for unknown ones.
    pub fn shape(&self) -> &[Dim] {
        &self.spec().dims
    }

    /// Returns the dims as Keras prints them: `(None, 20, 1)`.
    pub fn shape_text(&self) -> String {
        dims_text(self.shape())
    }

    /// True if the symbol carries a mask.
    pub fn is_masked(&self) -> bool {
        self.node.outputs[self.index].mask.is_some()
    }
}

/// Inputs of models: its functions make symbols.
pub struct Input;

impl Input {
    /// Returns an input symbol of floats with these dims, without the batch; `None` for unknown
    /// ones.
    ///
    /// ```
    /// use cornu::Input;
    /// assert_eq!(Input::new([20, 1]).shape_text(), "(None, 20, 1)");
    /// assert_eq!(Input::new([None, Some(1)]).shape_text(), "(None, None, 1)");
    /// ```
    #[allow(clippy::new_ret_no_self)]
    pub fn new<D: Into<Dim>>(shape: impl IntoIterator<Item = D>) -> Symbol {
        let dims = std::iter::once(None).chain(shape.into_iter().map(Into::into)).collect();
        Input::of(InputLayer { batch_shape: dims, ..InputLayer::default() })
    }

    /// Returns an input symbol of strings with these dims, without the batch.
    pub fn text<D: Into<Dim>>(shape: impl IntoIterator<Item = D>) -> Symbol {
        let dims = std::iter::once(None).chain(shape.into_iter().map(Into::into)).collect();
        Input::of(InputLayer { batch_shape: dims, dtype: "string".into(), ..InputLayer::default() })
    }

    /// Returns the input symbol of an input layer with all its settings.
    pub fn of(layer: InputLayer) -> Symbol {
        let spec = layer.spec();
        let call = Call::new(vec![], vec![]);
        let outputs = vec![Output { spec, mask: None }];
        Symbol {
            node: Arc::new(CallNode { maker: Maker::Input(Arc::new(layer)), call, outputs }),
            index: 0,
        }
    }

    /// Returns an input symbol of floats with a name.
    pub fn named<D: Into<Dim>>(name: &str, shape: impl IntoIterator<Item = D>) -> Symbol {
        let dims = std::iter::once(None).chain(shape.into_iter().map(Into::into)).collect();
        Input::of(InputLayer {
            name: Some(name.into()),
            batch_shape: dims,
            ..InputLayer::default()
        })
    }

    /// Returns an input symbol of whole numbers, as ids for an embedding.
    pub fn ids<D: Into<Dim>>(shape: impl IntoIterator<Item = D>) -> Symbol {
        let dims = std::iter::once(None).chain(shape.into_iter().map(Into::into)).collect();
        Input::of(InputLayer { batch_shape: dims, dtype: "int32".into(), ..InputLayer::default() })
    }
}

/// One symbol or several, as inputs or outputs of a model.
pub trait IntoSymbols {
    /// Returns the symbols, and true if it is a single one.
    fn into_symbols(self) -> (Vec<Symbol>, bool);
}

impl IntoSymbols for &Symbol {
    fn into_symbols(self) -> (Vec<Symbol>, bool) {
        (vec![self.clone()], true)
    }
}

impl<const N: usize> IntoSymbols for [&Symbol; N] {
    fn into_symbols(self) -> (Vec<Symbol>, bool) {
        (self.into_iter().cloned().collect(), false)
    }
}

impl IntoSymbols for &[Symbol] {
    fn into_symbols(self) -> (Vec<Symbol>, bool) {
        (self.to_vec(), false)
    }
}

/// Arguments of a layer's call: one symbol, several, or a call with keyword arguments.
pub trait IntoCall {
    /// Returns the arguments as a call.
    fn into_call(self) -> Call<Symbol>;
}

impl IntoCall for &Symbol {
    fn into_call(self) -> Call<Symbol> {
        Call::one(self.clone())
    }
}

impl<const N: usize> IntoCall for [&Symbol; N] {
    fn into_call(self) -> Call<Symbol> {
        Call::list(self.into_iter().cloned())
    }
}

impl IntoCall for &[Symbol] {
    fn into_call(self) -> Call<Symbol> {
        Call::list(self.iter().cloned())
    }
}

impl IntoCall for Call<Symbol> {
    fn into_call(self) -> Call<Symbol> {
        self
    }
}

impl Symbol {
    /// Returns a call on this symbol, to which keyword arguments can be added.
    pub fn call(&self) -> Call<Symbol> {
        Call::one(self.clone())
    }

    /// Returns a call on this symbol with symbols as a keyword argument: `initial_state`, `mask`.
    ///
    /// ```
    /// use cornu::{Input, Lstm};
    /// let (x, y) = (Input::new([20, 1]), Input::new([None, Some(3)]));
    /// let states = Lstm::new(8).return_state(true).call_all(&x)?;
    /// let decoder = Lstm::new(8).return_sequences(true);
    /// let h = decoder.call(y.with("initial_state", [&states[1], &states[2]]))?;
    /// assert_eq!(h.shape_text(), "(None, None, 8)");
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn with<'a>(
        &self,
        name: &str,
        symbols: impl IntoIterator<Item = &'a Symbol>,
    ) -> Call<Symbol> {
        let symbols: Vec<&Symbol> = symbols.into_iter().collect();
        self.call().with_symbols(name, &symbols)
    }
}

impl Call<Symbol> {
    /// Adds symbols as a keyword argument: `initial_state`, `mask`.
    pub fn with_symbols(self, name: &str, symbols: &[&Symbol]) -> Self {
        let arg = match symbols {
            [one] => Arg::Value((*one).clone()),
            many => Arg::List(many.iter().map(|s| Arg::Value((*s).clone())).collect()),
        };
        self.with(name, arg)
    }
}

impl LayerRef {
    /// Calls the layer on symbols and returns its output. Further calls share the weights.
    pub fn call(&self, inputs: impl IntoCall) -> Result<Symbol> {
        let mut all = self.call_all(inputs)?;
        match all.len() {
            1 => Ok(all.remove(0)),
            n => Err(Error::argument(
                format!("{} `{}`", self.class(), self.shown_name()),
                "call gives one symbol; use call_all for several",
                format!("{n} outputs"),
            )),
        }
    }

    /// Calls the layer on symbols and returns all its outputs.
    ///
    /// # Errors
    /// Inputs or settings that the layer does not take; a keyword argument that it does not have.
    ///
    /// ```
    /// use cornu::{Gru, Input};
    /// let (x, h) = (Input::new([5, 3]), Input::new([4]));
    /// let wrong = Gru::new(4).call(x.with("inital_state", [&h])).unwrap_err().to_string();
    /// assert!(wrong.contains("did you mean `initial_state`?"), "{wrong}");
    /// ```
    pub fn call_all(&self, inputs: impl IntoCall) -> Result<Vec<Symbol>> {
        let symbols = self.called(inputs.into_call())?;
        let unread = symbols.first().and_then(|s| s.node.call.unread().into_iter().next());
        match unread {
            None => Ok(symbols),
            Some((name, hint)) => {
                let rule = format!("the call has no argument of this name{hint}");
                let error = Error::argument("", rule, format!("`{name}`"));
                Err(error.of_layer(self.class(), &self.shown_name()))
            }
        }
    }

    /// The symbols of a call, whatever its arguments are for.
    pub(super) fn called(&self, call: Call<Symbol>) -> Result<Vec<Symbol>> {
        let specs = call.map(|s| s.spec().clone());
        let masks = call.map(|s| s.node.outputs[s.index].mask.clone());
        let outputs = infer(self, &specs, &masks)?;
        let node = Arc::new(CallNode { maker: Maker::Layer(self.clone()), call, outputs });
        Ok((0..node.outputs.len()).map(|index| Symbol { node: node.clone(), index }).collect())
    }
}

/// The outputs of a layer for inputs of these specs: the layer lowered on symbols.
pub(super) fn infer(
    layer: &LayerRef,
    specs: &Call<Spec>,
    masks: &Call<Option<Spec>>,
) -> Result<Vec<Output>> {
    let tree = layer.weight_tree(specs)?;
    infer_with(layer, &tree, specs, masks)
}

/// The same, with the weights known.
pub(crate) fn infer_with(
    layer: &LayerRef,
    tree: &WeightTree,
    specs: &Call<Spec>,
    masks: &Call<Option<Spec>>,
) -> Result<Vec<Output>> {
    let b = Builder::new();
    let cx = Cx::new(&b, false, None);
    let mut values = Vec::new();
    tree.walk("", true, &mut |_, _, _, w| {
        values.push((values.len(), b.input(&*w.name, Spec::known(w.dtype(), &w.shape))))
    });
    let weights = Weights::bind(tree, &values);
    let mut masks = masks.values().into_iter();
    let call = specs.map(|s| {
        let mask = masks.next().cloned().flatten();
        Flow::masked(b.input("x", s.clone()), mask.map(|m| b.input("mask", m)))
    });
    let outs = layer.lower(&cx, &weights, &call)?;
    Ok(outs.iter().map(|o| Output { spec: o.spec(), mask: o.mask.map(|m| m.spec()) }).collect())
}
