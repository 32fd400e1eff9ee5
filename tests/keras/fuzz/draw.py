"""Random choices, all from one seeded generator."""

import numpy as np


class Draw:
    """Random choices of one model. Equal seeds give equal choices."""

    def __init__(self, *seed):
        self.rng = np.random.default_rng(list(seed))

    def chance(self, p):
        """True with probability `p`."""
        return self.rng.random() < p

    def pick(self, *options):
        """One of the options."""
        return options[int(self.rng.integers(len(options)))]

    def whole(self, low, high):
        """A whole number from `low` to `high`, both included."""
        return int(self.rng.integers(low, high + 1))

    def real(self, low, high):
        """A number between `low` and `high`, of three decimals: it prints well in configs."""
        return round(float(self.rng.uniform(low, high)), 3)

    def some(self, options, n):
        """`n` different options, in their order."""
        chosen = self.rng.choice(len(options), size=n, replace=False)
        return [options[i] for i in sorted(chosen)]

    def shuffled(self, options):
        """The options in random order."""
        return [options[i] for i in self.rng.permutation(len(options))]

    def normal(self, *shape):
        """Normally distributed numbers in float32."""
        return self.rng.normal(size=shape).astype("float32")

    def bools(self, *shape, p=0.7):
        """True with probability `p` each."""
        return self.rng.random(shape) < p

    def ends(self, rows, length):
        """Sequence lengths: most rows are shorter than `length`, some are empty."""
        ends = self.rng.integers(1, length + 1, rows)
        ends[self.rng.random(rows) < 0.15] = 0
        ends[int(self.rng.integers(rows))] = length
        return ends
