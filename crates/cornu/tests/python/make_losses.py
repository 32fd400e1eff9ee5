"""Writes ../fixtures/losses.json: losses, metrics and compiled models of small literals, as real Keras 3.15.1 on JAX computes them.

KERAS_BACKEND=jax python make_losses.py
"""

import functools
import json
import os
import pathlib
import re

os.environ["KERAS_BACKEND"] = "jax"
import jax
import keras
import numpy as np
from keras.src import backend

rng = np.random.RandomState(7)


def floats(*shape, low=-1.5, high=1.5):
    return np.round(rng.uniform(low, high, shape), 3).astype("float32")


def probabilities(*shape):
    p = rng.uniform(0.05, 1.0, shape)
    return np.round(p / p.sum(-1, keepdims=True), 3).astype("float32")


def ids(n, *shape):
    return rng.randint(0, n, shape).astype("int32")


def one_hot(n, *shape):
    return np.eye(n, dtype="float32")[ids(n, *shape)]


def mask(*shape):
    m = rng.uniform(size=shape) > 0.35
    m.reshape(-1)[0] = True
    return m


ARRAYS = []


def array(a):
    """The number of an array among those that the cases share."""
    if a is None:
        return None
    a = np.asarray(a)
    short = lambda v: int(v) if v == int(v) else float(f"{v:.7g}")
    a = {"dtype": str(a.dtype), "dims": list(a.shape), "data": [short(v) for v in a.astype("float64").reshape(-1)]}
    if a not in ARRAYS:
        ARRAYS.append(a)
    return ARRAYS.index(a)


@functools.cache
def weights(*shape):
    return floats(*shape, low=0, high=2)


@functools.cache
def some_mask(*shape):
    return mask(*shape)


@functools.cache
def data(kind, k=0):
    return KINDS[kind]()


def number(v):
    v = np.asarray(v, "float64")
    clean = lambda x: None if not np.isfinite(x) else float(f"{x:.8g}")
    return clean(v) if v.ndim == 0 else [clean(x) for x in v.reshape(-1)]


# What a loss or metric is asked on: targets and predictions by kind.
def pointwise(shape, low=-1.5):
    return floats(*shape, low=low), floats(*shape)


KINDS = {
    "real": lambda: [pointwise((4, 3)), pointwise((3, 4, 2)), (floats(4), floats(4, 1)), (floats(3, 4, 1), floats(3, 4, 1))],
    "binary": lambda: [
        (ids(2, 4, 1).astype("float32"), floats(4, 1, low=0.02, high=0.98)),
        (ids(2, 5), floats(5, 1, low=0.02, high=0.98)),
        (ids(2, 3, 4, 2).astype("float32"), floats(3, 4, 2, low=-0.1, high=1.1)),
    ],
    "logits": lambda: [(ids(2, 4, 3).astype("float32"), floats(4, 3, low=-4, high=4)), (one_hot(3, 4), floats(4, 3, low=-4, high=4))],
    "distribution": lambda: [(probabilities(4, 3), probabilities(4, 3)), (probabilities(3, 4, 3), probabilities(3, 4, 3))],
    "one_hot": lambda: [(one_hot(3, 4), probabilities(4, 3)), (one_hot(3, 3, 4), floats(3, 4, 3, low=0, high=1))],
    "sparse": lambda: [(ids(3, 4), probabilities(4, 3)), (ids(3, 4, 1), probabilities(4, 3)), (ids(3, 3, 4), probabilities(3, 4, 3)), (ids(3, 3, 4, 1), probabilities(3, 4, 3))],
    "sparse_logits": lambda: [(ids(3, 4), floats(4, 3, low=-3, high=3)), (ids(3, 3, 4), floats(3, 4, 3, low=-3, high=3))],
    "signs": lambda: [
        (np.sign(floats(4, 3)).astype("float32"), floats(4, 3)),
        (ids(2, 4, 3).astype("float32"), floats(4, 3)),
        (ids(2, 3, 4, 2), floats(3, 4, 2)),
    ],
    "ctc": lambda: [
        (np.array([[1, 2, 2], [3, 1, 0]], "int32"), floats(2, 6, 4, low=-2, high=2)),
        (np.array([[1], [2]], "int32"), floats(2, 3, 3, low=-2, high=2)),
        (np.array([[1, 1, 1, 2], [2, 3, 0, 0], [0, 0, 0, 0]], "int32"), floats(3, 8, 5, low=-2, high=2)),
    ],
    "embeddings": lambda: [(np.array([0, 1, 0, 2, 1], "int32"), np.asarray(keras.utils.normalize(floats(5, 3))).astype("float32"))],
}

