"""Makes fixtures/models.zip with real Keras: whole models of many kinds, what they predict, evaluate to, and become in training.

Needs Keras 3.15.1 with JAX, and with TensorFlow for stateful models (JAX drops their state between batches):

    KERAS_BACKEND=jax python make_models.py ../fixtures/models.zip
    KERAS_BACKEND=tensorflow python make_models.py ../fixtures/models.zip

Each run makes its part of the cases anew (or those named after the path) and keeps the others. A case NAME holds NAME/model.keras as compiled, x0.npy …, y0.npy …,
w0.npy … (sample weights), predict0.npy …, trained0.npy … (predictions after fit), model.h5 (a legacy file of some), summary.txt (80 columns; by JAX only) and case.json (how
it was fitted, what `evaluate` and `fit` returned).
"""

import io
import json
import os
import sys
import tempfile
import zipfile
import zlib

os.environ.setdefault("KERAS_BACKEND", "jax")
BACKEND = os.environ["KERAS_BACKEND"]

import keras
import numpy as np
from keras import Model, Sequential, constraints, initializers, losses, metrics, ops, optimizers, regularizers
from keras import layers as L
from keras.optimizers import schedules

rng = np.random.default_rng(0)
CASES = {}


def case(backend="jax"):
    def keep(make):
        CASES[make.__name__] = (backend, make)
        return make

    return keep


def normal(*shape):
    return rng.normal(size=shape).astype("float32")


def uniform(*shape):
    return rng.uniform(size=shape).astype("float32")


def ids(n, *shape):
    return rng.integers(0, n, shape).astype("int32")


def apart(n, rows, length):
    """Ids that do not repeat within a row."""
    return np.stack([rng.permutation(n)[:length] for _ in range(rows)]).astype("int32")


def one_hot(n, *shape):
    return np.eye(n, dtype="float32")[rng.integers(0, n, shape)]


def padded(x, value=0.0):
    """Rows that end early; the second is empty."""
    x = x.copy()
    for i in range(len(x)):
        x[i, rng.integers(1, x.shape[1] + 1) :] = value
    x[1] = value
    return x


def sequential(*layers, **names):
    return Sequential(list(layers), **names)


# --- recurrent layers


@case()
def lstm_options():
    m = sequential(
        L.Input((5, 3)),
        L.LSTM(4, activation="softsign", recurrent_activation="hard_sigmoid", return_sequences=True, go_backwards=True),
        L.LSTM(3, use_bias=False, kernel_regularizer=regularizers.L1L2(0.01, 0.02), recurrent_constraint="unit_norm", activity_regularizer="l2"),
        L.Dense(2),
    )
    m.compile("adam", "mse", metrics=["mae"])
    return m, [normal(9, 5, 3)], [normal(9, 2)], {}


@case()
def gru_both_forms_masked():
    i = L.Input((5, 3))
    h = L.Masking()(i)
    a = L.GRU(3, reset_after=False, return_sequences=True, zero_output_for_mask=True)(h)
    b, state = L.GRU(3, return_sequences=True, return_state=True, go_backwards=True, recurrent_activation="tanh")(h)
    m = Model(i, [L.Dense(2)(a), b, state])
    m.compile(optimizers.SGD(0.1), "mse")
    return m, [padded(normal(9, 5, 3))], [normal(9, 5, 2), normal(9, 5, 3), normal(9, 3)], {}


@case()
def simple_rnn_any_length():
    m = sequential(L.Input((None, 2)), L.SimpleRNN(4, activation="relu", return_sequences=True, bias_constraint="non_neg"), L.SimpleRNN(3), L.Dense(1))
    m.compile("rmsprop", "mae", metrics=["mse"])
    return m, [normal(11, 6, 2)], [normal(11, 1)], {"validation_split": 0.3}


@case()
def cells_stacked():
    i = L.Input((4, 3))
    h = L.RNN([L.LSTMCell(3, unit_forget_bias=False), L.GRUCell(2, reset_after=False), L.SimpleRNNCell(4)], return_sequences=True, return_state=True)(L.Masking()(i))
    m = Model(i, [h[0], L.RNN(L.GRUCell(2))(h[0]), *keras.tree.flatten(h[1:])])
    m.compile("sgd", "mse")
    shapes = [(4, 4), (2,), (3,), (3,), (2,), (4,)]
    return m, [padded(normal(8, 4, 3))], [normal(8, *s) for s in shapes], {}


