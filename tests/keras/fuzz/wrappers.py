"""Layers that hold other layers: Bidirectional, TimeDistributed, and models used as layers."""

import keras
from keras import layers as L

from .graph import Graph, Misfit, Value
from .plain_layers import PLAIN, features_known, need
from .sequence_layers import SEQUENCE, recurrent, rnn_of_cells

SIMPLE = PLAIN | SEQUENCE


def simple_layer(d, v, tries=12):
    """A layer of one input for this value."""
    names = list(SIMPLE)
    weights = [SIMPLE[n][1] for n in names]
    for _ in range(tries):
        name = names[int(d.rng.choice(len(names), p=[w / sum(weights) for w in weights]))]
        try:
            layer = SIMPLE[name][0](d, v)
        except Misfit:
            continue
        if d.chance(0.04):
            layer.name = d.pick("größe", "a b", "x.y", f"{layer.name}_1", "Layer-3:0")
        if d.chance(0.05):
            layer.trainable = False
        return layer
    raise Misfit("no layer takes this value")


def bidirectional(d, v):
    features_known(v)
    need(v.rank == 3)
    forward = d.pick(recurrent, recurrent, rnn_of_cells)(d, v, go_backwards=d.chance(0.15))
    kwargs = {}
    if d.chance(0.2):
        units = getattr(forward, "units", None)
        if units is not None:
            kwargs["backward_layer"] = recurrent(
                d,
                v,
                units=units,
                return_sequences=forward.return_sequences,
                return_state=forward.return_state,
                go_backwards=not forward.go_backwards,
            )
    mode = d.pick("concat", "concat", "sum", "mul", "ave", None)
    return L.Bidirectional(forward, merge_mode=mode, **kwargs)


def of_a_step(v):
    """The value of one step of `v`."""
    static = (v.static[0], *v.static[2:])
    return Value(keras.KerasTensor(static, dtype=v.tensor.dtype), (v.shape[0], *v.shape[2:]), v.n_ids)


def time_distributed(d, v):
    need(v.rank >= 3 and v.kind in ("real", "ids"))
    step = of_a_step(v)
    roll = d.rng.random()
    if step.rank >= 3 and roll < 0.3:
        inner = d.pick(recurrent, bidirectional, rnn_of_cells)(d, step) if step.kind == "real" else None
        need(inner is not None)
    elif roll < 0.45:
        inner = model_as_layer(d, step)
    elif step.rank >= 3 and roll < 0.55:
        inner = time_distributed(d, step)
    else:
        inner = simple_layer(d, step)
    return L.TimeDistributed(inner)


def any_layer(d, v):
    """A layer of one input, perhaps a wrapper."""
    if d.chance(0.12):
        return bidirectional(d, v)
    if d.chance(0.12):
        return time_distributed(d, v)
    return simple_layer(d, v)


def model_as_layer(d, v):
    """A Functional or Sequential model that takes a value like `v`."""
    g = Graph(d, v.shape[0], depth=1)
    g.fixed_batch = v.static[0] is not None
    tensor = keras.Input(batch_shape=v.static, dtype=v.tensor.dtype)
    first = g.keep(Value(tensor, v.shape, v.n_ids))
    if d.chance(0.4):
        return chain(g, first, d.whole(1, 3))
    for _ in range(d.whole(1, 3)):
        try:
            x = g.find(kind=None)
            g.call(any_layer(d, x), x)
        except (Misfit, ValueError, TypeError):
            continue
    outputs = [x for x in g.values if not x.uses and x.kind != "bool"]
    need(outputs and first.uses)
    outputs = outputs[-d.whole(1, 2) :]
    return keras.Model(tensor, outputs[0].tensor if len(outputs) == 1 else [x.tensor for x in outputs])


def chain(g, first, n):
    """A Sequential model of about `n` layers, behind an Input."""
    d = g.d
    layers, x = [], first
    for _ in range(3 * n):
        if len(layers) == n:
            break
        try:
            layer = any_layer(d, x)
            out = g.apply(layer, x)
        except (Misfit, ValueError, TypeError):
            continue
        if len(out) > 1:
            continue
        layers.append(layer)
        x = out[0]
    need(layers)
    model = keras.Sequential([first.tensor, *layers])
    model.real_output = x
    return model
