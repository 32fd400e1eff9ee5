"""Evaluation and one epoch of training, by Keras and by cornu, from the same compiled file."""

import keras
import numpy as np
from keras import losses, metrics, optimizers

from .command import Refused
from .compare import apart, as_real
from .graph import is_random

# Losses, metrics and weights after a step: gradients and the optimizer's divisions by small numbers
# multiply what forward passes differ by.
RELATIVE = 2e-4
ABSOLUTE = 2e-5


def optimizer(d):
    rate = d.pick(0.01, 0.05)
    settings = d.pick({}, {}, {"clipnorm": 0.5}, {"clipvalue": 0.1}, {"weight_decay": 0.01}, {"use_ema": True})
    make = d.pick(
        lambda: optimizers.SGD(rate, **settings),
        lambda: optimizers.SGD(rate, momentum=0.9, nesterov=d.chance(0.5), **settings),
        lambda: optimizers.RMSprop(rate, centered=d.chance(0.3), epsilon=0.01, **settings),
        lambda: optimizers.Adam(rate, amsgrad=d.chance(0.3), epsilon=0.01, **settings),
        lambda: optimizers.Nadam(rate, epsilon=0.01, **settings),
        lambda: optimizers.Adamax(rate, epsilon=0.01, **settings),
        lambda: optimizers.Adagrad(rate, **settings),
        lambda: optimizers.Adadelta(rate, epsilon=0.01),
        lambda: optimizers.Ftrl(rate),
        lambda: optimizers.SGD(optimizers.schedules.ExponentialDecay(rate, 2, 0.9)),
    )
    return make()


def loss(d):
    return d.pick(
        "mse",
        "mae",
        "log_cosh",
        losses.Huber(0.7),
        losses.MeanSquaredError(reduction="sum"),
        losses.MeanAbsoluteError(),
        losses.CosineSimilarity(),
    )


def measured(d):
    return [metric() for metric in d.some(MEASURES, d.whole(0, 2))]


MEASURES = [
    lambda: "mae",
    lambda: "mse",
    lambda: metrics.RootMeanSquaredError(),
    lambda: metrics.CosineSimilarity(),
    lambda: metrics.LogCoshError(),
]


def possible(made, expected):
    """Whether the model has no random layer, and outputs that a loss can take."""
    return not is_random(made.model) and not made.graph.is_rough and all(
        y.dtype == "float32" and y.ndim >= 2 and np.isfinite(y).all() and np.abs(y).max() < 50 for y in expected
    )


def compiled(model, d, expected, feeds):
    """Compiles a model, and trains it a step so that its optimizer has a state. Gives targets."""
    targets = [y + d.normal(*y.shape) * 0.3 for y in expected]
    names = len(expected) > 1
    model.compile(
        optimizer(d),
        [loss(d) for _ in expected] if names else loss(d),
        metrics=[measured(d) for _ in expected] if names else measured(d),
        **({"loss_weights": [d.real(0.2, 2) for _ in expected]} if names and d.chance(0.4) else {}),
    )
    model.fit(feeds, targets, verbose=0, batch_size=8, shuffle=False)
    return targets


def differs(stage, words):
    return "differs", stage, words


def check(model, d, cornu, expected, feeds, results):
    """What differs as (kind, stage, words), or None. Raises what Keras raises."""
    targets = compiled(model, d, expected, feeds)
    saved = f"{cornu.folder}/trained.keras"
    model.save(saved)
    theirs = keras.models.load_model(saved)
    wanted = theirs.evaluate(feeds, targets, verbose=0, return_dict=True, batch_size=8)
    theirs.fit(feeds, targets, verbose=0, batch_size=8, shuffle=False)
    after = results(theirs, feeds)
    if not all(np.isfinite(y).all() for y in after):
        return None
    try:
        got = cornu.evaluate("trained.keras", feeds, targets, "--epoch-loss", "keras")
        if set(got) != set(wanted):
            return differs("evaluate", f"{sorted(got)}, Keras has {sorted(wanted)}")
        for name, value in wanted.items():
            if not close(got[name], value):
                return differs("evaluate", f"{name} is {got[name]:.7g}, Keras has {value:.7g}")
        cornu.fit("trained.keras", feeds, targets, "fitted.keras", "--batch-size", "8")
        ours, _ = cornu.predict("fitted.keras", feeds, len(after))
    except Refused as e:
        return "panics" if e.panicked else "refused", "training", e.message
    for i, (a, b) in enumerate(zip(ours, after)):
        # A step moves outputs by some hundredths: that movement is the scale.
        room = ABSOLUTE + RELATIVE * max(1.0, float(np.abs(as_real(b)).max()))
        if a.shape != b.shape or not (np.abs(as_real(a) - as_real(b)) <= room).all():
            moved = float(np.abs(as_real(b) - as_real(expected[i])).max())
            return differs("fit", f"output {i} after a step: {apart(a, b)}; two steps moved it by {moved:.3g}")
    return None


def close(a, b):
    if np.isnan(b) or a is None:
        return a is None or bool(np.isnan(a))
    return abs(a - b) <= ABSOLUTE + RELATIVE * abs(b)
