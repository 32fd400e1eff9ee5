"""Operations of `keras.ops` as members of a model, with their arguments as values and constants."""

import numpy as np
from keras import ops

from .graph import Misfit
from .plain_layers import need
from .settings import maybe

ANYWHERE = (
    "absolute arctan arcsinh cbrt ceil celu cos cosh elu erf exp exp2 expm1 floor gelu hard_shrink "
    "hard_sigmoid hard_silu hard_tanh isfinite isnan leaky_relu log_sigmoid nan_to_num negative relu "
    "relu6 round selu sigmoid sign silu sin sinh softplus soft_shrink softsign sparse_plus "
    "sparse_sigmoid square squareplus tanh tanh_shrink trunc mish i0 sinc signbit deg2rad rad2deg "
    "stop_gradient ones_like zeros_like logical_not"
).split()
POSITIVE = "log log10 log1p log2 sqrt rsqrt reciprocal arccosh".split()
UNIT = "arccos arcsin arctanh erfinv".split()
BINARY = (
    "add subtract multiply maximum minimum arctan2 hypot logaddexp fmax fmin heaviside "
    "divide_no_nan nextafter logaddexp2"
).split()
COMPARE = "equal greater greater_equal less less_equal not_equal isclose".split()
WHOLE = "bitwise_and bitwise_or bitwise_xor left_shift gcd lcm floor_divide mod".split()
REDUCE = (
    "sum mean max min prod std var logsumexp median any all argmax argmin count_nonzero nansum nanmax "
    "nanmean ptp norm"
).split()
SCAN = "cumsum cumprod flip sort argsort softmax log_softmax sparsemax".split()


def unary(g):
    d = g.d
    v = g.find()
    if d.chance(0.2):
        name = d.pick(*POSITIVE)
        x = g.apply(lambda t: ops.abs(t) + 1.1, v)[-1]
    elif d.chance(0.12):
        name = d.pick(*UNIT)
        x = g.apply(lambda t: ops.tanh(t) * 0.9, v)[-1]
    else:
        name, x = d.pick(*ANYWHERE), v
    kwargs = {}
    if name in ("leaky_relu", "celu", "elu") and d.chance(0.5):
        kwargs = {"leaky_relu": {"negative_slope": 0.3}, "celu": {"alpha": 0.7}, "elu": {"alpha": 0.6}}[name]
    if name == "gelu":
        kwargs = {"approximate": d.chance(0.5)}
    g.apply(lambda t: getattr(ops, name)(t, **kwargs), x)


def second(g, v, kind="real"):
    """What can stand beside `v`: a number, an array or another value."""
    d = g.d
    if d.chance(0.2):
        return d.whole(1, 3) if kind == "whole" else d.real(-2, 2)
    if d.chance(0.3):
        return g.constant_like(v, kind)
    return g.find(lambda w: w.rank == v.rank and beside(w, v), v.kind)


def beside(a, b):
    return all(m == n or 1 in (m, n) for m, n in zip(a.shape, b.shape))


def binary(g):
    d = g.d
    v = g.find()
    pair = d.shuffled([v, second(g, v)])
    name = d.pick(*BINARY) if d.chance(0.7) else d.pick(*COMPARE)
    g.apply(getattr(ops, name), *pair)


def operators(g):
    """Python's operators on symbolic tensors."""
    d = g.d
    v = g.find()
    w = second(g, v)
    g.apply(
        d.pick(
            lambda a, b: a + b,
            lambda a, b: b - a,
            lambda a, b: a * b,
            lambda a, b: a / (ops.abs(b) + 1.0),
            lambda a, b: 2.0 - a,
            lambda a, b: -a,
            lambda a, b: a**2,
            lambda a, b: abs(a) ** 0.5,
            lambda a, b: a > 0.1,
            lambda a, b: a % 1.5,
            lambda a, b: a // 0.7,
        ),
        v,
        w,
    )


def whole_numbers(g):
    d = g.d
    v = g.find(kind=d.pick("whole", "ids"))
    need("int" in str(v.tensor.dtype))
    name = d.pick(*WHOLE, "one_hot", "cast", "equal", "multi_hot")
    if name == "one_hot":
        return g.apply(ops.one_hot, v, v.n_ids or 4, **maybe(d, 0.3, dtype="float32"))
    if name == "multi_hot":
        need(v.rank == 2)
        return g.apply(ops.multi_hot, v, v.n_ids or 4)
    if name == "cast":
        return g.apply(ops.cast, v, d.pick("float32", "int32", "bool"))
    w = second(g, v, "whole")
    if name in ("floor_divide", "mod"):
        by = d.whole(2, 3)
        return g.apply(lambda a: getattr(ops, name)(a, by), v)
    need(not isinstance(w, float))
    return g.apply(getattr(ops, name), v, w)


