"""Runs of many models, in this process or in several. Keras is imported once its settings are made."""

import itertools
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context


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


def in_jobs(args, numbers, cache):
    """The same by several processes."""
    shares = [numbers[i :: args.jobs] for i in range(args.jobs)]
    context = get_context("spawn")
    with ProcessPoolExecutor(args.jobs, context, initializer=prepare, initargs=(cache,)) as pool:
        done = list(pool.map(part, itertools.repeat(args), shares, itertools.repeat(args.keep)))
    return sorted((f for findings in done for f in findings), key=lambda f: f.number)
