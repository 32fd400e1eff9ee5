//! A recurrent layer run in both directions.

use super::packed_sequence::{Carried, reversed};
use crate::lowering::{
    Arg, Call, Cx, Flow, FromConfig, Layer, LayerRef, MaskRule, RaggedForm, Recurrent, Registry,
    Sample, Walk, WeightTree, Weights, ends_of, is_packed, mask_heeded, read_settings,
    sequence_and_states,
};
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_ir::Spec;
use cornu_ir::builder::concat;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How a [`Bidirectional`] layer merges the outputs of its two directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MergeMode {
    /// Concatenates the outputs along the last axis.
    Concat,
    /// Adds the outputs.
    Sum,
    /// Takes the mean of the outputs.
    Ave,
    /// Multiplies the outputs.
    Mul,
}

/// Recurrent layer run in both directions: from the first timestep to the last, and back (Schuster
/// and Paliwal 1997).
///
/// # Shapes
/// x (B, T, F); the output is that of the layer, with 2U instead of U for `concat`; without a merge
/// mode there are two outputs. With `return_state` the states of the forward layer follow, then
/// those of the backward layer; `initial_state` has the same order.
///
/// # Source
/// keras/src/layers/rnn/bidirectional.py, Keras 3.15.1.
///
/// ```
/// use cornu::{Bidirectional, Input, Lstm};
/// let x = Input::new([20, 1]);
/// assert_eq!(Bidirectional::new(Lstm::new(4)).call(&x)?.shape_text(), "(None, 8)"); // 2U
/// let each_step = Bidirectional::new(Lstm::new(4).return_sequences(true));
/// assert_eq!(each_step.call(&x)?.shape_text(), "(None, 20, 8)");
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Bidirectional {
    /// How the two outputs are merged; `None` returns both.
    merge_mode: Option<MergeMode>,
    /// The forward layer.
    layer: LayerRef,
    /// The layer that runs backwards.
    backward_layer: LayerRef,
    /// Regularizer of the output.
    activity_regularizer: Option<Regularizer>,
    /// The rule that the layers break and what came, where they cannot run both ways; the call
    /// reports it.
    misfit: Option<(String, String)>,
}

/// Settings other than the layers.
#[derive(Deserialize)]
struct Settings {
    #[serde(default = "concat_mode")]
    merge_mode: Option<MergeMode>,
    activity_regularizer: Option<Regularizer>,
}

fn concat_mode() -> Option<MergeMode> {
    Some(MergeMode::Concat)
}

impl FromConfig for Bidirectional {
    fn from_config(config: &Value, registry: &Registry) -> Result<Self> {
        let Settings { merge_mode, activity_regularizer } = read_settings(config)?;
        let layer = registry.layer_of(config, "layer")?;
        let has_backward = config.get("backward_layer").is_some_and(|v| !v.is_null());
        let backward =
            has_backward.then(|| registry.layer_of(config, "backward_layer")).transpose()?;
        Ok(Self { activity_regularizer, ..Self::of(layer, backward, merge_mode)? })
    }
}

impl Bidirectional {
    /// Returns a layer run in both directions; the outputs are concatenated along the last axis.
    /// Its call fails for a layer that is not recurrent.
    pub fn new(layer: impl Into<LayerRef>) -> Self {
        Self::of_any(layer.into(), None)
    }

    /// Returns a forward and a backward layer run together. Its call fails if their settings do not
    /// match.
    pub fn with_backward(layer: impl Into<LayerRef>, backward: impl Into<LayerRef>) -> Self {
        Self::of_any(layer.into(), Some(backward.into()))
    }

    fn of_any(layer: LayerRef, backward: Option<LayerRef>) -> Self {
        Self::of(layer.clone(), backward.clone(), concat_mode()).unwrap_or_else(|e| Self {
            merge_mode: concat_mode(),
            backward_layer: backward.unwrap_or_else(|| layer.clone()),
            layer,
            activity_regularizer: None,
            misfit: Some(match e {
                Error::Argument { rule, received, .. } => (rule, received),
                other => (other.to_string(), String::new()),
            }),
        })
    }

    /// Sets how the two outputs are merged; `None` returns both.
    ///
    /// ```
    /// use cornu::{Bidirectional, Input, Lstm, MergeMode};
    /// let x = Input::new([20, 1]);
    /// let both = Bidirectional::new(Lstm::new(4)).merge_mode(MergeMode::Sum);
    /// assert_eq!(both.call(&x)?.shape_text(), "(None, 4)");
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn merge_mode(mut self, mode: impl Into<Option<MergeMode>>) -> Self {
        self.merge_mode = mode.into();
        self
    }

    /// Sets the regularizer of the output.
    pub fn activity_regularizer(mut self, regularizer: impl Into<Regularizer>) -> Self {
        self.activity_regularizer = Some(regularizer.into());
        self
    }

