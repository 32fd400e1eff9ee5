"""Makes waves.keras, the model that examples/fine_tuning.rs starts from, with real Keras:

    KERAS_BACKEND=jax python examples/fine_tuning/make.py
"""
from pathlib import Path

import keras
import numpy as np

keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
label = np.arange(600) % 3
t = np.arange(24)
angle = rng.uniform(0, 2 * np.pi, (600, 1)) + 2 * np.pi * t / np.array([4, 8, 12])[label][:, None]
x = (np.sin(angle) + rng.normal(0, 0.2, (600, 24)))[..., None].astype("float32")

inputs = keras.Input((24, 1), name="wave")
h = keras.layers.GRU(16, return_sequences=True, name="encoder")(inputs)
h = keras.layers.GRU(12, name="summary")(h)
outputs = keras.layers.Dense(3, activation="softmax", name="periods")(h)
model = keras.Model(inputs, outputs, name="waves")
loss = "sparse_categorical_crossentropy"
model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
history = model.fit(x, label, batch_size=20, epochs=12, verbose=0)
print("accuracy", history.history["accuracy"][-1])
model.save(Path(__file__).with_name("waves.keras"))
