"""Writes ../fixtures/optimizers.json: steps of every Keras optimizer and values of every schedule.

    KERAS_BACKEND=jax python make_optimizers.py

Keras 3.15.1 on JAX, steps compiled as `fit` compiles them. Weights have several ranks, an embedding's name and constraints; gradients
are given numbers, one of them zero throughout.
"""

import json
import os

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np
from keras import optimizers as O
from keras.optimizers import schedules as S

STEPS = 6
WEIGHTS = [
    ("dense", "kernel", (3, 4), None),
    ("tall", "kernel", (4, 2), keras.constraints.MaxNorm(0.9)),
    ("embedding", "embeddings", (3, 2), None),
    ("conv1d", "kernel", (2, 2, 2), keras.constraints.NonNeg()),
    ("dense", "bias", (3,), None),
    ("scale", "gain", (), None),
]


def weights():
    rng = np.random.default_rng(7)
    made = []
    for layer, name, shape, constraint in WEIGHTS:
        with keras.name_scope(layer):
            v = keras.Variable(rng.normal(0.3, 0.6, shape).astype("float32"), name=name)
        v.constraint = constraint
        made.append(v)
    return made


def gradients():
    rng = np.random.default_rng(8)
    out = []
    for step in range(STEPS):
        scale = [1.0, 0.1, 3.0, 0.5, 0.02, 1.0][step]
        out.append([np.asarray(rng.normal(0, scale, shape), "float32") for _, _, shape, _ in WEIGHTS])
    out[2][4] = np.zeros_like(out[2][4])
    return out


def floats(x):
    return [float(str(v)) for v in np.asarray(x).ravel()]


def cases():
    schedule = S.CosineDecay(0.05, 4, alpha=0.1, warmup_target=0.2, warmup_steps=2)
    for name, make in {
        "sgd": lambda **k: O.SGD(**{"learning_rate": 0.1, **k}),
        "rmsprop": lambda **k: O.RMSprop(**{"learning_rate": 0.01, **k}),
        "adam": lambda **k: O.Adam(**{"learning_rate": 0.02, **k}),
        "adamw": lambda **k: O.AdamW(**{"learning_rate": 0.02, **k}),
        "adagrad": lambda **k: O.Adagrad(**{"learning_rate": 0.1, **k}),
        "adadelta": lambda **k: O.Adadelta(**{"learning_rate": 1.0, **k}),
        "adamax": lambda **k: O.Adamax(**{"learning_rate": 0.02, **k}),
        "nadam": lambda **k: O.Nadam(**{"learning_rate": 0.02, **k}),
        "ftrl": lambda **k: O.Ftrl(**{"learning_rate": 0.1, **k}),
        "lion": lambda **k: O.Lion(**{"learning_rate": 0.01, **k}),
        "lamb": lambda **k: O.Lamb(**{"learning_rate": 0.02, **k}),
        "adafactor": lambda **k: O.Adafactor(**{"learning_rate": 0.3, **k}),
        "muon": lambda **k: O.Muon(**{"learning_rate": 0.02, **k}),
        "schedulefree": lambda **k: O.ScheduleFreeAdamW(**{"learning_rate": 0.02, **k}),
    }.items():
        yield name, make(), {}
        yield f"{name} accumulating, averaged", make(
            gradient_accumulation_steps=2, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=2, weight_decay=0.1, clipnorm=0.5), {}
        if name in ("sgd", "adam", "nadam", "muon", "schedulefree"):
            yield f"{name} on a schedule", make(learning_rate=schedule, gradient_accumulation_steps=3), {}
    exclude = {"exclude": ["bias", "^emb"]}
    yield "sgd momentum", O.SGD(0.1, momentum=0.9), {}
    yield "sgd nesterov, clipnorm", O.SGD(0.1, momentum=0.8, nesterov=True, clipnorm=0.4), {}
    yield "sgd global_clipnorm", O.SGD(0.1, global_clipnorm=0.7), {}
    yield "sgd clipvalue, loss scale", O.SGD(0.1, clipvalue=0.05, loss_scale_factor=4.0), {}
    yield "sgd decay, averaged", O.SGD(0.1, weight_decay=0.2, use_ema=True, ema_momentum=0.7), exclude
    yield "rmsprop centered, momentum", O.RMSprop(0.01, rho=0.8, momentum=0.5, centered=True, epsilon=1e-3), {}
    yield "rmsprop centered", O.RMSprop(0.01, centered=True, epsilon=1e-4), {}
    yield "adam amsgrad, accumulating, averaged", O.Adam(
        0.02, beta_1=0.8, beta_2=0.7, amsgrad=True, gradient_accumulation_steps=2, use_ema=True), {}
    yield "adamw excluding", O.AdamW(0.02, weight_decay=0.3), exclude
    yield "lion decay", O.Lion(0.01, weight_decay=0.3, beta_1=0.8), exclude
    yield "ftrl penalties", O.Ftrl(
        0.1, learning_rate_power=-0.3, initial_accumulator_value=0.2, l1_regularization_strength=0.1,
        l2_regularization_strength=0.2, l2_shrinkage_regularization_strength=0.05, beta=0.3), {}
    yield "adafactor own", O.Adafactor(0.5, beta_2_decay=-0.6, epsilon_2=0.4, clip_threshold=0.5, relative_step=False), {}
    yield "muon own", O.Muon(
        0.02, nesterov=False, rms_rate=None, adam_lr_ratio=0.5, exclude_layers=["^tall"], exclude_embeddings=False, ns_steps=3,
        adam_weight_decay=None), {}
    yield "schedulefree warm-up", O.ScheduleFreeAdamW(0.02, warmup_steps=4, weight_decay=0.1), {}
    yield "loss scale", O.LossScaleOptimizer(O.Adam(0.02), initial_scale=8.0, dynamic_growth_steps=2), {"infinite": 3}
    for name, inner in {
        "nadam": O.Nadam(schedule, loss_scale_factor=4.0), "adafactor": O.Adafactor(0.3), "schedulefree": O.ScheduleFreeAdamW(0.02),
        "adamw": O.AdamW(0.02, gradient_accumulation_steps=2, use_ema=True, clipnorm=0.5),
    }.items():
        yield f"{name} in loss scale", O.LossScaleOptimizer(inner, initial_scale=16.0, dynamic_growth_steps=3), {"infinite": 2}
    several = lambda **k: O.MultiOptimizer(O.OptimizerMap(O.SGD(0.1, momentum=0.9, global_clipnorm=0.5, loss_scale_factor=9.0), {
        "dense/.*": O.Nadam(schedule, use_ema=True, ema_momentum=0.8), "tall/kernel": O.Adafactor(0.3),
        "conv1d/(kernel|bias)": O.AdamW(0.02, gradient_accumulation_steps=2), "other": O.Adam()}), **k)
    yield "adafactor among several", several(), {}
    yield "adafactor among several, loss scale factor", several(loss_scale_factor=4.0), {}
    yield "adafactor among several in loss scale", O.LossScaleOptimizer(several(), initial_scale=8.0, dynamic_growth_steps=2), {"infinite": 3}


