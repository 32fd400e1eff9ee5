"""Models on sequences of unequal length, padded and masked by real Keras, for the test `ragged_keras`.

    KERAS_BACKEND=jax python make_ragged.py ../fixtures/ragged        (keras 3.15.1, jax)

Each model is saved with its first weights as NAME.keras. cases.json holds the sequences as they are, the predictions of their own
timesteps, the loss of each of four training steps on all sequences at once, and the predictions after them.
"""
import json, pathlib, sys
import numpy as np
import keras
from keras import layers as L

out = pathlib.Path(sys.argv[1]); out.mkdir(parents=True, exist_ok=True)
LENGTHS = [6, 11, 3, 8, 8, 1]
T = max(LENGTHS)
r = np.random.default_rng(11)


def last(x):
    return L.Dense(3, activation="softmax")(x)


def steps(x):
    return L.TimeDistributed(L.Dense(4, activation="softmax"))(x)


def features():
    i = L.Input((None, 5))
    return i, L.Masking(0.0)(i)


def ids():
    i = L.Input((None,), dtype="int32")
    return i, L.Embedding(20, 6, mask_zero=True)(i)


MODELS = {
    "lstm": (features, lambda x: last(L.LSTM(7)(x)), "sparse_categorical_crossentropy", "adam"),
    "gru_stack": (features, lambda x: last(L.GRU(5)(L.LayerNormalization()(L.GRU(6, return_sequences=True)(x)))), "sparse_categorical_crossentropy", "sgd"),
    "tagger": (ids, lambda x: steps(L.Bidirectional(L.LSTM(5, return_sequences=True))(x)), "sparse_categorical_crossentropy", "adam"),
    "mean": (ids, lambda x: last(L.GlobalAveragePooling1D()(L.Dense(5, activation="tanh")(L.SimpleRNN(6, return_sequences=True)(x)))), "sparse_categorical_crossentropy", "rmsprop"),
    "sequences": (features, lambda x: L.Dense(2)(L.Concatenate()([L.GRU(4, return_sequences=True, reset_after=False)(x), L.LSTM(3, return_sequences=True)(x)])), "mse", "adam"),
}

cases = {}
for name, (entry, body, loss, optimizer) in MODELS.items():
    keras.utils.set_random_seed(5)
    i, x = entry()
    m = keras.Model(i, body(x))
    m.compile(optimizer, loss)
    for w in m.trainable_variables:
        w.assign(w.numpy() + 0.1 * r.standard_normal(w.shape).astype("float32"))
    m.save(out / f"{name}.keras")
    by_step = len(m.output.shape) == 3
    if entry is ids:
        series = [r.integers(1, 20, n) for n in LENGTHS]
    else:
        series = [r.standard_normal((n, 5)).astype("float32") for n in LENGTHS]
    if loss == "mse":
        targets = [r.standard_normal((n, 2)).astype("float32") for n in LENGTHS]
    elif by_step:
        targets = [r.integers(0, 4, n) for n in LENGTHS]
    else:
        targets = r.integers(0, 3, len(LENGTHS))
    pad = lambda all: np.stack([np.concatenate([a, np.zeros((T - len(a), *a.shape[1:]), a.dtype)]) for a in all])
    xs, ys = pad(series), pad(targets) if by_step else np.asarray(targets)
    own = lambda y: [y[s, :n].tolist() for s, n in enumerate(LENGTHS)] if by_step else y.tolist()
    before = own(m.predict(xs, verbose=0))
    losses = [float(m.train_on_batch(xs, ys)) for _ in range(1)]
    # Each call resets the mean, so that every entry is the loss of one step.
    for _ in range(3):
        m.reset_metrics()
        losses.append(float(m.train_on_batch(xs, ys)))
    cases[name] = {
        "x": [np.asarray(a).tolist() for a in series],
        "y": [np.asarray(a).tolist() for a in targets] if by_step else ys.tolist(),
        "predictions": before,
        "losses": losses,
        "after": own(m.predict(xs, verbose=0)),
    }
    print(name, losses)
(out / "cases.json").write_text(json.dumps(cases))
