//! Weights and lowering of a layer under its name, policy and mask rule.

use super::call::{Arg, Call};
use super::context::Cx;
use super::flow::Flow;
use super::layer::{Layer, LayerRef, MaskRule};
use super::layer_config::INT8_WEIGHTS;
use super::literal::{literal, with_dtype};
use super::weight_tree::{Trainable, WeightTree};
use super::weights::Weights;
use crate::data::Data;
use crate::legacy::keras2_masks;
use crate::{Error, Result};
use cornu_ir::{DType, Spec, Tensor};
use serde_json::{Value, json};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

/// A constant of a call, as an argument takes it: masks are truth values.
fn constant(name: Option<&str>, v: &Value) -> Result<Tensor> {
    let tensor = literal(v)?.tensor;
    let is_mask = name == Some("mask");
    Ok(if is_mask { with_dtype(&tensor, DType::Bool) } else { tensor })
}

impl LayerRef {
    /// Returns the weights for inputs of these shapes.
    pub fn weight_tree(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let here = |e: Error| e.of_layer(self.class(), &self.shown_name());
        self.0.dtype.check().map_err(here)?;
        let constant = |name: Option<&str>, v: &Value| Ok(constant(name, v)?.spec());
        let call = if self.takes_constants(call) {
            &call.clone().with_constants(constant).map_err(here)?
        } else {
            call
        };
        let mut tree = self.rule().weights(call).map_err(here)?;
        tree.mark_hard_sigmoid(self.class(), &self.rule().config());
        tree.check_names().map_err(here)?;
        self.rule().activity_regularizer().map_or(Ok(()), |r| r.check()).map_err(here)?;
        tree.set_dtype(self.0.dtype.float());
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        tree.hold(&mut held).map_err(|e| e.of_layer(self.class(), &self.shown_name()))?;
        let freezes_inside =
            !self.0.from_file.load(Ordering::Relaxed) || self.rule().passes_trainable_on();
        Ok(WeightTree {
            trainable: self.0.trainable.clone(),
            freezes_inside,
            label: self.shown_name(),
            class: self.class().to_string(),
            states: self.rule().as_recurrent().map(|_| self.0.states.clone()),
            ..tree
        })
    }

    /// The same layer with other settings and maybe another name, not yet in use.
    pub(crate) fn remade(&self, name: Option<String>, rule: Box<dyn Layer>) -> Self {
        let from = &self.0;
        let made = Self::with(name.or_else(|| from.name.clone()), rule.into());
        made.edit(|o| {
            o.trainable = Trainable::new(from.trainable.get());
            o.from_file = AtomicBool::new(from.from_file.load(Ordering::Relaxed));
            (o.dtype, o.beside) = (from.dtype.clone(), from.beside.clone());
        })
    }

    /// The layer as a whole model: frozen, it freezes all inside.
    pub(crate) fn into_model(self) -> Self {
        self.0.from_file.fetch_and(self.is_trainable(), Ordering::Relaxed);
        self
    }

