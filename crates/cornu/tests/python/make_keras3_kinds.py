"""Small models of kinds that are easily got wrong, by real Keras 3.15.1 on JAX.

KERAS_BACKEND=jax python make_keras3_kinds.py ../fixtures/keras3_kinds.zip

For each case: model.keras, x0.npy ..., y0.npy ... (what Keras predicts), or `raises` where Keras
refuses the prediction.
"""

import io
import os
import sys
import tempfile
import zipfile

os.environ["KERAS_BACKEND"] = "jax"
import keras
import numpy as np
from keras import layers as L

rng = np.random.default_rng(3)


def sequences(b, k, t, f):
    """Padded with 0 behind; the last part of the first sample is empty."""
    x = rng.normal(size=(b, k, t, f)).astype("float32")
    for i in range(b):
        for j in range(k):
            x[i, j, rng.integers(0, t + 1) :] = 0
    x[0, k - 1] = 0
    return x


X = sequences(4, 3, 4, 2)
IDS = rng.integers(0, 4, (4, 3, 4)).astype("int32")
IDS[0, 2] = IDS[1, 1] = IDS[1, 2] = 0
SERIES = rng.normal(size=(3, 6, 3)).astype("float32")
INF = float("inf")


def embedded(inner, *outer):
    x = L.Input((3, 4), dtype="int32")
    y = L.TimeDistributed(inner)(L.Embedding(4, 3, mask_zero=True)(x))
    for layer in outer:
        y = layer(y)
    return keras.Model(x, y), [IDS]


def masking(inner, *outer):
    layers = [L.Input((3, 4, 2)), L.Masking(), L.TimeDistributed(inner), *outer]
    return keras.Sequential(layers), [X]


def told(inner, *outer):
    x, m = L.Input((3, 4, 2)), L.Input((3, 4), dtype="bool")
    y = L.TimeDistributed(inner)(x, mask=m)
    for layer in outer:
        y = layer(y)
    return keras.Model([x, m], y), [X, IDS != 0]


def told_rnn(layer, state=False):
    x, m = L.Input((3, 2)), L.Input((3, 4), dtype="bool")
    h = [L.Input((2,))] if state else []
    y = layer(x, initial_state=h[0], mask=m) if state else layer(x, mask=m)
    return keras.Model([x, m, *h], y), [X[:, :, 0], IDS != 0, *([SERIES[0, :4, :2]] if state else [])]


def series(*layers):
    return keras.Sequential([L.Input((6, 3)), *layers]), [SERIES]


def inner_sequential():
    return keras.Sequential([L.LSTM(3, return_sequences=True), L.GlobalAveragePooling1D()])


def inner_functional():
    x = L.Input((4, 2))
    y = L.GRU(3, return_sequences=True)(x)
    return keras.Model(x, L.LSTM(2)(L.Concatenate()([y, L.Dense(2)(y)])))


def inner_attention():
    x = L.Input((4, 2))
    y = L.MultiHeadAttention(2, 2)(x, x)
    return keras.Model(x, L.GlobalAveragePooling1D()(y))


def encoder_of_ids():
    return keras.Sequential(
        [L.Input((4,), dtype="int32"), L.Embedding(4, 3, mask_zero=True), L.LSTM(3)]
    )


def two_levels():
    x = L.Input((2, 3, 4), dtype="int32")
    y = L.Embedding(4, 3, mask_zero=True)(x)
    y = L.TimeDistributed(L.TimeDistributed(L.LSTM(3)))(y)
    ids = rng.integers(0, 4, (3, 2, 3, 4)).astype("int32")
    return keras.Model(x, L.Dense(1)(L.TimeDistributed(L.GRU(2))(y))), [ids]


def merged(layer):
    x = L.Input((3, 4), dtype="int32")
    e = L.Embedding(4, 3, mask_zero=True)(x)
    a, b = L.TimeDistributed(L.LSTM(3))(e), L.TimeDistributed(L.GRU(3))(e)
    return keras.Model(x, L.GRU(2)(layer([a, b]))), [IDS]


