"""How cornu's time and memory grow with the sizes of a model: LSTM(U) and Dense(1) on (B, T, 32), trained by Adam and run.

    python growth.py [--cornu BINARY] [--nice N]

prints Markdown: microseconds a timestep and row, and the share of the units' work (per (32 + U) U), so that a row of the table that is flat
or falls says that nothing grows faster than the work itself. Needs the standard library alone.
"""
import argparse
import json
import os
import pathlib
import subprocess
import tempfile

root = pathlib.Path(__file__).resolve().parent.parent
p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--cornu", default=str(root / "target/release/cornu"))
p.add_argument("--nice", type=int, default=0)
a = p.parse_args()
folder = pathlib.Path(tempfile.mkdtemp())
FEATURES = 32


def model(units, timesteps, layer="LSTM"):
    def of(class_name, **config):
        return {"module": "keras.layers", "class_name": class_name, "config": config}

    layers = [
        of("InputLayer", batch_shape=[None, timesteps, FEATURES], dtype="float32", name="x"),
        of(layer, name="rnn", units=units),
        of("Dense", name="y", units=1),
    ]
    config = {"module": "keras", "class_name": "Sequential", "config": {"name": "m", "layers": layers}}
    path = folder / f"{layer}_{units}_{timesteps}.json"
    path.write_text(json.dumps({**config, "compile_config": {"optimizer": "adam", "loss": "mse"}}))
    return path


def bench(units=64, batch=32, timesteps=100, threads=None, layer="LSTM"):
    work = batch * timesteps * (FEATURES + units) * units
    steps = max(3, min(200, int(4e9 / work / 8)))
    command = [a.cornu, "bench", model(units, timesteps, layer), "--batch-size", batch, "--steps", steps, "--json"]
    command += ["--threads", threads] if threads else []
    prefix = ["nice", "-n", str(a.nice)] if a.nice else []
    r = subprocess.run([*prefix, *map(str, command)], capture_output=True, text=True)
    if r.returncode:
        raise SystemExit(r.stderr)
    return json.loads(r.stdout)


def table(title, key, values, figures=("train_ms", "predict_ms"), **fixed):
    fixed_text = ", ".join(f"{k} {v}" for k, v in fixed.items())
    print(f"\n{title} ({fixed_text})\n")
    print(f"| {key} | " + " | ".join(map(str, values)) + " |")
    print("|---|" + "---|" * len(values))
    got = [bench(**{**fixed, key: v}) for v in values]
    sizes = [{"units": 64, "batch": 32, "timesteps": 100, **fixed, key: v} for v in values]
    for figure in figures:
        name = "training" if figure == "train_ms" else "prediction"
        row = [1e3 * g[figure] / (s["batch"] * s["timesteps"]) for g, s in zip(got, sizes)]
        print(f"| {name}, us a timestep and row | " + " | ".join(f"{x:.3f}" for x in row) + " |")
        if key == "units":
            share = [1e3 * x / ((FEATURES + s["units"]) * s["units"]) for x, s in zip(row, sizes)]
            print(f"| {name}, ns of that for (F + U) U = 1 | " + " | ".join(f"{x:.3f}" for x in share) + " |")
    print("| peak memory, MB | " + " | ".join(f"{g['peak_rss_mb']:.0f}" for g in got) + " |")


print(f"## Growth\n\nLSTM(units), Dense(1), {FEATURES} features, Adam, {os.cpu_count()} cores.")
table("Units", "units", [8, 16, 32, 64, 128, 256, 512, 1024], batch=32, timesteps=100)
table("Batch", "batch", [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024], units=64, timesteps=50)
table("Timesteps", "timesteps", [5, 10, 20, 50, 100, 200, 500, 1000, 2000], units=64, batch=32)
table("Threads", "threads", list(range(1, (os.cpu_count() or 1) + 1)), units=256, batch=64, timesteps=100)
table("Tiny GRU", "units", [2, 4, 8, 16], layer="GRU", batch=32, timesteps=100)
table("Tiny SimpleRNN", "units", [2, 4, 8, 16], layer="SimpleRNN", batch=32, timesteps=100)
