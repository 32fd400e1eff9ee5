"""Makes fixtures/calls.zip with real Keras: small models whose calls have arguments that Keras reads in its own way, and what they predict.

Needs Keras 3.15.1 with JAX:

    KERAS_BACKEND=jax python make_calls.py ../fixtures/calls.zip

A case NAME holds NAME/model.keras, NAME/x0.npy … and NAME/y0.npy …
"""

import io
import os
import sys
import tempfile
import zipfile

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from keras import Model, Sequential
from keras import layers as L

rng = np.random.default_rng(5)
keras.utils.set_random_seed(5)
CASES = {}


def case(make):
    CASES[make.__name__] = make
    return make


def normal(*shape):
    return rng.normal(size=shape).astype("float32")


def padded(x):
    """Rows that end early, one of them at once."""
    for row, end in zip(x, [4, 2, 0]):
        row[end:] = 0
    return x


def tensor(values):
    return keras.ops.convert_to_tensor(np.array(values))


ONE_ROW = tensor([[True, True, False, False]])


@case
def attention_without_the_masks_of_its_inputs():
    i = L.Input((4, 3))
    m = L.Masking()(i)
    additive = L.AdditiveAttention()([m, m, m], mask=[None, None, None])
    return Model(i, [L.Attention()([m, m], mask=[None, None]), additive, L.LSTM(2)(additive)]), [padded(normal(3, 4, 3))]


@case
def one_row_of_a_mask_for_every_sample():
    i = L.Input((4, 3))
    state = L.Dense(2)(i[:, 0])
    outs = [
        L.LSTM(2)(i, mask=ONE_ROW),
        L.GRU(2, return_sequences=True)(i, mask=ONE_ROW),
        L.Bidirectional(L.SimpleRNN(2))(i, mask=ONE_ROW),
        L.GRU(2)(i, mask=ONE_ROW, initial_state=state),
        L.GRU(2)(L.LSTM(3, return_sequences=True)(i, mask=ONE_ROW)),
        L.RNN([L.LSTMCell(2), L.GRUCell(2)], return_sequences=True)(i, mask=ONE_ROW),
    ]
    return Model(i, outs), [normal(3, 4, 3)]


@case
def a_mask_that_a_model_leaves_on_its_input():
    i, mask = L.Input((4, 3)), L.Input((4,), dtype="bool")
    inner = L.Input((4, 3))
    pool = Model(inner, L.GlobalAveragePooling1D()(inner))
    h = L.Dense(3)(i)
    # Keras runs first what is farthest from the outputs.
    first = L.Dense(2)(L.Dense(2)(pool(h, mask=mask)))
    chain = Sequential([L.Input((4, 3)), L.LSTM(2)])
    other = L.Dense(3)(i)
    third = L.Dense(2)(L.Dense(2)(chain(other, mask=tensor([[True, False, True, True]] * 3))))
    outs = [first, pool(h), L.LSTM(2)(h), third, L.GRU(2)(other)]
    return Model([i, mask], outs), [normal(3, 4, 3), np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)]


@case
def a_mask_on_what_is_cast_first():
    i = L.Input((4,), dtype="int32")
    inner = L.Input((4,))
    table = Model(inner, L.LSTM(2)(L.Reshape((4, 1))(inner)))
    mask = tensor([[True, False, True, True]] * 3)
    embedded = L.Embedding(5, 2)(i)
    first = L.Dense(2)(L.Dense(2)(L.Dense(2)(table(i, mask=mask))))
    inner = L.Input((4,), dtype="int32")
    plain = Model(inner, L.LSTM(2)(L.Embedding(5, 2)(inner)))
    return Model(i, [first, plain(i), L.LSTM(2)(embedded)]), [rng.integers(0, 5, (3, 4)).astype("int32")]


@case
def scores_that_carry_the_mask_of_attention():
    i, query_mask = L.Input((4, 3)), L.Input((4,), dtype="bool")
    m = L.Masking()(i)
    given = tensor([[[True, True, False, True], [True, False, True, True], [False, True, True, True], [True] * 4]])
    scores = [
        L.MultiHeadAttention(2, 2)(i, i, attention_mask=given, return_attention_scores=True)[1],
        L.MultiHeadAttention(2, 2)(m, m, return_attention_scores=True)[1],
        L.GroupQueryAttention(2, 2, 1)(i, i, query_mask=query_mask, return_attention_scores=True)[1],
        L.MultiHeadAttention(1, 2)(i, i, use_causal_mask=True, return_attention_scores=True)[1],
    ]
    return Model([i, query_mask], [L.Softmax()(s) for s in scores]), [
        padded(normal(3, 4, 3)),
        np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool),
    ]


@case
def one_row_of_values_for_every_sample():
    i = L.Input((4, 3))
    row = tensor(normal(1, 5, 3))
    outs = [
        L.MultiHeadAttention(2, 2)(i, row),
        *L.MultiHeadAttention(2, 2)(i, row, return_attention_scores=True),
        L.MultiHeadAttention(2, 2)(i, L.Dense(3)(i), key=tensor(normal(1, 4, 3))),
        L.GroupQueryAttention(2, 4, 2)(i, row, use_causal_mask=True),
        L.MultiHeadAttention(2, 2)(i, row, value_mask=tensor([[True, True, False, True, False]])),
    ]
    return Model(i, outs), [normal(3, 4, 3)]


def main(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out, tempfile.TemporaryDirectory() as folder:
        for name, make in CASES.items():
            model, inputs = make()
            for w in model.weights:
                if w.dtype == "float32":
                    w.assign(normal(*w.shape) * 0.7)
            saved = f"{folder}/model.keras"
            model.save(saved)
            model = keras.models.load_model(saved)
            outputs = keras.tree.flatten(model.predict(inputs, verbose=0))
            with open(saved, "rb") as f:
                write(out, f"{name}/model.keras", f.read())
            for stem, arrays in (("x", inputs), ("y", outputs)):
                for k, a in enumerate(arrays):
                    bytes_ = io.BytesIO()
                    np.save(bytes_, a)
                    write(out, f"{name}/{stem}{k}.npy", bytes_.getvalue())
            print(name, [y.shape for y in outputs])


def write(out, name, data):
    """Equal contents give equal files."""
    out.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main(sys.argv[1])
