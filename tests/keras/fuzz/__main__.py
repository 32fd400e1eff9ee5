"""The command: makes models, holds cornu against Keras, prints what differs. Ends with 1 if anything
differs that is not explained in `known`."""

import argparse
import os
import sys
import tempfile
import time

from .jobs import in_jobs, part, prepare

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


def main():
    args = options()
    start = time.time()
    own = tempfile.TemporaryDirectory(prefix="fuzz-jax")
    cache = args.cache or own.name
    numbers = args.only or list(range(args.first, args.first + args.models))
    if args.jobs > 1:
        findings = in_jobs(args, numbers, cache)
    else:
        prepare(cache)
        findings = part(args, numbers, args.keep)
    from . import known, report

    print()
    print("\n".join(report.summary(findings, time.time() - start)))
    print("members compared:", report.members_seen(findings))
    if args.verbose:
        print("\n".join(report.trouble_of_keras(findings)))
    return 1 if any(f.failed and not known.reason(f) for f in findings) else 0


if __name__ == "__main__":
    sys.exit(main())
