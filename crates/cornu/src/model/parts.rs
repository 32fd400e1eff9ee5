//! The layers and symbols of a model, by name.

use super::model::Model;
use crate::architecture::{Functional, IntoCall, Member, MemberKind, Symbol, TensorRef};
use crate::config::did_you_mean;
use crate::lowering::{LayerRef, Registry};
use crate::{Error, Result};

impl Model {
    /// The member of a name.
    fn member(&self, name: &str) -> Result<(usize, &Member)> {
        let members = &self.graph().members;
        let found = members.iter().enumerate().find(|(_, m)| m.name == name);
        found.ok_or_else(|| {
            let names = || members.iter().map(|m| &*m.name);
            let rule = match did_you_mean(name, names()) {
                hint if hint.is_empty() => {
                    format!("expected one of {}", names().collect::<Vec<_>>().join(", "))
                }
                hint => format!("the model has no layer of this name{hint}"),
            };
            Error::argument("layer", rule, format!("`{name}`"))
        })
    }

    /// Returns the layers with their names, in Keras's order, without inputs and operations of
    /// `keras.ops`.
    pub fn layers(&self) -> Vec<(&str, &LayerRef)> {
        let members = self.graph().members.iter().filter(|m| m.is_layer());
        members
            .filter_map(|m| match &m.kind {
                MemberKind::Layer(layer) => Some((&*m.name, layer)),
                MemberKind::Input(_) => None,
            })
            .collect()
    }

    /// Returns the layer of a name, as summaries show it.
    ///
    /// # Errors
    /// No layer has this name; the message names the nearest one.
    ///
    /// ```
    /// use cornu::{Dense, Gru, Input, Model};
    /// let x = Input::new([5, 3]);
    /// let y = Dense::new(1).call(&Gru::new(4).name("encoder").call(&x)?)?;
    /// let model = Model::new(&x, &y)?;
    /// model.layer("encoder")?.set_trainable(false);
    /// assert_eq!(model.layer("dense")?.weights()[0].shape(), [4, 1]);
    /// let wrong = model.layer("encodr").unwrap_err().to_string();
    /// assert!(wrong.contains("did you mean `encoder`?"), "{wrong}");
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn layer(&self, name: &str) -> Result<&LayerRef> {
        match &self.member(name)?.1.kind {
            MemberKind::Layer(layer) => Ok(layer),
            MemberKind::Input(_) => {
                let rule = "expected a layer; the entry's symbol is symbol(name)";
                Err(Error::argument("layer", rule, format!("the entry `{name}`")))
            }
        }
    }

    /// Returns the output symbol of a layer or input by name, to build another model from it with
    /// the same layers and weights.
    ///
    /// # Errors
    /// No layer has this name; a layer with several outputs or calls (see [`Model::symbols`]).
    ///
    /// ```
    /// use cornu::{Dense, Input, Lstm, Model};
    /// let x = Input::new([5, 3]);
    /// let y = Dense::new(1).call(&Lstm::new(4).name("encoder").call(&x)?)?;
    /// let model = Model::new(&x, &y)?;
    /// // Cut at the encoder, with a new head.
    /// let head = Dense::new(7).name("head").call(&model.symbol("encoder")?)?;
    /// let tuned = Model::new(&model.input()?, &head)?;
    /// assert_eq!(tuned.output_specs()[0].dims, [None, Some(7)]);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn symbol(&self, name: &str) -> Result<Symbol> {
        let mut all = self.symbols(name)?;
        match all.len() {
            1 => Ok(all.remove(0)),
            n => {
                let rule = format!("expected one output; symbols(\"{name}\") gives all");
                Err(Error::argument(format!("layer `{name}`"), rule, format!("{n} outputs")))
            }
        }
    }

    /// Returns all output symbols of a layer by name: those of its first call, then those of the
    /// next.
    ///
    /// # Errors
    /// No layer has this name.
    pub fn symbols(&self, name: &str) -> Result<Vec<Symbol>> {
        let (member, _) = self.member(name)?;
        Ok(self.nodes()?.of_member(member))
    }

    fn symbols_of(&self, values: impl Fn(&Functional) -> Vec<TensorRef>) -> Result<Vec<Symbol>> {
        let nodes = self.nodes()?;
        Ok(values(self.graph()).into_iter().map(|t| nodes.symbol(t)).collect())
    }

    /// Returns the symbols of the inputs, in the order of Keras's `model.inputs`.
    ///
    /// # Errors
    /// A model from a file with a call that fails.
    pub fn input_symbols(&self) -> Result<Vec<Symbol>> {
        self.symbols_of(|graph| graph.inputs.flatten())
    }

    /// Returns the symbols of the outputs, in the order of Keras's `model.outputs`.
    ///
    /// # Errors
    /// As [`Model::input_symbols`].
    pub fn output_symbols(&self) -> Result<Vec<Symbol>> {
        self.symbols_of(|graph| graph.outputs.flatten())
    }

    /// Returns the symbol of the only input.
    ///
    /// # Errors
    /// A model of several inputs; see [`Model::input_symbols`].
    pub fn input(&self) -> Result<Symbol> {
        only("input", self.input_symbols()?)
    }

    /// Returns the symbol of the only output.
    ///
    /// # Errors
    /// A model of several outputs; see [`Model::output_symbols`].
    pub fn output(&self) -> Result<Symbol> {
        only("output", self.output_symbols()?)
    }

    /// Calls the model as a layer of another model, with the same weights.
    ///
    /// # Errors
    /// Inputs that the model does not take.
    ///
    /// ```
    /// use cornu::{Dense, Input, Model};
    /// let x = Input::new([3]);
    /// let encoder = Model::new(&x, &Dense::new(2).call(&x)?)?;
    /// assert_eq!(encoder.call(&Input::new([3]))?.shape_text(), "(None, 2)");
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn call(&self, inputs: impl IntoCall) -> Result<Symbol> {
        self.as_layer().call(inputs)
    }

    /// Returns a copy of the architecture with new layers and newly initialized weights.
    ///
    /// # Errors
    /// Layers of your own classes: see [`Model::clone_model_with`].
    pub fn clone_model(&self) -> Result<Self> {
        self.clone_model_with(&Registry::new())
    }

    /// Returns a copy of the architecture with new layers, read with a registry.
    ///
    /// # Errors
    /// A class that is not in the registry.
    pub fn clone_model_with(&self, registry: &Registry) -> Result<Self> {
        Self::from_json_with(&self.to_json(), registry)
    }
}

fn only(what: &str, mut all: Vec<Symbol>) -> Result<Symbol> {
    match all.len() {
        1 => Ok(all.remove(0)),
        n => {
            let rule = format!("expected a model of one {what}; {what}_symbols() gives all");
            Err(Error::argument(format!("{what}()"), rule, n))
        }
    }
}
