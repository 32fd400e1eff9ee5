//! Data checked against the entries of a model.

use super::feed::Fed;
use crate::data::Data;
use crate::layers::{Call, LayerRef};
use crate::model::{MemberKind, TensorRef, takes_text};
use crate::{Error, Model, Result};

impl Model {
    /// Checks data against the entries and casts them.
    pub(crate) fn feed_inputs(&self, x: &[Data]) -> Result<Vec<Fed>> {
        let entries = self.inputs();
        let reads = self.reads()?;
        let x = self.shaped(x)?;
        // A ragged data set stands for the shape of its longest sequence.
        let shape = |d: &Data| {
            d.sample_shape()
                .into_iter()
                .map(|n| n.or_else(|| d.lengths()?.into_iter().max()).unwrap_or(0))
                .collect::<Vec<_>>()
        };
        let shapes: Vec<Vec<usize>> =
            x.iter().map(|d| std::iter::once(d.n_samples()).chain(shape(d)).collect()).collect();
        let specs = self.check_inputs(&shapes)?;
        let who = |i: usize| format!("input `{}`", entries[i].0);
        let limits = self.id_limits();
        let mut fed = Vec::with_capacity(x.len());
        for (i, (d, s)) in
            x.iter().zip(&specs).enumerate().filter(|(i, _)| !takes_text(&entries[*i].1))
        {
            let f = Fed::new(&who(i), d, s.dtype)?;
            for (_, n) in limits.iter().filter(|(entry, _)| *entry == i) {
                f.check_range(&who(i), "ids of the Embedding", *n, None)?;
            }
            for (_, layer) in self.readers().into_iter().filter(|(entry, _)| *entry == i) {
                layer
                    .rule()
                    .check_entry(d)
                    .map_err(|e| e.of_layer(layer.class(), &layer.shown_name()))?;
            }
            fed.push(f);
        }
        for r in reads {
            let data: Vec<&Data> = r.entries.iter().map(|i| &*x[*i]).collect();
            let Some(encoder) = r.layer.rule().as_encoder() else { continue };
            let encoded = encoder
                .encode(&data)
                .map_err(|e| e.of_layer(r.layer.class(), &r.layer.shown_name()))?;
            fed.push(Fed::encoded(&who(r.entries[0]), &encoded, encoder.fills_up())?);
        }
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
