//! PReLU as the activation of a layer, which then holds its weight.

use super::rectifiers::Prelu;
use crate::Result;
use crate::activations::Activation;
use crate::lowering::{Call, Cx, Flow, Layer, WeightTree, Weights, read_settings};
use cornu_ir::{Builder, Spec, Var};

/// Attribute under which Keras's files hold the weight.
const ATTRIBUTE: &str = "activation";

fn prelu_of(activation: &Activation) -> Result<Option<Prelu>> {
    activation.prelu().map(read_settings::<Prelu>).transpose()
}

/// Returns the weights of a layer with those of its activation. `plain` is the layer with a linear
/// activation, `tree` its weights.
pub fn with_activation(
    plain: &dyn Layer,
    activation: &Activation,
    call: &Call<Spec>,
    mut tree: WeightTree,
) -> Result<WeightTree> {
    let Some(prelu) = prelu_of(activation)? else { return Ok(tree) };
    let b = Builder::new();
    let mut values = Vec::new();
    tree.walk("", true, &mut |_, _, _, w| {
        values.push((values.len(), b.input(&*w.name, Spec::known(w.dtype(), &w.shape))))
    });
    let weights = Weights::bind(&tree, &values);
    let call = call.map(|s| Flow::new(b.input("x", s.clone())));
    let y = plain.lower(&Cx::new(&b, false, None), &weights, &call)?[0].value;
    b.check()?;
    let own = prelu.weights(&Call::one(y.spec()))?;
    tree.children.push((ATTRIBUTE.into(), own));
    Ok(tree)
}

/// Applies the activation of a layer whose weights are `w`.
pub fn activated<'g>(
    cx: &Cx<'g>,
    w: &Weights<'g>,
    activation: &Activation,
    y: Var<'g>,
) -> Result<Var<'g>> {
    match prelu_of(activation)? {
        None => Ok(activation.of(y)),
        Some(prelu) => Ok(prelu.lower(cx, w.child(ATTRIBUTE), &Call::one(Flow::new(y)))?[0].value),
    }
}