LOSSES = [
    ("MeanSquaredError", "real", [{}]),
    ("MeanAbsoluteError", "real", [{}]),
    ("MeanAbsolutePercentageError", "real", [{}]),
    ("MeanSquaredLogarithmicError", "real", [{}]),
    ("Huber", "real", [{}, {"delta": 0.4}]),
    ("LogCosh", "real", [{}]),
    ("CosineSimilarity", "real", [{}, {"axis": 1}]),
    ("BinaryCrossentropy", "binary", [{}, {"label_smoothing": 0.2}]),
    ("BinaryCrossentropy", "logits", [{"from_logits": True}, {"from_logits": True, "label_smoothing": 0.1, "axis": 1}]),
    ("BinaryFocalCrossentropy", "binary", [{}, {"gamma": 1.5, "apply_class_balancing": True, "alpha": 0.3}]),
    ("BinaryFocalCrossentropy", "logits", [{"from_logits": True, "label_smoothing": 0.1}]),
    ("CategoricalCrossentropy", "one_hot", [{}, {"label_smoothing": 0.2}]),
    ("CategoricalCrossentropy", "logits", [{"from_logits": True, "label_smoothing": 0.1}]),
    ("CategoricalFocalCrossentropy", "one_hot", [{}, {"alpha": 0.6, "gamma": 1.0}]),
    ("CategoricalFocalCrossentropy", "logits", [{"from_logits": True, "label_smoothing": 0.1}]),
    ("CategoricalGeneralizedCrossEntropy", "sparse_ids", [{}, {"q": 0.7}]),
    ("SparseCategoricalCrossentropy", "sparse", [{}, {"ignore_class": 1}]),
    ("SparseCategoricalCrossentropy", "sparse_logits", [{"from_logits": True}, {"from_logits": True, "ignore_class": 0}]),
    ("KLDivergence", "distribution", [{}]),
    ("Poisson", "positive", [{}]),
    ("Hinge", "signs", [{}]),
    ("SquaredHinge", "signs", [{}]),
    ("CategoricalHinge", "one_hot", [{}]),
    ("Dice", "one_hot", [{}, {"axis": [1]}]),
    ("Tversky", "one_hot", [{}, {"alpha": 0.3, "beta": 0.8, "axis": -1}]),
    ("Circle", "embeddings", [{"gamma": 8.0}, {"gamma": 4.0, "margin": 0.3, "remove_diagonal": False}]),
    ("CTC", "ctc", [{}]),
]
KINDS["sparse_ids"] = lambda: [(ids(3, 4), probabilities(4, 3)), (ids(3, 3, 4), probabilities(3, 4, 3))]
KINDS["positive"] = lambda: [(floats(4, 3, low=0, high=3), floats(4, 3, low=0.1, high=3)), (floats(3, 4, 2, low=0, high=3), floats(3, 4, 2, low=0.1, high=3))]


def masked_array(a, m):
    """A prediction that carries a mask."""
    a = jax.numpy.array(a)
    if m is not None:
        backend.set_keras_mask(a, jax.numpy.asarray(m))
    return a


