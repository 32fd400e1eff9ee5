"""Lists the public symbols of Keras for the page docs/KERAS.md: module, name, kind, and for operations the class that a model's config holds.

Needs Keras 3.15.1. Run: python list_symbols.py > symbols.txt
"""

import importlib
import inspect
import os

os.environ.setdefault("KERAS_BACKEND", "jax")
import keras
from keras.src.ops.operation import Operation

MODULES = [
    "layers",
    "losses",
    "metrics",
    "optimizers",
    "optimizers.schedules",
    "initializers",
    "regularizers",
    "constraints",
    "callbacks",
    "activations",
    "ops",
]


def operation_class(function):
    """The Operation that a function makes when it is called on symbols."""
    home = importlib.import_module(function.__module__)
    made = [getattr(home, n, None) for n in function.__code__.co_names]
    made = [c for c in made if inspect.isclass(c) and issubclass(c, Operation) and c is not Operation]
    return made[0].__name__ if made else "-"


print(f"# Public symbols of Keras {keras.__version__}, made by list_symbols.py.")
for module in MODULES:
    home = keras
    for part in module.split("."):
        home = getattr(home, part)
    for name in sorted(dir(home)):
        value = getattr(home, name)
        if name.startswith("_") or inspect.ismodule(value):
            continue
        kind = "class" if inspect.isclass(value) else "function"
        own = value.__name__ if kind == "class" else operation_class(value) if module == "ops" and inspect.isfunction(value) else "-"
        print(module, name, kind, own)
