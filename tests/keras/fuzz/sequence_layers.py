"""Layers of one input that read along time: convolution, pooling, recurrent layers. Each function
draws a layer for a value, or raises `Misfit`."""

from keras import layers as L

from .graph import Misfit
from .plain_layers import features_known, need
from .settings import GATES, activation, activity, maybe, of_weights


def series(v):
    need(v.kind == "real" and v.rank == 3 and v.static[2] is not None)


def data_format(d):
    return maybe(d, 0.2, data_format="channels_first")


def channels_and_steps(v, form):
    first = form.get("data_format") == "channels_first"
    if first:
        need(v.static[1] is not None)
    return (v.shape[1], v.shape[2]) if first else (v.shape[2], v.shape[1])


def window(d, steps, causal=False):
    """Size, strides, padding and dilation of a kernel that fits on `steps`."""
    padding = d.pick("valid", "same", *(["causal"] if causal else []))
    size = d.whole(1, min(3, steps))
    if d.chance(0.25) and (size - 1) * 2 + 1 <= steps:
        return {"kernel_size": size, "padding": padding, "dilation_rate": 2}
    return {"kernel_size": size, "padding": padding, "strides": d.pick(1, 1, 2)}


def conv(d, v):
    series(v)
    form = data_format(d)
    channels, steps = channels_and_steps(v, form)
    groups = d.pick(1, 1, *[g for g in range(1, channels + 1) if channels % g == 0])
    return L.Conv1D(
        groups * d.whole(1, 2),
        groups=groups,
        activation=activation(d),
        use_bias=d.chance(0.8),
        **window(d, steps, causal=not form),
        **form,
        **of_weights(d, "kernel", "bias"),
        **activity(d),
    )


def conv_transpose(d, v):
    series(v)
    form = data_format(d)
    strides = d.whole(1, 3)
    return L.Conv1DTranspose(
        d.whole(1, 3),
        d.whole(1, 3),
        strides=strides,
        padding=d.pick("valid", "same"),
        output_padding=d.pick(None, None, d.whole(0, max(0, strides - 1))),
        activation=activation(d),
        use_bias=d.chance(0.8),
        **form,
        **of_weights(d, "kernel", "bias"),
    )


def depthwise_conv(d, v):
    series(v)
    form = data_format(d)
    _, steps = channels_and_steps(v, form)
    return L.DepthwiseConv1D(
        depth_multiplier=d.whole(1, 2),
        activation=activation(d),
        use_bias=d.chance(0.8),
        **window(d, steps),
        **form,
        **of_weights(d, "depthwise", "bias"),
    )


def separable_conv(d, v):
    series(v)
    form = data_format(d)
    _, steps = channels_and_steps(v, form)
    return L.SeparableConv1D(
        d.whole(1, 3),
        depth_multiplier=d.whole(1, 2),
        activation=activation(d),
        use_bias=d.chance(0.8),
        **window(d, steps, causal=not form),
        **form,
        **of_weights(d, "depthwise", "pointwise", "bias"),
    )


def pooling(d, v):
    series(v)
    form = data_format(d)
    _, steps = channels_and_steps(v, form)
    make = d.pick(L.MaxPooling1D, L.AveragePooling1D)
    return make(
        d.whole(1, min(3, steps)),
        strides=d.pick(None, 1, 2),
        padding=d.pick("valid", "same"),
        **form,
    )


def global_pooling(d, v):
    series(v)
    make = d.pick(L.GlobalMaxPooling1D, L.GlobalAveragePooling1D, L.GlobalAveragePooling1D)
    return make(keepdims=d.chance(0.3), **data_format(d))


def adaptive_pooling(d, v):
    series(v)
    need(None not in v.static[1:])
    form = data_format(d)
    return d.pick(L.AdaptiveAveragePooling1D, L.AdaptiveMaxPooling1D)(d.whole(1, 4), **form)


def up_and_crop(d, v):
    need(v.rank == 3 and v.kind == "real")
    return d.pick(
        lambda: L.UpSampling1D(d.whole(1, 3)),
        lambda: L.ZeroPadding1D(d.pick(d.whole(0, 2), (d.whole(0, 2), d.whole(0, 2)))),
        lambda: L.Cropping1D((d.whole(0, 1), d.whole(0, v.shape[1] - 2))),
    )()


