"""A legacy `.h5` of a compiled model in the middle of its training, for the test `legacy_training`.

    KERAS_BACKEND=jax python make_legacy_training.py ../fixtures/legacy_training        (Keras 3.15.1)

`model.h5` was trained for an epoch; `expected.json` holds data, what the model is evaluated to then, and its next two epochs. They are of
the model in memory: Keras opens the file with an optimizer of no variables, which JAX cannot train."""
import json
import os
import sys

import keras
import numpy as np
from keras import layers as L

os.makedirs(sys.argv[1], exist_ok=True)
os.chdir(sys.argv[1])
keras.utils.set_random_seed(1)
r = np.random.default_rng(1)
x, y = r.standard_normal((12, 5, 3)).astype("float32"), r.integers(0, 2, (12, 1)).astype("float32")
m = keras.Sequential([L.Input((5, 3)), L.GRU(4), L.Dense(1)])
m.compile(keras.optimizers.Adam(0.02, clipnorm=1.0), keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1), metrics=["mae", keras.metrics.AUC(name="area", num_thresholds=20, from_logits=True)])
fit = {"batch_size": 4, "shuffle": False, "verbose": 0}
m.fit(x, y, epochs=1, **fit)
m.save("model.h5")
numbers = lambda logs: {k: np.asarray(v, "float64").tolist() for k, v in logs.items()}
evaluated = numbers(m.evaluate(x, y, batch_size=4, return_dict=True, verbose=0))
history = numbers(m.fit(x, y, epochs=2, **fit).history)
json.dump({"x": x.tolist(), "y": y.tolist(), "evaluate": evaluated, "history": history}, open("expected.json", "w"))
