//! The groups of layers whose files may hold no array that the layer does not take: those of
//! authors' own classes.

use super::variables::Variable;
use crate::lowering::WeightTree;
use crate::saving::Group;
use crate::{Error, Result};
use std::collections::{HashMap, HashSet};

/// The groups of a tree that an author's class says something about.
#[derive(Default)]
pub(super) struct OwnGroups {
    /// Groups in which every array must be taken, with the layer's name.
    whole: Vec<(String, String)>,
    /// Groups by the names that files of another version give them.
    older: HashMap<String, String>,
}

/// Arrays that Keras keeps in a layer and that are no weights: states of random generators.
const NO_WEIGHTS: &str = "seed_generator";

impl OwnGroups {
    /// The groups of a model's tree.
    pub(super) fn of(tree: &WeightTree) -> Self {
        let mut groups = Self::default();
        groups.walk(tree, "", "");
        groups
    }

    fn walk(&mut self, tree: &WeightTree, path: &str, older: &str) {
        if tree.needs_all {
            self.whole.push((path.to_string(), tree.label.clone()));
        }
        if path != older {
            self.older.insert(path.to_string(), older.to_string());
        }
        let join = |a: &str, b: &str| if a.is_empty() { b.to_string() } else { format!("{a}/{b}") };
        for (name, child) in &tree.children {
            let other = child.older_group.as_deref().unwrap_or(name);
            self.walk(child, &join(path, name), &join(older, other));
        }
    }

    /// The name of a group in files of another version.
    pub(super) fn older(&self, group: &str) -> Option<&str> {
        self.older.get(group).map(String::as_str)
    }

    /// What a file holds in the group of the author's class in which a weight is missing.
    pub(super) fn held(&self, path: &str, root: &Group) -> String {
        let around = |group: &&(String, String)| path.starts_with(&format!("{}/", group.0));
        let Some((group, _)) = self.whole.iter().rev().find(around) else { return String::new() };
        let held: Vec<String> = root
            .group(group)
            .into_iter()
            .flat_map(Group::walk)
            .map(|(inside, _)| format!("{group}/{inside}"))
            .collect();
        match &held[..] {
            [] => format!(", for it has no weights in `{group}`"),
            held => {
                format!(", or the definition of the class to other weights: {}", held.join(", "))
            }
        }
    }

    /// Fails if a file holds an array in one of the groups that no weight took.
    ///
    /// # Errors
    /// The first such array, with the layer.
    pub(super) fn check_all_taken(&self, variables: &[Variable], root: &Group) -> Result<()> {
        if self.whole.is_empty() {
            return Ok(());
        }
        let mut taken: HashSet<String> = HashSet::new();
        for (group, index) in variables.iter().flat_map(Variable::places) {
            let path = format!("{group}/vars/{index}");
            taken.insert(older_path(&path));
            taken.extend(self.older(group).map(|older| format!("{older}/vars/{index}")));
            taken.insert(path);
        }
        for (group, label) in &self.whole {
            for (inside, array) in root.group(group).into_iter().flat_map(Group::walk) {
                let path = format!("{group}/{inside}");
                if !taken.contains(&path) && !path.split('/').any(|part| part == NO_WEIGHTS) {
                    return Err(Error::Config(format!(
                        "weights: layer `{label}` does not use `{path}` of shape {:?}, which the \
                         file holds; the definition of its class lacks a member for it",
                        array.shape()
                    )));
                }
            }
        }
        Ok(())
    }
}

/// Where tf_keras wrote what Keras 3 writes elsewhere: the forward layer of a Bidirectional is
/// `layer` there, and the products of attention begin with an underscore.
pub(crate) fn older_path(path: &str) -> String {
    let older = |part: &str| match part {
        "forward_layer" => "layer".to_string(),
        "query_dense" | "key_dense" | "value_dense" | "output_dense" => format!("_{part}"),
        other => other.to_string(),
    };
    path.split('/').map(older).collect::<Vec<_>>().join("/")
}
