"""The command: makes models, holds cornu against Keras, prints what differs. Ends with 1 if anything
differs that is not explained in `known`."""

import argparse
import os
import sys
import tempfile
import time

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false --xla_backend_optimization_level=0")
os.environ.setdefault("JAX_PLATFORMS", "cpu")


def options():
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--cornu", required=True, help="the command to test")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first model")
    parser.add_argument("--only", type=int, nargs="*", help="just the models of these numbers")
    parser.add_argument("--keep", help="folder for the models that fail")
    parser.add_argument("--cache", help="folder where JAX keeps what it compiled, for the next run")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--no-shrink", action="store_true", help="keep failing models whole")
    parser.add_argument("--verbose", action="store_true", help="also what Keras refuses")
    return parser.parse_args()


def prepare(cache):
    """Keras as this program needs it: quiet, fast to start."""
    import logging
    import warnings

    import jax
    import keras
    import numpy as np
    from keras.src.initializers import random_initializers

    warnings.filterwarnings("ignore")
    logging.disable(logging.ERROR)
    keras.config.disable_interactive_logging()
    jax.config.update("jax_compilation_cache_dir", cache)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # First values are replaced before anything is saved: drawing them would take most of the time.
    for made in list(vars(random_initializers).values()):
        if isinstance(made, type) and "__call__" in vars(made):
            made.__call__ = lambda self, shape, dtype=None, **_: np.full(shape, 0.1, "float32")


def part(args, numbers, keep):
    """Runs models one after another; returns the findings."""
    import jax

    from . import case, known, report, shrink
    from .command import Cornu

    findings = []
    with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
        cornu = Cornu(args.cornu, folder)
        for number in numbers:
            finding, made = case.run(args.seed, number, cornu)
            finding.number = number
            if finding.failed:
                model, feeds = made.model, made.feeds
                if not args.no_shrink and finding.form != "training":
                    (model, feeds, found), finding.blamed = shrink.shrink(made, finding, cornu)
                    finding.detail = found.detail
                if keep:
                    finding.kept = f"{keep}/{args.seed}_{number}_{finding.kind}_{finding.blamed}"
                    report.clean(finding.kept)
                    report.keep(finding.kept, finding, model, feeds, folder)
                why = known.reason(finding)
                print(
                    f"model {number} ({finding.form}): {finding.kind} at {finding.stage} "
                    f"[{finding.blamed}] {finding.detail}" + (f" (explained: {why})" if why else ""),
                    flush=True,
                )
            findings.append(finding)
            if len(findings) % 25 == 0:
                jax.clear_caches()  # compiled programs would fill the memory
                print(f"... {len(findings)} models", flush=True)
    return findings


def main():
    args = options()
    start = time.time()
    cache = args.cache or tempfile.mkdtemp(prefix="fuzz-jax")
    numbers = args.only or list(range(args.first, args.first + args.models))
    if args.jobs > 1:
        sys.exit("one job at a time")
    prepare(cache)
    from . import known, report

    findings = part(args, numbers, args.keep)
    print()
    print("\n".join(report.summary(findings, time.time() - start)))
    print("members compared:", report.members_seen(findings))
    if args.verbose:
        print("\n".join(report.trouble_of_keras(findings)))
    return 1 if any(f.failed and not known.reason(f) for f in findings) else 0


if __name__ == "__main__":
    sys.exit(main())
