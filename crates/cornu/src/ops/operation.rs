//! An operation of `keras.ops` as a member of a model.

use super::op_call::{OpCall, Row, Unequal};
use crate::config::{short, snake_case};
use crate::lowering::{Call, Cx, Flow, Layer, RaggedForm, WeightTree, Weights};
use crate::{Error, Result};
use cornu_ir::Spec;
use serde_json::Value;

/// The tables of operations, by what they do.
static TABLES: &[&[Row]] = &[
    super::pointwise::ROWS,
    super::activations::ROWS,
    super::reductions::ROWS,
    super::products::ROWS,
    super::moves::ROWS,
    super::slices::ROWS,
    super::indexing::ROWS,
    super::search::ROWS,
    super::stacking::ROWS,
    super::patches::ROWS,
    super::series::ROWS,
    super::statistics::ROWS,
    super::formulas::ROWS,
    super::transforms::ROWS,
    super::matrices::ROWS,
];

/// All operations.
fn rows() -> impl Iterator<Item = &'static Row> {
    TABLES.iter().copied().flatten()
}

/// Operation of `keras.ops` in a model. It has no weights, and its outputs have no mask.
///
/// # Source
/// keras/src/ops, Keras 3.15.1.
#[derive(Clone, Debug)]
pub struct Operation {
    row: &'static Row,
    config: Value,
}

impl Operation {
    /// Returns the classes of operations, in Keras's words.
    pub fn classes() -> impl Iterator<Item = &'static str> {
        rows().map(|row| row.0)
    }

    /// Returns the operation of a class of `keras.ops` with its settings, as Keras writes them.
    ///
    /// ```
    /// use cornu::{Input, LayerRef, Operation};
    /// let x = Input::new([5, 4]);
    /// let y = LayerRef::new(Operation::new("Mean", serde_json::json!({"axis": 1}))?).call(&x)?;
    /// assert_eq!(y.shape_text(), "(None, 4)");
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn new(class: &str, settings: Value) -> Result<Self> {
        let row = rows()
            .find(|r| r.0 == class)
            .ok_or_else(|| Error::Unsupported(format!("operation `{class}` of keras.ops")))?;
        if !settings.is_object() {
            return Err(Error::Config(format!(
                "operation {class}: expected settings by name. Received: {}",
                short(&settings)
            )));
        }
        Ok(Self { row, config: settings })
    }

    /// As a model's config holds it: settings beside the name.
    pub(crate) fn from_config(class: &str, config: &Value) -> Result<Self> {
        let mut settings = config.clone();
        if let Value::Object(map) = &mut settings {
            map.shift_remove("name");
        }
        Self::new(class, settings)
    }
}

impl Layer for Operation {
    fn class(&self) -> &'static str {
        self.row.0
    }

    fn stem(&self) -> String {
        snake_case(self.row.0)
    }

    fn config(&self) -> Value {
        self.config.clone()
    }

    fn weights(&self, _: &Call<Spec>) -> Result<WeightTree> {
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let values = (self.row.3)(&OpCall { cx, class: self.row.0, settings: &self.config, call })?;
        Ok(values.into_iter().map(Flow::new).collect())
    }

    fn ragged_form(&self) -> RaggedForm {
        let axes: Vec<isize> = match self.config.get("axis") {
            Some(Value::Array(items)) => {
                items.iter().filter_map(Value::as_i64).map(|a| a as isize).collect()
            }
            Some(v) => v.as_i64().into_iter().map(|a| a as isize).collect(),
            None => vec![],
        };
        match self.row.2 {
            Unequal::Pointwise => RaggedForm::ByTimestep(2),
            Unequal::OverAxes if axes.is_empty() => RaggedForm::Refused,
            Unequal::ByFeatures | Unequal::OverAxes => RaggedForm::along_features(&axes),
            Unequal::AnotherAxis => match axes[..] {
                [axis] if axis == -1 || axis >= 2 => RaggedForm::ByTimestep(2),
                _ => RaggedForm::Refused,
            },
            Unequal::Refused => RaggedForm::Refused,
        }
    }

    fn reads_literals(&self) -> bool {
        true
    }

    fn module(&self) -> &'static str {
        self.row.1
    }

    fn is_operation(&self) -> bool {
        true
    }

    fn registered_name(&self) -> Option<&'static str> {
        Some(self.row.0)
    }

    fn common_keys(&self) -> &'static [&'static str] {
        &["name"]
    }
}
