"""cornu and its peers on the same models, in turn, in one run: prints the ratios and writes RESULTS.md.

    PY compare.py --keras-python PY [--torch-python PY] [--onnx-python PY] [--burn BINARY] [--tract BINARY]
                      [--cornu BINARY] [--kernels BINARY] [--rounds 3] [--nice N] [--output ../RESULTS.md] [NAME ...]

PY is a Python with numpy. Peers whose program is not given are left out. README.md tells how each is installed.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import tempfile

import workloads

here = pathlib.Path(__file__).resolve().parent
root = here.parent.parent
p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--cornu", default=str(root / "target/release/cornu"))
for peer in ("keras-python", "torch-python", "onnx-python", "burn", "tract", "kernels"):
    p.add_argument(f"--{peer}")
p.add_argument("--backends", default="jax,tensorflow")
p.add_argument("--rounds", type=int, default=3)
p.add_argument("--nice", type=int, default=0)
p.add_argument("--output", default=str(here.parent / "RESULTS.md"))
p.add_argument("names", nargs="*")
a = p.parse_args()
names = a.names or list(workloads.SPECS)
folder = pathlib.Path(tempfile.mkdtemp())
quiet = {"stderr": subprocess.DEVNULL}
subprocess.run([a.keras_python, here / "workloads.py", folder, *names], check=True, env={**os.environ, "KERAS_BACKEND": "jax"}, **quiet)


def ask(command, env=None):
    """The JSON object that a peer prints, or None."""
    prefix = ["nice", "-n", str(a.nice)] if a.nice else []
    r = subprocess.run([*prefix, *map(str, command)], cwd=here, env={**os.environ, **(env or {})}, capture_output=True, text=True)
    lines = [line for line in r.stdout.splitlines() if line.startswith("{")]
    if not lines:
        print(f"{' '.join(map(str, command))}: {r.stderr.strip()[-300:]}")
        return None
    return json.loads(lines[-1])


def commands(name):
    """Who takes part on a workload: peer, command, environment."""
    batch, steps = workloads.SPECS[name]
    model = folder / f"{name}.keras"

    def bench(path):
        ragged = ["--lengths", folder / "lengths.npy"] if name == "ragged" else []
        return [a.cornu, "bench", path, "--batch-size", batch, "--steps", steps, "--json", *ragged]

    yield "cornu", bench(model), {}
    if name == "one":
        small = folder / "one_int8.keras"
        made = subprocess.run([a.cornu, "convert", "--quantize", "int8", model, small], capture_output=True).returncode == 0
        if made:
            yield "cornu int8", bench(small), {}
    for backend in filter(None, a.backends.split(",")):
        yield f"Keras {backend}", [a.keras_python, "peer_keras.py", model], {"KERAS_BACKEND": backend}
    if a.torch_python:
        yield "PyTorch", [a.torch_python, "peer_torch.py", model], {}
    if a.onnx_python and name != "ragged":
        yield "ONNX Runtime", [a.onnx_python, "peer_onnxruntime.py", folder / f"{name}.npz"], {}
    if a.burn and name not in ("bidir", "ragged"):
        yield "Burn", [a.burn, name, batch, min(steps, 20)], {}
    if a.tract and a.onnx_python and name != "ragged":
        yield "tract", [a.tract, folder / f"{name}.onnx", min(steps, 20)], {}


FIGURES = {"train_ms": "training step", "predict_ms": "prediction of a batch"}
got, memory = {}, {}
for _ in range(a.rounds):
    for name in names:
        for peer, command, env in commands(name):
            figures = ask(command, env)
            for key, value in (figures or {}).items():
                if key == "peak_rss_mb" and value:
                    memory.setdefault((name, peer), []).append(value)
                elif key in FIGURES and value and not (key == "train_ms" and name in ("one", "wide")):
                    got.setdefault((key, name, peer), []).append(value)
medians = {k: statistics.median(v) for k, v in got.items()}
peers = list(dict.fromkeys(peer for _, _, peer in medians))


def table(key):
    """Milliseconds of everyone, and how many times faster than the best peer cornu is: the median over the rounds."""
    rows = []
    for name in names:
        of = {peer: medians[key, name, peer] for peer in peers if (key, name, peer) in medians}
        others = [peer for peer in of if not peer.startswith("cornu")]
        if "cornu" not in of or not others:
            continue
        best = min(others, key=of.get)
        pairs = zip(got[key, name, best], got[key, name, "cornu"])
        ratio = statistics.median(theirs / ours for theirs, ours in pairs)
        cells = [f"{of[peer]:.3f}" if peer in of else "" for peer in peers]
        rows.append(f"| {name} | {' | '.join(cells)} | {ratio:.2f} ({best}) |")
        print(f"{name:7} {FIGURES[key]:22} best peer / cornu {ratio:6.2f} ({best})")
    if not rows:
        return ""
    head = f"| workload | {' | '.join(peers)} | best peer / cornu |\n|{'---|' * (len(peers) + 2)}\n"
    return f"## Milliseconds of a {FIGURES[key]}\n\n{head}" + "\n".join(rows) + "\n"


def cpu():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


who = [f"{peer} {max(v):.0f}" for (name, peer), v in memory.items() if name == "big"]
seed = [f"{peer} {max(v):.0f}" for (name, peer), v in memory.items() if name == "seed"]
parts = [
    "# Speeds\n",
    f"{cpu()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}; {datetime.date.today()}. Medians of {a.rounds} rounds in which every "
    "program ran in turn; written by `benches/peers/compare.py`, whose `workloads.py` holds the models.\n",
    table("train_ms"),
    table("predict_ms"),
]
if who or seed:
    parts.append("## Peak memory of the process, MB\n\n" + "\n".join(f"- {n}: {', '.join(v)}" for n, v in (("seed", seed), ("big", who)) if v) + "\n")
if a.kernels:
    parts.append(subprocess.run([a.kernels, "--bench"], capture_output=True, text=True).stdout)
pathlib.Path(a.output).write_text("\n".join(part for part in parts if part))
