"""Makes the files of tests/lora.rs with real Keras: models whose layers have LoRA, their training, and what they are saved as.

Needs Keras 3.15.1. Run: KERAS_BACKEND=jax python make_lora.py ../fixtures [NAME …]

NAME.json holds the config, all weights before and after two epochs, inputs, targets and predictions before and after; NAME.keras is the
trained model as Keras saved it, whose weights after opening and after two epochs more stand in NAME.json too.
"""

import json
import os
import sys

os.environ["KERAS_BACKEND"] = "jax"
import keras
import numpy as np
from keras import layers as L

out = os.path.join(sys.argv[1], "lora")
os.makedirs(out, exist_ok=True)


def array(v):
    return [list(np.shape(v)), np.asarray(v, "float64").ravel().tolist()]


def arrays(values):
    return [array(v) for v in values]


def make(name, model, units):
    rng = np.random.default_rng(8)
    model.set_weights([rng.normal(0, 0.5, size=w.shape).astype("float32") for w in model.weights])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    x = rng.integers(0, 7, (6, 5)).astype("int32")
    y = rng.normal(size=(6, *units)).astype("float32")
    fit = {"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0}
    told = {"config": json.loads(model.to_json()), "x": array(x), "y": array(y)}
    told["before"], told["predicted"] = arrays(model.get_weights()), array(model.predict(x, verbose=0))
    told["loss"] = model.fit(x, y, **fit).history["loss"]
    told["after"], told["trained"] = arrays(model.get_weights()), array(model.predict(x, verbose=0))
    path = os.path.join(out, f"{name}.keras")
    model.save(path)
    again = keras.models.load_model(path)
    told["reopened"] = arrays(again.get_weights())
    told["reopened_loss"] = again.fit(x, y, **fit).history["loss"]
    told["reopened_after"] = arrays(again.get_weights())
    with open(os.path.join(out, f"{name}.json"), "w", encoding="utf-8") as f:
        json.dump(told, f)


def layers():
    i = L.Input((5,), dtype="int32")
    h = L.Embedding(7, 4, lora_rank=2, embeddings_regularizer="l2")(i)
    h = L.Conv1D(4, 2, lora_rank=1, lora_alpha=3)(h)
    h = L.EinsumDense("abc,cd->abd", (None, 3), bias_axes="d", lora_rank=2, lora_alpha=1)(h)
    return keras.Model(i, L.Dense(2, lora_rank=2, lora_alpha=4, kernel_regularizer="l2")(h)), (4, 2)


def reversible():
    i = L.Input((5,), dtype="int32")
    table = L.ReversibleEmbedding(7, 4, lora_rank=2, lora_alpha=5, embeddings_regularizer="l2", logit_soft_cap=3.0)
    h = L.Dense(4, activation="tanh")(table(i))
    return keras.Model(i, table(h, reverse=True)), (5, 7)


for name, model in (("lora", layers), ("reversible", reversible)):
    if name in (sys.argv[2:] or [name]):
        keras.utils.clear_session()
        keras.utils.set_random_seed(4)
        make(name, *model())