def run(label, optimizer, options):
    optimizer.name = label
    vars_ = weights()
    if "exclude" in options:
        optimizer.exclude_from_weight_decay(var_names=options["exclude"])
    optimizer.build(vars_)
    step = jax.jit(optimizer.stateless_apply)
    w = [v.value for v in vars_]
    s = [v.value for v in optimizer.variables]
    record = {
        "label": label,
        "optimizer": keras.saving.serialize_keras_object(optimizer),
        "state": [[v.name, list(v.shape), keras.backend.standardize_dtype(v.dtype)] for v in optimizer.variables],
        **options,
        "steps": [],
    }
    for i, grads in enumerate(gradients()):
        if options.get("infinite") == i:
            grads[0] = grads[0] * np.float32(np.inf)
        w, s = step(s, [jax.numpy.asarray(g) for g in grads], w)
        record["steps"].append([x for v in w for x in floats(v)])
    record["final_state"] = [floats(v) for v in s]
    for v, x in zip([*vars_, *optimizer.variables], [*w, *s]):
        v.assign(x)
    optimizer.finalize_variable_values(vars_)
    after = [x for v in vars_ for x in floats(v.value)]
    record["finalized"] = after if after != record["steps"][-1] else None
    return record


def schedules():
    yield S.ExponentialDecay(0.05, 4, 0.5)
    yield S.ExponentialDecay(0.05, 7, 0.9, staircase=True)
    yield S.PiecewiseConstantDecay([3, 7.5, 100], [0.2, 0.1, 0.03, 1.0])
    yield S.PiecewiseConstantDecay([5], [0.2, 0.1])
    yield S.PolynomialDecay(0.2, 6, 0.01, power=2.0)
    yield S.PolynomialDecay(0.2, 10)
    yield S.PolynomialDecay(0.2, 9, 0.01, power=0.5, cycle=True)
    yield S.InverseTimeDecay(0.2, 3, 0.5)
    yield S.InverseTimeDecay(0.2, 3, 0.5, staircase=True)
    yield S.CosineDecay(0.2, 20, alpha=0.1)
    yield S.CosineDecay(0.02, 20, alpha=0.1, warmup_target=0.3, warmup_steps=5)
    yield S.CosineDecayRestarts(0.2, 4, t_mul=2.0, m_mul=0.8, alpha=0.05)
    yield S.CosineDecayRestarts(0.2, 5, t_mul=1.0, m_mul=0.9)
    yield S.CosineDecayRestarts(0.2, 6, t_mul=1.5, m_mul=1.1)
    yield S.CosineDecayRestarts(0.2, 3, t_mul=3.0)
    yield S.CosineDecayRestarts(0.2, 10)


def main():
    at = list(range(0, 64)) + [93, 100, 124, 127, 252, 310, 1000, 12345, 1000000]
    made = []
    for s in schedules():
        value = jax.jit(lambda step, s=s: s(step))
        values = [float(str(np.float32(value(jax.numpy.asarray(i, "int32"))))) for i in at]
        made.append({"schedule": keras.saving.serialize_keras_object(s), "values": values})
    variables = [
        {"path": v.path, "name": v.name, "shape": list(v.shape), "value": floats(v.value),
         "constraint": c and keras.saving.serialize_keras_object(c)}
        for v, (_, _, _, c) in zip(weights(), WEIGHTS)
    ]
    fixture = {
        "keras": keras.__version__,
        "variables": variables,
        "gradients": [[x for g in step for x in floats(g)] for step in gradients()],
        "cases": [run(*c) for c in cases()],
        "schedule_steps": at,
        "schedules": made,
    }
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "optimizers.json")
    with open(path, "w") as f:
        f.write("{\n" + ",\n".join(f"{json.dumps(k)}: " + (
            "[\n" + ",\n".join(json.dumps(x, separators=(",", ":")) for x in v) + "\n]" if isinstance(v, list) else json.dumps(v)) for k, v in fixture.items()) + "\n}\n")
    print(len(fixture["cases"]), "cases", os.path.getsize(path), "bytes")


main()
