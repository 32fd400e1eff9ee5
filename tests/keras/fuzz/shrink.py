"""The smallest part of a failing model that still fails: one output, then fewer members before it."""

import keras
import numpy as np

from .case import check, results
from .report import pattern


def function_of(model):
    return getattr(model, "_functional", None) or model


def nodes_in_order(model):
    by_depth = function_of(model)._nodes_by_depth
    return [n for depth in sorted(by_depth, reverse=True) for n in by_depth[depth]]


def inputs_before(outputs, stop=()):
    """The input tensors that lead to `outputs`, not looking behind the tensors in `stop`."""
    found, seen, open_ = {}, set(), list(outputs)
    stop = {id(t) for t in stop}
    while open_:
        t = open_.pop()
        if id(t) in seen:
            continue
        seen.add(id(t))
        history = t._keras_history
        node = history.operation._inbound_nodes[history.node_index]
        if id(t) in stop or node.is_input:
            found[id(t)] = t
        else:
            open_ += node.arguments.keras_tensors
    return list(found.values())


def like(finding, other):
    """Whether a part fails in the way of the whole."""
    if other.kind != finding.kind or other.stage != finding.stage:
        return False
    return finding.kind != "refused" or pattern(other.detail) == pattern(finding.detail)


def shrink(made, finding, cornu):
    """A smaller model that fails likewise, what it is fed, and the member to blame."""
    model, feeds = made.model, made.feeds
    fed = {id(t): x for t, x in zip(function_of(model).inputs, feeds)}
    form, back = finding.form, finding.stage in ("back", "convert")
    best = (model, feeds, finding)
    blamed = None
    for node in nodes_in_order(model):
        if node.is_input:
            continue
        for t in node.outputs:
            inputs = inputs_before([t])
            if not inputs or any(id(x) not in fed for x in inputs):
                continue
            part = keras.Model(inputs, t)
            some = [fed[id(x)] for x in part.inputs]
            found = check(part, some, cornu, form, back)
            if like(finding, found):
                best, blamed = (part, some, found), t
                break
        if blamed is not None:
            break
    if blamed is None:
        return best, ""
    operation = blamed._keras_history.operation
    cut = cut_before(blamed, fed, finding, cornu, form, back)
    return cut or best, type(operation).__name__


def cut_before(t, fed, finding, cornu, form, back):
    """The failing member with as few others before it as will do, or None."""
    frontier = [t]
    for _ in range(4):
        wider = []
        for x in frontier:
            node = x._keras_history.operation._inbound_nodes[x._keras_history.node_index]
            wider += [x] if node.is_input else node.arguments.keras_tensors
        frontier = list({id(x): x for x in wider}.values())
        if not frontier or all(id(x) in fed for x in frontier):
            return None
        start = [x for x in inputs_before([t], frontier)]
        try:
            before = keras.Model(inputs_before(start), start)
            values = results(before, [fed[id(x)] for x in before.inputs])
            part = keras.Model(start, t)
            values = [np.asarray(v) for v in values]
            found = check(part, values, cornu, form, back)
        except Exception:
            continue
        if like(finding, found):
            return part, values, found
    return None