def loss_cases():
    for name, kind, configs in LOSSES:
        for j, config in enumerate(configs):
            for y_true, y_pred in data(kind):
                n, rank = y_pred.shape[0], y_pred.ndim
                loss = getattr(keras.losses, name)(reduction=None, **config)
                values = np.asarray(loss(y_true, y_pred))
                options = [(None, None, "sum_over_batch_size"), (None, None, "sum")]
                if values.ndim == 1:
                    options += [(None, weights(n), "sum_over_batch_size"), (None, weights(n, 1), "mean_with_sample_weight")]
                    options += [(some_mask(n), None, "sum_over_batch_size")]
                if values.ndim == 2:
                    shape = values.shape
                    options += [
                        (some_mask(*shape), None, "sum_over_batch_size"),
                        (some_mask(*shape), None, "sum"),
                        (some_mask(*shape), weights(*shape), "mean"),
                        (some_mask(*shape), weights(n, 1), "mean_with_sample_weight"),
                        (None, weights(*shape), "sum_over_batch_size"),
                        (np.zeros(shape, bool), None, "sum_over_batch_size"),
                    ]
                if values.ndim == 0:
                    options += [(None, weights(n), "sum_over_batch_size")]
                if j > 0:
                    options = options[:1] + options[-2:-1]
                for i, (m, w, reduction) in enumerate(options):
                    loss = getattr(keras.losses, name)(reduction=reduction, **config)
                    total = loss(y_true, masked_array(y_pred, m), sample_weight=w)
                    yield {
                        "class": name,
                        "config": {"reduction": reduction, **config},
                        "y_true": array(y_true),
                        "y_pred": array(y_pred),
                        "mask": array(m),
                        "sample_weight": array(w),
                        "values": number(values) if i == 0 and "ignore_class" not in config and name != "Circle" else None,
                        "total": number(total),
                    }


METRICS = [
    ("Accuracy", "classes", [{}]),
    ("BinaryAccuracy", "binary", [{}, {"threshold": 0.3}]),
    ("CategoricalAccuracy", "one_hot", [{}]),
    ("SparseCategoricalAccuracy", "sparse", [{}]),
    ("TopKCategoricalAccuracy", "one_hot", [{"k": 2}, {}]),
    ("SparseTopKCategoricalAccuracy", "sparse", [{"k": 2}, {"k": 1}]),
    ("MeanSquaredError", "real", [{}]),
    ("MeanAbsoluteError", "real", [{}]),
    ("MeanAbsolutePercentageError", "real", [{}]),
    ("MeanSquaredLogarithmicError", "real", [{}]),
    ("RootMeanSquaredError", "real", [{}]),
    ("CosineSimilarity", "real", [{}]),
    ("LogCoshError", "real", [{}]),
    ("R2Score", "columns", [{}, {"class_aggregation": None}, {"class_aggregation": "variance_weighted_average"}, {"num_regressors": 2}]),
    ("KLDivergence", "distribution", [{}]),
    ("Poisson", "positive", [{}]),
    ("BinaryCrossentropy", "logits", [{"from_logits": True}, {"from_logits": True, "label_smoothing": 0.2}]),
    ("CategoricalCrossentropy", "one_hot", [{}, {"label_smoothing": 0.1}]),
    ("SparseCategoricalCrossentropy", "sparse", [{}, {"ignore_class": 1}]),
    ("Hinge", "signs", [{}]),
    ("SquaredHinge", "signs", [{}]),
    ("CategoricalHinge", "one_hot", [{}]),
    ("PearsonCorrelation", "columns", [{}]),
    ("ConcordanceCorrelation", "columns", [{}]),
    ("AUC", "binary", [
        {"num_thresholds": n, "curve": c, "summation_method": s}
        for n, c, s in [(200, "ROC", "interpolation"), (200, "PR", "interpolation"), (7, "PRGAIN", "interpolation"), (5, "ROC", "majoring"), (9, "PR", "minoring"), (9, "PR", "majoring")]
    ] + [{"thresholds": [0.7, 0.2, 0.4]}, {"thresholds": [0.5]}]),
    ("AUC", "logits", [{"multi_label": True, "num_labels": 3, "from_logits": True}, {"multi_label": True, "label_weights": [0.5, 2.0, 1.0], "from_logits": True, "curve": "PR", "num_thresholds": 20}, {"multi_label": True, "thresholds": [0.3, 0.6], "from_logits": True}, {"label_weights": [0.5, 2.0, 1.0], "from_logits": True}]),
    ("Precision", "binary", [{}, {"thresholds": 0.3}, {"thresholds": [0.0, 0.5, 1.0]}, {"thresholds": [0.2, 0.7]}]),
    ("Precision", "one_hot_rows", [{"top_k": 2}, {"top_k": 2, "class_id": 1}, {"class_id": 2, "thresholds": 0.3}]),
    ("Recall", "binary", [{}, {"thresholds": [0.2, 0.7]}]),
    ("Recall", "one_hot_rows", [{"top_k": 1}, {"class_id": 0}]),
    ("TruePositives", "binary", [{}, {"thresholds": [0.1, 0.9]}]),
    ("TrueNegatives", "binary", [{}]),
    ("FalsePositives", "binary", [{}]),
    ("FalseNegatives", "binary", [{"thresholds": [0.0, 0.25, 0.5, 0.75, 1.0]}]),
    ("PrecisionAtRecall", "binary", [{"recall": 0.6}]),
    ("RecallAtPrecision", "binary", [{"precision": 0.4}]),
    ("SensitivityAtSpecificity", "binary", [{"specificity": 0.5}, {"specificity": 0.4, "num_thresholds": 1}]),
    ("SpecificityAtSensitivity", "binary", [{"sensitivity": 0.7, "num_thresholds": 11}]),
    ("F1Score", "one_hot_rows", [{}, {"average": "micro"}, {"average": "macro", "threshold": 0.4}, {"average": "weighted"}]),
    ("FBetaScore", "one_hot_rows", [{"beta": 2.0}, {"beta": 0.5, "average": "weighted"}]),
    ("IoU", "classes", [{"num_classes": 3, "target_class_ids": [0, 2]}, {"num_classes": 3, "target_class_ids": [1], "ignore_class": 0, "dtype": "float32"}]),
    ("BinaryIoU", "binary", [{}, {"target_class_ids": [1], "threshold": 0.3}]),
    ("MeanIoU", "sparse", [{"num_classes": 3, "sparse_y_pred": False}]),
    ("MeanIoU", "classes", [{"num_classes": 2}]),
    ("OneHotIoU", "one_hot", [{"num_classes": 3, "target_class_ids": [0, 1]}]),
    ("OneHotMeanIoU", "one_hot", [{"num_classes": 3}]),
]
KINDS["classes"] = lambda: [(ids(3, 6).astype("float32"), ids(3, 6).astype("float32")), (ids(3, 3, 4).astype("float32"), ids(3, 3, 4).astype("float32"))]
KINDS["columns"] = lambda: [pointwise((6, 3)), pointwise((6, 2))]
KINDS["one_hot_rows"] = lambda: [(one_hot(4, 7), probabilities(7, 4)), (one_hot(3, 5), probabilities(5, 3))]


