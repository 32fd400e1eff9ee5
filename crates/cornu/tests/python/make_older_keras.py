"""Files as older versions of Keras wrote them, with what they predict, for the test `older_keras`.

    python make_older_keras.py ../fixtures/older_keras.zip        (tensorflow-cpu 2.15, keras 2.15, h5py)

tf.keras 2.15 makes the models and their predictions. Files of Keras 1 and 2.2 are edited from those with h5py: the settings and the arrays
are put into the form that those versions wrote, so what they predict is what the model predicted before. In the archive: NAME/model.h5 or
model.keras, x0.npy …, y0.npy …; for the files in `trained/` also t.npy, the targets, and after0.npy …, predictions after another epoch.
"""
import io, json, os, shutil, sys, tempfile, zipfile
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"; os.environ["CUDA_VISIBLE_DEVICES"] = ""
import h5py, numpy as np, tensorflow as tf
k, L = tf.keras, tf.keras.layers
import keras
assert keras.__version__.startswith("2.15"), keras.__version__
target = os.path.abspath(sys.argv[1]); work = tempfile.mkdtemp(); os.chdir(work)
r = np.random.default_rng(7)
f = lambda *s: r.standard_normal(s).astype("float32")


def shake(m):
    m.set_weights([w + 0.3 * f(*w.shape) if w.dtype.kind == "f" and "moving" not in v.name else w for w, v in zip(m.get_weights(), m.weights)])


def keep(name, m, xs, ending="h5", shaken=True):
    """Saves a model with inputs and predictions; returns the path of its file."""
    if shaken: shake(m)
    os.makedirs(name, exist_ok=True)
    y = m.predict(xs if len(xs) > 1 else xs[0], verbose=0)
    for i, x in enumerate(xs): np.save(f"{name}/x{i}.npy", x)
    for i, v in enumerate(y if isinstance(y, list) else [y]): np.save(f"{name}/y{i}.npy", v)
    path = f"{name}/model.{ending}"
    m.save(path)
    return path


def text(v): return v.decode() if isinstance(v, bytes) else v
def layers_of(c):
    """All layers of a config, the inner ones too."""
    inner = c["config"]
    for l in (inner if isinstance(inner, list) else inner.get("layers", [])): yield l; yield from layers_of(l)
    if isinstance(inner, dict):
        for key in ("layer", "forward_layer", "backward_layer", "cell"):
            if isinstance(inner.get(key), dict): yield inner[key]; yield from layers_of(inner[key])


def edit(path, version="2.2.4", backend="tensorflow", config=None):
    """Writes another version, backend and config into a file."""
    with h5py.File(path, "r+") as h:
        c = json.loads(text(h.attrs["model_config"]))
        if config: config(c)
        h.attrs["model_config"] = json.dumps(c)
        for g in (h, h["model_weights"]):
            g.attrs["backend"] = backend
            if version: g.attrs["keras_version"] = version
            elif "keras_version" in g.attrs: del g.attrs["keras_version"]


def arrays(path, layer, new):
    """Replaces the arrays of a layer: new(arrays) gives pairs of a name and an array."""
    with h5py.File(path, "r+") as h:
        g = h["model_weights"][layer]
        old = [g[n][()] for n in g.attrs["weight_names"]]
        pairs = new(old)
        for key in list(g.keys()): del g[key]
        for n, a in pairs: g[n] = a
        g.attrs["weight_names"] = [n.encode() for n, _ in pairs]


