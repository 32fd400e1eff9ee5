"""When two arrays count as equal."""

import numpy as np

# Float32 sums in another order: a few units of the last place of the largest number, after up to
# twelve members. Single precision has 1.2e-7.
RELATIVE = 1e-5
ABSOLUTE = 2e-6
# How far the numbers may be apart, measured in what an equally small change of the weights does.
MOVES = 30.0
# Mixed policies: cornu computes them in float32, Keras in types of 11 and 8 bits.
ROUGH = 6e-2


def as_real(x):
    return np.asarray(x).astype("float64")


def apart(ours, theirs, moves=None, rough=False):
    """None if the arrays are equal within the tolerance, else what differs, in words.

    `moves` tells for each number how far Keras's own result moves when weights and inputs change in
    their last places: what is ill-conditioned, or jumps, is given that much room.
    """
    ours, theirs = as_real(ours), as_real(theirs)
    if ours.shape != theirs.shape:
        return f"shape {ours.shape}, Keras has {theirs.shape}"
    if (np.isnan(ours) != np.isnan(theirs)).any():
        n = int((np.isnan(ours) != np.isnan(theirs)).sum())
        return f"NaN at other places ({n} of {ours.size})"
    finite = np.isfinite(theirs)
    if (np.isinf(theirs) & (ours != theirs)).any() or (~finite != ~np.isfinite(ours)).any():
        return "infinite at other places"
    if not finite.any():
        return None
    scale = float(np.abs(theirs[finite]).max())
    room = ROUGH * max(1.0, scale) if rough else ABSOLUTE + RELATIVE * scale
    if moves is not None:
        room = room + MOVES * moves
    off = np.where(finite, np.abs(np.where(finite, ours, 0) - np.where(finite, theirs, 0)), 0)
    if (off <= room).all():
        return None
    worst = float(np.max(off))
    return f"off by {worst:.3g} where the largest number is {scale:.3g} ({int((off > room).sum())} of {off.size})"
