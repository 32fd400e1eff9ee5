"""ONNX Runtime predicting one workload, all cores:   python peer_onnxruntime.py MODEL.npz

The graph is written here from the weights: the LSTM, GRU and MatMul of the standard. Also written beside: MODEL.onnx."""
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
import timing
import workloads
from onnx import TensorProto, helper, numpy_helper

path = pathlib.Path(sys.argv[1])
name = path.stem
batch, steps = workloads.SPECS[name]
steps = min(steps, 20)
held = np.load(path)
weights = iter([held[f"w{i}"] for i in range(len(held.files))])
nodes, constants = [], []


def constant(value):
    constants.append(numpy_helper.from_array(np.ascontiguousarray(value), f"c{len(constants)}"))
    return constants[-1].name


def emit(op, *inputs, outputs=1, **options):
    outs = [f"{op}_{len(nodes)}_{i}" for i in range(outputs)]
    nodes.append(helper.make_node(op, list(inputs), outs, **options))
    return outs if outputs > 1 else outs[0]


def lstm_arrays():
    def order(w):
        i, f, c, o = np.split(w, 4, -1)
        return np.concatenate([i, o, f, c], -1)

    kernel, recurrent, bias = (order(next(weights)) for _ in range(3))
    return kernel.T, recurrent.T, np.concatenate([bias, np.zeros_like(bias)])


def gru_arrays():
    kernel, recurrent, bias = (next(weights) for _ in range(3))
    return kernel.T, recurrent.T, bias.reshape(-1)


def recurrent(x, op, arrays, sequences, directions=1):
    """x and the result are time-major."""
    each = [arrays() for _ in range(directions)]
    w, r, b = (constant(np.stack([e[k] for e in each])) for k in range(3))
    units = each[0][1].shape[1]
    options = {"linear_before_reset": 1} if op == "GRU" else {}
    if directions == 2:
        options["direction"] = "bidirectional"
    y, last = emit(op, x, w, r, b, outputs=3 if op == "LSTM" else 2, hidden_size=units, **options)[:2]
    if not sequences:
        return emit("Squeeze", last, constant(np.array([0])))
    if directions == 1:
        return emit("Squeeze", y, constant(np.array([1])))
    return emit("Reshape", emit("Transpose", y, perm=[0, 2, 1, 3]), constant(np.array([0, 0, 2 * units])))


def dense(x, activation=None):
    x = emit("Add", emit("MatMul", x, constant(next(weights))), constant(next(weights)))
    return emit(activation, x) if activation else x


x, _ = workloads.data(name, batch * steps)
if name == "ragged":
    raise SystemExit("ragged: ONNX has no packed sequences")
x = np.asarray(x)
entry = helper.make_tensor_value_info("x", TensorProto.INT64 if x.dtype == np.int64 else TensorProto.FLOAT, [batch, *x.shape[1:]])
h = "x"
if name == "text":
    h = emit("Gather", constant(next(weights)), h)
h = emit("Transpose", h, perm=[1, 0, 2])
match name:
    case "seed":
        h = dense(recurrent(recurrent(h, "LSTM", lstm_arrays, True), "LSTM", lstm_arrays, False), "Sigmoid")
    case "rows":
        h = dense(recurrent(h, "LSTM", lstm_arrays, False), "Softmax")
    case "text":
        h = dense(recurrent(h, "LSTM", lstm_arrays, False), "Sigmoid")
    case "big":
        h = dense(recurrent(recurrent(h, "LSTM", lstm_arrays, True), "LSTM", lstm_arrays, False))
    case "gru":
        h = dense(recurrent(recurrent(h, "GRU", gru_arrays, True), "GRU", gru_arrays, False), "Softmax")
    case "bidir":
        h = recurrent(recurrent(h, "LSTM", lstm_arrays, True, 2), "LSTM", lstm_arrays, True, 2)
        h = emit("Transpose", dense(h, "Softmax"), perm=[1, 0, 2])
    case _:
        h = dense(recurrent(h, "LSTM", lstm_arrays, False))
result = helper.make_tensor_value_info(h, TensorProto.FLOAT, None)
graph = helper.make_graph(nodes, name, [entry], [result], constants)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
onnx.save(model, path.with_suffix(".onnx"))
session = onnxruntime.InferenceSession(str(path.with_suffix(".onnx")), providers=["CPUExecutionProvider"])
batches = [np.ascontiguousarray(x[k * batch:(k + 1) * batch]) for k in range(steps)]
timing.report(predict_ms=timing.median_ms(lambda b: session.run(None, {"x": b}), batches, 20 if name == "one" else 5))