def metric_cases():
    for name, kind, configs in METRICS:
        for j, config in enumerate(configs):
            for first, second in zip(data(kind), data(kind, 1)):
                n = first[1].shape[0]
                temporal = first[1].ndim == 3
                options = [(None, None)]
                pointless = name in ("IoU", "MeanIoU", "BinaryIoU", "OneHotIoU", "OneHotMeanIoU") or "multi_label" in config
                if temporal:
                    options.append((None, weights(n, first[1].shape[1])))
                    options.append((some_mask(n, first[1].shape[1]), None))
                    options.append((some_mask(n, first[1].shape[1]), weights(n, 1)))
                else:
                    options.append((None, weights(n)))
                if j > 0:
                    options = options[1:2]
                for m, w in options:
                    if pointless and w is not None:
                        w = np.ceil(w)
                    if name in ("IoU", "MeanIoU", "BinaryIoU", "OneHotIoU", "OneHotMeanIoU") and w is not None and w.size != np.prod(first[1].shape[:2] if temporal else n):
                        w = None
                    if name in ("AUC", "Precision", "Recall", "TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives", "PrecisionAtRecall", "RecallAtPrecision", "SensitivityAtSpecificity", "SpecificityAtSensitivity") and m is not None:
                        continue
                    if name in ("BinaryIoU",) and temporal:
                        continue
                    if name == "Accuracy" and m is not None and w is not None:
                        continue
                    metric = getattr(keras.metrics, name)(**config)
                    try:
                        for y_true, y_pred in (first, second):
                            metric.update_state(y_true, masked_array(y_pred, m), sample_weight=w)
                        result = number(metric.result())
                    except (ValueError, TypeError) as e:
                        print("skipped", name, config, [a.shape for a in first], None if w is None else w.shape, str(e)[:100].replace("\n", " "))
                        continue
                    yield {
                        "class": name,
                        "config": config,
                        "batches": [[array(t), array(p)] for t, p in (first, second)],
                        "mask": array(m),
                        "sample_weight": array(w),
                        "result": result,
                    }