@case()
def conv_lstm():
    i = L.Input((3, 6, 2))
    h = L.ConvLSTM1D(3, 2, padding="same", return_sequences=True, activation="relu")(i)
    h = L.BatchNormalization()(h)
    m = Model(i, L.Dense(1)(L.Flatten()(L.ConvLSTM1D(2, 3, strides=2, kernel_regularizer="l2")(h))))
    m.compile("adam", "mse")
    return m, [normal(6, 3, 6, 2)], [normal(6, 1)], {}


@case("tensorflow")
def stateful_layers():
    m = sequential(L.Input(batch_shape=(3, 4, 2)), L.LSTM(3, stateful=True, return_sequences=True), L.GRU(2, stateful=True), L.Dense(1))
    m.compile("adam", "mse", metrics=["mae"])
    return m, [normal(12, 4, 2)], [normal(12, 1)], {"batch_size": 3, "predict_batch_size": 3}


@case("tensorflow")
def stateful_bidirectional_masked():
    m = sequential(L.Input(batch_shape=(2, 3, 2)), L.Masking(), L.Bidirectional(L.SimpleRNN(2, stateful=True, return_sequences=True)), L.LSTM(2, stateful=True))
    m.compile("sgd", "mse")
    return m, [padded(normal(8, 3, 2))], [normal(8, 2)], {"batch_size": 2, "predict_batch_size": 2, "validation_split": 0.25}


# --- wrappers and masks


@case()
def bidirectional_ways():
    i = L.Input((4, 3))
    h = L.Bidirectional(L.LSTM(2, return_sequences=True), merge_mode="sum")(L.Masking()(i))
    h = L.Bidirectional(L.GRU(3, return_sequences=True), backward_layer=L.LSTM(3, return_sequences=True, go_backwards=True), merge_mode="mul")(h)
    outs = L.Bidirectional(L.LSTM(2, return_state=True), merge_mode="concat")(h)
    m = Model(i, [*outs, *L.Bidirectional(L.SimpleRNN(2), merge_mode=None)(h)])
    m.compile("adam", "mse")
    return m, [padded(normal(7, 4, 3))], [normal(7, 4)] + [normal(7, 2) for _ in range(6)], {}


@case()
def frozen_wrappers():
    i = L.Input((4, 3))
    h = L.Bidirectional(L.LSTM(2, return_sequences=True), trainable=False)(i)
    h = L.TimeDistributed(L.Dense(3, trainable=False))(h)
    h = L.BatchNormalization(trainable=False)(h)
    m = Model(i, L.GRU(2, trainable=False)(L.RNN(L.LSTMCell(2), return_sequences=True, trainable=False)(h)))
    m.compile(optimizers.AdamW(0.02, weight_decay=0.1), "mse")
    return m, [normal(8, 4, 3)], [normal(8, 2)], {}


@case()
def time_distributed_models():
    inner = sequential(L.Input((5, 2)), L.Conv1D(3, 2, activation="relu"), L.GlobalMaxPooling1D(), name="inner")
    i = L.Input((3, 5, 2))
    h = L.Concatenate()([L.TimeDistributed(inner)(i), L.TimeDistributed(L.LSTM(2))(i)])
    m = Model(i, L.GRU(2)(L.TimeDistributed(L.BatchNormalization())(h)))
    m.compile("sgd", "mse")
    return m, [normal(8, 3, 5, 2)], [normal(8, 2)], {}


@case()
def masks_meet():
    words, series = L.Input((5,), dtype="int32"), L.Input((5, 2))
    e = L.Embedding(9, 3, mask_zero=True)(words)
    s = L.Dense(3)(L.Masking(-1.0)(series))
    both = L.Concatenate()([e, s])
    m = Model([words, series], [L.LSTM(2)(both), L.GlobalAveragePooling1D()(L.Add()([e, s])), L.GRU(2)(L.Concatenate(axis=1)([e, s]))])
    m.compile("sgd", ["mse", "mae", "mse"], loss_weights=[1.0, 0.5, 2.0])
    x = apart(8, 9, 5) + 1
    x[:, 3:] = 0
    return m, [x, padded(normal(9, 5, 2), -1.0)], [normal(9, 2), normal(9, 3), normal(9, 2)], {}


@case()
def mask_into_loss():
    m = sequential(L.Input((5, 2)), L.Masking(), L.LSTM(3, return_sequences=True), L.Dense(3, activation="softmax"))
    m.compile("adam", losses.SparseCategoricalCrossentropy(ignore_class=2), metrics=["accuracy"], weighted_metrics=["sparse_categorical_crossentropy"])
    return m, [padded(normal(10, 5, 2))], [ids(3, 10, 5)], {"weights": [uniform(10, 5)], "batch_size": 5}


