"""Layers of one input that do not read along time: dense, activation, regularization, reshaping,
normalization, preprocessing. Each function draws a layer for a value, or raises `Misfit`."""


import numpy as np
from keras import layers as L

from .graph import Misfit
from .settings import ACTIVATIONS, OVER_AN_AXIS, activation, activity, maybe, of_weights


def need(fits):
    if not fits:
        raise Misfit("the layer takes no value of this shape")


def features_known(v):
    need(v.kind == "real" and v.rank >= 2 and v.static[-1] is not None)


def dense(d, v):
    features_known(v)
    return L.Dense(
        d.whole(1, 4),
        activation=activation(d),
        use_bias=d.chance(0.8),
        **of_weights(d, "kernel", "bias"),
        **activity(d),
    )


def einsum_dense(d, v):
    features_known(v)
    n = d.whole(1, 4)
    if v.rank == 2:
        equation, shape, axes = d.pick(("ab,bc->ac", n, "c"), ("ab,bcd->acd", (n, 2), d.pick("c", "d", "cd")))
    elif v.rank == 3:
        t = v.static[1]
        options = [("abc,cd->abd", (t, n), "d"), ("...x,xy->...y", n, "y")]
        options += [("abc,cde->abde", (t, n, 2), d.pick("d", "e", "de"))]
        if t is not None:
            options += [("abc,bcd->abd", (t, n), d.pick("d", "bd")), ("abc,bd->adc", (n, v.shape[2]), "d")]
        equation, shape, axes = d.pick(*options)
    else:
        equation, shape, axes = "...x,xy->...y", n, "y"
    return L.EinsumDense(
        equation,
        shape,
        bias_axes=axes if d.chance(0.7) else None,
        activation=activation(d),
        **of_weights(d, "kernel"),
    )


def embedding(d, v):
    need(v.kind == "ids")
    make = d.pick(L.Embedding, L.Embedding, L.ReversibleEmbedding)
    return make(v.n_ids, d.whole(1, 4), mask_zero=d.chance(0.6), **of_weights(d, "embeddings"))


def masking(d, v):
    need(v.kind == "real" and v.rank >= 3)
    return L.Masking(d.pick(0.0, 0.0, -1.0, 0.5))


def identity(d, v):
    return L.Identity()


def activation_layer(d, v):
    need(v.kind == "real" and v.rank >= 2)
    return L.Activation(d.pick(*ACTIVATIONS, *OVER_AN_AXIS))


def rectifier(d, v):
    need(v.kind == "real")
    kind = d.whole(0, 3)
    if kind == 0:
        return L.ReLU(d.pick(None, d.real(0.5, 2)), d.pick(0.0, d.real(0, 0.5)), d.pick(0.0, d.real(0, 0.4)))
    if kind == 1:
        return L.LeakyReLU(d.real(0.0, 0.6))
    if kind == 2:
        return L.ELU(d.real(0.2, 1.5))
    need(v.rank >= 2)
    axes = [a for a in range(1, v.rank) if v.static[a] is None or d.chance(0.5)]
    return L.PReLU(shared_axes=axes or None, **of_weights(d, "alpha"))


def softmax(d, v):
    need(v.kind == "real" and v.rank >= 2)
    axes = list(range(1, v.rank))
    return L.Softmax(d.pick(-1, -1, d.pick(*axes), d.some(axes, d.whole(1, len(axes)))))


def dropout(d, v):
    need(v.kind == "real" and v.rank >= 2)
    rate = d.pick(0.0, 0.3)
    if v.rank == 3 and d.chance(0.3):
        return L.SpatialDropout1D(rate)
    noise = [None, *[d.pick(1, n) for n in v.static[1:]]] if d.chance(0.3) else None
    return d.pick(
        lambda: L.Dropout(rate, noise_shape=noise, seed=3),
        lambda: L.GaussianNoise(rate),
        lambda: L.GaussianDropout(rate),
        lambda: L.AlphaDropout(rate, seed=2),
    )()


def activity_regularization(d, v):
    need(v.kind == "real")
    return L.ActivityRegularization(l1=d.real(0, 0.1), l2=d.real(0, 0.1))


def flatten(d, v):
    return L.Flatten(**maybe(d, 0.3, data_format=d.pick("channels_first", "channels_last")))


