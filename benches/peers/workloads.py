"""The models of the speed figures, built by real Keras.

    python workloads.py FOLDER [NAME ...]

writes NAME.keras, and NAME.npz with the weights in Keras's order for peers that read no .keras file.

name    model                                                                     batch  timesteps  features
seed    LSTM(5, return_sequences) LSTM(4) Dense(1, sigmoid)                          10         20         1
rows    LSTM(128) Dense(10, softmax)                                                128         28        28
text    Embedding(20000, 128) LSTM(128) Dense(1, sigmoid)                            32        100       ids
big     LSTM(512, return_sequences) LSTM(512) Dense(1)                               64        100        64
gru     GRU(96, return_sequences) GRU(96) Dense(5, softmax)                          64         50        32
bidir   Bidirectional(LSTM(64, return_sequences)) twice, Dense(20, softmax) a step   32         60        40
ragged  Masking LSTM(128) Dense(9, softmax), lengths of a log-normal                 32     5..200        16
one     LSTM(64) Dense(1): one sample at a time                                       1         20        16
wide    LSTM(256) Dense(1): large batches                                           256        100        64
"""
import pathlib
import sys

import numpy as np

# name: (samples of a batch, steps timed)
SPECS = {
    "seed": (10, 200), "rows": (128, 20), "text": (32, 20), "big": (64, 4), "gru": (64, 20),
    "bidir": (32, 20), "ragged": (32, 20), "one": (1, 500), "wide": (256, 4),
}


def build(name):
    import keras
    from keras import layers as L

    keras.utils.set_random_seed(7)

    def model(shape, stack, optimizer, loss):
        entry = L.Input(shape)
        x = entry
        for layer in stack:
            x = layer(x)
        m = keras.Model(entry, x)
        m.compile(optimizer, loss)
        return m

    classes = "sparse_categorical_crossentropy"
    match name:
        case "seed":
            return model((20, 1), [L.LSTM(5, return_sequences=True), L.LSTM(4), L.Dense(1, activation="sigmoid")], "rmsprop", "binary_crossentropy")
        case "rows":
            return model((28, 28), [L.LSTM(128), L.Dense(10, activation="softmax")], "adam", classes)
        case "text":
            return model((100,), [L.Embedding(20000, 128), L.LSTM(128), L.Dense(1, activation="sigmoid")], "adam", "binary_crossentropy")
        case "big":
            return model((100, 64), [L.LSTM(512, return_sequences=True), L.LSTM(512), L.Dense(1)], "adam", "mean_squared_error")
        case "gru":
            return model((50, 32), [L.GRU(96, return_sequences=True), L.GRU(96), L.Dense(5, activation="softmax")], "adam", classes)
        case "bidir":
            both = [L.Bidirectional(L.LSTM(64, return_sequences=True)) for _ in range(2)]
            return model((60, 40), [*both, L.TimeDistributed(L.Dense(20, activation="softmax"))], "adam", classes)
        case "ragged":
            return model((None, 16), [L.Masking(0.0), L.LSTM(128), L.Dense(9, activation="softmax")], "adam", classes)
        case "one":
            return model((20, 16), [L.LSTM(64), L.Dense(1)], "adam", "mean_squared_error")
        case "wide":
            return model((100, 64), [L.LSTM(256), L.Dense(1)], "adam", "mean_squared_error")
    raise SystemExit(f"workloads.py: no workload of this name. Received: {name}")


def lengths(n=640):
    draw = np.random.default_rng(3)
    return np.clip(np.round(np.exp(draw.normal(3.6, 0.8, n))), 5, 200).astype(np.int64)


def data(name, n):
    """(x, y) of n samples; of `ragged`, x is a list of (timesteps, 16)."""
    draw = np.random.default_rng(1)

    def normal(*shape):
        return draw.standard_normal(shape).astype("float32")

    def ids(most, *shape):
        return draw.integers(0, most, shape)

    match name:
        case "seed":
            return draw.random((n, 20, 1), dtype="float32"), draw.random((n, 1), dtype="float32")
        case "rows":
            return normal(n, 28, 28), ids(10, n, 1)
        case "text":
            return ids(20000, n, 100), ids(2, n, 1).astype("float32")
        case "big" | "wide":
            return normal(n, 100, 64), normal(n, 1)
        case "gru":
            return normal(n, 50, 32), ids(5, n, 1)
        case "bidir":
            return normal(n, 60, 40), ids(20, n, 60)
        case "ragged":
            return [normal(t, 16) for t in lengths(n)], ids(9, n, 1)
        case "one":
            return normal(n, 20, 16), normal(n, 1)


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:] or SPECS:
        m = build(name)
        m.save(folder / f"{name}.keras")
        np.savez(folder / f"{name}.npz", **{f"w{i}": w for i, w in enumerate(m.get_weights())})
    np.save(folder / "lengths.npy", lengths())
