"""Whole models: random inputs, members, outputs and weights."""

import keras
import numpy as np

from .calls import CALLS
from .draw import Draw
from .graph import Graph, Misfit
from .more_operations import MORE_OPERATIONS
from .operations import OPERATIONS
from .wrappers import chain

REFUSALS = (Misfit, ValueError, TypeError, NotImplementedError, AttributeError, IndexError)


class Made:
    """A model with what it is fed."""

    def __init__(self, model, graph):
        self.model = model
        self.graph = graph
        fed = {id(t): x for t, x in zip(graph.inputs, graph.feeds)}
        one = graph.feeds[:1]
        self.feeds = [fed.get(id(t), x) for t, x in zip(model.inputs, one * len(model.inputs))]


def make(seed, number):
    """Model `number` of a run."""
    d = Draw(seed, number)
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(d.whole(0, 2**31))
    g = Graph(d, batch=d.whole(2, 4))
    policy = d.pick("mixed_float16", "mixed_bfloat16") if d.chance(0.04) else "float32"
    keras.config.set_dtype_policy(policy)
    g.is_rough = policy != "float32"
    try:
        made = sequential(g) if d.chance(0.15) else functional(g)
    finally:
        keras.config.set_dtype_policy("float32")
    randomize(made.model, d)
    return made


def first_inputs(g):
    d = g.d
    kinds = {
        g.sequences: 6,
        g.ids: 3,
        g.table: 2,
        lambda: g.sequences(grid=True): 1.2,
        lambda: g.ids(of_sentences=True): 0.8,
        g.mask_input: 1,
    }
    weights = np.array(list(kinds.values()))
    for i in d.rng.choice(len(kinds), size=d.whole(1, 3), p=weights / weights.sum()):
        list(kinds)[int(i)]()
    if all(v.kind == "bool" for v in g.values):
        g.sequences()


def member(g, likely):
    """Adds a member; true if one was added."""
    weights = np.array(list(likely.values()))
    what = list(likely)[int(g.d.rng.choice(len(likely), p=weights / weights.sum()))]
    n = len(g.values)
    try:
        what(g)
    except REFUSALS as e:
        # What went before a refusal stays, so it is no member by chance only.
        if not isinstance(e, Misfit):
            g.misfits.append(f"{what.__name__}: {type(e).__name__}: {str(e)[:160]}")
    return len(g.values) > n


def functional(g):
    d = g.d
    first_inputs(g)
    n_inputs = len(g.values)
    # In fewer bits, comparisons jump.
    with_operations = d.chance(0.6) and not g.is_rough
    likely = CALLS | {k: v * 0.9 for k, v in (OPERATIONS | MORE_OPERATIONS).items()} if with_operations else CALLS
    wanted, added = d.whole(1, 12), 0
    for _ in range(60):
        if added == wanted:
            break
        added += member(g, likely)
    leaves = [v for v in g.values[n_inputs:] if not v.uses]
    if not leaves:
        raise Misfit("nothing was made")
    outputs = leaves[-d.whole(1, 3) :]
    if d.chance(0.2):
        outputs.append(g.values[d.whole(0, len(g.values) - 1)])
    if not d.chance(0.1):
        outputs = list(dict.fromkeys(outputs))
    tensors = [v.tensor for v in outputs]
    inputs = used_inputs(g, tensors)
    return Made(keras.Model(*structures(d, inputs, tensors)), g)


def used_inputs(g, outputs):
    """The inputs that the outputs depend on."""
    reached, open_ = set(), list(outputs)
    while open_:
        x = open_.pop()
        if id(x) in reached:
            continue
        reached.add(id(x))
        history = x._keras_history
        node = history.operation._inbound_nodes[history.node_index]
        open_ += node.arguments.keras_tensors
    kept = [t for t in g.inputs if id(t) in reached]
    if not kept:
        raise Misfit("no input is used")
    return kept


def structures(d, inputs, outputs):
    """Inputs and outputs as one tensor, a list, a tuple or a dict, also of lists."""
    if d.chance(0.12):
        outputs = {f"out_{'zyxwv'[i]}": t for i, t in enumerate(outputs)}
    elif len(outputs) > 1 and d.chance(0.08):
        outputs = d.pick({"b": outputs[1:], "a": outputs[0]}, [outputs[:1], outputs[1:]], tuple(outputs))
    elif len(outputs) == 1 and d.chance(0.8):
        outputs = outputs[0]
    if d.chance(0.12):
        inputs = {t.name: t for t in d.shuffled(inputs)}
    elif len(inputs) > 1 and d.chance(0.08):
        inputs = d.pick({"b": inputs[1:], "a": inputs[0]}, [inputs[:1], inputs[1:]], tuple(inputs))
    elif len(inputs) == 1 and d.chance(0.8):
        inputs = inputs[0]
    return inputs, outputs


def sequential(g):
    d = g.d
    d.pick(g.sequences, g.sequences, g.ids, g.table)()
    model = chain(g, g.values[0], d.whole(1, 7))
    if d.chance(0.3):
        # Without an input of its own: built by its first call, which its file tells.
        late = keras.Sequential([type(x).from_config(x.get_config()) for x in model.layers])
        late(g.feeds[0])
        return Made(late, g)
    return Made(model, g)


def randomize(model, d):
    """Replaces the first values of all weights."""
    for w in model.weights:
        if "int" in str(w.dtype) or w.name == "seed_generator_state":
            continue
        noise = d.rng.normal(size=w.shape) * 0.5
        if "variance" in w.name:
            noise = np.abs(noise) + 0.3
        if w.name == "gamma" or w.name == "scale":
            noise = noise * 0.3 + 1
        w.assign(noise.astype("float32"))