# Keras 2: hard_sigmoid, with weights of its own everywhere it may stand, and without.
i = L.Input((7, 3)); x = L.Bidirectional(L.LSTM(3, recurrent_activation="hard_sigmoid", return_sequences=True))(i)
x = L.Conv1D(4, 2, activation="hard_sigmoid")(x); x = L.TimeDistributed(L.Dense(4, activation="hard_sigmoid"))(x)
a = L.GRU(3, recurrent_activation="hard_sigmoid", reset_after=True)(x); b = L.GRU(3, recurrent_activation="hard_sigmoid", activation="hard_sigmoid", reset_after=False)(x)
c = L.SimpleRNN(3, activation="hard_sigmoid")(x); d = L.RNN(L.LSTMCell(2, recurrent_activation="hard_sigmoid"))(x); e = L.GlobalMaxPooling1D()(L.SeparableConv1D(3, 2, activation="hard_sigmoid")(x))
hard = k.Model(i, L.Dense(2, activation="hard_sigmoid")(L.Concatenate()([a, b, c, d, e])))
keep("hard_sigmoid", hard, [4 * f(5, 7, 3)]); keep("hard_sigmoid_keras", hard, [4 * f(5, 7, 3)], "keras", False)
i = L.Input((3,)); x = L.Activation("hard_sigmoid")(L.Dense(4)(i)); x = L.Dense(3)(x)
keep("hard_sigmoid_activation", k.Model(i, L.Activation("hard_sigmoid")(x)), [3 * f(6, 3)])
keep("hard_sigmoid_state", k.Sequential([L.Input((5, 2)), L.LSTM(3, activation="hard_sigmoid")]), [3 * f(4, 5, 2)])

# Keras up to 2.1: no reset_after.
p = keep("gru_without_reset_after", k.Sequential([L.Input((5, 2)), L.GRU(3, reset_after=False, recurrent_activation="hard_sigmoid"), L.Dense(1)]), [f(4, 5, 2)])
edit(p, "2.1.6", config=lambda c: [l["config"].pop("reset_after") for l in layers_of(c) if l["class_name"] == "GRU"])


# Layers of NVIDIA's library: kernels turned, two biases.
def to_cudnn(arrays, n):
    kernel, recurrent, bias = arrays
    # The inverse of `kernel.T.reshape(kernel.shape, order="F")`, gate by gate.
    back = lambda g: np.reshape(g, g.shape[::-1], order="F").T
    kernel = np.hstack([back(g) for g in np.hsplit(kernel, n)])
    recurrent = np.hstack([g.T for g in np.hsplit(recurrent, n)])
    if n == 4: half = f(*bias.shape); bias = np.concatenate([half, bias - half])
    return kernel, recurrent, bias.reshape(-1)


CUDNN = ("units", "kernel_initializer", "recurrent_initializer", "bias_initializer", "name", "trainable", "dtype", "batch_input_shape", "return_sequences", "return_state", "go_backwards", "stateful")
def cudnn_config(c):
    for l in layers_of(c):
        if l["class_name"] in ("LSTM", "GRU"):
            l["class_name"] = "CuDNN" + l["class_name"]
            l["config"] = {key: v for key, v in l["config"].items() if key in CUDNN}


def cudnn(name, model, x, layer, n):
    path = keep(name, model, [x])
    def new(old):
        out = []
        for j in range(0, len(old), 3):
            out += [(f"{layer}_{j}/{w}:0", a) for w, a in zip(("kernel", "recurrent_kernel", "bias"), to_cudnn(old[j:j + 3], n))]
        return out
    arrays(path, layer, new); edit(path, config=cudnn_config)


S = lambda *ls: k.Sequential(list(ls))
cudnn("cudnn_lstm", S(L.Input((6, 3)), L.LSTM(4, name="rnn"), L.Dense(2)), f(5, 6, 3), "rnn", 4)
cudnn("cudnn_gru", S(L.Input((6, 3)), L.GRU(4, name="rnn"), L.Dense(2)), f(5, 6, 3), "rnn", 3)
cudnn("cudnn_bidirectional", S(L.Input((6, 3)), L.Bidirectional(L.LSTM(4), name="both"), L.Dense(2)), f(5, 6, 3), "both", 4)
cudnn("cudnn_time_distributed", S(L.Input((2, 6, 3)), L.TimeDistributed(L.GRU(4), name="each"), L.Flatten()), f(5, 2, 6, 3), "each", 3)
inner = k.Sequential([L.Input((6, 3)), L.LSTM(4), L.Dense(2)], name="inner")
i = L.Input((6, 3)); p = keep("cudnn_nested", k.Model(i, L.Add()([inner(i), L.Dense(2)(L.Flatten()(i))])), [f(5, 6, 3)])
arrays(p, "inner", lambda old: [(f"a{j}:0", a) for j, a in enumerate(list(to_cudnn(old[:3], 4)) + old[3:])]); edit(p, config=cudnn_config)

