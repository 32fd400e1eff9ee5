"""Failing models in folders of their own, and the summary of a run."""

import collections
import json
import os
import re
import shutil

import numpy as np

from . import known
from .case import results


def keep(folder, finding, model, feeds, worked_in):
    """Writes a failing model with its inputs, what Keras computes, and how to run it."""
    os.makedirs(folder, exist_ok=True)
    if finding.form == "training":
        for name in os.listdir(worked_in):
            if name == "trained.keras" or name.startswith("t") and name.endswith(".npy"):
                shutil.copy(f"{worked_in}/{name}", folder)
    name = f"model.{'h5' if finding.form == 'h5' else 'keras'}"
    model.save(f"{folder}/{name}")
    for i, x in enumerate(feeds):
        np.save(f"{folder}/x{i}.npy", x)
    expected = results(model, feeds)
    for i, y in enumerate(expected):
        np.save(f"{folder}/expected{i}.npy", y)
    command = f"cornu predict {name}"
    command += "".join(f" --input x{i}.npy" for i in range(len(feeds)))
    command += "".join(f" --output y{i}.npy" for i in range(len(expected)))
    with open(f"{folder}/README", "w") as f:
        f.write(f"{finding.kind} at {finding.stage}: {finding.detail}\n{command}\n\n")
        f.write(in_words(model))


def in_words(model):
    """The members of a model with the settings that are not plain, a line each."""
    lines = []
    config = json.loads(model.to_json())["config"]
    for layer in config["layers"]:
        lines.append(json.dumps({k: layer.get(k) for k in ("class_name", "config", "inbound_nodes")})[:3000])
    return "\n".join(lines) + "\n"


def pattern(words):
    """A message without names and numbers, so that equal kinds meet."""
    lines = words.splitlines() or [""]
    words = next((w for w in lines if w.startswith("error") or "panicked" in w), lines[0])
    words = re.sub(r"`[^`]*`", "`_`", words)
    return re.sub(r"\d+(\.\d+)?(e-?\d+)?", "N", words)[:160]


def summary(findings, seconds):
    """What a run came to, in lines."""
    counts = collections.Counter(f.kind for f in findings)
    explained = [f for f in findings if f.failed and known.reason(f)]
    lines = [
        f"{len(findings)} models in {seconds:.0f} s: {counts['equal']} equal, {counts['differs']} "
        f"differ, {counts['refused']} refused, {counts['panics']} panic, {counts['keras']} that Keras "
        f"itself cannot; {sum(f.trained for f in findings)} also trained; {len(explained)} of these are explained"
    ]
    groups = collections.defaultdict(list)
    for f in findings:
        if f.failed:
            words = pattern(f.detail) if f.kind != "differs" or f.stage == "back" and "raises" in f.detail else ""
            groups[f.kind, f.stage, f.blamed, words].append(f)
    for (kind, stage, blamed, words), some in sorted(groups.items(), key=lambda g: -len(g[1])):
        why = known.reason(some[0])
        lines.append(f"{len(some):4} {kind} at {stage} {blamed}: {words or some[0].detail}")
        lines.append("       models " + " ".join(str(f.number) for f in some[:12]))
        if why:
            lines.append(f"       explained: {why}")
    return lines


def trouble_of_keras(findings):
    """What Keras refused, for those who work on the generator."""
    counts = collections.Counter(f"{f.stage}: {pattern(f.detail)}" for f in findings if f.kind == "keras")
    for f in findings:
        counts.update("member " + pattern(m) for m in f.misfits)
    return [f"{n:4} {words}" for words, n in counts.most_common(40)]


def members_seen(findings):
    """How often each class was part of a model that was compared."""
    counts = collections.Counter(m for f in findings if f.kind != "keras" for m in f.members)
    return ", ".join(f"{name} {n}" for name, n in counts.most_common())


def clean(folder):
    shutil.rmtree(folder, ignore_errors=True)
