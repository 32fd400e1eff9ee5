"""Makes the fixture of tests/callbacks.rs with real Keras: what runs with callbacks come to.

Needs Keras 3.15.1. Run: KERAS_BACKEND=jax python make_callbacks.py ../fixtures
"""

import json
import os
import sys
import tempfile

os.environ["KERAS_BACKEND"] = "jax"
import keras
import numpy as np
from keras import callbacks as C

out = os.path.join(sys.argv[1], "callbacks")
os.makedirs(out, exist_ok=True)
rng = np.random.default_rng(4)
x = rng.normal(size=(12, 3)).astype("float32")
y = (x @ np.array([[1.0], [-2.0], [0.5]]) + rng.normal(size=(12, 1))).astype("float32")
vx = rng.normal(size=(6, 3)).astype("float32")
vy = (vx @ np.array([[2.0], [1.0], [-0.5]]) + 1).astype("float32")
keras.utils.set_random_seed(3)


def model(optimizer):
    i = keras.Input((3,))
    m = keras.Model(i, keras.layers.Dense(1)(i))
    m.compile(optimizer, "mse", metrics=["mae"])
    return m


FILES = {
    "plain": model(keras.optimizers.SGD(0.05)),
    "fast": model(keras.optimizers.SGD(1e20)),
    "averaged": model(keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.7)),
    "several": model(
        keras.optimizers.MultiOptimizer(
            keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.05), {".*bias": keras.optimizers.Adam(0.02, use_ema=True, ema_momentum=0.7)})
        )
    ),
}
for name, m in FILES.items():
    m.save(os.path.join(out, f"{name}.keras"))

cases = []


def run(name, listeners, epochs, validate, runs=1):
    m = keras.models.load_model(os.path.join(out, f"{name}.keras"))
    history = []
    for _ in range(runs):
        h = m.fit(x, y, batch_size=5, epochs=epochs, shuffle=False, verbose=0, validation_data=(vx, vy) if validate else None, callbacks=listeners())
        history.append({k: [repr(float(v)) for v in vs] for k, vs in h.history.items()})
    return m, history


def case(name, listed, epochs, validate=True, runs=1):
    """`listed` names classes and arguments; paths begin with DIR."""
    with tempfile.TemporaryDirectory() as d:

        def listeners():
            put = lambda v: v.replace("DIR", d) if isinstance(v, str) else v
            return [getattr(C, c)(**{k: put(v) for k, v in a.items()}) for c, a in listed]

        m, history = run(name, listeners, epochs, validate, runs)
        files = sorted(os.path.relpath(os.path.join(b, f), d) for b, _, fs in os.walk(d) for f in fs)
        texts = {f: open(os.path.join(d, f), newline="").read() for f in files if f.endswith(".csv")}
    weights = [float(v) if np.isfinite(v) else None for w in m.get_weights() for v in np.ravel(w)]
    cases.append(
        {"model": name, "callbacks": listed, "epochs": epochs, "validate": validate, "runs": runs, "history": history, "files": files, "texts": texts, "weights": weights}
    )


case("plain", [["EarlyStopping", {"patience": 2, "restore_best_weights": True}]], 12)
case("plain", [["EarlyStopping", {"patience": 1, "min_delta": 0.2, "monitor": "loss"}]], 12)
case("plain", [["EarlyStopping", {"patience": 2, "baseline": 0.01, "monitor": "val_mae", "restore_best_weights": True}]], 12)
case("plain", [["EarlyStopping", {"patience": 0, "start_from_epoch": 4, "monitor": "val_mae", "restore_best_weights": True}]], 12)
case("plain", [["EarlyStopping", {"patience": 1, "mode": "max", "monitor": "loss", "restore_best_weights": True}]], 12)
case("plain", [["EarlyStopping", {"patience": 3, "monitor": "nothing", "mode": "min"}]], 4)
case("plain", [["ReduceLROnPlateau", {"monitor": "val_loss", "factor": 0.5, "patience": 1, "cooldown": 2, "min_lr": 0.004}]], 14)
case("plain", [["ReduceLROnPlateau", {"monitor": "loss", "factor": 0.3, "patience": 2, "min_delta": 0.3}]], 10, False)
case("plain", [["ModelCheckpoint", {"filepath": "DIR/m-{epoch:02d}-{val_loss:.2f}.keras", "save_best_only": True}]], 6)
case("plain", [["ModelCheckpoint", {"filepath": "DIR/m-{epoch:03d}-{mae:.3f}.keras", "monitor": "mae", "mode": "max", "save_best_only": True, "initial_value_threshold": 0.9}]], 6)
case("plain", [["ModelCheckpoint", {"filepath": "DIR/b-{epoch}-{batch:02d}.weights.h5", "save_weights_only": True, "save_freq": 4}]], 5)
case("plain", [["ModelCheckpoint", {"filepath": "DIR/w.weights.h5", "save_weights_only": True, "save_best_only": True}]], 3)
case("plain", [["CSVLogger", {"filename": "DIR/log.csv", "separator": ";"}]], 3)
case("plain", [["CSVLogger", {"filename": "DIR/log.csv", "append": True}]], 2, False, 2)
case("plain", [["ReduceLROnPlateau", {"monitor": "loss", "patience": 1}], ["CSVLogger", {"filename": "DIR/log.csv"}]], 3)
case("fast", [["TerminateOnNaN", {}]], 5)
case("averaged", [["SwapEMAWeights", {"swap_on_epoch": True}]], 3)
case("averaged", [["SwapEMAWeights", {"swap_on_epoch": False}], ["EarlyStopping", {"monitor": "loss", "patience": 9}]], 3)
case("averaged", [], 3)
case("plain", [["BackupAndRestore", {"backup_dir": "DIR/backup", "delete_checkpoint": False}]], 2)
case("several", [["ReduceLROnPlateau", {"monitor": "loss", "factor": 0.3, "patience": 1, "min_delta": 0.3, "min_lr": 0.01}]], 8)
case("several", [["SwapEMAWeights", {"swap_on_epoch": True}]], 3)

hooks = []


class Told(C.Callback):
    def __getattribute__(self, name):
        if name.startswith("on_") and "predict" not in name and name not in ("on_batch_begin", "on_batch_end"):
            def hook(*args, **kwargs):
                n = next((a for a in args if isinstance(a, int)), None)
                logs = next((a for a in [*args, *kwargs.values()] if isinstance(a, dict)), {})
                hooks.append([name, n, sorted(logs)])
            return hook
        return super().__getattribute__(name)


run("plain", lambda: [Told()], 2, True)
halved = {n: run(n, lambda: [C.LearningRateScheduler(lambda epoch, rate: rate * 0.5 if epoch else rate)], 3, False)[1] for n in ("plain", "several")}

with open(os.path.join(out, "cases.json"), "w", encoding="utf-8") as f:
    lists = {"x": x, "y": y, "vx": vx, "vy": vy}
    json.dump({**{k: v.astype("float64").tolist() for k, v in lists.items()}, "cases": cases, "hooks": hooks, "halved": halved}, f, indent=None)