@case()
def encoder_decoder():
    source, target = L.Input((5,), dtype="int32"), L.Input((4,), dtype="int32")
    e = L.Embedding(8, 3, mask_zero=True)
    _, *state = L.LSTM(3, return_state=True)(e(source))
    y = L.Dense(8, activation="softmax")(L.LSTM(3, return_sequences=True)(e(target), initial_state=state))
    m = Model([source, target], y)
    m.compile(optimizers.SGD(0.2), "sparse_categorical_crossentropy")
    x = ids(8, 9, 5)
    x[:, 3:] = 0
    return m, [x, ids(8, 9, 4)], [ids(8, 9, 4)], {}


# --- convolutions, pooling, normalization, attention


@case()
def convolutions():
    i = L.Input((9, 4))
    outs = [
        L.Conv1D(4, 3, strides=2, padding="same", groups=2, activation="gelu")(i),
        L.Conv1D(3, 2, dilation_rate=3, padding="causal", use_bias=False)(i),
        L.SeparableConv1D(3, 3, depth_multiplier=2, padding="same", pointwise_constraint="non_neg")(i),
        L.DepthwiseConv1D(3, strides=2, depthwise_regularizer="l2")(i),
        L.Conv1DTranspose(2, 3, strides=2, padding="same", output_padding=1)(i),
    ]
    pooled = [L.GlobalAveragePooling1D()(o) for o in outs]
    m = Model(i, [L.Concatenate()(pooled), L.MaxPooling1D(3, 2, padding="same")(outs[0]), L.AveragePooling1D(3, 2, padding="same")(outs[2])])
    m.compile("adam", "mse")
    shapes = [tuple(o.shape[1:]) for o in m.outputs]
    return m, [normal(8, 9, 4)], [normal(8, *s) for s in shapes], {}


@case()
def channels_first():
    i = L.Input((3, 8))
    h = L.Conv1D(4, 3, data_format="channels_first", padding="same")(i)
    h = L.MaxPooling1D(2, data_format="channels_first")(h)
    m = Model(i, [L.GlobalMaxPooling1D(data_format="channels_first")(h), L.SeparableConv1D(2, 2, data_format="channels_first")(h)])
    m.compile("sgd", "mse")
    return m, [normal(7, 3, 8)], [normal(7, 4), normal(7, 2, 3)], {}


@case()
def normalizations():
    i = L.Input((4, 6))
    h = L.Dense(6)(i)
    outs = [
        L.BatchNormalization(momentum=0.6, axis=1, epsilon=0.1)(h),
        L.BatchNormalization(center=False, gamma_regularizer="l2")(h),
        L.LayerNormalization(axis=[1, 2], beta_constraint="max_norm")(h),
        L.RMSNormalization(axis=-1)(h),
        L.GroupNormalization(3, scale=False)(h),
        L.UnitNormalization(axis=1)(h),
        L.Normalization(mean=[1.0, 0, 0, 2, 0, 0], variance=[1.0, 2, 3, 4, 5, 6])(h),
        L.SpectralNormalization(L.Conv1D(2, 2))(h),
    ]
    m = Model(i, outs)
    m.compile("sgd", "mse")
    return m, [normal(8, 4, 6)], [normal(8, *o.shape[1:]) for o in outs], {}


@case()
def adapted():
    n = L.Normalization()
    n.adapt(3 * normal(40, 4) + 1)
    m = sequential(L.Input((4,)), n, L.Rescaling(0.5, offset=1.0), L.Dense(2))
    m.compile("sgd", "mse")
    return m, [normal(8, 4)], [normal(8, 2)], {}


@case()
def attentions():
    i, j = L.Input((3, 4)), L.Input((5, 4))
    q, v = L.Masking()(i), L.Masking()(j)
    a, scores = L.Attention(use_scale=True, score_mode="concat")([q, v], return_attention_scores=True)
    b = L.AdditiveAttention()([q, v])
    c = L.MultiHeadAttention(2, 3, use_bias=False, output_shape=5)(q, v, use_causal_mask=True)
    d = L.GroupQueryAttention(2, 4, 2, use_bias=False)(q, v)
    e = L.MultiHeadAttention(2, 2, attention_axes=(1,), kernel_regularizer="l2")(L.Dense(3)(i), L.Dense(3)(i))
    m = Model([i, j], [a, scores, b, c, d, e])
    m.compile("adam", "mse")
    return m, [padded(normal(7, 3, 4)), padded(normal(7, 5, 4))], [normal(7, *o.shape[1:]) for o in m.outputs], {}


