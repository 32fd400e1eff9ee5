"""Operations of `keras.ops` of a special kind: convolution, linear algebra, transforms, search, losses.
Each function adds values to a graph, or raises `Misfit`."""

import numpy as np
from keras import ops

from .operations import an_axis, beside
from .plain_layers import need
from .settings import maybe


def series(g):
    v = g.find(lambda v: v.rank == 3 and v.static[2] is not None)
    return v, v.shape[2]


def convolutions(g):
    d = g.d
    v, f = series(g)
    size = d.whole(1, min(3, v.shape[1]))
    common = {"strides": d.pick(1, 1, 2), "padding": d.pick("valid", "same")}
    kernel = g.constant((size, f, d.whole(1, 3)))
    name = d.pick("conv", "depthwise_conv", "separable_conv", "max_pool", "average_pool")
    if name == "conv":
        return g.apply(lambda t, k: ops.conv(t, k, data_format="channels_last", **common), v, kernel)
    if name == "depthwise_conv":
        return g.apply(
            lambda t, k: ops.depthwise_conv(t, k, data_format="channels_last", **common),
            v,
            g.constant((size, f, d.whole(1, 2))),
        )
    if name == "separable_conv":
        deep, point = g.constant((size, f, 2)), g.constant((1, 2 * f, 2))
        return g.apply(
            lambda t, a, b: ops.separable_conv(t, a, b, data_format="channels_last", **common), v, deep, point
        )
    pool = getattr(ops, name)
    return g.apply(lambda t: pool(t, size, data_format="channels_last", **common), v)


def attention(g):
    """dot_product_attention, with mask, bias and scale."""
    d = g.d
    v, f = series(g)
    n, t = 2, v.shape[1]
    to_heads = lambda x: ops.stack([x, x * 0.5], axis=2)  # noqa: E731
    q = g.apply(to_heads, v)[0]
    k = g.apply(to_heads, g.find(lambda w: w.shape == v.shape))[0]
    kwargs = maybe(d, 0.4, is_causal=True) | maybe(d, 0.3, scale=d.real(0.2, 1))
    if d.chance(0.3):
        kwargs["bias"] = g.constant((1, n, t, t))
    if d.chance(0.4):
        kwargs["mask"] = g.constant((1, 1, t, t), "bool")
    g.apply(lambda a, b, **kw: ops.dot_product_attention(a, b, b, flash_attention=False, **kw), q, k, **kwargs)


def algebra(g):
    """Of matrices that are well conditioned: x xᵀ + 2."""
    d = g.d
    v = g.find(lambda v: v.rank == 3 and v.static[1] is not None and v.shape[1] <= 5)
    small = g.apply(lambda t: ops.tanh(t), v)[0]
    n = v.shape[1]
    eye = np.eye(n, dtype="float32") * 2
    m = g.apply(lambda t: ops.matmul(t, ops.swapaxes(t, 1, 2)) + eye, small)[-1]
    right = g.constant((1, n, 2)) if not g.fixed_batch else g.constant((g.batch, n, 2))
    name = d.pick("inv", "det", "slogdet", "cholesky", "solve", "trace", "diagonal", "pinv", "logdet", "lower")
    if name == "solve":
        need(g.fixed_batch)
        return g.apply(lambda t, b: ops.solve(t, b), m, right)
    if name == "lower":
        need(g.fixed_batch)
        return g.apply(lambda t, b: ops.solve_triangular(t, b, lower=True), m, right)
    if name == "slogdet":
        return g.apply(lambda t: ops.slogdet(t)[1], m)
    if name in ("trace", "diagonal"):
        k = d.whole(-1, 1)
        return g.apply(lambda t: getattr(ops, name)(t, offset=k, axis1=1, axis2=2), m)
    return g.apply(getattr(ops, name), m)


def transforms(g):
    d = g.d
    v = g.find(lambda v: v.rank >= 2 and v.static[-1] is not None)
    name = d.pick("rfft", "fft", "ifft2", "stft", "irfft", "extract_sequences")
    part = d.whole(0, 1)
    if name == "rfft":
        return g.apply(lambda t: ops.rfft(t)[part], v)
    if name == "fft":
        return g.apply(lambda t: ops.fft((t, t * 0.5))[part], v)
    if name == "irfft":
        return g.apply(lambda t: ops.irfft((t, t * 0.5)), v)
    if name == "ifft2":
        need(v.rank == 3)
        return g.apply(lambda t: ops.ifft2((t, t * 0.5))[part], v)
    need(v.shape[-1] >= 3)
    if name == "stft":
        return g.apply(lambda t: ops.stft(t, 3, 1, 4, center=False, window=None)[part], v)
    return g.apply(lambda t: ops.extract_sequences(t, 2, 1), v)


