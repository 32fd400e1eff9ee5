"""The Keras side of the exchange test.   exchange.py make DIR | check DIR | built DIR

built: opens what was built in cornu (NAME_built.keras), compares its prediction for NAME_x.npy with NAME_built.npy.
make: builds and saves models with data; NAME_two.npy is what Keras predicts after two epochs.
check: opens what cornu saved after one epoch (NAME_cornu.keras), compares its prediction, trains one epoch more, compares with NAME_two.npy.
"""
import os, sys
os.environ["KERAS_BACKEND"] = "jax"
import numpy as np, keras
from keras import layers as L

def models():
    i = keras.Input((20, 1)); x = L.LSTM(4)(L.LSTM(5, return_sequences=True)(i))
    yield "two_lstm", keras.Model(i, L.Dense(1, activation="sigmoid")(x)), "binary_crossentropy", "rmsprop", (20, 1), (1,)
    i = keras.Input((6, 3)); x = L.Bidirectional(L.GRU(3, return_sequences=True))(L.Masking()(i))
    x = L.LayerNormalization()(x); yield "masked", keras.Model(i, L.TimeDistributed(L.Dense(2))(x)), "mse", "adam", (6, 3), (6, 2)
    i = keras.Input((8, 2)); x = L.Conv1D(4, 3, padding="causal", activation="relu")(i); x = L.BatchNormalization()(x); x = L.GlobalAveragePooling1D()(x)
    yield "conv", keras.Model(i, L.Dense(2)(x)), "mse", keras.optimizers.SGD(0.05, momentum=0.9), (8, 2), (2,)

def fit(m, d, name, epochs):
    x, y = np.load(f"{d}/{name}_x.npy"), np.load(f"{d}/{name}_y.npy")
    m.fit(x, y, batch_size=5, epochs=epochs, shuffle=False, verbose=0)

def make(d):
    keras.utils.set_random_seed(11); r = np.random.default_rng(2)
    for name, m, loss, optimizer, x_shape, y_shape in models():
        m.compile(optimizer, loss); m.save(f"{d}/{name}.keras")
        x = r.standard_normal((15, *x_shape)).astype("float32")
        if name == "masked": x[3, 4:] = 0; x[7, :2] = 0
        np.save(f"{d}/{name}_x.npy", x); np.save(f"{d}/{name}_y.npy", r.random((15, *y_shape)).astype("float32"))
        np.save(f"{d}/{name}_p.npy", m.predict(x, verbose=0))
        fit(m, d, name, 2); np.save(f"{d}/{name}_two.npy", m.predict(x, verbose=0))
        print(name)

def check(d):
    for name, *_ in models():
        m = keras.models.load_model(f"{d}/{name}_cornu.keras"); x = np.load(f"{d}/{name}_x.npy")
        off = np.abs(m.predict(x, verbose=0) - np.load(f"{d}/{name}_cornu.npy")).max()
        assert off <= 1e-6, f"{name}: Keras predicts otherwise from cornu's file: {off}"
        fit(m, d, name, 1)
        off = np.abs(m.predict(x, verbose=0) - np.load(f"{d}/{name}_two.npy")).max()
        assert off <= 2e-5, f"{name}: an epoch by cornu and one by Keras are not two by Keras: {off}"
        print(name, "agrees")

def built(d):
    names = [f[: -len("_built.keras")] for f in sorted(os.listdir(d)) if f.endswith("_built.keras")]
    assert names, "there is nothing built in cornu"
    for name in names:
        m = keras.models.load_model(f"{d}/{name}_built.keras")
        # A mean over no timestep at all is no number, in both.
        theirs, ours = m.predict(np.load(f"{d}/{name}_x.npy"), verbose=0), np.load(f"{d}/{name}_built.npy")
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=2e-6, err_msg=f"{name}: Keras predicts otherwise from what was built in cornu")

{"make": make, "check": check, "built": built}[sys.argv[1]](sys.argv[2])