def branches(layer):
    """Two branches with masks of their own; the file holds the operations that join them."""
    a, b = L.Input((None,), dtype="int32", name="a"), L.Input((None, 3), name="b")
    joined = layer([L.Embedding(9, 3, mask_zero=True)(a), L.Masking()(b)])
    ids = rng.integers(1, 9, (3, 5)).astype("int32")
    values = rng.normal(size=(3, 5, 3)).astype("float32")
    for i, n in enumerate([5, 2, 4]):
        ids[i, n:], values[i, n:] = 0, 0
    return keras.Model([a, b], L.LSTM(2)(joined)), [ids, values]


def first_call(n):
    model = keras.Sequential([L.LSTM(3), L.Dense(1)])
    model(SERIES[:n])
    return model, [rng.normal(size=(4, 9, 3)).astype("float32")]


def compiled():
    model, x = series(L.LSTM(2, kernel_constraint=keras.constraints.MinMaxNorm(0.0, INF)))
    adam = keras.optimizers.Adam(clipvalue=INF)
    model.compile(adam, loss=keras.losses.Huber(INF), metrics=["mae"])
    return model, x


CASES = {
    "td_lstm": lambda: masking(L.LSTM(3)),
    "td_gru_sequences": lambda: masking(L.GRU(3, return_sequences=True)),
    "td_backwards": lambda: masking(L.SimpleRNN(3, go_backwards=True, return_sequences=True)),
    "td_cells": lambda: told(L.RNN([L.GRUCell(3), L.LSTMCell(2)])),
    "td_unroll": lambda: masking(L.LSTM(2, unroll=True)),
    "td_bidirectional": lambda: embedded(L.Bidirectional(L.LSTM(2))),
    "td_pooling": lambda: masking(L.GlobalAveragePooling1D()),
    "td_sequential": lambda: masking(inner_sequential()),
    "td_functional": lambda: masking(inner_functional()),
    "td_attention": lambda: masking(inner_attention()),
    "td_td": lambda: masking(L.TimeDistributed(L.Dense(2))),
    "td_batch_normalization": lambda: masking(L.BatchNormalization(), L.Reshape((12, 2))),
    "td_softmax": lambda: told(L.Softmax()),
    "td_mask_of_steps": lambda: (lambda m: (m[0], [X, (IDS != 0)[:, :, 0]]))(
        (lambda x, m: (keras.Model([x, m], L.TimeDistributed(L.Flatten())(x, mask=m)),))(
            L.Input((3, 4, 2)), L.Input((3,), dtype="bool")
        )
    ),
    "td_encoder": lambda: (lambda x: (
        keras.Model(x, L.LSTM(2)(L.TimeDistributed(encoder_of_ids())(x))), [IDS]
    ))(L.Input((3, 4), dtype="int32")),
    "two_levels": two_levels,
    "outer_gru": lambda: embedded(L.LSTM(3), L.GRU(3)),
    "outer_backwards": lambda: embedded(L.GRU(3), L.LSTM(3, go_backwards=True)),
    "outer_bidirectional": lambda: embedded(
        L.Bidirectional(L.GRU(3)), L.Bidirectional(L.GRU(2, return_sequences=True)), L.LSTM(2)
    ),
    "outer_cells": lambda: told(
        L.LSTM(3), L.RNN([L.GRUCell(3), L.LSTMCell(2)], return_sequences=True)
    ),
    "outer_zeros": lambda: embedded(
        L.LSTM(3), L.RNN(L.GRUCell(2), zero_output_for_mask=True, return_sequences=True)
    ),
    "outer_state": lambda: told_rnn(L.LSTM(2, return_sequences=True, return_state=True)),
    "outer_initial_state": lambda: told_rnn(L.GRU(2, return_sequences=True), state=True),
    "merged_add": lambda: merged(L.Add()),
    "merged_concatenate": lambda: merged(L.Concatenate()),
    "branches_concatenate": lambda: branches(L.Concatenate()),
    "branches_add": lambda: branches(L.Add()),
    "branches_maximum": lambda: branches(L.Maximum()),
    "branches_nested": lambda: branches(lambda pair: (lambda u, v: keras.Model(
        [u, v], L.Concatenate()([u, v])
    ))(L.Input((None, 3)), L.Input((None, 3)))(pair)),
    "first_call": lambda: first_call(2),
    "infinite_relu": lambda: series(L.ReLU(max_value=INF), L.Dense(2)),
    "infinite_activation": lambda: series(L.LSTM(2, activation=L.ReLU(max_value=INF))),
    "infinite_bias": lambda: series(
        L.Dense(2, activation="sigmoid", bias_initializer=keras.initializers.Constant(-INF))
    ),
    "infinite_mask": lambda: series(L.Masking(float("nan")), L.GRU(2)),
    "infinite_compiled": compiled,
    "prelu_dense": lambda: series(L.Dense(4, activation=L.PReLU()), L.LSTM(2)),
    "prelu_before_data": lambda: series(L.Dense(4, activation=L.PReLU("ones"))),
    "prelu_einsum": lambda: series(
        L.EinsumDense("abc,cd->abd", (None, 4), activation=L.PReLU(shared_axes=[1]))
    ),
    "prelu_conv": lambda: series(L.Conv1D(4, 2, activation=L.PReLU(shared_axes=[1]))),
    "prelu_transpose": lambda: series(L.Conv1DTranspose(4, 2, activation=L.PReLU())),
    "prelu_depthwise": lambda: series(L.DepthwiseConv1D(2, activation=L.PReLU())),
    "prelu_separable": lambda: series(L.SeparableConv1D(4, 2, activation=L.PReLU())),
    "prelu_activation": lambda: series(L.Activation(L.PReLU()), L.Dense(2)),
    "prelu_distributed": lambda: series(L.TimeDistributed(L.Dense(4, activation=L.PReLU()))),
    "layers_as_activations": lambda: series(
        L.Dense(4, activation=L.LeakyReLU(0.1)),
        L.Conv1D(4, 2, activation=L.ReLU(max_value=6)),
        L.Dense(3, activation=L.Softmax(axis=1)),
        L.LSTM(3, activation=L.ELU(0.5), recurrent_activation=L.ReLU(max_value=1.0)),
        L.Dense(2, activation=L.Identity()),
    ),
}