def cell_settings(d, kind):
    """The settings that a cell and its layer share."""
    kwargs = {"use_bias": d.chance(0.85)}
    if d.chance(0.3):
        kwargs["activation"] = d.pick("relu", "softsign", "elu", "linear", "sigmoid", "hard_silu")
    if kind != "SimpleRNN" and d.chance(0.3):
        kwargs["recurrent_activation"] = d.pick(*GATES)
    if kind == "LSTM" and d.chance(0.2):
        kwargs["unit_forget_bias"] = False
    if kind == "GRU" and d.chance(0.4):
        kwargs["reset_after"] = False
    if d.chance(0.08):
        kwargs[d.pick("dropout", "recurrent_dropout")] = 0.2
    return kwargs | of_weights(d, "kernel", "recurrent", "bias")


def returns(d, sequences=None):
    """What a recurrent layer returns, and in which direction it reads."""
    kwargs = {"return_sequences": d.chance(0.6) if sequences is None else sequences}
    if d.chance(0.15):
        kwargs["go_backwards"] = True
    if d.chance(0.15):
        kwargs["return_state"] = True
    return kwargs


def recurrent(d, v, units=None, **fixed):
    """LSTM, GRU or SimpleRNN."""
    features_known(v)
    need(v.rank == 3)
    kind = d.pick("LSTM", "GRU", "SimpleRNN")
    kwargs = cell_settings(d, kind) | returns(d) | fixed
    if v.static[1] is not None and d.chance(0.08):
        kwargs["unroll"] = True
    if d.chance(0.15):
        kwargs["zero_output_for_mask"] = True
    return getattr(L, kind)(units or d.whole(1, 4), **kwargs, **activity(d))


def cell(d, units=None):
    kind = d.pick("LSTM", "GRU", "SimpleRNN")
    return getattr(L, kind + "Cell")(units or d.whole(1, 3), **cell_settings(d, kind))


def rnn_of_cells(d, v, **fixed):
    """RNN of a cell, of a list of cells, of StackedRNNCells."""
    features_known(v)
    need(v.rank == 3)
    cells = [cell(d) for _ in range(d.whole(1, 3))]
    held = cells[0] if len(cells) == 1 else d.pick(cells, L.StackedRNNCells(cells))
    kwargs = returns(d) | fixed
    if d.chance(0.2):
        kwargs["zero_output_for_mask"] = True
    return L.RNN(held, **kwargs)


def conv_lstm(d, v):
    need(v.kind == "real" and v.rank == 4 and None not in v.static[2:])
    return L.ConvLSTM1D(
        d.whole(1, 2),
        d.whole(1, min(2, v.shape[2])),
        padding=d.pick("valid", "same"),
        use_bias=d.chance(0.8),
        recurrent_activation=d.pick(*GATES),
        **returns(d),
    )


def spectrogram(d, v):
    need(v.kind == "real" and v.rank in (2, 3) and None not in v.static[1:])
    axis = 1
    need(v.shape[axis] >= 4)
    if v.rank == 3 or d.chance(0.6):
        return L.STFTSpectrogram(
            mode=d.pick("log", "magnitude", "psd", "real", "imag", "angle", "stft"),
            frame_length=d.whole(2, 4),
            frame_step=d.pick(None, 1, 2),
            fft_length=d.pick(None, 4, 8),
            window=d.pick("hann", "hamming", None),
            periodic=d.chance(0.3),
            scaling=d.pick("density", "spectrum", None),
            padding=d.pick("valid", "same"),
            expand_dims=d.chance(0.2),
        )
    return L.MelSpectrogram(
        fft_length=4,
        sequence_stride=d.whole(1, 2),
        num_mel_bins=d.whole(2, 4),
        sampling_rate=d.pick(16, 100),
        min_freq=d.pick(0.5, 1.0),
        power_to_db=d.chance(0.6),
        mag_exp=d.pick(1.0, 2.0),
    )


SEQUENCE = {
    "Conv1D": (conv, 3),
    "Conv1DTranspose": (conv_transpose, 1),
    "DepthwiseConv1D": (depthwise_conv, 1),
    "SeparableConv1D": (separable_conv, 1),
    "pooling": (pooling, 2),
    "global pooling": (global_pooling, 2.5),
    "adaptive pooling": (adaptive_pooling, 0.7),
    "up, crop": (up_and_crop, 1.5),
    "recurrent": (recurrent, 6),
    "RNN": (rnn_of_cells, 2.5),
    "ConvLSTM1D": (conv_lstm, 2),
    "spectrogram": (spectrogram, 0.5),
}
__all__ = ["SEQUENCE", "Misfit", "cell", "recurrent", "rnn_of_cells"]
