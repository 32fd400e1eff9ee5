"""Makes the fixture of tests/int8.rs with real Keras: a model whose Dense and Embedding `quantize("int8")` rounded, and what it predicts.

Needs Keras 3.15.1. Run: KERAS_BACKEND=jax python make_int8.py ../fixtures/int8
"""

import pathlib
import sys

import keras
import numpy as np
from keras import layers

folder = pathlib.Path(sys.argv[1])
folder.mkdir(exist_ok=True)
keras.utils.set_random_seed(5)
entry = layers.Input((6,), dtype="int32")
x = layers.Embedding(11, 8)(entry)
x = layers.LSTM(5)(x)
x = layers.Dense(7, activation="relu", use_bias=False)(x)
model = keras.Model(entry, layers.Dense(3, activation="softmax")(x))
model.quantize("int8")
ids = np.random.default_rng(0).integers(0, 11, (9, 6)).astype("int32")
model.save(folder / "model.keras")
np.save(folder / "x.npy", ids)
np.save(folder / "y.npy", np.asarray(model.predict(ids, verbose=0)))