def array(a):
    buffer = io.BytesIO()
    np.save(buffer, a)
    return buffer.getvalue()


def main(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:

        def write(name, data):
            out.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)

        for name, make in CASES.items():
            keras.utils.set_random_seed(1)
            keras.backend.clear_session()
            model, inputs = make()
            for w in model.weights:
                finite = np.isfinite(np.asarray(w)).all()
                if finite and not any(s in w.path for s in ("/kernel", "recurrent_kernel")):
                    w.assign(w + rng.uniform(0.1, 0.4, w.shape))
            if name != "prelu_before_data":
                # The weight of an activation is made when the model first runs.
                try:
                    model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
                except Exception:
                    pass
            for w in model.weights:
                if "alpha" in w.path:
                    w.assign(w + rng.uniform(0.1, 0.4, w.shape))
            with tempfile.TemporaryDirectory() as folder:
                model.save(f"{folder}/model.keras")
                with open(f"{folder}/model.keras", "rb") as file:
                    write(f"{name}/model.keras", file.read())
            for i, x in enumerate(inputs):
                write(f"{name}/x{i}.npy", array(x))
            try:
                y = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
            except Exception as error:
                write(f"{name}/raises", repr(error)[:200])
                continue
            for i, v in enumerate(keras.tree.flatten(y)):
                write(f"{name}/y{i}.npy", array(v))


if __name__ == "__main__":
    main(sys.argv[1])