# Theano mirrored the kernels of its convolutions.
p = keep("theano", S(L.Input((9, 3)), L.Conv1D(4, 3, name="c1"), L.Conv1D(2, 2, name="c2"), L.Flatten(), L.Dense(2)), [f(4, 9, 3)])
for c in ("c1", "c2"): arrays(p, c, lambda old: [("kernel:0", old[0][::-1]), ("bias:0", old[1])])
edit(p, "2.0.8", "theano")

# Merged masks: true where all are. An Embedding's mask with values that have none, and two masks.
i, j = L.Input((5,)), L.Input((5, 3)); e = L.Embedding(9, 3, mask_zero=True)(i); g = L.Masking()(j)
outs = [L.LSTM(2)(m([e, j])) for m in (L.Add(), L.Concatenate(), L.Multiply())] + [L.LSTM(2)(m([e, g])) for m in (L.Add(), L.Concatenate(), L.Maximum(), L.Average())]
ids, seq = r.integers(1, 9, (4, 5)), f(4, 5, 3); ids[1, 3:] = 0; ids[2, 1:] = 0; seq[0, 4:] = 0; seq[2, 2:] = 0
keep("merged_masks", k.Model([i, j], L.Concatenate()(outs)), [ids, seq])
e = L.Embedding(9, 3, mask_zero=True)(i); h = L.LSTM(3, return_sequences=True)(e); keep("one_mask", k.Model(i, L.LSTM(2)(L.Add()([e, h]))), [ids])

# Initial states in one list with the input; attention that looks back.
i, h0, c0 = L.Input((5, 2)), L.Input((3,)), L.Input((3,)); y, h, c = L.LSTM(3, return_state=True, name="rnn", recurrent_activation="hard_sigmoid")(i, initial_state=[h0, c0])
def listed(c):
    for l in layers_of(c):
        if l["name"] == "rnn": l["inbound_nodes"] = [[[t[0], 0, 0, {}] for t in ([i.node.layer.name], [h0.node.layer.name], [c0.node.layer.name])]]
p = keep("initial_state", k.Model([i, h0, c0], [y, h, c]), [f(4, 5, 2), f(4, 3), f(4, 3)]); edit(p, config=listed)
i = L.Input((5, 3)); p = keep("causal_attention", k.Model(i, L.Attention(name="look")([i, i], use_causal_mask=True)), [f(4, 5, 3)])
def causal(c):
    for l in layers_of(c):
        if l["name"] == "look":
            l["config"]["causal"] = True
            for node in l["inbound_nodes"]: [t.__setitem__(3, {}) for t in node]
edit(p, "2.9.0", config=causal)

# Names of settings, lists of one axis, types of ids.
i = L.Input((6,)); x = L.Embedding(9, 4)(i); x = L.BatchNormalization()(x); x = L.LeakyReLU(alpha=0.15)(x); x = L.Conv1D(3, 2)(x); x = L.ThresholdedReLU(theta=0.4)(x); x = L.LayerNormalization()(x)
def words(c):
    for l in layers_of(c):
        if l["class_name"] == "Embedding": l["config"]["dtype"] = "int32"
        if l["class_name"] == "LeakyReLU": l["config"]["alpha"] = {"type": "ndarray", "value": l["config"]["alpha"]}
p = keep("words_of_settings", k.Model(i, L.Flatten()(x)), [r.integers(0, 9, (4, 6))]); edit(p, config=words)