def search(g):
    d = g.d
    v = g.find(lambda v: v.rank >= 2)
    axis = an_axis(d, v)
    name = d.pick("digitize", "take_along_axis", "in_top_k", "isin", "sort")
    edges = np.array([-1.0, -0.2, 0.5], "float32")
    if name == "digitize":
        return g.apply(lambda t: ops.digitize(t, edges), v)
    if name == "isin":
        return g.apply(lambda t: ops.isin(ops.round(t), np.array([0.0, 1.0], "float32")), v)
    if name == "take_along_axis":
        order = g.apply(lambda t: ops.argsort(t, axis=axis), v)[0]
        w = g.find(lambda w: w.shape == v.shape)
        return g.apply(lambda a, i: ops.take_along_axis(a, i, axis=axis), w, order)
    if name == "in_top_k":
        need(v.rank == 2 and v.static[1] is not None)
        best = g.apply(lambda t: ops.argmax(t, axis=-1), v)[0]
        return g.apply(lambda i, t: ops.in_top_k(i, t, 1), best, v)
    return g.apply(lambda t: ops.sort(t, axis=axis), v)


def statistics(g):
    d = g.d
    v = g.find(lambda v: v.rank >= 2)
    axis = an_axis(d, v)
    name = d.pick("average", "moments", "percentile", "nanquantile", "var", "batch_normalization")
    keep = d.chance(0.4)
    if name == "average":
        need(None not in v.static[1:])
        weights = np.abs(d.normal(v.shape[axis])) + 0.1
        return g.apply(lambda t: ops.average(t, axis=axis, weights=weights), v)
    if name == "moments":
        which = d.whole(0, 1)
        return g.apply(lambda t: ops.moments(t, axes=[axis], keepdims=keep)[which], v)
    if name == "batch_normalization":
        need(v.static[-1] is not None)
        f = v.shape[-1]
        mean, var = g.constant((f,)), np.abs(d.normal(f)) + 0.2
        extra = maybe(d, 0.5, offset=g.constant((f,))) | maybe(d, 0.5, scale=g.constant((f,)))
        return g.apply(lambda t: ops.batch_normalization(t, mean, var, -1, epsilon=0.01, **extra), v)
    if name == "var":
        return g.apply(lambda t: ops.var(t, axis=axis, keepdims=keep), v)
    q = d.real(0, 100) if name == "percentile" else d.real(0, 1)
    function = ops.percentile if name == "percentile" else ops.nanquantile
    method = d.pick("linear", "lower", "higher", "nearest", "midpoint")
    return g.apply(lambda t: function(t, q, axis=axis, method=method, keepdims=keep), v)


def losses(g):
    d = g.d
    v = g.find(lambda v: v.rank >= 2 and v.static[-1] is not None)
    p = g.apply(lambda t: ops.softmax(t), v)[0]
    name = d.pick("binary", "categorical", "sparse", "glu", "threshold")
    logits = d.chance(0.3)
    if name == "glu":
        need(v.shape[-1] % 2 == 0)
        return g.apply(lambda t: ops.glu(t, axis=-1), v)
    if name == "threshold":
        return g.apply(lambda t: ops.threshold(t, 0.2, -0.5), v)
    if name == "sparse":
        best = g.apply(lambda t: ops.argmax(t, axis=-1), v)[0]
        return g.apply(lambda a, b: ops.sparse_categorical_crossentropy(a, b, from_logits=logits), best, p)
    w = g.find(lambda w: w.rank == v.rank and beside(w, v) and w.shape == v.shape)
    target = g.apply(lambda t: ops.sigmoid(t), w)[0]
    function = ops.binary_crossentropy if name == "binary" else ops.categorical_crossentropy
    return g.apply(lambda a, b: function(a, b, from_logits=logits), target, p)


def slices(g):
    d = g.d
    v = g.find(lambda v: v.rank >= 2 and None not in v.static[1:])
    need(g.fixed_batch)
    start = [0, *[d.whole(0, n - 1) for n in v.shape[1:]]]
    size = [g.batch, *[d.whole(1, n - s) for s, n in zip(start[1:], v.shape[1:])]]
    name = d.pick("slice", "slice_update", "linspace", "tensordot", "rearrange", "saturate", "full_like")
    if name == "slice":
        return g.apply(lambda t: ops.slice(t, start, size), v)
    if name == "slice_update":
        return g.apply(lambda t, u: ops.slice_update(t, start, u), v, g.constant(size))
    if name == "linspace":
        w = g.find(lambda w: w.shape == v.shape)
        return g.apply(lambda a, b: ops.linspace(a, b, num=3, axis=-1), v, w)
    if name == "tensordot":
        return g.apply(lambda a, b: ops.tensordot(a, b, axes=1), v, g.constant((v.shape[-1], 2)))
    if name == "rearrange":
        need(v.rank == 3)
        to = d.pick("b f t", "b (t f)", "b t f 1")
        return g.apply(lambda t: ops.rearrange(t, f"b t f -> {to}"), v)
    if name == "full_like":
        return g.apply(lambda t: ops.full_like(t, 0.7), v)
    return g.apply(lambda t: ops.saturate_cast(t, "int32"), v)


MORE_OPERATIONS = {
    convolutions: 0.8,
    attention: 0.6,
    algebra: 0.6,
    transforms: 0.6,
    search: 0.8,
    statistics: 1,
    losses: 0.8,
    slices: 1,
}
