//! Where the values of a TOML file stand: a tree of its keys with their lines.

use toml::de::{DeTable, DeValue};

/// A value with the line on which it stands, counted from 1.
pub struct Place {
    /// The line of the value, or of its key.
    pub line: usize,
    /// First and last byte of the value in the text.
    pub span: std::ops::Range<usize>,
    /// What stands there.
    pub node: Node,
}

/// What stands at a place.
pub enum Node {
    /// A table: its keys in their order.
    Table(Vec<(String, Place)>),
    /// A list.
    List(Vec<Place>),
    /// A text.
    Text(String),
    /// A number, a truth value or a date.
    Other,
}

/// The number of the line of a byte.
pub fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|b| **b == b'\n').count() + 1
}

impl Place {
    /// The tree of a text of TOML.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        let root = DeTable::parse(text)?;
        Ok(Place { line: 1, span: 0..text.len(), node: table(text, root.get_ref()) })
    }

    /// The place below this one by key, or by number in a list.
    pub fn child(&self, step: &str) -> Option<&Place> {
        match &self.node {
            Node::Table(keys) => keys.iter().find(|(key, _)| key == step).map(|(_, p)| p),
            Node::List(items) => items.get(step.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// The deepest place there is on a way.
    pub fn at(&self, way: &[&str]) -> &Place {
        way.iter()
            .try_fold(self, |place, step| place.child(step).ok_or(place))
            .unwrap_or_else(|deepest| deepest)
    }

    /// The keys on the way to the deepest value that holds a byte. The span of a table may be that
    /// of its header alone, so what is inside is looked at first.
    pub fn way_to(&self, at: usize) -> Option<Vec<String>> {
        let way = |step: String, place: &Place| {
            let inside = place.way_to(at);
            let rest = inside.or_else(|| place.span.contains(&at).then(Vec::new))?;
            Some(std::iter::once(step).chain(rest).collect())
        };
        match &self.node {
            Node::Table(keys) => keys.iter().find_map(|(key, p)| way(key.clone(), p)),
            Node::List(items) => items.iter().enumerate().find_map(|(i, p)| way(i.to_string(), p)),
            _ => None,
        }
    }

    /// The line below this place that a message is about: of a key, else of a text, that it names
    /// in backticks or quotes; else of this place.
    pub fn line_named_in(&self, message: &str) -> usize {
        let names: Vec<&str> =
            ['`', '"'].iter().flat_map(|quote| message.split(*quote).skip(1).step_by(2)).collect();
        let key = |name: &&str| self.find(&|key, _| key == Some(*name));
        let text = |name: &&str| self.find(&|_, node| matches!(node, Node::Text(t) if t == *name));
        let found = names.iter().find_map(key).or_else(|| names.iter().find_map(text));
        found.unwrap_or(self.line)
    }

    fn find(&self, is: &dyn Fn(Option<&str>, &Node) -> bool) -> Option<usize> {
        let look = |key: Option<&str>, place: &Place| {
            if is(key, &place.node) { Some(place.line) } else { place.find(is) }
        };
        match &self.node {
            Node::Table(keys) => keys.iter().find_map(|(key, p)| look(Some(key), p)),
            Node::List(items) => items.iter().find_map(|p| look(None, p)),
            _ => None,
        }
    }
}

fn table(text: &str, keys: &DeTable<'_>) -> Node {
    let mut places: Vec<(String, Place)> = keys
        .iter()
        .map(|(key, value)| {
            let line = line_of(text, key.span().start);
            let node = node(text, value.get_ref());
            (key.get_ref().to_string(), Place { line, span: value.span(), node })
        })
        .collect();
    places.sort_by_key(|(_, p)| p.line);
    Node::Table(places)
}

fn node(text: &str, value: &DeValue<'_>) -> Node {
    match value {
        DeValue::Table(keys) => table(text, keys),
        DeValue::Array(items) => Node::List(
            items
                .iter()
                .map(|item| Place {
                    line: line_of(text, item.span().start),
                    span: item.span(),
                    node: node(text, item.get_ref()),
                })
                .collect(),
        ),
        DeValue::String(s) => Node::Text(s.to_string()),
        _ => Node::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[fit]\nepochs = 3\n\n[model]\nlayers = [\n  { class = \"LSTM\" },\n  \
        { class = \"Dense\",\n    units = 4 },\n]\n\n[[callbacks]]\nclass = \"CSVLogger\"\n";

    #[test]
    fn keys_and_items_have_lines() {
        let root = Place::parse(TEXT).unwrap();
        let line = |way: &[&str]| root.at(way).line;
        assert_eq!(line(&["fit", "epochs"]), 2);
        assert_eq!(line(&["model", "layers", "1"]), 7);
        assert_eq!(line(&["model", "layers", "1", "units"]), 8);
        assert_eq!(line(&["model", "layers", "1", "absent"]), 7);
        assert_eq!(line(&["callbacks", "0", "class"]), 12);
        let way = root.way_to(TEXT.find("4 }").unwrap()).unwrap();
        assert_eq!(way, ["model", "layers", "1", "units"]);
        assert_eq!(root.way_to(TEXT.find("3\n").unwrap()).unwrap(), ["fit", "epochs"]);
        let layers = root.at(&["model", "layers"]);
        assert_eq!(layers.line_named_in("unknown setting `units`"), 8);
        assert_eq!(layers.line_named_in("no class \"LSTM\""), 6);
        assert_eq!(layers.line_named_in("nothing of it"), 5);
    }
}
