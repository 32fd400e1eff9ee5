"""Makes the fixture of tests/adapt.rs with real Keras: layers before and after `adapt`, and what they give.

Needs Keras 3.15.1 with TensorFlow. Run: KERAS_BACKEND=tensorflow python make_adapt.py ../fixtures
"""

import json
import os
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
import tensorflow as tf
from keras import layers

rng = np.random.default_rng(3)
cases = []


def case(layer, data, adapt_to=None):
    config = keras.saving.serialize_keras_object(layer)
    array = np.array(data)
    text = array.dtype.kind in "US"
    layer.adapt(tf.constant(adapt_to or data) if text else np.array(adapt_to if adapt_to is not None else data))
    y = np.array(layer(tf.constant(data) if text else tf.constant(array)))
    after = {}
    if hasattr(layer, "get_vocabulary"):
        after["vocabulary"] = [v if isinstance(v, str) else int(v) for v in layer.get_vocabulary()]
    if isinstance(layer, layers.Normalization):
        after["mean"] = np.array(layer.adapt_mean).astype("float64").ravel().tolist()
        after["variance"] = np.array(layer.adapt_variance).astype("float64").ravel().tolist()
    if isinstance(layer, layers.Discretization):
        after["bin_boundaries"] = layer.bin_boundaries
    cases.append(
        {
            "layer": config,
            "data": array.tolist(),
            "adapt_to": np.array(adapt_to if adapt_to is not None else data).tolist(),
            "dtype": "string" if text else str(array.dtype),
            "after": after,
            "shape": list(y.shape),
            "output": y.astype("float64").ravel().tolist(),
        }
    )


WORDS = [["b", "a", "c"], ["a", "", "b"], ["[UNK]", "a", "d"], ["é", "z", "b"]]
TEXTS = ["The horn sounds, the horn calls!", "a  horn\tcalls the hunt...", "", "hunt hunt hunt", "it's the [hunt]"]
NUMBERS = [[5, 5, -7], [9, 0, 5], [-1, 9, 12]]

case(layers.StringLookup(), WORDS)
case(layers.StringLookup(mask_token="", num_oov_indices=2, max_tokens=6), WORDS, [["b", "b", "a", "c", "c", "c", "x", ""]])
case(layers.StringLookup(output_mode="multi_hot"), WORDS)
case(layers.StringLookup(output_mode="count", max_tokens=8, pad_to_max_tokens=True), WORDS)
case(layers.StringLookup(output_mode="tf_idf"), WORDS)
case(layers.StringLookup(output_mode="tf_idf", max_tokens=9, pad_to_max_tokens=True, num_oov_indices=2), WORDS)
case(layers.StringLookup(), ["b", "a", "b"])
case(layers.StringLookup(output_mode="one_hot"), ["b", "a", "b"])
case(layers.IntegerLookup(), NUMBERS)
case(layers.IntegerLookup(mask_token=0, max_tokens=4), NUMBERS)
case(layers.IntegerLookup(output_mode="tf_idf"), NUMBERS)
case(layers.IntegerLookup(output_mode="count", num_oov_indices=3), NUMBERS, [[5, 9, 9]])
case(layers.TextVectorization(), [[t] for t in TEXTS])
case(layers.TextVectorization(max_tokens=5, output_sequence_length=4), [[t] for t in TEXTS])
case(layers.TextVectorization(ngrams=2, output_mode="tf_idf"), TEXTS)
case(layers.TextVectorization(ngrams=(1, 3), output_mode="count", standardize="lower"), TEXTS)
case(layers.TextVectorization(split="character", output_mode="multi_hot", max_tokens=12, pad_to_max_tokens=True), TEXTS)
case(layers.TextVectorization(split=None, standardize=None), WORDS)
x = rng.normal(3, 2, size=(7, 4, 3)).astype("float32")
case(layers.Normalization(), x)
case(layers.Normalization(axis=None), x)
case(layers.Normalization(axis=1), x)
case(layers.Normalization(axis=(1, 2)), x)
case(layers.Normalization(axis=-1, invert=True), x[:, 0])
case(layers.Normalization(), np.concatenate([x[:, 0], np.ones((7, 1), "float32")], 1))
values = rng.exponential(size=(500, 1)).astype("float32")
case(layers.Discretization(num_bins=4), values[:9], values)
case(layers.Discretization(num_bins=7, epsilon=0.1), values[:9], values)
case(layers.Discretization(num_bins=5, output_mode="one_hot"), values[:12])
case(layers.Discretization(num_bins=3, output_mode="multi_hot"), x[:, 0], x)
case(layers.Discretization(num_bins=6, epsilon=0.03), values[:4], values[:3])

with open(os.path.join(sys.argv[1], "adapt.json"), "w", encoding="utf-8") as f:
    json.dump(cases, f)