    fn of(
        layer: LayerRef,
        backward: Option<LayerRef>,
        merge_mode: Option<MergeMode>,
    ) -> Result<Self> {
        let name = layer.shown_name();
        let named = |way: &str| {
            Some(format!("{way}_{}", name.strip_prefix(&format!("{way}_")).unwrap_or(&name)))
        };
        // Masked timesteps give 0, so that the two ways agree on them.
        let zeroing = |walk: Walk| Walk { zero_output_for_mask: walk.return_sequences, ..walk };
        let forward = layer.remade(
            named("forward"),
            recurrent(&layer)?.walking(zeroing(recurrent(&layer)?.walk())),
        );
        let backward = match backward {
            Some(b) => b.remade(None, recurrent(&b)?.walking(zeroing(recurrent(&b)?.walk()))),
            None => {
                let walk = Walk { go_backwards: true, ..recurrent(&forward)?.walk() };
                layer.remade(named("backward"), recurrent(&layer)?.walking(walk))
            }
        };
        let (f, b) = (recurrent(&forward)?.walk(), recurrent(&backward)?.walk());
        if f.go_backwards == b.go_backwards {
            return Err(Error::argument(
                "",
                "the forward and the backward layer must differ in go_backwards",
                f.go_backwards,
            ));
        }
        for (what, f, b) in [
            ("stateful", f.stateful, b.stateful),
            ("return_sequences", f.return_sequences, b.return_sequences),
            ("return_state", f.return_state, b.return_state),
        ] {
            if f != b {
                return Err(Error::argument(
                    "",
                    format!("the forward and the backward layer must agree in {what}"),
                    format!("{f} and {b}"),
                ));
            }
        }
        Ok(Self {
            merge_mode,
            layer: forward,
            backward_layer: backward,
            activity_regularizer: None,
            misfit: None,
        })
    }

    fn walk(&self) -> Walk {
        self.layer.rule().as_recurrent().map(Recurrent::walk).unwrap_or_default()
    }

    /// The calls of the two layers: the same sequence, each with its half of the initial states.
    fn calls<V: Clone>(&self, call: &Call<V>) -> Result<[Call<V>; 2]> {
        let (x, states) = sequence_and_states(call)?;
        let half = states.len() / 2;
        let of = |states: &[V]| match states {
            [] => Call::one(x.clone()),
            some => Call::one(x.clone())
                .with("initial_state", Arg::List(some.iter().cloned().map(Arg::Value).collect())),
        };
        Ok([of(&states[..half]), of(&states[half..])])
    }
}

fn recurrent(layer: &LayerRef) -> Result<&dyn Recurrent> {
    let received = || format!("a layer of class {}", layer.class());
    layer.rule().as_recurrent().ok_or_else(|| {
        Error::argument(
            "",
            "expected a layer that runs along sequences (LSTM, GRU, SimpleRNN, RNN, ConvLSTM1D)",
            received(),
        )
    })
}

impl Layer for Bidirectional {
    fn class(&self) -> &'static str {
        "Bidirectional"
    }

    fn config(&self) -> Value {
        json!({
            "merge_mode": self.merge_mode,
            "layer": self.layer,
            "backward_layer": self.backward_layer,
        })
    }

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        if let Some((rule, received)) = &self.misfit {
            return Err(Error::argument("", rule, received));
        }
        let [forward, backward] = self.calls(call)?;
        let forward = ("forward_layer", self.layer.weight_tree(&forward)?);
        Ok(WeightTree::inside([
            forward,
            ("backward_layer", self.backward_layer.weight_tree(&backward)?),
        ]))
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let call = &if call.kwarg_value("mask").is_none_or(|m| m.packed) {
            call.clone()
        } else {
            call.map(|f| cx.padded(*f))
        };
        let mask = mask_heeded(call, self.walk().unroll)?;
        let packed = is_packed(call);
        let [forward, backward] = self.calls(call)?.map(|c| {
            let plain = c.map(|f| Flow { mask: None, ..*f });
            mask.map_or(plain.clone(), |m| {
                plain.with("mask", Arg::Value(Flow { packed, ..Flow::new(m) }))
            })
        });
        let mut y = self.layer.lower(cx, w.child("forward_layer"), &forward)?;
        let mut back = self.backward_layer.lower(cx, w.child("backward_layer"), &backward)?;
        let walk = self.walk();
        let states: Vec<Flow<'g>> = y.drain(1..).chain(back.drain(1..)).collect();
        // Of two cells one may take packed rows and the other rectangles.
        let packing = cx.packing.filter(|_| y[0].packed && back[0].packed);
        let in_form = |f: Flow<'g>| if packing.is_some() { f } else { cx.padded(f) };
        let (y, back, call) = (
            cx.to_float(in_form(y[0]).value),
            cx.to_float(in_form(back[0]).value),
            &call.map(|f| in_form(*f)),
        );
        let back =
            if walk.return_sequences { reversed(back, packing, ends_of(call)) } else { back };
        let merged = match self.merge_mode {
            Some(MergeMode::Concat) => vec![concat(&[y, back], -1)],
            Some(MergeMode::Sum) => vec![y + back],
            Some(MergeMode::Ave) => vec![(y + back) / 2.0],
            Some(MergeMode::Mul) => vec![y * back],
            None => vec![y, back],
        };
        let carried = Carried::of(call);
        let output = |v| if walk.return_sequences { carried.on(v) } else { Flow::new(v) };
        Ok(merged.into_iter().map(output).chain(states).collect())
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Own
    }

    fn tells_ends(&self) -> bool {
        true
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::Either
    }

    fn activity_regularizer(&self) -> Option<&Regularizer> {
        self.activity_regularizer.as_ref()
    }

    fn inner(&self) -> Vec<(&'static str, &LayerRef)> {
        vec![("forward_layer", &self.layer), ("backward_layer", &self.backward_layer)]
    }

    fn samples() -> Vec<Sample> {
        let layer = |class: &str, sequences: bool| {
            let config = json!({"units": 3, "return_sequences": sequences});
            json!({"class_name": class, "config": config})
        };
        Sample::each([
            json!({"layer": layer("LSTM", true)}),
            json!({"layer": layer("GRU", false), "merge_mode": "sum"}),
        ])
    }
}