def logic(g):
    d = g.d
    v = g.find(kind="bool")
    name = d.pick("logical_and", "logical_or", "logical_xor", "logical_not", "cast", "where")
    if name == "cast":
        return g.apply(ops.cast, v, d.pick("float32", "int32"))
    if name == "logical_not":
        return g.apply(ops.logical_not, v)
    if name == "where":
        fits = [w for w in g.values if w.kind == "real" and w.rank == v.rank and beside(w, v)]
        need(fits)
        w = fits[d.whole(0, len(fits) - 1)]
        pair = d.shuffled([w, second(g, w)])
        return g.apply(ops.where, v, *pair)
    w = g.find(lambda w: w.rank == v.rank and beside(w, v), "bool")
    return g.apply(getattr(ops, name), v, g.constant_like(v, "bool") if d.chance(0.3) else w)


def an_axis(d, v, several=False):
    axis = d.whole(1, v.rank - 1)
    if several and v.rank > 2 and d.chance(0.2):
        return d.some(range(1, v.rank), 2)
    return axis - v.rank if d.chance(0.5) else axis


def reduction(g):
    d = g.d
    v = g.find(lambda v: v.rank >= 3 or v.rank == 2 and d.chance(0.3))
    name = d.pick(*REDUCE, "quantile")
    axis = an_axis(d, v, several=name not in ("argmax", "argmin", "median", "ptp", "norm"))
    kwargs = {"axis": axis} | maybe(d, 0.4, keepdims=True)
    if name == "norm":
        kwargs |= maybe(d, 0.5, ord=d.pick(1, 2, np.inf))
    if name == "quantile":
        q = d.real(0, 1)
        return g.apply(lambda t: ops.quantile(t, q, **kwargs), v)
    return g.apply(lambda t: getattr(ops, name)(t, **kwargs), v)


def along(g):
    d = g.d
    v = g.find(lambda v: v.rank >= 2)
    name = d.pick(*SCAN, "normalize", "top_k", "diff", "roll", "layer_normalization", "rms")
    axis = an_axis(d, v)
    if name == "top_k":
        k = d.whole(1, v.shape[-1])
        need(v.static[-1] is not None)
        which = d.whole(0, 1)
        return g.apply(lambda t: ops.top_k(t, k)[which], v)
    if name == "roll":
        by = d.whole(-2, 2)
        return g.apply(lambda t: ops.roll(t, by, axis=axis), v)
    if name == "normalize":
        order = d.pick(1, 2)
        return g.apply(lambda t: ops.normalize(t, axis=axis, order=order), v)
    if name == "layer_normalization":
        need(v.static[-1] is not None)
        f = v.shape[-1]
        kwargs = maybe(d, 0.5, gamma=g.constant((f,)), beta=g.constant((f,)))
        return g.apply(lambda t: ops.layer_normalization(t, axis=-1, epsilon=0.01, **kwargs), v)
    if name == "rms":
        need(v.static[-1] is not None)
        return g.apply(lambda t: ops.rms_normalization(t, axis=-1, epsilon=0.01), v)
    return g.apply(lambda t: getattr(ops, name)(t, axis=axis), v)


