//! Text on its way into a model and out of it: which layers encode and write it, and what the graph
//! takes or gives in its place.

use super::model::Model;
use super::takes_text;
use crate::architecture::{Container, Functional, MemberKind, TensorRef};
use crate::data::{Array, Data};
use crate::lowering::LayerRef;
use crate::{Error, Result};

/// A call of a layer that encodes entries before the graph runs.
pub(crate) struct Read<'a> {
    /// The layer.
    pub(crate) layer: &'a LayerRef,
    /// The entries that it reads.
    pub(crate) entries: Vec<usize>,
}

/// Finds the calls in the order in which layers are lowered. `from` tells which entry of the model
/// each input of the graph is.
fn reads<'a>(
    graph: &'a Functional,
    from: &[Option<usize>],
    text: &[bool],
    found: &mut Vec<Read<'a>>,
) -> Result<()> {
    let inputs = graph.inputs.flatten();
    for (m, c) in &graph.order {
        let member = &graph.members[*m];
        let MemberKind::Layer(layer) = &member.kind else { continue };
        if let Some(words) = member.calls[*c].values().into_iter().find_map(|t| decoder(graph, *t))
        {
            let rule = format!(
                "{} gives strings, which must be an output of the model; {} `{}` reads them",
                words.class(),
                member.class(),
                member.name
            );
            return Err(Error::Unsupported(rule));
        }
        let entry = |t: &TensorRef| inputs.iter().position(|i| i == t).and_then(|p| from[p]);
        let entries: Vec<Option<usize>> =
            member.calls[*c].inputs().into_iter().map(entry).collect();
        if layer.rule().as_encoder().is_some() {
            let all = entries.into_iter().collect::<Option<Vec<_>>>();
            let rule = || {
                Error::Unsupported(format!(
                    "{} `{}` must read entries of the model, as they come",
                    member.class(),
                    member.name
                ))
            };
            found.push(Read { layer, entries: all.ok_or_else(rule)? });
        } else if let Some(inner) = layer.as_container().and_then(Container::graph) {
            reads(inner, &entries, text, found)?;
        } else if entries.iter().flatten().any(|e| text[*e]) {
            return Err(Error::Unsupported(format!(
                "an input of strings must be read by TextVectorization, StringLookup, Hashing or \
                    HashedCrossing; {} `{}` reads it",
                member.class(),
                member.name
            )));
        }
    }
    Ok(())
}

/// The layer that writes words from what a value holds, if one does.
fn decoder(graph: &Functional, t: TensorRef) -> Option<&LayerRef> {
    let MemberKind::Layer(layer) = &graph.members[t.member].kind else { return None };
    match layer.as_container().and_then(Container::graph) {
        Some(inner) => decoder(inner, *inner.outputs.flatten().get(t.output)?),
        None => layer.rule().as_decoder().map(|_| layer),
    }
}

impl Model {
    /// An output in the form in which it leaves the model: words where a layer gives them, else as
    /// it is.
    pub(crate) fn written(&self, output: usize, values: Data) -> Result<Data> {
        let graph = self.graph();
        let layer = graph.outputs.flatten().get(output).and_then(|t| decoder(graph, *t));
        match layer.and_then(|l| Some((l, l.rule().as_decoder()?))) {
            Some((layer, words)) => {
                words.decode(&values).map_err(|e| e.of_layer(layer.class(), &layer.shown_name()))
            }
            None => Ok(values),
        }
    }

    /// The calls that encode entries, in the order in which they are lowered.
    pub(crate) fn reads(&self) -> Result<Vec<Read<'_>>> {
        let entries = self.inputs();
        let text: Vec<bool> = entries.iter().map(|(_, i)| takes_text(i)).collect();
        let from: Vec<Option<usize>> = (0..entries.len()).map(Some).collect();
        let mut found = Vec::new();
        reads(self.graph(), &from, &text, &mut found)?;
        if let Some(i) =
            (0..entries.len()).find(|i| text[*i] && !found.iter().any(|r| r.entries.contains(i)))
        {
            return Err(Error::Unsupported(format!(
                "input `{}` of strings, which no layer reads",
                entries[i].0
            )));
        }
        Ok(found)
    }
}

/// Text in another shape, where the entry's is another.
pub(crate) fn shaped_text(name: &str, rank: usize, data: &Data) -> Result<Option<Data>> {
    let array = match data {
        Data::Dense(array @ Array::Str(_)) => array,
        Data::Ragged(r) if matches!(r.values(), Array::Str(_)) => return Ok(None),
        _ => {
            return Err(Error::Data(format!(
                "input `{name}`: expected strings. Received: {} {}",
                data.dtype(),
                data.shape_text()
            )));
        }
    };
    Ok(match (rank, array.shape()) {
        (2, [n]) => Some(Data::Dense(array.clone().reshape(&[*n, 1])?)),
        (1, [n, 1]) => Some(Data::Dense(array.clone().reshape(&[*n])?)),
        _ => None,
    })
}