# HDF5 under a name in .keras, a zip archive under .h5, a data set of the author's.
p = keep("hdf5_in_keras", S(L.Input((3,)), L.Dense(2)), [f(4, 3)]); shutil.move(p, "hdf5_in_keras/model.keras")
p = keep("keras_in_h5", S(L.Input((3,)), L.Dense(2)), [f(4, 3)], "keras"); shutil.move(p, "keras_in_h5/model.h5")
p = keep("foreign_data_set", S(L.Input((3,)), L.Dense(2)), [f(4, 3)])
with h5py.File(p, "r+") as h: h.create_dataset("labels", data=["run", "walk"], dtype=h5py.string_dtype())


# Keras 1.
def gates(old, names):
    kernel, recurrent, bias = old
    n = len(names); parts = [np.split(w, n, axis=-1) for w in (kernel, recurrent, bias)]
    order = [0, 2, 1, 3] if n == 4 else [0, 1, 2]  # i c f o
    return [(f"{w}_{names[o]}:0", parts[j][o]) for o in order for j, w in enumerate("WUb")]


def keras_1(path, layers, version="1.2.2", model=None):
    """Layers: name -> (class, settings, new arrays or None)."""
    def config(c):
        for l in layers_of(c):
            name = l["config"].get("name") if isinstance(l["config"], dict) else None
            if name in layers:
                cls, settings, _ = layers[name]
                shape = l["config"].get("batch_input_shape")
                l["class_name"], l["config"] = cls, {"name": name, "trainable": True, **({"batch_input_shape": shape} if shape else {}), **settings}
        if c["class_name"] == "Sequential":
            all_layers = c["config"]["layers"]
            if all_layers[0]["class_name"] == "InputLayer":
                first = all_layers.pop(0)
                all_layers[0]["config"]["batch_input_shape"] = first["config"]["batch_input_shape"]
            c["config"] = all_layers
        if model: model(c)
    for name, (_, _, new) in layers.items():
        if new: arrays(path, name, new)
    edit(path, version, config=config)
    with h5py.File(path, "r+") as h:
        for a in ("backend", "keras_version"): h["model_weights"].attrs.pop(a, None)
        h.attrs.pop("backend", None)
        if version is None: h.attrs.pop("keras_version", None)


