"""Keras on one workload, on the backend that KERAS_BACKEND names:   python peer_keras.py MODEL.keras"""
import os
import pathlib
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
start = time.perf_counter()
import keras
import numpy as np
import timing
import workloads

path = pathlib.Path(sys.argv[1])
name = path.stem
batch, steps = workloads.SPECS[name]
steps = min(steps, 20)
model = keras.models.load_model(path)
x, y = workloads.data(name, batch * steps)


def padded(rows):
    t = max(len(x[r]) for r in rows)
    out = np.zeros((len(rows), t, 16), "float32")
    for j, r in enumerate(rows):
        out[j, :len(x[r])] = x[r]
    return out


if name == "ragged":
    # Each batch is padded to its own longest, as a data set of Keras would do.
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return steps

        def __getitem__(self, k):
            rows = range(k * batch, (k + 1) * batch)
            return padded(rows), y[list(rows)]

    given, further = (Batches(),), {}
else:
    given, further = (x, y), {"batch_size": batch, "shuffle": False}
first = dict(further)
model.fit(*given, epochs=1, verbose=0, **first)
first_s = time.perf_counter() - start


def best_of(times, run):
    best = float("inf")
    for _ in range(times):
        t = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - t)
    return 1e3 * best / steps


figures = {}
if name not in ("one", "wide"):
    figures["train_ms"] = best_of(3, lambda: model.fit(*given, epochs=1, verbose=0, **further))
further.pop("shuffle", None)
predict = (lambda: model.predict(given[0], verbose=0, **further))
predict()
figures["predict_ms"] = best_of(3, predict)
if name == "one":
    # `predict` on single samples measures its own loop: the call of the compiled function is the fair figure.
    if keras.backend.backend() == "jax":
        import jax

        state = ([v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables])
        call = jax.jit(lambda x: model.stateless_call(*state, x)[0])
        figures["predict_ms"] = timing.median_ms(lambda k: call(x[k:k + 1]).block_until_ready(), range(steps), 20)
    else:
        import tensorflow as tf

        call = tf.function(lambda x: model(x, training=False))
        figures["predict_ms"] = timing.median_ms(lambda k: call(tf.constant(x[k:k + 1])).numpy(), range(steps), 20)
timing.report(first_s=first_s, **figures)
