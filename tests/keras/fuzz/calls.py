"""Calls with several inputs and with arguments: merging, attention, initial states, layers called
again, models used as layers. Each function adds values to a graph, or raises `Misfit`."""

import keras
from keras import layers as L

from .graph import Graph, Misfit, Value, is_random
from .plain_layers import need
from .sequence_layers import cell_settings, returns
from .settings import activity, maybe, of_weights
from .wrappers import any_layer, bidirectional, model_as_layer


def one_layer(g):
    """A layer of one input; later calls may share it."""
    kind = "ids" if g.d.chance(0.25) else "real"
    v = g.find(kind=kind)
    layer = any_layer(g.d, v)
    g.call(layer, v)
    note_random(g, layer)
    g.shared.append((layer, v))


def note_random(g, layer):
    """Remembers that training with this layer is random."""
    g.is_random = g.is_random or is_random(layer)


def again(g):
    """A layer called a second time, on another value or the same."""
    need(g.shared)
    layer, first = g.shared[g.d.whole(0, len(g.shared) - 1)]
    like = lambda v: v.rank == first.rank and v.shape[2:] == first.shape[2:]  # noqa: E731
    # An id outside the table is NaN on JAX, and documented to be 0 in cornu.
    v = g.find(lambda v: like(v) and (v.n_ids or 0) <= (first.n_ids or 0), first.kind)
    g.call(layer, v)


def alike(g, v):
    """A value or a constant of the shape of `v`, or one that can be stretched over it."""
    d = g.d
    if d.chance(0.15):
        return g.constant_like(v)
    return g.find(lambda w: w.shape == v.shape or d.chance(0.2) and fits_beside(w, v))


def fits_beside(a, b):
    return a.rank == b.rank and all(m == n or 1 in (m, n) for m, n in zip(a.shape, b.shape))


def merging(g):
    d = g.d
    v = g.find(lambda v: v.rank >= 2)
    make = d.pick(L.Add, L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum)
    n = 1 if make is L.Subtract else d.whole(1, 2)
    parts = d.shuffled([v, *[alike(g, v) for _ in range(n)]])
    g.apply(make(), parts)


def concatenate(g):
    d = g.d
    v = g.find(lambda v: v.rank >= 2)
    axis = d.pick(-1, -1, d.whole(1, v.rank - 1))
    at = axis % v.rank

    def fits(w):
        return w.rank == v.rank and all(m == n for i, (m, n) in enumerate(zip(w.shape, v.shape)) if i != at)

    others = [g.find(fits) if d.chance(0.85) else g.constant_like(v) for _ in range(d.whole(1, 2))]
    parts = [v, *others]
    g.apply(L.Concatenate(axis=axis), [parts[int(i)] for i in d.rng.permutation(len(parts))])


def dot(g):
    d = g.d
    v = g.find(lambda v: v.rank in (2, 3))
    i, j = d.whole(1, v.rank - 1), None
    w = g.find(lambda w: w.rank in (2, 3) and v.shape[i] in w.shape[1:])
    j = d.pick(*[k for k in range(1, w.rank) if w.shape[k] == v.shape[i]])
    other = g.constant_like(w) if d.chance(0.1) else w
    g.apply(L.Dot(axes=(i, j) if d.chance(0.8) or i != j else i, normalize=d.chance(0.3)), [v, other])


def maybe_constant(g, v, p=0.12):
    """`v`, or a constant of its shape in its place, where its timesteps are known."""
    return g.constant_like(v) if g.d.chance(p) and None not in v.static[1:] else v