RNN = lambda units, act="tanh", **more: {"output_dim": units, "init": "glorot_uniform", "inner_init": "orthogonal", "activation": act, "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.01}, "U_regularizer": None, "b_regularizer": None, "dropout_W": 0.0, "dropout_U": 0.0, "return_sequences": False, "go_backwards": False, "stateful": False, "unroll": False, "consume_less": "cpu", "input_dim": None, "input_length": None, **more}
GATED = {"inner_activation": "hard_sigmoid"}; LSTM1 = {**GATED, "forget_bias_init": "one"}
DENSE = lambda n, act="linear": {"output_dim": n, "init": "uniform", "activation": act, "W_regularizer": None, "b_regularizer": None, "activity_regularizer": None, "W_constraint": {"name": "MaxNorm", "m": 2, "axis": 0}, "b_constraint": None, "bias": True, "input_dim": None}
lstm_arrays, gru_arrays = (lambda old: gates(old, ["i", "f", "c", "o"])), (lambda old: gates(old, ["z", "r", "h"]))
p = keep("keras1_lstm", S(L.Input((6, 3)), L.LSTM(4, recurrent_activation="hard_sigmoid", return_sequences=True, name="a"), L.GRU(3, recurrent_activation="hard_sigmoid", reset_after=False, return_sequences=True, name="b"), L.Dropout(0.5, name="d"), L.SimpleRNN(3, name="c"), L.Dense(2, activation="softmax", name="e")), [f(4, 6, 3)])
keras_1(p, {"a": ("LSTM", RNN(4, return_sequences=True, **LSTM1), lstm_arrays), "b": ("GRU", RNN(3, return_sequences=True, **GATED), gru_arrays), "d": ("Dropout", {"p": 0.5}, None), "c": ("SimpleRNN", RNN(3), None), "e": ("Dense", DENSE(2, "softmax"), None)})
conv = {"nb_filter": 4, "filter_length": 3, "init": "glorot_uniform", "activation": "relu", "border_mode": "same", "subsample_length": 1, "W_regularizer": None, "b_regularizer": None, "activity_regularizer": None, "W_constraint": None, "b_constraint": None, "bias": True, "input_dim": None, "input_length": None}
embedding = {"input_dim": 9, "output_dim": 4, "init": "uniform", "input_length": 8, "mask_zero": False, "activity_regularizer": None, "W_regularizer": None, "W_constraint": None, "dropout": 0.0}
def keras1_conv(name, shape, version):
    p = keep(name, S(L.Input((8,)), L.Embedding(9, 4, name="a"), L.Conv1D(4, 3, padding="same", activation="relu", name="b"), L.MaxPooling1D(2, name="c"), L.BatchNormalization(name="n"), L.Flatten(name="d"), L.Dense(2, name="e")), [r.integers(0, 9, (4, 8))])
    keras_1(p, {"a": ("Embedding", embedding, None), "b": ("Convolution1D", conv, lambda old: [("b_W:0", shape(old[0])), ("b_b:0", old[1])]), "c": ("MaxPooling1D", {"stride": 2, "pool_length": 2, "border_mode": "valid"}, None), "n": ("BatchNormalization", {"epsilon": 0.001, "mode": 0, "axis": -1, "gamma_regularizer": None, "beta_regularizer": None, "momentum": 0.99}, None), "d": ("Flatten", {}, None), "e": ("Dense", DENSE(2), None)}, version)
keras1_conv("keras1_conv", lambda w: w[:, None], "1.2.2"); keras1_conv("keras1_1_conv", lambda w: w.transpose(2, 1, 0)[..., None], None)
wrapped = lambda cls, settings, layer: {"layer": {"class_name": cls, "config": {"name": layer, "trainable": True, **settings}}}
p = keep("keras1_wrappers", S(L.Input((6, 3)), L.Bidirectional(L.LSTM(4, recurrent_activation="hard_sigmoid", return_sequences=True), name="a"), L.TimeDistributed(L.Dense(3), name="b"), L.GlobalMaxPooling1D(name="c")), [f(4, 6, 3)])
keras_1(p, {"a": ("Bidirectional", {"merge_mode": "concat", **wrapped("LSTM", RNN(4, return_sequences=True, **LSTM1), "lstm_1")}, lambda old: gates(old[:3], ["i", "f", "c", "o"]) + [("b" + n, a) for n, a in gates(old[3:], ["i", "f", "c", "o"])]), "b": ("TimeDistributed", wrapped("Dense", DENSE(3), "dense_9"), None), "c": ("GlobalMaxPooling1D", {}, None)})
MERGE = lambda mode: {"mode": mode, "mode_type": "raw", "concat_axis": -1, "dot_axes": -1, "output_shape": None, "output_shape_type": "raw", "output_mask": None, "output_mask_type": "raw", "arguments": {}}
i, j = L.Input((3,), name="i"), L.Input((4,), name="j"); a, b = L.Dense(2, name="a")(i), L.Dense(2, name="b")(j)
p = keep("keras1_functional", k.Model([i, j], [L.Add(name="s")([a, b]), L.Concatenate(name="t")([a, b]), L.Maximum(name="u")([a, b])]), [f(4, 3), f(4, 4)])
def three(c):
    c["class_name"] = "Model"
    for l in c["config"]["layers"]: l["inbound_nodes"] = [[t[:3] for t in n] for n in l["inbound_nodes"]]
keras_1(p, {"a": ("Dense", DENSE(2), None), "b": ("Dense", DENSE(2), None), "s": ("Merge", MERGE("sum"), None), "t": ("Merge", MERGE("concat"), None), "u": ("Merge", MERGE("max"), None)}, model=three)
p = keep("keras1_merged_sequentials", k.Model([i, j], L.Dense(2, name="e")(L.Concatenate(name="t")([a, b]))), [f(4, 3), f(4, 4)])
def sequentials(c):
    dense = lambda name, n: {"class_name": "Sequential", "config": [{"class_name": "Dense", "config": {"name": name, "trainable": True, "batch_input_shape": [None, n], **DENSE(2)}}]}
    c["class_name"] = "Sequential"
    c["config"] = [{"class_name": "Merge", "config": {"name": "merge_1", **MERGE("concat"), "layers": [dense("a", 3), dense("b", 4)]}}, {"class_name": "Dense", "config": {"name": "e", "trainable": True, **DENSE(2)}}]
keras_1(p, {}, model=sequentials)

# Compiled models in the middle of their training.
O, G = k.optimizers, k.optimizers.legacy
x, t = f(8, 5, 3), f(8, 2)
def trained(name, optimizer, ending="h5", loss="mse", edited=None):
    m = S(L.Input((5, 3)), L.LSTM(4, recurrent_activation="hard_sigmoid"), L.Dense(2)); m.compile(optimizer, loss, metrics=["mae"]); shake(m)
    go = lambda: m.fit(x, t, batch_size=4, epochs=1, shuffle=False, verbose=0)
    go(); p = keep("trained/" + name, m, [x], ending, False); go()
    np.save(f"trained/{name}/t.npy", t); np.save(f"trained/{name}/after0.npy", m.predict(x, verbose=0))
    if edited: edited(p)


for name, o in {"adam": G.Adam(0.02), "adam_amsgrad": G.Adam(0.02, amsgrad=True), "sgd_momentum": G.SGD(0.05, momentum=0.9, decay=0.2), "adamax": G.Adamax(0.02), "adadelta": G.Adadelta(0.5)}.items(): trained("v2_" + name, o)
for name, o in {"adam": O.Adam(0.02), "sgd": O.SGD(0.05), "sgd_momentum": O.SGD(0.05, momentum=0.9, nesterov=True), "rmsprop": O.RMSprop(0.02, momentum=0.5, centered=True), "adagrad": O.Adagrad(0.1), "adamw": O.AdamW(0.02)}.items():
    trained("new_" + name, o); trained("keras_" + name, o.__class__.from_config(o.get_config()), "keras")


def numbered(p):
    """The optimizer of Keras 2.2: numbered variables, `lr`; a metric of the author's, a loss by its old name."""
    with h5py.File(p, "r+") as h:
        g = h["optimizer_weights"]; names = [text(n) for n in g.attrs["weight_names"]]; old = [g[n][()] for n in names]
        for key in list(g.keys()): del g[key]
        new = ["Adam/iterations:0"] + ["training/Adam/Variable" + (f"_{j}" if j else "") + ":0" for j in range(len(old) - 1)]
        n = (len(old) - 1) // 2; new += [f"training/Adam/Variable_{len(old) - 1 + j}:0" for j in range(n)]
        for name, a in zip(new, old + [np.zeros(1, "float32")] * n): g[name] = a
        g.attrs["weight_names"] = [n.encode() for n in new]
        c = json.loads(text(h.attrs["training_config"]))
        c["optimizer_config"] = {"class_name": "Adam", "config": {"lr": 0.02, "beta_1": 0.9, "beta_2": 0.999, "decay": 0.0, "epsilon": 1e-7, "amsgrad": False}}
        c["loss"], c["metrics"], c["sample_weight_mode"] = "mean_squared_error", ["mae", "my_own_metric"], None
        h.attrs["training_config"] = json.dumps(c)
    edit(p)
trained("keras_2_2_adam", G.Adam(0.02), edited=numbered)

with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as z:
    for folder, _, files in sorted(os.walk(".")):
        for name in sorted(files):
            path = os.path.join(folder, name); z.writestr(zipfile.ZipInfo(os.path.relpath(path, "."), (1980, 1, 1, 0, 0, 0)), open(path, "rb").read(), zipfile.ZIP_DEFLATED)
print(os.path.getsize(target), "bytes")
