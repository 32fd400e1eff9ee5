"""Files of older Keras, converted by the command, opened by real Keras 3, which must predict what the older one did.

    python older.py CORNU FIXTURES.zip FOLDER

Files that cannot be written for Keras 3 must be refused with the reason, exit 3, and leave no file.
"""
import os, subprocess, sys, zipfile
os.environ["KERAS_BACKEND"] = "jax"
import keras, numpy as np
cornu, fixtures, folder = sys.argv[1:]
zipfile.ZipFile(fixtures).extractall(folder); os.chdir(folder)
keras.config.disable_interactive_logging()
REFUSED = {"hard_sigmoid_state": "hard_sigmoid of Keras 2", "merged_masks": "masks of this model", "maskless": "masks of this model"}
wrong, n = [], 0
names = [os.path.join(d, n) for d in (".", "trained") for n in sorted(os.listdir(d)) if os.path.exists(os.path.join(d, n, "y0.npy"))]
for name in names:
    (model,) = [f for f in os.listdir(name) if f.startswith("model.")]
    done = subprocess.run([cornu, "convert", f"{name}/{model}", f"{name}/converted.keras"], capture_output=True, text=True)
    why = REFUSED.get(os.path.basename(name))
    if why:
        if done.returncode != 3 or why not in done.stderr or os.path.exists(f"{name}/converted.keras"): wrong.append((name, done.stderr))
        continue
    if done.returncode: wrong.append((name, done.stderr)); continue
    arrays = lambda kind: [np.load(f"{name}/{kind}{i}.npy") for i in range(9) if os.path.exists(f"{name}/{kind}{i}.npy")]
    try:
        m = keras.models.load_model(f"{name}/converted.keras")
        x = arrays("x"); got = m(x if len(x) > 1 else x[0], training=False)
        worst = max(float(np.abs(np.asarray(a) - b).max()) for a, b in zip(got if isinstance(got, (list, tuple)) else [got], arrays("y"), strict=True))
        if not worst <= 1e-5: wrong.append((name, worst))
        if name.startswith("trained"): m.evaluate(x[0], np.load(f"{name}/t.npy"))
        n += 1
    except Exception as e:
        wrong.append((name, f"{type(e).__name__}: {e}"))
assert not wrong, "\n".join(map(str, wrong))
assert n > 40, n