def moves(g):
    """Operations that move elements about."""
    d = g.d
    v = g.find(lambda v: v.rank >= 2, kind=d.pick("real", "real", "real", "bool", "whole"))
    axis = an_axis(d, v)
    n = v.shape[axis]
    order = [0, *d.shuffled(range(1, v.rank))]
    known = None not in v.static[1:]
    pads = [[0, 0]] + [[d.whole(0, 1), d.whole(0, 2)] for _ in range(v.rank - 1)]
    flat = int(np.prod(v.shape[1:]))
    at, times, k, new = d.whole(0, n - 1), d.whole(1, 3), d.whole(-1, 1), d.whole(1, v.rank)
    fill = {"constant_values": 2.0} if v.kind == "real" and d.chance(0.5) else {}
    options = [
        lambda t: ops.transpose(t, [int(a) for a in order]),
        lambda t: ops.expand_dims(t, new),
        lambda t: ops.repeat(t, times, axis=axis),
        lambda t: ops.tile(t, [1] * (v.rank - 1) + [2]),
        lambda t: ops.pad(t, pads, **fill),
        lambda t: ops.take(t, at, axis=axis),
        lambda t: ops.take(t, np.array([0, n - 1, 0]), axis=axis),
        lambda t: ops.swapaxes(t, 1, v.rank - 1),
        lambda t: ops.moveaxis(t, 1, -1),
        lambda t: t[:, at] if axis in (1, 1 - v.rank) else t[..., 0],
        lambda t: t[:, ::-1],
        lambda t: t[:, 1:],
        lambda t: t[..., None],
        lambda t: t[:, -1],
        lambda t: ops.split(t, [1], axis=axis),
        lambda t: ops.unstack(t, axis=axis),
        lambda t: ops.tril(t, k=k),
        lambda t: ops.triu(t, k=k),
    ]
    if known:
        options += [
            lambda t: ops.reshape(t, (-1, flat)),
            lambda t: ops.reshape(t, (-1, *v.shape[:0:-1])),
            lambda t: ops.broadcast_to(t[:, None], (g.batch, 2, *v.shape[1:])) if g.fixed_batch else t[:, None],
        ]
    if 1 in v.static[1:]:
        options += [lambda t: ops.squeeze(t, axis=v.static.index(1, 1))] * 4
    choice = d.pick(*options)
    g.apply(choice, v)


def joins(g):
    d = g.d
    v = g.find(lambda v: v.rank >= 2)
    axis = an_axis(d, v)
    same = lambda w: w.shape == v.shape  # noqa: E731
    parts = d.shuffled([v, g.constant_like(v) if d.chance(0.2) and g.fixed_batch else g.find(same)])
    name = d.pick("concatenate", "stack", "append", "maximum", "where", "clip", "select")
    if name == "where":
        test = g.constant_like(v, "bool")
        return g.apply(lambda c, a, b: ops.where(c, a, b), test, *parts)
    if name == "clip":
        low, high = d.real(-1, 0), d.real(0, 1)
        return g.apply(lambda t: ops.clip(t, low, high), v)
    if name == "select":
        return g.apply(lambda a, b: ops.select([a > 0.3, b < 0.1], [a, b], 0.5), *parts)
    if name == "append":
        return g.apply(lambda a, b: ops.append(a, b, axis=axis), *parts)
    if name == "maximum":
        return g.apply(ops.maximum, *parts)
    return g.apply(lambda *p: getattr(ops, name)(list(p), axis=axis), *parts)


def products(g):
    d = g.d
    v = g.find(lambda v: v.rank in (2, 3) and v.static[-1] is not None)
    f, n = v.shape[-1], d.whole(1, 4)
    name = d.pick("constant", "constant", "einsum", "batch", "dot", "matmul", "outer", "cdist")
    if name == "constant":
        return g.apply(ops.matmul, v, g.constant((f, n)))
    if name == "dot":
        return g.apply(ops.dot, v, g.constant((f, n)))
    if name == "matmul":
        return g.apply(lambda a, b: a @ b, v, g.constant((f, n)))
    if name == "einsum":
        equation = "ab,bc->ac" if v.rank == 2 else d.pick("abc,cd->abd", "abc,cd->adb")
        return g.apply(lambda a, b: ops.einsum(equation, a, b), v, g.constant((f, n)))
    need(v.rank == 3)
    if name == "cdist":
        w = g.find(lambda w: w.rank == 3 and w.shape[2] == f)
        return g.apply(lambda a, b: ops.matmul(a, ops.swapaxes(b, 1, 2)), v, w)
    if name == "outer":
        w = g.find(lambda w: w.rank == 3 and w.shape[1] == v.shape[1])
        return g.apply(lambda a, b: ops.einsum("btf,btg->bfg", a, b), v, w)
    w = g.find(lambda w: w.rank == 3 and w.shape[1] == f)
    return g.apply(ops.matmul, v, w)


OPERATIONS = {
    unary: 3,
    binary: 3,
    operators: 2,
    whole_numbers: 1.5,
    logic: 1.5,
    reduction: 2,
    along: 2,
    moves: 3,
    joins: 2,
    products: 1.5,
}
__all__ = ["OPERATIONS", "Misfit"]