@case()
def attention_takes_masks_off():
    words = L.Input((5,), dtype="int32")
    x = L.Embedding(9, 4, mask_zero=True)(words)
    before = L.LSTM(2)(L.Dense(3)(x))
    a = L.MultiHeadAttention(2, 2)(x, x)
    h = L.LayerNormalization()(L.Add()([x, a]))
    m = Model(words, [before, L.GlobalAveragePooling1D()(h), L.GRU(2)(x), L.GlobalAveragePooling1D()(L.Dense(2)(a))])
    m.compile("sgd", "mse")
    x = apart(8, 9, 5) + 1
    x[:, 3:] = 0
    return m, [x], [normal(9, *o.shape[1:]) for o in m.outputs], {}


# --- other layers


@case()
def merging():
    i, j = L.Input((3, 4)), L.Input((3, 4))
    d = L.Dense(4)(i)
    outs = [layer([d, j]) for layer in (L.Add(), L.Subtract(), L.Multiply(), L.Average(), L.Maximum(), L.Minimum(), L.Concatenate(axis=1), L.Dot(axes=2), L.Dot(axes=1, normalize=True))]
    m = Model([i, j], outs)
    m.compile("sgd", "mse")
    return m, [normal(7, 3, 4), normal(7, 3, 4)], [normal(7, *(d or 3 for d in o.shape[1:])) for o in outs], {}


@case()
def reshaping():
    i = L.Input((4, 6))
    h = L.Permute((2, 1))(L.Dense(6)(i))
    h = L.Reshape((-1, 8))(h)
    h = L.UpSampling1D(2)(L.ZeroPadding1D((1, 2))(L.Cropping1D((1, 0))(h)))
    m = Model(i, [L.Flatten()(h), L.RepeatVector(2)(L.GlobalMaxPooling1D()(h))])
    m.compile("sgd", "mse")
    return m, [normal(7, 4, 6)], [normal(7, *o.shape[1:]) for o in m.outputs], {}


@case()
def pooling_to_a_size():
    i = L.Input((9, 4))
    x = L.ActivityRegularization(l1=0.01, l2=0.02)(L.Identity()(L.Dense(4)(i)))
    pooled = [L.AdaptiveAveragePooling1D(4)(x), L.AdaptiveMaxPooling1D(4)(x), L.AdaptiveMaxPooling1D(4, data_format="channels_first")(L.Permute((2, 1))(x))]
    x = L.GaussianDropout(0.0)(L.Concatenate()([pooled[0], pooled[1], L.Permute((2, 1))(pooled[2])]))
    m = Model(i, L.Dense(2)(L.Flatten()(x)))
    m.compile(optimizers.SGD(0.05), "mse")
    return m, [normal(8, 9, 4)], [normal(8, 2)], {}


@case()
def activations_all():
    i = L.Input((4,))
    names = ["relu6", "gelu", "hard_tanh", "sparsemax", "squareplus", "log_softmax", "mish", "celu", "soft_shrink", "hard_silu"]
    outs = [L.Dense(4, activation=a)(i) for a in names]
    outs += [L.PReLU(alpha_initializer=initializers.Constant(0.2))(outs[0]), L.LeakyReLU(0.1)(i), L.ELU(0.5)(i), L.ReLU(1.0, 0.1, 0.2)(i), L.Softmax()(i)]
    m = Model(i, outs)
    m.compile("sgd", "mse")
    return m, [normal(7, 4)], [normal(7, *(d or 3 for d in o.shape[1:])) for o in outs], {}


@case()
def activations_that_are_layers():
    i = L.Input((4, 3))
    h = L.LSTM(3, activation=L.ELU(0.3), recurrent_activation="hard_silu", return_sequences=True)(i)
    h = L.TimeDistributed(L.Dense(4, activation=L.LeakyReLU(0.4)))(h)
    a = L.GRU(2, activation=L.ReLU(1.0, 0.1, 0.2))(h)
    b = L.Conv1D(3, 2, activation=L.Softmax(axis=1))(h)
    m = Model(i, [a, b, L.Activation(L.LeakyReLU(0.1))(h)])
    m.compile("sgd", "mse")
    return m, [normal(8, 4, 3)], [normal(8, *o.shape[1:]) for o in m.outputs], {}


