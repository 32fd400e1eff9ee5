//! What a summary says of each layer, and whether the model is a plain chain.

use super::style::Style;
use crate::Model;
use crate::lowering::{Call, LayerRef};
use crate::model::{Container, Functional, Member, MemberKind, TensorRef};
use cornu_ir::Dim;

/// One row: a layer, an entry or an operation.
pub(super) struct Row {
    /// Index of the member in the model; none for layers of models inside.
    pub member: Option<usize>,
    pub name: String,
    pub class: String,
    pub is_input: bool,
    /// Shapes of the outputs of the last call.
    pub shapes: Vec<Vec<Dim>>,
    /// True if calls gave outputs of different shapes.
    pub several_shapes: bool,
    pub n_params: usize,
    pub has_weights: bool,
    pub trainable: bool,
    /// Values read, as `layer[call][output]`.
    pub reads: Vec<String>,
    /// How many models deep the row stands.
    pub level: usize,
    /// True if it is the last of the model inside which it stands.
    pub last_inside: bool,
    /// True if rows of its own layers follow.
    pub is_expanded: bool,
}

/// All rows of a model.
pub(super) struct Rows {
    pub model_name: String,
    pub rows: Vec<Row>,
    /// True if the model is a chain, whose connections go without saying.
    pub is_chain: bool,
}

impl Rows {
    pub fn of(model: &Model, style: Style, expand_nested: bool) -> Self {
        let graph = model.graph();
        let shown = Shown {
            graph,
            style,
            hidden: if style == Style::Classic {
                mask_operations(graph)
            } else {
                vec![false; graph.members.len()]
            },
        };
        let is_sequential =
            matches!(model.as_layer().as_container(), Some(Container::Sequential(_)));
        let mut rows = Vec::new();
        for (i, m) in graph.members.iter().enumerate() {
            if shown.hidden[i] || (is_sequential && matches!(m.kind, MemberKind::Input(_))) {
                continue;
            }
            let trainable = model.as_layer().is_trainable() && is_trainable(m);
            let mut row = row(m, trainable, 0);
            row.member = Some(i);
            row.name = shown.name(i);
            row.reads = m
                .calls
                .iter()
                .flat_map(|c| shown.reads(c))
                .map(|t| format!("{}[{}][{}]", shown.name(t.member), t.call, t.output))
                .collect();
            rows.push(row);
            if expand_nested {
                expand(m, trainable, 1, &mut rows);
            }
        }
        let name = model.as_layer().shown_name();
        let model_name = if style == Style::Classic {
            older_name(&name, "functional", "model", 0)
        } else {
            name
        };
        Self { model_name, rows, is_chain: is_sequential || shown.is_chain() }
    }
}

/// The members of a graph that a style shows.
struct Shown<'a> {
    graph: &'a Functional,
    style: Style,
    hidden: Vec<bool>,
}

impl Shown<'_> {
    fn name(&self, member: usize) -> String {
        let m = &self.graph.members[member];
        match (self.style, &m.kind) {
            (Style::Classic, MemberKind::Input(_)) => {
                older_name(&m.name, "input_layer", "input", 1)
            }
            _ => m.name.clone(),
        }
    }

    /// The values a call reads, without those of hidden members.
    fn reads(&self, call: &Call<TensorRef>) -> Vec<TensorRef> {
        call.values().into_iter().copied().filter(|t| !self.hidden[t.member]).collect()
    }

    /// Whether each member is called once, on one value, and only the last gives what nobody reads.
    fn is_chain(&self) -> bool {
        let mut is_read = vec![false; self.graph.members.len()];
        for (_, m) in self.members() {
            if m.calls.len() > 1 || m.calls.iter().any(|c| self.reads(c).len() > 1) {
                return false;
            }
            m.calls.iter().flat_map(|c| self.reads(c)).for_each(|t| is_read[t.member] = true);
        }
        self.members().filter(|(i, _)| !is_read[*i]).count() <= 1
    }

    fn members(&self) -> impl Iterator<Item = (usize, &Member)> {
        self.graph.members.iter().enumerate().filter(|(i, _)| !self.hidden[*i])
    }
}