def reshape(d, v):
    need(v.rank >= 2 and None not in v.static[1:])
    n = int(np.prod(v.shape[1:]))
    first = d.pick(*[k for k in range(1, n + 1) if n % k == 0])
    shape = d.pick((n,), (first, n // first), (first, n // first, 1), (first, -1), (-1, n // first), (1, n))
    return L.Reshape(shape)


def permute(d, v):
    need(v.rank >= 3)
    return L.Permute([int(a) for a in d.shuffled(range(1, v.rank))])


def repeat_vector(d, v):
    need(v.rank == 2 and v.kind == "real")
    return L.RepeatVector(d.whole(1, 4))


def batch_normalization(d, v):
    need(v.kind == "real" and v.rank >= 2)
    known = [a for a in range(1, v.rank) if v.static[a] is not None]
    need(known)
    axis = -1 if d.chance(0.7) and v.static[-1] is not None else d.pick(*known)
    return L.BatchNormalization(
        axis=axis,
        momentum=d.real(0.5, 0.99),
        epsilon=d.pick(1e-3, 1e-2),
        center=d.chance(0.8),
        scale=d.chance(0.8),
        **of_weights(d, "beta", "gamma"),
    )


def normalization(d, v):
    need(v.kind == "real" and v.rank >= 2 and v.static[-1] is not None)
    known = [a for a in range(1, v.rank) if v.static[a] is not None]
    axes = d.pick(-1, -1, d.some(known, d.whole(1, len(known))), d.pick(*known))
    kind = d.whole(0, 3)
    if kind == 0:
        return L.LayerNormalization(
            axis=axes,
            epsilon=d.pick(1e-3, 1e-2),
            center=d.chance(0.8),
            scale=d.chance(0.8),
            **of_weights(d, "beta", "gamma"),
        )
    if kind == 1:
        return L.RMSNormalization(axis=axes, epsilon=d.pick(1e-6, 1e-3))
    if kind == 2:
        return L.UnitNormalization(axis=d.pick(-1, axes))
    axis = d.pick(-1, d.pick(*known))
    n = v.shape[axis]
    return L.GroupNormalization(
        groups=d.pick(-1, *[g for g in range(1, n + 1) if n % g == 0]),
        axis=axis,
        epsilon=d.pick(1e-3, 1e-2),
        center=d.chance(0.8),
        scale=d.chance(0.8),
        **of_weights(d, "beta", "gamma"),
    )


def rescaling(d, v):
    need(v.kind in ("real", "ids"))
    f = v.static[-1] or 1
    return d.pick(
        lambda: L.Rescaling(d.real(-2, 2), offset=d.real(-1, 1)),
        lambda: L.Rescaling([d.real(-2, 2) for _ in range(f)], offset=[d.real(-1, 1) for _ in range(f)]),
    )()


def standardization(d, v):
    features_known(v)
    f = v.shape[-1]
    if d.chance(0.3):
        mean, variance, axis = d.real(-1, 1), d.real(0.3, 2), None
    else:
        mean, variance, axis = [d.real(-1, 1) for _ in range(f)], [d.real(0.3, 2) for _ in range(f)], -1
    return L.Normalization(axis=axis, mean=mean, variance=variance, invert=d.chance(0.3))


def category_encoding(d, v):
    need(v.kind == "ids" and None not in v.static[1:])
    modes = ["multi_hot", "count"] + (["one_hot"] if v.rank >= 2 else [])
    return L.CategoryEncoding(v.n_ids, output_mode=d.pick(*modes))


def discretization(d, v):
    need(v.kind == "real" and v.rank == 2)
    bounds = sorted({d.real(-1.5, 1.5) for _ in range(d.whole(1, 3))})
    return L.Discretization(bin_boundaries=bounds, output_mode=d.pick("int", "multi_hot", "one_hot", "count"))


def spectral(d, v):
    features_known(v)
    inner = L.Dense(d.whole(1, 3)) if d.chance(0.6) or v.rank != 3 else L.Conv1D(2, 1)
    return L.SpectralNormalization(inner, power_iterations=d.whole(1, 3))


PLAIN = {
    "Dense": (dense, 5),
    "EinsumDense": (einsum_dense, 2),
    "Embedding": (embedding, 5),
    "Masking": (masking, 4),
    "Identity": (identity, 1),
    "Activation": (activation_layer, 2),
    "rectifiers": (rectifier, 2),
    "Softmax": (softmax, 2),
    "Dropout": (dropout, 2),
    "ActivityRegularization": (activity_regularization, 0.5),
    "Flatten": (flatten, 1),
    "Reshape": (reshape, 2),
    "Permute": (permute, 1),
    "RepeatVector": (repeat_vector, 1),
    "BatchNormalization": (batch_normalization, 2),
    "normalization": (normalization, 3),
    "Rescaling": (rescaling, 1),
    "Normalization": (standardization, 1),
    "CategoryEncoding": (category_encoding, 1),
    "Discretization": (discretization, 0.5),
    "SpectralNormalization": (spectral, 0.7),
}