@case()
def embeddings_and_encodings():
    i, j = L.Input((3,), dtype="int32"), L.Input((2,))
    e = L.Flatten()(L.Embedding(7, 2, embeddings_regularizer="l2", embeddings_constraint="unit_norm")(i))
    c = L.Dense(2)(L.CategoryEncoding(7, output_mode="multi_hot")(i))
    d = L.Flatten()(L.Embedding(4, 2)(L.Discretization(bin_boundaries=[-0.5, 0.0, 0.5])(j)))
    m = Model([i, j], [e, c, d])
    m.compile("sgd", "mse")
    return m, [apart(7, 8, 3), normal(8, 2)], [normal(8, 6), normal(8, 2), normal(8, 4)], {}


@case()
def einsum_dense():
    i = L.Input((3, 4))
    outs = [
        L.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="e", activation="relu")(i),
        L.EinsumDense("...x,xy->...y", 5, bias_axes="y", kernel_regularizer="l1")(i),
        L.EinsumDense("abc,bd->adc", (2, 4), kernel_constraint="max_norm")(i),
    ]
    m = Model(i, outs)
    m.compile("sgd", "mse")
    return m, [normal(7, 3, 4)], [normal(7, *(d or 3 for d in o.shape[1:])) for o in outs], {}


@case()
def random_layers():
    m = sequential(L.Input((4, 3)), L.Dropout(0.5, seed=1), L.GaussianNoise(0.2), L.SpatialDropout1D(0.3), L.LSTM(2, dropout=0.2, recurrent_dropout=0.2), L.AlphaDropout(0.1), L.Dense(1))
    m.compile("sgd", "mse")
    return m, [normal(7, 4, 3)], [normal(7, 1)], {"random": True}


@case()
def more_axes_than_usual():
    i = L.Input((3, 4, 5))
    h = L.EinsumDense("...x,xyz->...yz", (2, 3), bias_axes="yz")(i)
    a, scores = L.MultiHeadAttention(2, 3)(i, i, return_attention_scores=True)
    m = Model(i, [L.Dense(2)(L.Flatten()(h)), a, scores])
    m.compile("sgd", ["mse", "mae", None])
    return m, [normal(8, 3, 4, 5)], [normal(8, 2), normal(8, 3, 4, 5), normal(8, 2, 3, 4, 3, 4)], {}


# --- graphs


@case()
def operations_in_the_graph():
    i = L.Input((4, 3))
    a = ops.tanh(i * 2.0 + 1.0) - i
    b = a / (ops.abs(ops.mean(a, axis=1, keepdims=True)) + 1.0)
    c = ops.concatenate([b, -b], axis=-1)[:, 1:, ::2]
    m = Model(i, [L.Dense(2)(ops.sum(c**2, axis=1)), ops.where(i > 0.0, ops.exp(i), ops.square(i)), ops.max(c, axis=-1)])
    m.compile("sgd", "mse")
    return m, [normal(7, 4, 3)], [normal(7, *o.shape[1:]) for o in m.outputs], {}


@case()
def nested_and_shared():
    j = L.Input((4, 3))
    inner = Model(j, [L.LSTM(2)(j), L.Dense(2)(j)], name="inner")
    tail = sequential(L.Dense(3, activation="relu"), L.Dense(1), name="tail")
    i, k = L.Input((4, 3)), L.Input((4, 3))
    (a, b), (c, d) = inner(i), inner(k)
    m = Model([i, k], [tail(L.Multiply()([a, c])), L.GlobalAveragePooling1D()(L.Add()([b, d]))], name="outer")
    m.compile("adam", "mse")
    return m, [normal(8, 4, 3), normal(8, 4, 3)], [normal(8, 1), normal(8, 2)], {}


@case()
def built_without_input():
    m = Sequential([L.GRU(3, return_sequences=True, name="a_layer_with_quite_a_long_name_that_wraps"), L.Dense(2)])
    m.build((None, 5, 2))
    m.compile("adam", "mse")
    return m, [normal(8, 5, 2)], [normal(8, 5, 2)], {}


