"""Makes the files of tests/text.rs with real Keras: models that read raw text, and what they predict.

Needs Keras 3.15.1 with TensorFlow. Run: KERAS_BACKEND=tensorflow python make_text.py ../fixtures
"""

import json
import os
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
import tensorflow as tf
from keras import layers

out = os.path.join(sys.argv[1], "text")
os.makedirs(out, exist_ok=True)
keras.utils.set_random_seed(7)
TEXTS = [
    "The horn sounds, the horn calls!",
    "a  horn\tcalls\nthe hunt...",
    "ÉTÉ été Horn-call",
    "",
    "hunt hunt hunt hunt hunt hunt hunt",
    "nothing \u3000here\u00a0is known",
    "it's the [hunt]",
    "horn",
]
cases = {}


def case(name, model, inputs, batch_size=32):
    model.save(os.path.join(out, f"{name}.keras"))
    tensors = [tf.constant(i) for i in inputs]
    n = len(inputs[0])
    parts = []
    for start in range(0, n, batch_size):
        part = [t[start : start + batch_size] for t in tensors]
        parts.append(np.array(model(part if len(part) > 1 else part[0])))
    y = np.concatenate(parts)
    cases[name] = {"inputs": inputs, "batch_size": batch_size, "shape": list(y.shape), "prediction": y.astype("float64").ravel().tolist()}


def column(texts):
    return [[t] for t in texts]


text = keras.Input((1,), dtype="string", name="text")
v = layers.TextVectorization(max_tokens=12, output_sequence_length=6)
v.adapt(TEXTS)
x = layers.Embedding(12, 4, mask_zero=True, embeddings_initializer="glorot_normal")(v(text))
x = layers.LSTM(3)(x)
case("sequence", keras.Model(text, layers.Dense(2)(x)), [column(TEXTS)])

text = keras.Input((), dtype="string", name="text")
v = layers.TextVectorization(standardize="lower", ngrams=2, output_mode="tf_idf", max_tokens=15, pad_to_max_tokens=True)
v.adapt(TEXTS)
case("tf_idf", keras.Model(text, layers.Dense(3)(v(text))), [TEXTS])

text = keras.Input((1,), dtype="string", name="text")
v = layers.TextVectorization(standardize="strip_punctuation", split="character")
LINES = [t.replace("\n", " ") for t in TEXTS]  # a line end cannot stand in vocabulary.txt
v.adapt(LINES)
x = layers.Embedding(40, 3)(v(text))
case("characters", keras.Model(text, layers.GlobalAveragePooling1D()(x)), [column(LINES)], batch_size=3)

words = keras.Input((3,), dtype="string", name="words")
numbers = keras.Input((2,), dtype="int64", name="numbers")
more = keras.Input((1,), dtype="string", name="more")
a = layers.StringLookup(vocabulary=["a", "b", "c"], mask_token="")(words)
a = layers.Flatten()(layers.Embedding(6, 2)(a))
lookup = layers.IntegerLookup(output_mode="count")
lookup.adapt(np.array([5, 5, -7, 9]))
b = lookup(numbers)
c = layers.IntegerLookup(vocabulary=[10, -20, 30], num_oov_indices=3, mask_token=0)(numbers)
c = layers.Rescaling(0.5)(c)
d = layers.IntegerLookup(vocabulary=[4, 8], output_mode="multi_hot", mask_token=9)(numbers)
e = layers.StringLookup(vocabulary=["x", "y"], output_mode="one_hot", num_oov_indices=1)(more)
x = layers.Concatenate()([layers.Rescaling(1.0)(i) for i in (a, b, c, d, e)])
case(
    "lookups",
    keras.Model([words, numbers, more], layers.Dense(2)(x)),
    [
        [["a", "b", ""], ["c", "z", "a"], ["", "[UNK]", "c"], ["b", "b", "b"]],
        [[5, -7], [10, 0], [-4, 8], [-20, 9]],
        [["x"], ["q"], [""], ["y"]],
    ],
)

tags = keras.Input((3,), dtype="string", name="tags")
x = layers.StringLookup(vocabulary=["a", "b"], output_mode="tf_idf", idf_weights=[0.5, 0.25], num_oov_indices=1)(tags)
case("weighted", keras.Model(tags, layers.Rescaling(1.0)(x)), [[["a", "b", "a"], ["z", "", "a"]]])

tags = keras.Input((2,), dtype="string", name="tags")
x = layers.StringLookup(vocabulary=["a", "b"], num_oov_indices=5)(tags)
HASHED = ["word", "", "é", "x" * 9, "abcdefghijklmnop", "q" * 17, "w" * 31, "long " * 8, "y" * 64, "z" * 65, "text " * 40, "a"]
case("hashed", keras.Model(tags, layers.Rescaling(1.0)(x)), [[[HASHED[i], HASHED[i + 1]] for i in range(0, 12, 2)]])

words = keras.Input((1,), dtype="string", name="words")
numbers = keras.Input((2,), dtype="int64", name="numbers")
age = keras.Input((1,), dtype="int64", name="age")
parts = [
    layers.Hashing(7)(words),
    layers.Hashing(5, mask_value="")(words),
    layers.Hashing(9, salt=[133, 137])(words),
    layers.Hashing(4, salt=12345, output_mode="one_hot")(words),
    layers.Hashing(6, mask_value=3)(numbers),
    layers.Hashing(6, output_mode="multi_hot")(numbers),
    layers.Hashing(3, output_mode="count")(numbers),
    layers.HashedCrossing(11)((words, age)),
    layers.HashedCrossing(5, output_mode="one_hot")((age, words)),
    layers.StringLookup(vocabulary=["horn"], num_oov_indices=4, salt=77)(words),
]
x = layers.Concatenate()([layers.Rescaling(1.0)(p) for p in parts] + [layers.Rescaling(0.5)(age)])
case(
    "crossed",
    keras.Model([words, numbers, age], x),
    [[["horn"], [""], ["a longer word"], ["\u00e9t\u00e9"]], [[3, -4], [3, 3], [0, 7], [2**40, -1]], [[30], [-2], [0], [2**33]]],
)

text = keras.Input((), dtype="string", name="text")
v = layers.TextVectorization(output_mode="count")
v.adapt(TEXTS)
w = layers.TextVectorization(split="character", standardize=None, output_sequence_length=5)
w.adapt(LINES)
inner_text = keras.Input((), dtype="string")
inner = keras.Model(inner_text, v(inner_text))
characters = layers.Flatten()(layers.Embedding(40, 2)(w(text)))
x = layers.Concatenate()([layers.Rescaling(1.0)(inner(text)), characters])
case("read_twice", keras.Model(text, layers.Dense(2)(x)), [LINES])

with open(os.path.join(out, "cases.json"), "w", encoding="utf-8") as f:
    json.dump(cases, f, indent=1)
