"""Makes the files of tests/layers.rs with real Keras: models of one layer each, and what they predict.

Needs Keras 3.15.1. Run: KERAS_BACKEND=jax python make_layers.py ../fixtures
"""

import json
import os
import sys

os.environ["KERAS_BACKEND"] = "jax"
import keras
import numpy as np
from keras import layers

out = os.path.join(sys.argv[1], "layers")
os.makedirs(out, exist_ok=True)
keras.utils.set_random_seed(11)
rng = np.random.default_rng(5)
cases = {}


def case(name, inputs, outputs, x):
    model = keras.Model(inputs, outputs)
    model.save(os.path.join(out, f"{name}.keras"))
    y = np.array(model.predict(x, verbose=0))
    cases[name] = {"x": x.tolist(), "dtype": str(x.dtype), "shape": list(y.shape), "prediction": y.astype("float64").ravel().tolist()}


signal = rng.normal(size=(2, 50, 2)).astype("float32")
for mode in ["log", "magnitude", "psd", "real", "imag", "angle", "stft"]:
    i = keras.Input((50, 2))
    case(f"stft_{mode}", i, layers.STFTSpectrogram(mode=mode, frame_length=8, frame_step=3, fft_length=16)(i), signal)
i = keras.Input((50, 2))
y = layers.STFTSpectrogram(mode="magnitude", frame_length=10, window="hamming", periodic=True, scaling="spectrum", padding="same", expand_dims=True)(i)
case("stft_same", i, y, signal)
i = keras.Input((2, 50))
y = layers.STFTSpectrogram(mode="psd", frame_length=6, window=None, scaling=None, data_format="channels_first", padding="valid")(i)
case("stft_first", i, y, signal.transpose(0, 2, 1).copy())
i = keras.Input((300,))
sound = rng.normal(size=(2, 300)).astype("float32")
case("mel", i, layers.MelSpectrogram(fft_length=64, sequence_stride=20, sampling_rate=800, num_mel_bins=9, min_freq=5.0, top_db=20.0)(i), sound)
i = keras.Input((300,))
y = layers.MelSpectrogram(
    fft_length=64, sequence_length=50, sequence_stride=32, sampling_rate=1000, num_mel_bins=5, max_freq=300.0, window="hamming", power_to_db=False, mag_exp=1.0
)(i)
case("mel_magnitude", i, y, sound)
i = keras.Input((300,))
y = layers.MelSpectrogram(fft_length=32, sequence_stride=16, sampling_rate=1000, num_mel_bins=4, window=None, ref_power=2.0)(i)
case("mel_no_window", i, y, sound)

ids = rng.integers(0, 7, size=(3, 4)).astype("int32")
i = keras.Input((4,), dtype="int32")
e = layers.ReversibleEmbedding(7, 3, mask_zero=True)
case("reversible", i, e(layers.LSTM(3, return_sequences=True)(e(i)), reverse=True), ids)
i = keras.Input((4,), dtype="int32")
e = layers.ReversibleEmbedding(7, 3, tie_weights=False, logit_soft_cap=0.05)
case("reversible_apart", i, e(e(i), reverse=True), ids)

from keras import ops

v = rng.normal(0, 2, size=(3, 4)).astype("float32")
i = keras.Input((4,))
j = ops.roll(i, 1, axis=1)
gap = ops.where(i > 0.5, i, ops.log(-ops.abs(i)))  # NaN where i is small
parts = [
    ops.deg2rad(i),
    ops.rad2deg(i),
    ops.fabs(i),
    ops.sinc(i),
    ops.fmax(gap, j),
    ops.fmin(gap, j),
    ops.fmod(i * 3.0, j),
    ops.heaviside(i, j),
    ops.logaddexp2(i, j),
    ops.nan_to_num(ops.log(ops.relu(i)), nan=3.0, neginf=-2.0),
    ops.cast(ops.isposinf(i), "float32"),
    ops.cast(ops.isneginf(ops.log(ops.relu(i))), "float32"),
    ops.real(i),
    ops.imag(i),
    ops.conjugate(i),
    ops.ptp(i, axis=1, keepdims=True),
    ops.nansum(gap, axis=1, keepdims=True),
    ops.nanmax(ops.concatenate([gap, j], axis=1), axis=1, keepdims=True),
    ops.nanmin(ops.concatenate([gap, j], axis=1), axis=1, keepdims=True),
    ops.nanmean(ops.concatenate([gap, j], axis=1), axis=1, keepdims=True),
    ops.nanprod(gap, axis=1, keepdims=True),
    ops.hstack([i, j]),
    ops.fliplr(i),
    ops.diff(i, n=2),
    ops.moments(i, axes=[1], keepdims=True)[0],
    ops.moments(i, axes=[1], keepdims=True)[1],
    ops.rms_normalization(i),
    ops.layer_normalization(i),
    ops.layer_normalization(i, gamma=np.arange(4, dtype="float32"), beta=np.ones(4, "float32")),
]
case("operations", i, ops.concatenate(parts, axis=-1), v)

with open(os.path.join(out, "cases.json"), "w", encoding="utf-8") as f:
    json.dump(cases, f)
