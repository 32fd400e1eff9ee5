"""Writes crates/cornu/tests/fixtures/custom_classes.zip: models with classes of their authors' own,
with inputs and what Keras 3.15.1 predicts.

keras_io_*, book_*: classes after the examples of keras.io and of Chollet's "Deep Learning with
Python", which cornu assumes. own_*: classes that an extension file defines (own_layers.toml).
tcn_*: the layers of keras-tcn 3.5.6, written here with the same attributes.
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "jax"

import io
import json
import zipfile

import custom_classes as own
import keras
import numpy as np
from keras import layers

FOLDER = os.path.join(os.path.dirname(__file__), "..", "fixtures")


def ids(n, t, vocabulary, seed=0, zeros=True):
    x = np.random.default_rng(seed).integers(1, vocabulary, (n, t)).astype("int32")
    if zeros:
        x[0, t // 2 :] = 0
    return x


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def text_classification():
    x = keras.Input((6,), dtype="int32")
    y = own.TokenAndPositionEmbedding(6, 11, 4)(x)
    y = own.TransformerBlock(4, 2, 5)(y)
    y = own.TransformerBlock(4, 2, 5, rate=0.2)(y)
    y = layers.GlobalAveragePooling1D()(y)
    return keras.Model(x, layers.Dense(2)(y)), [ids(3, 6, 11)]


def miniature_gpt():
    x = keras.Input((6,), dtype="int32")
    y = own.TokenAndPositionEmbedding(6, 11, 4)(x)
    y = own.CausalTransformerBlock(4, 2, 5)(y)
    return keras.Model(x, [layers.Dense(11)(y), y]), [ids(3, 6, 11)]


def translation():
    source = keras.Input((None,), dtype="int64", name="encoder_inputs")
    y = own.PositionalEmbedding(6, 11, 4)(source)
    encoded = own.TransformerEncoder(4, 5, 2)(y)
    target = keras.Input((None,), dtype="int64", name="decoder_inputs")
    y = own.PositionalEmbedding(6, 11, 4)(target)
    y = own.TransformerDecoder(4, 5, 2)([y, encoded])
    y = layers.Dense(11, activation="softmax")(y)
    model = keras.Model([source, target], y)
    return model, [ids(3, 6, 11).astype("int64"), ids(3, 5, 11, seed=1).astype("int64")]


def book_encoder():
    x = keras.Input((None,), dtype="int64")
    y = own.BookPositionalEmbedding(6, 11, 4)(x)
    y = own.BookEncoder(4, 5, 2)(y)
    y = layers.GlobalMaxPooling1D()(y)
    return keras.Model(x, layers.Dense(1)(y)), [ids(3, 6, 11).astype("int64")]


def book_translation():
    source = keras.Input((6,), dtype="int32")
    target = keras.Input((5,), dtype="int32")
    y = own.ThirdPositionalEmbedding(6, 11, 4)(source)
    encoded = own.ThirdEncoder(4, 5, 2)(y, keras.ops.not_equal(source, 0))
    y = own.ThirdPositionalEmbedding(6, 11, 4)(target)
    y = own.ThirdDecoder(4, 5, 2)(y, encoded, keras.ops.not_equal(source, 0))
    model = keras.Model([source, target], layers.Dense(11)(y))
    return model, [ids(3, 6, 11), ids(3, 5, 11, seed=1)]


def book_generation():
    x = keras.Input((6,), dtype="int32")
    y = own.ThirdPositionalEmbedding(6, 11, 4)(x)
    y = own.ThirdGenerator(4, 5, 2)(y)
    y = own.ThirdGenerator(4, 5, 2)(y)
    return keras.Model(x, layers.Dense(11)(y)), [ids(3, 6, 11)]


def own_layers():
    x = keras.Input((6, 4))
    y = own.LearnedPositions(max_length=8)(x)
    y = own.Stack(units=4, n_blocks=3, cell={"units": 3})(y)
    y = layers.TimeDistributed(own.Scale(start=2.0))(y)
    inner = keras.Sequential([keras.Input((6, 4)), own.AttentionPooling(), layers.Dense(2)])
    return keras.Model(x, inner(y)), [floats(3, 6, 4)]


def own_masks():
    x = keras.Input((6,), dtype="int32")
    y = layers.Embedding(11, 4, mask_zero=True)(x)
    y = own.MaskedMean()(y)
    z = layers.Embedding(11, 4, mask_zero=True)(x)
    z = own.Recurrent(units=3)(z)
    return keras.Model(x, layers.Concatenate()([y, z])), [ids(3, 6, 11)]


def tcn(length=7, features=3, **settings):
    def make():
        x = keras.Input((length, features))
        y = own.TCN(kernel_size=2, **settings)(x)
        return keras.Model(x, layers.Dense(1)(y)), [floats(3, 7, features)]

    return make


MODELS = {
    "keras_io_text_classification": text_classification,
    "keras_io_miniature_gpt": miniature_gpt,
    "keras_io_translation": translation,
    "book_encoder": book_encoder,
    "book_translation": book_translation,
    "book_generation": book_generation,
    "own_layers": own_layers,
    "own_masks": own_masks,
    "tcn_causal": tcn(nb_filters=4, dilations=[1, 2], nb_stacks=2),
    "tcn_batch_norm": tcn(nb_filters=3, dilations=[1, 2], use_batch_norm=True, padding="same"),
    "tcn_layer_norm": tcn(
        length=None,
        nb_filters=[4, 5],
        dilations=[1, 2],
        use_layer_norm=True,
        use_skip_connections=False,
        padding="same",
        activation="tanh",
    ),
    "tcn_sequences": tcn(nb_filters=4, dilations=[2], return_sequences=True, go_backwards=True),
}


def main():
    keras.utils.set_random_seed(0)
    archive = zipfile.ZipFile(os.path.join(FOLDER, "custom_classes.zip"), "w", zipfile.ZIP_DEFLATED)

    def add(name, content):
        info = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
        archive.writestr(info, content, zipfile.ZIP_DEFLATED)

    def add_array(name, array):
        content = io.BytesIO()
        np.save(content, array)
        add(name, content.getvalue())

    counts = {}
    for name, make in MODELS.items():
        keras.backend.clear_session()
        model, inputs = make()
        for i, w in enumerate(model.weights):
            w.assign(np.abs(w) + 0.1 if "variance" in w.path else w + 0.1 * floats(*w.shape, seed=i))
        model.save("model.keras")
        # A .keras is stored, so that the archive around it deflates what is inside.
        with zipfile.ZipFile("model.keras") as z, zipfile.ZipFile("stored.keras", "w") as to:
            for part in z.namelist():
                to.writestr(part, z.read(part))
        with open("stored.keras", "rb") as f:
            add(f"{name}.keras", f.read())
        model.save("model.h5")
        with open("model.h5", "rb") as f:
            add(f"{name}.h5", f.read())
        outputs = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        for i, x in enumerate(inputs):
            add_array(f"{name}.x{i}.npy", x)
        for i, y in enumerate(outputs):
            add_array(f"{name}.y{i}.npy", y)
        counts[name] = [len(inputs), len(outputs)]
        os.remove("model.keras")
        os.remove("stored.keras")
        os.remove("model.h5")
    add("models.json", json.dumps(counts))
    archive.close()


if __name__ == "__main__":
    sys.exit(main())
