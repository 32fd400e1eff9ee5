//! Data checked against the entries of a model.

use super::feed::Fed;
use crate::data::{Arrays, Data, Values, by_names};
use crate::lowering::{Call, LayerRef};
use crate::model::{InputLayer, MemberKind, TensorRef, shaped_text, takes_text};
use crate::{Error, Model, Result};
use cornu_ir::Spec;
use std::borrow::Cow;

/// The shape of all samples, with that of the longest sequence for an axis that differs.
fn shape_of(values: &Values<'_>) -> Vec<usize> {
    let shape = values.sample_shape();
    let longest = || values.lengths().and_then(|l| l.into_iter().max()).unwrap_or(0);
    let dims = shape.into_iter().map(|n| n.unwrap_or_else(longest));
    std::iter::once(values.n_samples()).chain(dims).collect()
}

/// Rows of a table must have one length: a model of a fixed number of features knows no end.
fn check_rows(who: &str, values: &Values<'_>, entry: &[Option<usize>]) -> Result<()> {
    let (&[_, Some(n)], Some(lengths)) = (entry, values.lengths()) else { return Ok(()) };
    match lengths.iter().position(|l| *l != n) {
        Some(at) => Err(Error::Data(format!(
            "{who}: axis 1 (features) must have {n} values in each sample. Received: {} values at \
             sample {at}",
            lengths[at]
        ))),
        None => Ok(()),
    }
}

impl Model {
    /// Checks data against the entries and casts them.
    pub(crate) fn feed_inputs<'a>(&self, x: Arrays<'a>) -> Result<Vec<Fed<'a>>> {
        let (entries, reads) = (self.inputs(), self.reads()?);
        let (x, specs) = self.of_entries(x)?;
        let who = |i: usize| format!("input `{}`", entries[i].0);
        for (i, (values, (_, entry))) in x.iter().zip(&entries).enumerate() {
            check_rows(&who(i), values, &entry.batch_shape)?;
        }
        for (i, layer) in self.readers() {
            // Layers with a vocabulary alone check what they are given.
            if layer.rule().as_lookup().is_some() {
                let check = layer.rule().check_entry(&*x[i].to_data()?);
                check.map_err(|e| e.of_layer(layer.class(), &layer.shown_name()))?;
            }
        }
        let mut encoded = Vec::new();
        for r in reads {
            let Some(encoder) = r.layer.rule().as_encoder() else { continue };
            let data = r.entries.iter().map(|i| x[*i].to_data()).collect::<Result<Vec<_>, _>>()?;
            let here = |e: Error| e.of_layer(r.layer.class(), &r.layer.shown_name());
            let of_layer =
                encoder.encode(&data.iter().map(|d| &**d).collect::<Vec<&Data>>()).map_err(here)?;
            encoded.push(Fed::encoded(&who(r.entries[0]), of_layer, encoder.fills_up())?);
        }
        let limits = self.id_limits();
        let mut fed = Vec::with_capacity(x.len() + encoded.len());
        for (i, (d, s)) in x.into_iter().zip(&specs).enumerate() {
            if takes_text(&entries[i].1) {
                continue;
            }
            let f = Fed::new(&who(i), d, s.dtype)?;
            for (_, n) in limits.iter().filter(|(entry, _)| *entry == i) {
                f.check_range(&who(i), "ids of the Embedding", *n, None)?;
            }
            fed.push(f);
        }
        fed.extend(encoded);
        Ok(fed)
    }

    /// Values for the entries, text in the entry's shape: a single column is as good as an axis of
    /// 1.
    fn shaped<'d>(&self, x: Vec<Values<'d>>) -> Result<Vec<Values<'d>>> {
        let entries = self.inputs();
        let shaped = |(i, values): (usize, Values<'d>)| match entries.get(i) {
            Some((name, entry)) if takes_text(entry) => {
                let anew = shaped_text(name, entry.batch_shape.len(), &*values.to_data()?)?;
                Ok(anew.map_or(values, |data| Values::Held(Cow::Owned(data))))
            }
            _ => Ok(values),
        };
        x.into_iter().enumerate().map(shaped).collect()
    }

    /// The shapes of data for the entries, sequences padded to the longest.
    pub(crate) fn shapes_of(&self, x: Arrays<'_>) -> Result<Vec<Vec<usize>>> {
        Ok(self.of_entries(x)?.0.iter().map(shape_of).collect())
    }

    /// The values of each entry in its order and shape, and their specs.
    fn of_entries<'a>(&self, x: Arrays<'a>) -> Result<(Vec<Values<'a>>, Vec<Spec>)> {
        let names: Vec<String> = self.inputs().into_iter().map(|(name, _)| name).collect();
        let x = self.shaped(by_names(x.arrays, &names, "inputs")?)?;
        let specs = self.check_inputs(&x.iter().map(shape_of).collect::<Vec<_>>())?;
        Ok((x, specs))
    }

    /// Entries and the layers that read them as they come.
    fn readers(&self) -> Vec<(usize, &LayerRef)> {
        let g = self.graph();
        let entries = g.inputs.flatten();
        let layers = g
            .members
            .iter()
            .filter_map(|m| if let MemberKind::Layer(l) = &m.kind { Some((m, l)) } else { None });
        let calls =
            layers.flat_map(|(m, l)| m.calls.iter().flat_map(|c| c.inputs()).map(move |t| (t, l)));
        calls.filter_map(|(t, l)| entries.iter().position(|e| e == t).map(|i| (i, l))).collect()
    }

    /// Entries that a layer reads as ids, with the number of ids.
    fn id_limits(&self) -> Vec<(usize, usize)> {
        let g = self.graph();
        let entries = g.inputs.flatten();
        let readers = g.members.iter().filter_map(|m| m.n_ids().map(|n| (m, n)));
        readers
            .flat_map(|(m, n)| {
                let inputs =
                    |c: &Call<TensorRef>| c.inputs().into_iter().copied().collect::<Vec<_>>();
                m.calls.iter().flat_map(inputs).map(move |t| (t, n))
            })
            .filter_map(|(t, n)| entries.iter().position(|e| *e == t).map(|i| (i, n)))
            .collect()
    }

    /// The batch size asked for, or Keras's 32. A model with a stateful layer takes batches of the
    /// size of its inputs, where these fix one.
    pub(crate) fn batch_size_for(&self, asked: Option<usize>) -> Result<usize> {
        let sizes = |(_, i): &(String, InputLayer)| i.batch_shape.first().copied().flatten();
        let kept = self.inputs().iter().find_map(sizes);
        match (asked, kept.filter(|_| self.is_stateful())) {
            (Some(0), _) => {
                Err(Error::argument("batch_size", "at least 1 sample a batch is needed", 0))
            }
            (Some(asked), Some(n)) if asked != n => Err(Error::argument(
                "batch_size",
                format!(
                    "the model has a stateful layer, whose states are those of the {n} samples \
                     that its input fixes"
                ),
                asked,
            )),
            (asked, kept) => Ok(asked.or(kept).unwrap_or(32)),
        }
    }
}