@case()
def named_inputs_and_outputs():
    a, b = L.Input((4,), name="second"), L.Input((3, 2), name="first")
    h = L.Concatenate()([a, L.LSTM(3)(b)])
    m = Model({"second": a, "first": b}, {"kind": L.Dense(3, activation="softmax", name="kind")(h), "size": L.Dense(1, name="size")(h)})
    m.compile(
        "adam",
        {"kind": "categorical_crossentropy", "size": losses.Huber(0.5)},
        loss_weights={"kind": 2.0, "size": 0.3},
        metrics={"kind": ["accuracy", metrics.AUC(num_thresholds=9)]},
        weighted_metrics={"size": ["mae"]},
    )
    x = {"second": normal(9, 4), "first": normal(9, 3, 2)}
    y = {"kind": one_hot(3, 9), "size": normal(9, 1)}
    return m, [x[t.name] for t in m.inputs], [y[k] for k in sorted(y)], {"weights": [uniform(9), uniform(9)], "batch_size": 3}


# --- losses, metrics, weights


@case()
def losses_of_many_kinds():
    i = L.Input((4,))
    heads = [("a", None), ("b", "sigmoid"), ("c", "softmax"), ("d", "softmax"), ("e", None), ("f", "softplus"), ("g", None)]
    m = Model(i, [L.Dense(3, activation=a, name=n)(i) for n, a in heads])
    m.compile(
        optimizers.SGD(0.05),
        [
            losses.CosineSimilarity(axis=1, reduction="sum"),
            losses.BinaryFocalCrossentropy(gamma=1.0, apply_class_balancing=True, label_smoothing=0.1),
            losses.CategoricalFocalCrossentropy(alpha=0.4),
            losses.KLDivergence(reduction="mean_with_sample_weight"),
            losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1),
            losses.Poisson(),
            losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2),
        ],
    )
    y = [normal(8, 3), ids(2, 8, 3).astype("float32"), one_hot(3, 8), one_hot(3, 8), ids(3, 8), uniform(8, 3), one_hot(3, 8)]
    return m, [normal(8, 4)], y, {"weights": [uniform(8) for _ in y]}


@case()
def loss_ctc():
    m = sequential(L.Input((7, 3)), L.Bidirectional(L.LSTM(3, return_sequences=True)), L.Dense(4))
    m.compile("adam", "ctc")
    y = ids(3, 6, 3) + 1
    y[:3, 2] = 0
    return m, [normal(6, 7, 3)], [y], {}


@case()
def metrics_of_decisions():
    m = sequential(L.Input((4,)), L.Dense(1, activation="sigmoid"))
    kinds = [metrics.AUC(curve="PR", num_thresholds=20), metrics.Precision([0.3, 0.6]), metrics.Recall(), metrics.F1Score(threshold=0.5)]
    kinds += [metrics.SpecificityAtSensitivity(0.5, num_thresholds=20), metrics.BinaryIoU([0, 1], 0.4), metrics.TruePositives(), "accuracy"]
    m.compile("adam", "bce", metrics=kinds, weighted_metrics=[metrics.AUC(num_thresholds=11, name="w")])
    return m, [normal(16, 4)], [ids(2, 16, 1)], {"weights": [uniform(16)], "validation_split": 0.25}


@case()
def metrics_of_classes():
    m = sequential(L.Input((4,)), L.Dense(4, activation="softmax"))
    kinds = ["accuracy", metrics.TopKCategoricalAccuracy(2), metrics.F1Score(average="weighted", name="f"), metrics.OneHotMeanIoU(4)]
    kinds += [metrics.Precision(top_k=2, class_id=1), metrics.AUC(multi_label=True, num_labels=4, num_thresholds=9), metrics.KLDivergence()]
    m.compile("adam", "categorical_crossentropy", metrics=kinds, weighted_metrics=["categorical_crossentropy"])
    return m, [normal(13, 4)], [one_hot(4, 13)], {"class_weight": {0: 1.0, 1: 3.0, 2: 0.5, 3: 1.0}}


@case()
def metrics_of_numbers():
    m = sequential(L.Input((4,)), L.Dense(3, activation="sigmoid"))
    kinds = [metrics.R2Score(), metrics.R2Score(class_aggregation=None, name="each"), metrics.RootMeanSquaredError(), "mape", "msle", "cosine_similarity"]
    m.compile("sgd", losses.LogCosh(), metrics=kinds + [metrics.PearsonCorrelation(), metrics.ConcordanceCorrelation()])
    return m, [normal(13, 4)], [uniform(13, 3)], {}


