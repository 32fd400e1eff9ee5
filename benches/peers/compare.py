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


def table(key, n_rounds, say):
    """Milliseconds of everyone, and how many times faster than the best peer cornu is: the median over the rounds."""
    medians = {k: statistics.median(v) for k, v in got.items() if k[0] == key}
    peers = list(dict.fromkeys(peer for _, _, peer in medians))
    rows = []
    for name in names:
        of = {peer: medians[key, name, peer] for peer in peers if (key, name, peer) in medians}
        others = [peer for peer in of if not peer.startswith("cornu")]
        if "cornu" not in of or not others:
            continue
        best = min(others, key=of.get)
        ratio = statistics.median(theirs / ours for theirs, ours in zip(got[key, name, best], got[key, name, "cornu"]))
        cells = [f"{of[peer]:.3f}" if peer in of else "" for peer in peers]
        rows.append(f"| {name} | {' | '.join(cells)} | {ratio:.2f} ({best}) |")
        if say:
            print(f"round {n_rounds}  {name:7} {FIGURES[key]:22} best peer / cornu {ratio:6.2f} ({best})", flush=True)
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


def report(n_rounds, say=False, further=""):
    """Writes the page as far as it is known in this round."""
    machine = f"{cpu()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}; {datetime.date.today()}."
    rounds = f"Medians of {n_rounds} rounds in which every program ran in turn" if n_rounds > 1 else "One round in which every program ran in turn"
    parts = [
        "# Speeds\n",
        f"{machine} {rounds}; written by `benches/peers/compare.py`, whose `workloads.py` holds the models.\n",
        table("train_ms", n_rounds, say),
        table("predict_ms", n_rounds, say),
    ]
    most = {name: [f"{peer} {max(v):.0f}" for (n, peer), v in memory.items() if n == name] for name in ("seed", "big")}
    if any(most.values()):
        parts.append("## Peak memory of the process, MB\n\n" + "\n".join(f"- {n}: {', '.join(v)}" for n, v in most.items() if v) + "\n")
    pathlib.Path(a.output).write_text("\n".join(part for part in [*parts, further] if part))


for n_round in range(1, a.rounds + 1):
    for name in names:
        for peer, command, env in commands(name):
            figures = ask(command, env)
            for key, value in (figures or {}).items():
                if key == "peak_rss_mb" and value:
                    memory.setdefault((name, peer), []).append(value)
                elif key in FIGURES and value and not (key == "train_ms" and name in ("one", "wide")):
                    got.setdefault((key, name, peer), []).append(value)
        # A run that is broken off leaves what it measured.
        report(n_round, name == names[-1])
if a.kernels:
    report(a.rounds, further=subprocess.run([a.kernels, "--bench"], capture_output=True, text=True).stdout)
