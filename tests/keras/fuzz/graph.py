"""A model while it is made: the values that layers can be called on, and how they are called."""

import inspect

import keras
import numpy as np
from keras.src import backend, tree

LARGEST = 1500


class Misfit(Exception):
    """A member that does not fit the values at hand."""


class Value:
    """A symbolic tensor with the shape that it has in the run: no axis is unknown."""

    def __init__(self, tensor, shape, n_ids=None):
        self.tensor = tensor
        self.shape = tuple(shape)
        self.n_ids = n_ids
        self.uses = 0

    @property
    def rank(self):
        return len(self.shape)

    @property
    def static(self):
        """The shape that Keras knows, None for what it does not."""
        return tuple(self.tensor.shape)

    @property
    def kind(self):
        """`ids`, `bool`, `whole` or `real`."""
        if self.n_ids is not None:
            return "ids"
        dtype = backend.standardize_dtype(self.tensor.dtype)
        if dtype == "bool":
            return "bool"
        return "whole" if "int" in dtype else "real"

    @property
    def mask(self):
        """The symbolic mask that Keras hands on with the value, or None."""
        return backend.get_keras_mask(self.tensor)


def deep(structure, make):
    """`structure` with `make(value)` in the place of each value."""
    return tree.map_structure(lambda x: make(x) if isinstance(x, Value) else x, structure)


def is_random(layer):
    """Whether a layer, or one inside, gives other numbers each time in training."""
    names = ("rate", "stddev", "dropout", "recurrent_dropout")
    rates = [getattr(part, name, 0) for part in layer._flatten_layers() for name in names]
    return any(isinstance(rate, float) and rate > 0 for rate in rates)


