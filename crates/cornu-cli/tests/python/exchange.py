"""The Keras side of the exchange test.   exchange.py make DIR | check DIR | built DIR | events DIR | custom DIR

built: opens what was built in cornu (NAME_built.keras), compares its prediction for NAME_x.npy with NAME_built.npy.
events: reads the event files under logs by the records' own description, checksums included, and compares them with history.json and the weights.
custom: opens what cornu saved of authors' classes (NAME_cornu.keras) with the classes registered, and compares its prediction.
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

def custom(d):
    import json
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../cornu/tests/python"))
    import custom_classes
    opened = 0
    for name, (n_in, n_out) in json.load(open(f"{d}/models.json")).items():
        causal = {"TransformerBlock": custom_classes.CausalTransformerBlock}
        objects = causal if "gpt" in name else {}
        x = [np.load(f"{d}/{name}.x{i}.npy") for i in range(n_in)]
        def worst(path):
            with keras.saving.custom_object_scope(objects): m = keras.models.load_model(path)
            y = m.predict(x if n_in > 1 else x[0], verbose=0); y = y if isinstance(y, list) else [y]
            return max(np.abs(y[i] - np.load(f"{d}/{name}.y{i}.npy")).max() for i in range(n_out))
        # Some authors' classes cannot be opened again by their own code, or lose their weights.
        try: own = worst(f"{d}/{name}.keras")
        except (TypeError, ValueError): own = np.inf
        if own > 1e-5: print(name, "is not opened by Keras itself"); continue
        assert worst(f"{d}/{name}_cornu.keras") <= 1e-5, name
        opened += 1
    assert opened >= 5, opened

def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8): crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF

def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF

def fields(data):
    """The fields of a message in protocol buffers: number to values, in order."""
    found, at = {}, 0
    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]; at += 1
            value |= (byte & 127) << shift; shift += 7
            if byte < 128: return value
    while at < len(data):
        key = varint(); kind = key & 7
        if kind == 0: value = varint()
        else:
            n = {1: 8, 2: None, 5: 4}[kind]; n = varint() if n is None else n
            value = data[at : at + n]; at += n
        found.setdefault(key >> 3, []).append(value)
    assert at == len(data)
    return found

def records(path):
    data, at = open(path, "rb").read(), 0
    while at < len(data):
        length = data[at : at + 8]; n = int.from_bytes(length, "little")
        assert int.from_bytes(data[at + 8 : at + 12], "little") == masked(length), path
        body = data[at + 12 : at + 12 + n]; assert len(body) == n, path
        assert int.from_bytes(data[at + 12 + n : at + 16 + n], "little") == masked(body), path
        yield fields(body); at += 16 + n

def tensor(proto):
    f = fields(proto); kind = f[1][0]
    dims = [fields(d)[1][0] for d in fields(f[2][0]).get(2, [])]
    if kind == 7: return f[8][0].decode()
    return np.frombuffer(f[4][0], {1: "<f4", 2: "<f8"}[kind]).reshape(dims)

def summaries(folder):
    (name,) = os.listdir(folder); assert name.startswith("events.out.tfevents."), name
    first, *rest = records(os.path.join(folder, name))
    assert first[3] == [b"brain.Event:2"] and len(first[1][0]) == 8
    found = {}
    for event in rest:
        (value,) = fields(event[5][0])[1]; value = fields(value)
        plugin = fields(fields(value[9][0])[1][0])[1][0].decode()
        found.setdefault((plugin, value[1][0].decode()), []).append((event.get(2, [0])[0], tensor(value[8][0])))
    return found

def events(d):
    import json
    history = json.load(open(f"{d}/history.json"))
    train, validation = summaries(f"{d}/logs/train"), summaries(f"{d}/logs/validation")
    def scalars(found, tag): return [step for step, _ in found["scalars", tag]], [float(v) for _, v in found["scalars", tag]]
    epochs = list(range(len(history["loss"])))
    for key, values in history.items():
        found, tag = (validation, f"epoch_{key[4:]}") if key.startswith("val_") else (train, f"epoch_{key}")
        steps, got = scalars(found, tag); assert steps == epochs, (tag, steps)
        np.testing.assert_allclose(got, values, rtol=1e-6, err_msg=tag)
    assert scalars(train, "epoch_learning_rate")[0] == epochs
    steps, got = scalars(validation, "evaluation_loss_vs_iterations")
    assert steps == [3 * (e + 1) for e in epochs], steps
    np.testing.assert_allclose(got, history["val_loss"], rtol=1e-6)
    assert scalars(train, "batch_loss")[0] == [1, 2, 3, 4, 5, 6]
    (config,) = train["graph_keras_model", "keras"]
    m = keras.models.model_from_json(config[1]); assert m.count_params() == 6
    # Three numbers a bucket: both edges and how many lie between.
    kernel = np.load(f"{d}/kernel.npy"); step, buckets = train["histograms", "dense/kernel/histogram"][-1]
    assert step == epochs[-1] and buckets.shape == (30, 3) and buckets[:, 2].sum() == kernel.size
    np.testing.assert_allclose([buckets[0, 0], buckets[-1, 1]], [kernel.min(), kernel.max()], rtol=1e-6)
    np.testing.assert_array_equal(buckets[:, 2], np.histogram(kernel, 30)[0])

{"make": make, "events": events, "check": check, "built": built, "custom": custom}[sys.argv[1]](sys.argv[2])