@case()
def metrics_of_functions():
    m = sequential(L.Input((4,)), L.Dense(3, activation="softmax"))
    kinds = [losses.huber, losses.cosine_similarity, losses.dice, metrics.binary_accuracy]
    wrap = metrics.MeanMetricWrapper
    kinds += [wrap(losses.huber, name="narrow", delta=0.2), wrap(metrics.top_k_categorical_accuracy, name="two", k=2), wrap(losses.binary_crossentropy, axis=0, name="down")]
    m.compile("sgd", "categorical_crossentropy", metrics=kinds, weighted_metrics=[losses.categorical_focal_crossentropy])
    return m, [normal(11, 4)], [one_hot(3, 11)], {"weights": [uniform(11)]}


# --- optimizers: from the start, and gone on with from the state in the file


def optimized(optimizer, fitted=0):
    m = sequential(L.Input((4,)), L.Embedding(9, 3), L.LSTM(3, return_sequences=True), L.LayerNormalization(), L.GlobalAveragePooling1D(), L.Dense(2, kernel_constraint="max_norm"))
    m.compile(optimizer, "mse", metrics=["mae"])
    x, y = apart(9, 10, 4), normal(10, 2)
    if fitted:
        m.fit(x, y, batch_size=4, epochs=fitted, shuffle=False, verbose=0)
    return m, [x], [y], {"batch_size": 4}


@case()
def sgd_cosine_clipped():
    rate = schedules.CosineDecay(0.01, 4, alpha=0.1, warmup_target=0.1, warmup_steps=2)
    return optimized(optimizers.SGD(rate, momentum=0.8, nesterov=True, clipnorm=0.1, weight_decay=0.01))


@case()
def adamw_averaged_accumulated():
    return optimized(optimizers.AdamW(0.02, weight_decay=0.1, use_ema=True, ema_momentum=0.7, ema_overwrite_frequency=2, gradient_accumulation_steps=2))


@case()
def rmsprop_goes_on():
    return optimized(optimizers.RMSprop(schedules.ExponentialDecay(0.02, 2, 0.7, staircase=True), centered=True, momentum=0.3), fitted=1)


@case()
def nadam_goes_on():
    return optimized(optimizers.Nadam(0.02, global_clipnorm=0.3), fitted=1)


@case()
def lamb_goes_on():
    return optimized(optimizers.Lamb(schedules.PiecewiseConstantDecay([2, 4], [0.02, 0.01, 0.005])), fitted=1)


@case()
def muon_excludes():
    return optimized(optimizers.Muon(0.02, exclude_layers=["lstm"], adam_weight_decay=0.01))


@case()
def adafactor_fixed_rate():
    return optimized(optimizers.Adafactor(0.02, relative_step=False, clip_threshold=0.7))


@case()
def loss_scaled():
    return optimized(optimizers.LossScaleOptimizer(optimizers.Adam(0.02, amsgrad=True), initial_scale=8.0, dynamic_growth_steps=2))


@case()
def loss_scaled_goes_on():
    return optimized(optimizers.LossScaleOptimizer(optimizers.SGD(0.05, momentum=0.5), initial_scale=8.0, dynamic_growth_steps=2), fitted=1)


@case()
def loss_scaled_nadam_goes_on():
    return optimized(optimizers.LossScaleOptimizer(optimizers.Nadam(0.02), initial_scale=8.0, dynamic_growth_steps=2), fitted=1)


def several_optimizers():
    rate = schedules.ExponentialDecay(0.05, 2, 0.5)
    return optimizers.MultiOptimizer(optimizers.OptimizerMap(optimizers.SGD(0.05, momentum=0.9), {
        ".*lstm.*": optimizers.Nadam(rate, clipnorm=0.2), ".*(dense|normalization)/.*": optimizers.Adam(0.03, use_ema=True), "none": optimizers.RMSprop()}))


@case()
def several_optimizers_new():
    return optimized(several_optimizers())


@case()
def several_optimizers_go_on():
    return optimized(several_optimizers(), fitted=1)


# --- legacy files


@case()
def masked_legacy():
    i, j = L.Input((5,), dtype="int32"), L.Input((5, 3))
    a, b = L.Embedding(9, 3, mask_zero=True)(i), L.Masking()(j)
    h = L.LSTM(3, return_sequences=True)(L.Concatenate()([a, b]))
    m = Model([i, j], [L.GRU(2)(L.Add()([h, L.Dense(3)(b)])), L.GlobalAveragePooling1D()(L.Dense(2)(a))])
    m.compile("sgd", ["mse", "mae"])
    x = apart(9, 9, 5)
    x[:4, 3:] = 0
    return m, [x, padded(normal(9, 5, 3))], [normal(9, 2), normal(9, 2)], {"h5": True}


