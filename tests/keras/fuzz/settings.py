"""Arguments that many layers share: activations, and initializers, regularizers and constraints of
weights. First values are replaced by others before a model is saved, so that a forgotten weight shows."""

from keras import constraints, initializers, regularizers

ACTIVATIONS = (
    "celu elu exponential gelu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu linear "
    "log_sigmoid mish relu relu6 selu sigmoid silu soft_shrink softplus softsign sparse_plus "
    "sparse_sigmoid squareplus tanh tanh_shrink"
).split()
OVER_AN_AXIS = ["softmax", "log_softmax", "sparsemax"]
GATES = ["sigmoid", "hard_sigmoid", "tanh", "relu6", "sparse_sigmoid", "linear"]


def activation(d, over_axis=True):
    """An activation by name; often none."""
    if d.chance(0.4):
        return None
    if over_axis and d.chance(0.12):
        return d.pick(*OVER_AN_AXIS)
    return d.pick(*ACTIVATIONS)


def initializer(d):
    """An initializer by name or as an object."""
    return d.pick(
        "zeros",
        "ones",
        "glorot_normal",
        "he_uniform",
        "lecun_normal",
        initializers.RandomNormal(0.1, 0.2, seed=3),
        initializers.RandomUniform(-0.1, 0.1, seed=4),
        initializers.TruncatedNormal(stddev=0.3),
        initializers.Constant(0.25),
        initializers.VarianceScaling(2.0, "fan_out", "uniform"),
    )


def regularizer(d):
    """A regularizer by name or as an object."""
    return d.pick(
        "l1", "l2", regularizers.L1(0.02), regularizers.L2(0.03), regularizers.L1L2(0.01, 0.02)
    )


def constraint(d):
    """A constraint by name or as an object."""
    return d.pick(
        "max_norm",
        "non_neg",
        "unit_norm",
        constraints.MaxNorm(1.5, axis=0),
        constraints.MinMaxNorm(0.1, 1.2, rate=0.5, axis=0),
        constraints.NonNeg(),
    )


def of_weights(d, *names):
    """Initializers, regularizers and constraints of the weights `names`, each rarely."""
    kwargs = {}
    for name in names:
        for kind, make in (
            ("initializer", initializer),
            ("regularizer", regularizer),
            ("constraint", constraint),
        ):
            if d.chance(0.07):
                kwargs[f"{name}_{kind}"] = make(d)
    return kwargs


def activity(d):
    """Rarely an activity regularizer."""
    return {"activity_regularizer": regularizer(d)} if d.chance(0.06) else {}


def maybe(d, p, **kwargs):
    """The keyword arguments with probability `p`, else none."""
    return kwargs if d.chance(p) else {}