    /// Copy of a context with this layer's dtype policy and weights of eight bits.
    fn context<'g>(&self, cx: &Cx<'g>) -> Cx<'g> {
        cx.with_policy(&self.0.dtype)
            .with_int8(self.0.beside.get(INT8_WEIGHTS) == Some(&json!(true)))
    }

    /// True if arrays in a call are to be made values.
    fn takes_constants<V>(&self, call: &Call<V>) -> bool {
        !self.rule().reads_literals() && call.holds_constant()
    }

    /// Returns a call with its constants as values of the graph, unless the layer reads them as
    /// they stand.
    ///
    /// # Errors
    /// A constant beside sequences of unequal length, whose timesteps it cannot follow.
    pub(crate) fn with_values<'g>(
        &self,
        cx: &Cx<'g>,
        call: Call<Flow<'g>>,
    ) -> Result<Call<Flow<'g>>> {
        if !self.takes_constants(&call) {
            return Ok(call);
        }
        let cx = self.context(cx);
        let here = |e: Error| e.of_layer(self.class(), &self.shown_name());
        let ragged = call.values().iter().any(|f| f.ends.is_some());
        let with_values = call.with_constants(|name, v| {
            let tensor = constant(name, v)?;
            if ragged && tensor.dims.len() > 1 {
                return Err(Error::shapes(
                    "a constant among the arguments has timesteps of its own, so sequences of \
                     unequal length cannot stand in one batch here; take batches of equal length \
                     (batches = \"equal-length\") or batch size 1",
                    &[tensor.spec()],
                ));
            }
            // Rows of its own: a shard of the batch would not find them.
            if tensor.dims.first().is_some_and(|n| *n > 1 && Some(*n) == cx.batch) {
                cx.keep_whole();
            }
            Ok(Flow::new(cx.builder.constant(tensor)))
        });
        with_values.map_err(here)
    }

    /// Lowers what Keras's `layer.call` does, without mask and penalty: how wrappers call the layer
    /// inside.
    pub(crate) fn lower_inner<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let here = |e: Error| e.of_layer(self.class(), &self.shown_name());
        let outs = self.rule().lower(&self.context(cx), w, call).map_err(here)?;
        cx.builder.check().map_err(|e| here(e.into()))?;
        Ok(outs)
    }

    /// Lowers a call: writes the layer's operations, its mask and the penalty of its activity
    /// regularizer.
    pub fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let cx = self.context(cx);
        let here = |e: Error| e.of_layer(self.class(), &self.shown_name());
        let with_values;
        let call = if self.takes_constants(call) {
            with_values = self.with_values(&cx, call.clone())?;
            &with_values
        } else {
            call
        };
        let form = self.rule().ragged_form();
        let others = call.kwargs.iter().filter(|(name, _)| name != "mask").map(|(_, a)| a);
        let mut values = call.args.iter().chain(others).flat_map(Arg::flatten);
        if values.any(|f| f.ends.is_some() && !form.takes_rank(f.value.rank())) {
            let rule = "sequences of unequal length cannot stand in one batch here, for what the \
                layer gives at one timestep depends on how many there are; take batches of equal \
                length (batches = \"equal-length\") or batch size 1";
            let specs: Vec<Spec> = call.values().iter().map(|f| f.spec()).collect();
            return Err(here(Error::shapes(rule, &specs)));
        }
        let call = &cx.in_form(call, form);
        let first = call.inputs().into_iter().find(|f| f.ends.is_some()).copied();
        let mut outs = self.rule().lower(&cx, w, call).map_err(here)?;
        cx.builder.check().map_err(|e| here(e.into()))?;
        let drops = self.0.beside.contains_key(keras2_masks::MARK) && !cx.masks_of_keras_3;
        let mask_rule = if drops { MaskRule::Drop } else { self.rule().mask_rule() };
        match mask_rule {
            MaskRule::Own => {}
            MaskRule::Drop => outs.iter_mut().for_each(|o| o.mask = None),
            MaskRule::Pass => {
                let mask = call
                    .kwarg_value("mask")
                    .map(|m| m.value)
                    .or_else(|| call.inputs().first().and_then(|f| f.mask));
                outs.iter_mut().for_each(|o| o.mask = mask);
            }
        }
        if let Some((ends, packed)) =
            first.filter(|_| !self.rule().tells_ends()).and_then(|f| Some((f.ends?, f.packed)))
        {
            outs.iter_mut()
                .filter(|o| o.value.rank() > 1 && o.value.dim(1) == ends.dim(1))
                .for_each(|o| (o.ends, o.packed) = (Some(ends), packed));
        }
        if let Some(r) = self.rule().activity_regularizer() {
            for o in &outs {
                cx.add_loss(r.of(o.own(o.value)) / cx.batch.unwrap_or(1) as f64);
            }
        }
        Ok(outs)
    }

    /// Returns the layer adapted to data: with a vocabulary, statistics or boundaries.
    ///
    /// # Errors
    /// As [`Layer::adapt_to`].
    pub fn adapt(&self, data: &Data) -> Result<Self> {
        let rule =
            self.rule().adapt_to(data).map_err(|e| e.of_layer(self.class(), &self.shown_name()))?;
        let from = &self.0;
        Ok(Self::with(from.name.clone(), rule.into()).edit(|o| {
            o.trainable = Trainable::new(from.trainable.get());
            (o.dtype, o.beside) = (from.dtype.clone(), from.beside.clone());
        }))
    }
}
