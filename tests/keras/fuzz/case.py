"""What is done with one model: saved and opened by Keras, run by cornu, saved back, compared."""

import os

import keras
import numpy as np
from keras.src import tree

from . import training
from .command import Refused
from .compare import apart
from .draw import Draw
from .graph import Misfit
from .models import make

LAST_PLACES = 5e-7
TRAINED = 0.15


class Finding:
    """How one model went. `kind`: equal, differs, refused, panics, keras (Keras itself cannot)."""

    def __init__(self, kind, stage="", detail="", members=()):
        self.kind, self.stage, self.detail = kind, stage, detail
        self.members = list(members)
        self.number = None
        self.kept = None
        self.blamed = ""
        self.warned = ""
        self.form = "keras"
        self.misfits = []
        self.trained = False

    @property
    def failed(self):
        return self.kind in ("differs", "refused", "panics")


def results(model, feeds):
    """What Keras computes, in the order of the model's outputs."""
    x = tree.pack_sequence_as(structure_of(model), feeds)
    return [np.asarray(y) for y in tree.flatten(model(x, training=False))]


def structure_of(model):
    return getattr(getattr(model, "_functional", model), "_inputs_struct", None)


def moved(model, feeds, expected, by):
    """How far each output moves when weights and inputs change in their last places."""
    d = Draw(len(feeds), 7)
    kept = [np.asarray(w) for w in model.weights]
    most = [np.zeros(np.shape(y)) for y in expected]
    for _ in range(4):
        for w, x in zip(model.weights, kept):
            if x.dtype.kind == "f":
                w.assign(x * (1 + by * d.rng.normal(size=x.shape)).astype(x.dtype))
        near = [
            (x * (1 + by * d.rng.normal(size=x.shape))).astype(x.dtype) if moves(x) else x
            for x in feeds
        ]
        for m, y, z in zip(most, expected, results(model, near)):
            off = np.abs(y.astype("float64") - z.astype("float64"))
            np.copyto(m, np.maximum(m, np.nan_to_num(off, nan=0.0, posinf=0.0)))
    for w, x in zip(model.weights, kept):
        w.assign(x)
    return most


def moves(x):
    """Padding and ids stay what they are."""
    return x.dtype.kind == "f" and not (x == np.round(x)).all()


def is_rough(model):
    """Whether a layer computes in fewer bits than float32."""
    return any(layer.compute_dtype in ("float16", "bfloat16") for layer in model._flatten_layers())


def compared(ours, theirs, model, feeds):
    """The first difference of the outputs in words, or None."""
    if len(ours) != len(theirs):
        return f"{len(ours)} outputs, Keras has {len(theirs)}"
    rough = is_rough(model)
    found = [apart(a, b, rough=rough) for a, b in zip(ours, theirs)]
    if not any(found):
        return None
    moves_of = moved(model, feeds, theirs, 4e-3 if rough else LAST_PLACES)
    found = [apart(a, b, m, rough) for a, b, m in zip(ours, theirs, moves_of)]
    for i, words in enumerate(found):
        if words:
            return f"output {i}: {words}"
    return None


def check(model, feeds, cornu, form="keras", back=True):
    """Saves a model, opens it with Keras and with cornu, and compares what they compute."""
    saved = f"{cornu.folder}/model.{'h5' if form == 'h5' else 'keras'}"
    try:
        first = results(model, feeds)
        model.save(saved)
        reopened = keras.models.load_model(saved)
        expected = results(reopened, feeds)
    except Exception as e:  # whatever Keras raises on its own files is no matter of cornu's
        return Finding("keras", "keras", f"{type(e).__name__}: {str(e)[:200]}")
    if any(y.shape[:1] != feeds[0].shape[:1] for y in expected):
        return Finding("keras", "keras", "outputs without a batch axis")
    name = os.path.basename(saved)
    more = ()
    if form == "weights":
        with open(f"{cornu.folder}/model.json", "w") as f:
            f.write(reopened.to_json())
        reopened.save_weights(f"{cornu.folder}/model.weights.h5")
        name, more = "model.json", ("--weights", "model.weights.h5")
    stage = "predict"
    try:
        ours, warned = cornu.predict(name, feeds, len(expected), *more)
        words = compared(ours, expected, reopened, feeds)
        if words and compared(ours, first, model, feeds) is None:
            # Keras's own file lost something on its way back into Keras, and cornu read it.
            words, expected, reopened = None, first, model
        if words:
            return Finding("differs", stage, words)
        if not back or form == "weights":
            return noted(Finding("equal"), warned)
        stage = "convert"
        cornu.convert(name, "back.keras")
    except Refused as e:
        return Finding("panics" if e.panicked else "refused", stage, e.message)
    try:
        again = results(keras.models.load_model(f"{cornu.folder}/back.keras"), feeds)
    except Exception as e:
        return Finding("differs", "back", f"Keras raises {type(e).__name__}: {str(e)[:300]}")
    words = compared(again, expected, reopened, feeds)
    return noted(Finding("differs", "back", words) if words else Finding("equal"), warned)


def noted(finding, warned):
    finding.warned = warned
    return finding


def trained(made, d, cornu, finding):
    """The finding of a model that is also evaluated and trained."""
    try:
        expected = results(made.model, made.feeds)
        if not training.possible(made, expected):
            return finding
        found = training.check(made.model, d, cornu, expected, made.feeds, results)
    except Exception as e:
        finding.misfits = [f"training: {type(e).__name__}: {str(e)[:160]}"]
        return finding
    if found:
        finding = Finding(*found)
        finding.form = "training"
    finding.trained = True
    return finding


def run(seed, number, cornu):
    """Model `number`: the finding, and the model with what it is fed."""
    d = Draw(seed, number, 1)
    try:
        made = make(seed, number)
    except Misfit as e:
        return Finding("keras", "made", str(e)), None
    except Exception as e:
        return Finding("keras", "made", f"{type(e).__name__}: {str(e)[:200]}"), None
    form = "keras" if d.chance(0.85) else d.pick("h5", "weights")
    finding = check(made.model, made.feeds, cornu, form)
    finding.form = form
    if finding.kind == "equal" and d.chance(TRAINED):
        finding = trained(made, d, cornu, finding)
    finding.number, finding.members = number, made.graph.members
    finding.misfits += made.graph.misfits
    return finding, made
