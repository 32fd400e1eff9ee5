//! Data checked against the entries of a model.

use super::feed::Fed;
use crate::data::Data;
use crate::lowering::{Call, LayerRef};
use crate::model::{MemberKind, TensorRef, takes_text};
use crate::{Error, Model, Result};
use std::borrow::Cow;

impl Model {
    /// Checks data against the entries and casts them.
    pub(crate) fn feed_inputs(&self, x: Vec<Cow<'_, Data>>) -> Result<Vec<Fed>> {
        let entries = self.inputs();
        let reads = self.reads()?;
        let x = self.shaped(x)?;
        // A ragged data set stands for the shape of its longest sequence.
        let longest = |d: &Data| d.lengths().and_then(|l| l.into_iter().max()).unwrap_or(0);
        let shape = |d: &Data| {
            let dims = d.sample_shape().into_iter().map(|n| n.unwrap_or_else(|| longest(d)));
            std::iter::once(d.n_samples()).chain(dims).collect::<Vec<usize>>()
        };
        let specs = self.check_inputs(&x.iter().map(|d| shape(d)).collect::<Vec<_>>())?;
        let who = |i: usize| format!("input `{}`", entries[i].0);
        for (i, layer) in self.readers() {
            let check = layer.rule().check_entry(&x[i]);
            check.map_err(|e| e.of_layer(layer.class(), &layer.shown_name()))?;
        }
        let mut encoded = Vec::new();
        for r in reads {
            let data: Vec<&Data> = r.entries.iter().map(|i| &*x[*i]).collect();
            let Some(encoder) = r.layer.rule().as_encoder() else { continue };
            let here = |e: Error| e.of_layer(r.layer.class(), &r.layer.shown_name());
            let of_layer = encoder.encode(&data).map_err(here)?;
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

    /// The batch size that the model fixes, or the one asked for.
    pub(crate) fn batch_size_for(&self, asked: usize) -> Result<usize> {
        let fixed =
            self.inputs().iter().find_map(|(_, i)| i.batch_shape.first().copied().flatten());
        match fixed {
            Some(b) => Ok(b),
            None if asked == 0 => {
                Err(Error::argument("batch_size", "at least 1 sample a batch is needed", 0))
            }
            None => Ok(asked),
        }
    }
}