/// The operations whose values end as masks that Keras hands on by itself.
fn mask_operations(graph: &Functional) -> Vec<bool> {
    let mut hidden: Vec<bool> = graph.members.iter().map(|m| !m.is_layer()).collect();
    graph.outputs.flatten().iter().for_each(|t| hidden[t.member] = false);
    loop {
        let mut shown_too = Vec::new();
        for (i, m) in graph.members.iter().enumerate().filter(|(i, _)| !hidden[*i]) {
            for c in &m.calls {
                let kwargs = c.kwargs.iter().filter(|(k, _)| !is_mask_argument(k)).map(|(_, a)| a);
                let plain = c.args.iter().chain(kwargs).flat_map(|a| a.flatten());
                shown_too.extend(plain.map(|t| t.member).filter(|t| hidden[*t] && *t != i));
            }
        }
        if shown_too.is_empty() {
            return hidden;
        }
        shown_too.into_iter().for_each(|t| hidden[t] = false);
    }
}

/// Whether Keras fills a keyword argument with masks by itself.
pub(super) fn is_mask_argument(name: &str) -> bool {
    name == "mask" || (name.ends_with("_mask") && name != "attention_mask")
}

/// A default name as Keras 2 gave it: `input_layer_2` is `input_3`.
fn older_name(name: &str, base: &str, older: &str, first: usize) -> String {
    let number = match name.strip_prefix(base) {
        Some("") => Some(0),
        Some(rest) => rest.strip_prefix('_').and_then(|n| n.parse::<usize>().ok()),
        None => None,
    };
    match number.map(|n| n + first) {
        None => name.into(),
        Some(0) => older.into(),
        Some(n) => format!("{older}_{n}"),
    }
}

fn is_trainable(m: &Member) -> bool {
    match &m.kind {
        MemberKind::Input(_) => true,
        MemberKind::Layer(l) => l.is_trainable(),
    }
}

fn row(m: &Member, trainable: bool, level: usize) -> Row {
    let shapes =
        |outs: &Vec<cornu_ir::Spec>| outs.iter().map(|s| s.dims.clone()).collect::<Vec<_>>();
    Row {
        member: None,
        name: m.name.clone(),
        class: match &m.kind {
            MemberKind::Input(_) => m.class().to_string(),
            MemberKind::Layer(l) => l.rule().own_class().to_string(),
        },
        is_input: matches!(m.kind, MemberKind::Input(_)),
        shapes: m.outputs.last().map(shapes).unwrap_or_default(),
        several_shapes: m.outputs.windows(2).any(|w| shapes(&w[0]) != shapes(&w[1])),
        n_params: m.tree.n_params(),
        has_weights: m.tree.n_vars() > 0,
        trainable,
        reads: vec![],
        level,
        last_inside: false,
        is_expanded: false,
    }
}

/// Adds the rows of the layers inside a model.
fn expand(m: &Member, trainable: bool, level: usize, rows: &mut Vec<Row>) {
    let MemberKind::Layer(layer) = &m.kind else { return };
    let inside = members_inside(layer);
    if inside.is_empty() {
        return;
    }
    if let Some(outer) = rows.last_mut() {
        outer.is_expanded = true;
    }
    for (i, inner) in inside.iter().enumerate() {
        let inner_trainable = trainable && is_trainable(inner);
        let mut row = row(inner, inner_trainable, level);
        row.last_inside = i + 1 == inside.len();
        rows.push(row);
        expand(inner, inner_trainable, level + 1, rows);
    }
}

/// The layers of a model, as Keras's `layers` lists them.
fn members_inside(layer: &LayerRef) -> Vec<&Member> {
    let (graph, is_sequential) = match layer.as_container() {
        Some(Container::Functional(f)) => (Some(f), false),
        Some(Container::Sequential(s)) => (s.chain(), true),
        None => (None, false),
    };
    let members = graph.map_or(&[][..], |g| &g.members).iter();
    members
        .filter(|m| m.is_layer() && !(is_sequential && matches!(m.kind, MemberKind::Input(_))))
        .collect()
}