# --- making them


def moved(model):
    """First weights of zeros and ones would hide mistakes."""
    for w in model.weights:
        v = ops.convert_to_numpy(w.value)
        if v.dtype == np.float32 and v.size and "normalization/mean" not in w.path:
            w.assign(uniform(*v.shape) + 0.5 if "variance" in w.name else v + 0.1 * normal(*v.shape))


def fed(model, arrays):
    inputs = getattr(model, "_inputs_struct", None)
    if isinstance(inputs, dict):
        named = dict(zip([t.name for t in model.inputs], arrays))
        return {key: named[t.name] for key, t in inputs.items()}
    return arrays if len(arrays) > 1 else arrays[0]


def aimed(model, arrays):
    outputs = getattr(model, "_outputs_struct", None)
    if isinstance(outputs, dict):
        return dict(zip(sorted(outputs), arrays))
    return arrays if len(arrays) > 1 else arrays[0]


def numbers(logs):
    return {k: np.asarray(v, "float64").tolist() for k, v in logs.items()}


def make(name, build, files):
    global rng
    keras.utils.clear_session()
    number = zlib.crc32(name.encode())
    rng = np.random.default_rng(number)
    keras.utils.set_random_seed(number % 1000)
    model, x, y, how = build()
    if not int(model.optimizer.iterations):
        moved(model)
    weights = how.get("weights")
    batch_size, predict = how.get("batch_size", 4), {"batch_size": how.get("predict_batch_size", 32), "verbose": 0}

    def put(stem, arrays):
        for i, a in enumerate(arrays):
            out = io.BytesIO()
            np.save(out, np.asarray(a))
            files[f"{name}/{stem}{i}.npy"] = out.getvalue()

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        model.save(path)
        with open(path, "rb") as f:
            files[f"{name}/model.keras"] = f.read()
        if how.get("h5"):
            legacy = os.path.join(folder, "model.h5")
            model.save(legacy)
            with open(legacy, "rb") as f:
                files[f"{name}/model.h5"] = f.read()

        def again():
            """The model of the file; only state that runs from batch to batch makes a second reading necessary."""
            return keras.models.load_model(path) if BACKEND == "tensorflow" else model

        model = keras.models.load_model(path)
        lines = []
        model.summary(line_length=80, print_fn=lambda line, **_: lines.append(line))
        if BACKEND == "jax":  # TensorFlow counts iterations in int64, whose bytes the summary shows.
            files[f"{name}/summary.txt"] = "\n".join(lines).encode()
        put("x", x)
        put("y", y)
        put("w", weights or [])
        put("predict", keras.tree.flatten(model.predict(fed(model, x), **predict)))
        weights = aimed(model, weights) if weights else None
        settings = {"batch_size": batch_size, "sample_weight": weights, "verbose": 0}
        evaluated = again().evaluate(fed(model, x), aimed(model, y), return_dict=True, **settings)
        told = {"batch_size": batch_size, "predict_batch_size": predict["batch_size"], "evaluate": numbers(evaluated)}
        if not how.get("random"):
            model = again()
            told["epochs"], told["validation_split"] = 2, how.get("validation_split", 0.0)
            told["class_weight"] = {str(k): v for k, v in how.get("class_weight", {}).items()}
            fit = {"epochs": 2, "shuffle": False, "validation_split": told["validation_split"], "class_weight": how.get("class_weight")}
            told["history"] = numbers(model.fit(fed(model, x), aimed(model, y), **settings, **fit).history)
            model.save(path)
            put("trained", keras.tree.flatten(again().predict(fed(model, x), **predict)))
    files[f"{name}/case.json"] = json.dumps(told).encode()


def main():
    out = sys.argv[1]
    files = {}
    if os.path.exists(out):
        with zipfile.ZipFile(out) as z:
            files = {n: z.read(n) for n in z.namelist() if n.split("/")[0] in CASES}
    for name, (backend, build) in CASES.items():
        if backend == BACKEND and (not sys.argv[2:] or name in sys.argv[2:]):
            for old in [n for n in files if n.startswith(f"{name}/")]:
                del files[old]
            make(name, build, files)
            write(out, files)
            print(name, flush=True)


def write(out, files):
    with zipfile.ZipFile(out, "w") as z:
        for n in sorted(files):
            z.writestr(zipfile.ZipInfo(n, (2026, 1, 1, 0, 0, 0)), files[n], zipfile.ZIP_DEFLATED, 9)


main()