def attention(g):
    """Attention and AdditiveAttention."""
    d = g.d
    q = g.find(lambda v: v.rank == 3)
    v = g.find(lambda v: v.rank == 3 and v.shape[2] == q.shape[2])
    inputs = [q, maybe_constant(g, v)]
    if d.chance(0.3):
        inputs.append(maybe_constant(g, g.find(lambda k: k.rank == 3 and k.shape[1:] == v.shape[1:])))
    if d.chance(0.6):
        modes = {"score_mode": d.pick("dot", "dot", "concat")}
        layer = L.Attention(use_scale=d.chance(0.5), **modes)
    else:
        layer = L.AdditiveAttention(use_scale=d.chance(0.7))
    kwargs = maybe(d, 0.25, return_attention_scores=True) | maybe(d, 0.25, use_causal_mask=d.chance(0.8))
    if d.chance(0.3):
        masks = [d.pick(None, g.mask_of(q.shape[:2])), d.pick(None, g.mask_of(v.shape[:2]))]
        kwargs["mask"] = masks + [None] * (len(inputs) - 2 if d.chance(0.5) else 0)
    g.apply(layer, inputs, **kwargs)


def multi_head(g):
    """MultiHeadAttention and GroupQueryAttention."""
    d = g.d
    grouped = d.chance(0.35)
    rank = 4 if not grouped and d.chance(0.1) else 3
    q = g.find(lambda v: v.rank == rank)
    v = q if d.chance(0.5) else g.find(lambda v: v.rank == rank and v.shape[2:] == q.shape[2:])
    common = maybe(d, 0.2, use_bias=False) | of_weights(d, "kernel", "bias")
    common |= maybe(d, 0.1, use_gate=True)
    if rank == 3:
        common |= maybe(d, 0.1, sliding_window=d.whole(1, 3))
    if grouped:
        groups = d.whole(1, 2)
        layer = L.GroupQueryAttention(d.whole(1, 3), groups * d.whole(1, 2), groups, **common)
    else:
        common |= maybe(d, 0.2, value_dim=d.whole(1, 3)) | maybe(d, 0.2, output_shape=d.whole(1, 3))
        axes = d.pick(None, (2,), (1,), (1, 2)) if rank == 4 else None
        layer = L.MultiHeadAttention(d.whole(1, 3), d.whole(1, 3), attention_axes=axes, **common)
    kwargs = maybe(d, 0.2, return_attention_scores=True) | maybe(d, 0.2, use_causal_mask=True)
    if d.chance(0.25):
        kwargs["key"] = maybe_constant(g, g.find(lambda k: k.rank == rank and k.shape[1:] == v.shape[1:]))
    if rank == 3:
        if d.chance(0.3):
            scores = (q.shape[0], q.shape[1], v.shape[1])
            kwargs["attention_mask"] = g.mask_of(scores)
        for name, of in (("query_mask", q), ("value_mask", v), ("key_mask", v)):
            if d.chance(0.12):
                kwargs[name] = g.mask_of(of.shape[:2])
    value = maybe_constant(g, v)
    if d.chance(0.2):
        g.apply(layer, query=q, value=value, **kwargs)
    else:
        g.apply(layer, q, value, **kwargs)
    g.shared.append((layer, q))


def initial_state(g):
    """A recurrent layer that starts from given states: values or constants."""
    d = g.d
    v = g.find(lambda v: v.rank == 3 and v.static[2] is not None)
    kind = d.pick("LSTM", "GRU", "SimpleRNN")
    states = [w for w in g.values if w.kind == "real" and w.rank == 2]
    units = d.pick(*[w.shape[1] for w in states]) if states and d.chance(0.8) else d.whole(1, 3)
    need(units <= 6)
    layer = getattr(L, kind)(units, **cell_settings(d, kind), **returns(d))
    n = 2 if kind == "LSTM" else 1
    if d.chance(0.25):
        layer, n = L.Bidirectional(layer, merge_mode=d.pick("concat", "sum")), 2 * n
    fitting = [w for w in states if w.shape[1] == units]

    def state():
        if fitting and d.chance(0.7):
            return fitting[d.whole(0, len(fitting) - 1)]
        return g.constant((g.batch if g.fixed_batch or d.chance(0.15) else 1, units))

    given = [state() for _ in range(n)]
    if n == 1 and d.chance(0.5):
        given = given[0]
    g.call(layer, v, initial_state=given)
    note_random(g, layer)


def bidirectional_call(g):
    v = g.find(lambda v: v.rank == 3)
    layer = bidirectional(g.d, v)
    g.call(layer, v)
    note_random(g, layer)
    g.shared.append((layer, v))


