"""Runs of the command cornu."""

import json
import os
import resource
import subprocess

import numpy as np


LIMIT_S = 30
LIMIT_BYTES = 6 << 30


class Refused(Exception):
    """cornu ended with a message. `panicked` if it was no message for users."""

    def __init__(self, code, message):
        self.code = code
        self.message = message.strip()
        self.panicked = "panicked at" in self.message or code not in (1, 2, 3)
        super().__init__(self.message)


def limit():
    """A command that goes on for ever takes no memory from others."""
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))


class Cornu:
    """The command, in a folder where files come and go."""

    def __init__(self, binary, folder):
        self.binary = os.path.abspath(binary)
        self.folder = folder

    def run(self, *args):
        try:
            done = subprocess.run(
                [self.binary, *args],
                cwd=self.folder,
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
                preexec_fn=limit,
            )
        except subprocess.TimeoutExpired:
            raise Refused(-1, f"no end after {LIMIT_S} s") from None
        if done.returncode:
            raise Refused(done.returncode, done.stderr)
        return done

    def inputs(self, feeds, flag="--input", stem="x"):
        args = []
        for i, x in enumerate(feeds):
            np.save(f"{self.folder}/{stem}{i}.npy", x)
            args += [flag, f"{stem}{i}.npy"]
        return args

    def predict(self, model, feeds, n_outputs, *more):
        """The outputs, and what was warned of."""
        args = self.inputs(feeds)
        for i in range(n_outputs):
            args += ["--output", f"y{i}.npy"]
        done = self.run("predict", model, *args, *more)
        return [np.load(f"{self.folder}/y{i}.npy") for i in range(n_outputs)], done.stderr.strip()

    def convert(self, model, to, *more):
        self.run("convert", model, to, *more)

    def evaluate(self, model, feeds, targets, *more):
        args = self.inputs(feeds) + self.inputs(targets, "--target", "t")
        return json.loads(self.run("evaluate", model, *args, "--json", *more).stdout)

    def fit(self, model, feeds, targets, output, *more):
        args = self.inputs(feeds) + self.inputs(targets, "--target", "t")
        args += ["--epochs", "1", "--no-shuffle", "--verbose", "0", "--output", output]
        self.run("fit", model, *args, *more)