class Graph:
    """The inputs, values and layers of a model, and random choices among them."""

    def __init__(self, d, batch, depth=0):
        self.d = d
        self.batch = batch
        self.depth = depth
        self.length = d.whole(3, 6)
        self.any_length = d.chance(0.35)
        self.fixed_batch = depth == 0 and d.chance(0.3)
        self.inputs, self.feeds, self.values, self.shared = [], [], [], []
        self.pad_value = 0.0 if d.chance(0.8) else -1.0
        self.is_random = self.is_rough = False
        self.members, self.misfits = [], []

    # --- inputs

    def input(self, shape, feed, dtype="float32", n_ids=None, any_length=False):
        """Adds an input of the model with what it is fed; `shape` is without the batch."""
        static = list(shape)
        if any_length:
            static[0] = None
        batch = self.batch if self.fixed_batch else None
        tensor = keras.Input(batch_shape=(batch, *static), dtype=dtype)
        self.inputs.append(tensor)
        self.feeds.append(feed)
        return self.keep(Value(tensor, (self.batch, *shape), n_ids))

    def sequences(self, features=None, grid=False):
        """An input of sequences whose rows end early in padding."""
        d, t = self.d, self.length
        shape = [t, features or d.whole(1, 4)]
        if grid:
            shape.insert(1, d.whole(2, 4))
        x = d.normal(self.batch, *shape)
        for row, end in enumerate(d.ends(self.batch, t)):
            x[row, end:] = self.pad_value
            if grid:
                for step in range(end):
                    x[row, step, d.whole(0, shape[1]) :] = self.pad_value
        return self.input(shape, x, any_length=self.any_length and not grid)

    def ids(self, of_sentences=False):
        """An input of ids, padded with 0."""
        d, t, n = self.d, self.length, self.d.whole(4, 9)
        shape = [t, d.whole(2, 4)] if of_sentences else [t]
        x = d.rng.integers(1, n, (self.batch, *shape)).astype("int32")
        for row, end in enumerate(d.ends(self.batch, t)):
            x[row, end:] = 0
            if of_sentences:
                for step in range(end):
                    x[row, step, d.whole(1, shape[1]) :] = 0
        dtype = d.pick("int32", "int32", "float32")
        return self.input(shape, x.astype(dtype), dtype, n, any_length=self.any_length)

    def table(self):
        """An input without time."""
        f = self.d.whole(1, 5)
        return self.input([f], self.d.normal(self.batch, f))

    def mask_input(self):
        """A boolean input that serves as a mask."""
        ends = self.d.ends(self.batch, self.length)
        x = np.arange(self.length)[None] < ends[:, None]
        return self.input([self.length], x, "bool", any_length=self.any_length)

    # --- values

    def keep(self, value):
        self.values.append(value)
        return value

    def find(self, fits=lambda v: True, kind="real"):
        """A value that fits, late and unused ones more likely; `Misfit` if there is none."""
        found = [v for v in self.values if (kind is None or v.kind == kind) and fits(v)]
        if not found:
            raise Misfit("no value fits")
        weights = np.array([(i + 1) * (0.35 if v.uses else 1.0) for i, v in enumerate(found)])
        return found[int(self.d.rng.choice(len(found), p=weights / weights.sum()))]

    def find_many(self, fits, n, kind="real"):
        """Up to `n` values that fit, the same one perhaps twice."""
        return [self.find(fits, kind) for _ in range(n)]

    def apply(self, function, *args, **kwargs):
        """Calls a layer or an operation on values and constants; keeps and returns the new values."""
        tensors = deep((args, kwargs), lambda v: v.tensor)
        out = function(*tensors[0], **tensors[1])
        flat = [x for x in tree.flatten(out) if x is not None]
        if any(not isinstance(x, keras.KerasTensor) for x in flat):
            raise Misfit("no tensor comes out")
        shapes = self.real_shapes(function, flat, args, kwargs)
        values = [Value(x, s) for x, s in zip(flat, shapes)]
        for v in values:
            if not v.shape or v.shape[0] != self.batch or v.static[0] not in (None, self.batch):
                raise Misfit("the batch axis is lost")
            if int(np.prod(v.shape)) > LARGEST or 0 in v.shape or "complex" in str(v.tensor.dtype):
                raise Misfit("too large, empty or complex")
        deep((args, kwargs), self.used)
        self.members.append(type(getattr(flat[0]._keras_history, "operation", function)).__name__)
        return [self.keep(v) for v in values]

    @staticmethod
    def used(value):
        value.uses += 1

    def real_shapes(self, function, flat, args, kwargs):
        """The shapes in the run, by Keras's own shape inference on the inputs' real shapes."""
        if all(None not in x.shape[1:] for x in flat):
            return [(self.batch, *x.shape[1:]) if x.shape else () for x in flat]
        args, kwargs = deep(
            (args, kwargs), lambda v: keras.KerasTensor(v.shape, dtype=v.tensor.dtype)
        )
        out = backend.compute_output_spec(function, *args, **kwargs)
        return [x.shape for x in tree.flatten(out) if x is not None]

    # --- constants and masks

    def constant(self, shape, kind="real"):
        """An array, by chance of the backend's own kind: Keras writes the two differently."""
        if kind == "bool":
            x = self.d.bools(*shape)
        elif kind == "whole":
            x = self.d.rng.integers(0, 4, shape).astype("int32")
        else:
            x = self.d.normal(*shape)
        return backend.convert_to_tensor(x) if self.d.chance(0.6) else x

    def constant_like(self, value, kind="real"):
        """A constant that can stand beside `value`: of its shape, or one row for every sample."""
        shape = list(value.shape)
        if not self.fixed_batch:
            shape[0] = 1
        if None in value.static[1:]:
            shape = [1 if n is None else m for n, m in zip(value.static, shape)]
        return self.constant(shape, kind)

    def mask_of(self, shape):
        """A mask of this shape: from an input, computed, or constant."""
        d = self.d
        same = [
            v
            for v in self.values
            if v.kind == "bool" and v.shape == tuple(shape) or v.kind == "ids" and v.shape == tuple(shape)
        ]
        deeper = [v for v in self.values if v.kind == "real" and v.shape[:-1] == tuple(shape)]
        if same and d.chance(0.6):
            v = same[d.whole(0, len(same) - 1)]
            if v.kind == "bool":
                v.uses += 1
                return v
            return self.apply(lambda x: keras.ops.not_equal(x, 0), v)[0]
        if deeper and d.chance(0.5):
            v = deeper[d.whole(0, len(deeper) - 1)]
            if d.chance(0.5):
                hit = self.apply(lambda x: keras.ops.not_equal(x, self.pad_value), v)[0]
                return self.apply(lambda x: keras.ops.any(x, axis=-1), hit)[0]
            return self.apply(lambda x: x[..., 0] > -0.5, v)[0]
        rows = shape if self.fixed_batch or d.chance(0.1) else (1, *shape[1:])
        return self.constant(rows, "bool")

    def call(self, layer, value, **kwargs):
        """Calls a layer of one input, by chance with `mask` and `training`."""
        d = self.d
        takes = set(inspect.signature(layer.call).parameters)
        masks = "mask" in takes
        if isinstance(layer, keras.layers.ConvLSTM1D):
            # On JAX Keras lays the mask of the samples over the places, and fails where their numbers
            # differ; cornu masks samples (docs/KERAS.md).
            masks = False
            if value.mask is not None:
                raise Misfit("a mask that Keras misreads")
        if masks and value.rank >= 3 and d.chance(0.2):
            deep_mask = isinstance(layer, keras.layers.Softmax)
            kwargs.setdefault("mask", self.mask_of(value.shape if deep_mask else value.shape[:2]))
        if "training" in takes and d.chance(0.08):
            kwargs.setdefault("training", False if self.is_random else d.pick(True, False))
        return self.apply(layer, value, **kwargs)