def models():
    """Models of two dense outputs on one input, compiled in many ways, with the predictions of their outputs."""
    x = floats(6, 2)

    def two():
        i = keras.Input((2,))
        return keras.Model(i, [keras.layers.Dense(1, name="a", activation="sigmoid")(i), keras.layers.Dense(3, name="b", activation="softmax")(i)])

    def one():
        i = keras.Input((2,))
        return keras.Model(i, keras.layers.Dense(3, name="only", activation="softmax")(i))

    def twins():
        i = keras.Input((2,))
        d = keras.layers.Dense(1, name="d")
        return keras.Model(i, [d(i), d(keras.layers.Dense(2)(i))])

    def by_key():
        i = keras.Input((2,))
        return keras.Model(i, {"second": keras.layers.Dense(1, name="q")(i), "first": keras.layers.Dense(1, name="p")(i)})

    steps = floats(6, 4, 2)
    steps[rng.uniform(size=(6, 4)) < 0.3] = 0.0
    steps[:, 0] = 0.5

    def masked():
        i = keras.Input((4, 2))
        h = keras.layers.Masking()(i)
        return keras.Model(i, [keras.layers.Dense(1, name="a")(h), keras.layers.Dense(3, name="b", activation="softmax")(h)])

    y1, y3, yi = ids(2, 6, 1).astype("float32"), one_hot(3, 6), ids(3, 6)
    w = floats(6, low=0, high=2)
    mse = lambda name, **k: keras.losses.MeanSquaredError(name=name, **k)
    cases = [
        (one, x, [y3], None, dict(loss="categorical_crossentropy", metrics=["accuracy", "mse"])),
        (one, x, [yi], None, dict(loss="ce", metrics=["acc", "sparse_categorical_crossentropy"])),
        (one, x, [yi], w, dict(loss="crossentropy", metrics=["acc"], weighted_metrics=["acc", "accuracy", "acc"])),
        (one, x, [y3], w, dict(loss={"only": "mae"}, loss_weights={"only": 0.5}, metrics={"only": ["mae", "mae", keras.metrics.MeanSquaredError(name="mae")]}, weighted_metrics=["MSE"])),
        (one, x, [y3], None, dict(loss=["mse"], loss_weights=[2.0], metrics=[["mae", "mse"]])),
        (one, x, [y3], None, dict(loss=["mse", "mae"], metrics=["AUC"])),
        (one, x, [y3], None, dict(loss=None, metrics=["mse"])),
        (one, x, [y3], None, dict(loss=mse("m", reduction="sum"), metrics=[keras.metrics.MeanMetricWrapper(keras.metrics.mean_absolute_error, name="m")])),
        (two, x, [y1, y3], None, dict(loss="mse")),
        (two, x, [y1, y3], w, dict(loss=["mse", "crossentropy"], loss_weights=[1.0, 0.25], metrics=[["mae"], ["accuracy", "mse"]], weighted_metrics=[["mae"], None])),
        (two, x, [y1, yi], None, dict(loss={"b": "ce", "a": mse("x")}, loss_weights={"a": 3.0, "b": 0.5}, metrics={"b": "acc"})),
        (two, x, [y1, y3], None, dict(loss={"b": "mae", "a": None}, metrics={"b": ["mse"]})),
        (two, x, [y1, y3], None, dict(loss=["mse", None], metrics=["mae", "mae"])),
        (two, x, [y1, y3], None, dict(loss=["mse"], metrics=[["mae"], []])),
        (two, x, [y1, y3], None, dict(loss=[["mse", "mae"], "mse"], loss_weights=[[1.0, 2.0], 0.5])),
        (two, x, [y1, y3], w, dict(loss="mae", weighted_metrics=["mse", "mse"])),
        (twins, x, [y1, y1], None, dict(loss="mse", metrics=[["mae"], ["mae"]])),
        (twins, x, [y1, y1], None, dict(loss={"d": "mae"}, loss_weights=[1.0, 0.5], metrics={"d": ["mse"]})),
        (by_key, x, [y1, w[:, None]], None, dict(loss="mse", metrics=[["mae"], ["mse"]])),
        (by_key, x, [y1, w[:, None]], None, dict(loss={"second": "mse", "first": "mae"}, loss_weights={"first": 0.5, "second": 1.0}, metrics={"first": ["mse"]})),
        (by_key, x, [y1, w[:, None]], None, dict(loss=["mse", "mae"], loss_weights=[1.0, 0.5])),
        (masked, steps, [floats(6, 4, 1), ids(3, 6, 4)], None, dict(loss=["mse", "ce"], metrics=[["mae", keras.metrics.RootMeanSquaredError()], ["acc"]])),
        (masked, steps, [floats(6, 4, 1), ids(3, 6, 4)], floats(6, 4, low=0, high=2), dict(loss=["mae", keras.losses.SparseCategoricalCrossentropy(ignore_class=1)], weighted_metrics=[["mse"], ["acc", "sparse_categorical_crossentropy"]])),
    ]
    for build, x, y, w, compiled in cases:
        keras.utils.clear_session()
        keras.utils.set_random_seed(3)
        model = build()
        outputs = model.output
        keys = sorted(outputs) if isinstance(outputs, dict) else None
        data = dict(zip(keys, y)) if keys else (y if isinstance(outputs, list) else y[0])
        weights = None if w is None else ([w] * len(y) if isinstance(outputs, list) else w)
        fresh = {k: v for k, v in compiled.items()}
        try:
            model.compile("sgd", **fresh)
            logs = model.evaluate(x, data, sample_weight=weights, batch_size=4, return_dict=True, verbose=0)
        except Exception as e:
            print("model skipped", build.__name__, compiled, repr(e)[:300])
            continue
        config = model.get_compile_config()
        p = model.predict(x, verbose=0)
        p = [p[k] for k in keys] if keys else (p if isinstance(p, list) else [p])
        m = None
        if build is masked:
            m = np.any(x != 0, axis=-1)
        specs = [outputs[k] for k in keys] if keys else (outputs if isinstance(outputs, list) else [outputs])
        yield {
            "config": {k: config[k] for k in ("loss", "loss_weights", "metrics", "weighted_metrics")},
            "names": list(model.output_names),
            "keys": keys,
            "outputs": [array(a) for a in p],
            "targets": [array(a) for a in y],
            "mask": array(m),
            "sample_weight": array(w),
            "batch_size": 4,
            "logs": {k: number(v) for k, v in sorted(logs.items())},
        }


def serialized():
    """Every loss and metric with its defaults, as Keras writes it."""
    seen = set()
    for module, table in ((keras.losses, LOSSES), (keras.metrics, METRICS)):
        for name, _, configs in table:
            if (module, name) in seen:
                continue
            seen.add((module, name))
            required = {k: v for k, v in configs[0].items() if k in ("num_classes", "target_class_ids", "recall", "precision", "specificity", "sensitivity")}
            keras.utils.clear_session()
            v = module.serialize(getattr(module, name)(**required))
            yield json.loads(json.dumps({k: v[k] for k in ("module", "class_name", "config", "registered_name")}))


cases = {"losses": list(loss_cases()), "metrics": list(metric_cases()), "models": list(models()), "serialized": list(serialized())}
print({k: len(v) for k, v in cases.items()})
cases["arrays"] = ARRAYS
for case in cases["losses"] + cases["metrics"]:
    for key in [k for k, v in case.items() if v is None]:
        del case[key]
path = pathlib.Path(__file__).parent.parent / "fixtures" / "losses.json"
path.write_text(re.sub(r'},{"(class|dtype|config|module)"', r'},\n{"\1"', json.dumps(cases, separators=(",", ":"))) + "\n")
print(path.stat().st_size)