def nested_model(g):
    """A model used as a layer, perhaps with a mask, perhaps called again later."""
    need(g.depth == 0)
    v = g.find(kind="ids" if g.d.chance(0.2) else "real")
    model = model_as_layer(g.d, v)
    kwargs = {}
    if v.rank >= 3 and g.d.chance(0.2):
        kwargs["mask"] = g.mask_of(v.shape[:2])
    g.apply(model, v, **kwargs)
    note_random(g, model)
    g.shared.append((model, v))


def nested_of_several(g):
    """A model of two inputs used as a layer, called on a list or on values by name."""
    d = g.d
    need(g.depth == 0)
    given = g.find_many(lambda v: v.rank >= 2, 2)
    inner = Graph(d, g.batch, depth=1)
    inner.fixed_batch, inner.pad_value = g.fixed_batch, g.pad_value
    inner.shared = list(g.shared) if d.chance(0.3) else []
    for v in given:
        tensor = keras.Input(batch_shape=v.static, dtype=v.tensor.dtype)
        inner.inputs.append(tensor)
        inner.keep(Value(tensor, v.shape))
    members = [one_layer, one_layer, merging, concatenate, attention, multi_head, again, dot]
    for _ in range(d.whole(2, 4)):
        try:
            d.pick(*members)(inner)
        except (Misfit, ValueError, TypeError):
            continue
    outputs = [x.tensor for x in inner.values[2:] if not x.uses][-2:]
    need(outputs)
    by_name = d.chance(0.3)
    first = {"b": inner.inputs[0], "a": inner.inputs[1]} if by_name else inner.inputs
    model = keras.Model(first, outputs[0] if len(outputs) == 1 else outputs)
    call = {"b": given[0], "a": given[1]} if by_name else given
    g.apply(model, call)
    if d.chance(0.4):
        g.apply(model, call, training=False)
    note_random(g, model)


def tied_embedding(g):
    """ReversibleEmbedding called forward and backward."""
    d = g.d
    v = g.find(kind="ids")
    layer = L.ReversibleEmbedding(
        v.n_ids,
        d.whole(1, 4),
        tie_weights=d.chance(0.6),
        mask_zero=d.chance(0.5),
        logit_soft_cap=d.pick(None, None, 2.0),
    )
    x = g.apply(layer, v)[0]
    if d.chance(0.5):
        x = g.apply(L.Activation("tanh"), x)[0]
    g.apply(lambda t: layer(t, reverse=True), x)


def counted_encoding(g):
    """CategoryEncoding with weights of the counts."""
    v = g.find(lambda v: None not in v.static[1:], kind="ids")
    need(v.rank == 2)
    layer = L.CategoryEncoding(v.n_ids, output_mode="count")
    weights = [w for w in g.values if w.kind == "real" and w.shape == v.shape]
    given = weights[0] if weights and g.d.chance(0.5) else g.constant_like(v)
    g.apply(lambda x: layer(x, count_weights=deep_tensor(given)), v)


def deep_tensor(x):
    return getattr(x, "tensor", x)


def convolution_of_masked(g):
    """A chain that keeps or drops masks: Masking, then a layer without masks of its own, then LSTM."""
    d = g.d
    v = g.find(lambda v: v.rank == 3)
    x = g.apply(L.Masking(g.pad_value), v)[0]
    for _ in range(d.whole(0, 2)):
        out = g.call(any_layer(d, x), x)
        if out[0].rank == 3 and out[0].kind == "real":
            x = out[0]
    g.call(L.LSTM(d.whole(1, 3), return_sequences=d.chance(0.6), **activity(d)), x)


CALLS = {
    one_layer: 14,
    again: 3,
    merging: 4,
    concatenate: 2.5,
    dot: 1,
    attention: 2,
    multi_head: 3,
    initial_state: 2,
    bidirectional_call: 1.5,
    nested_model: 2,
    nested_of_several: 1.2,
    tied_embedding: 0.7,
    counted_encoding: 0.3,
    convolution_of_masked: 1.5,
}
__all__ = ["CALLS", "Misfit", "keras"]
