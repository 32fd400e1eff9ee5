"""Differences that are explained and stay: where Keras contradicts itself, or cornu says so in its
documentation. Each line: what the message or the blamed member must hold, and the reason."""

KNOWN = [
    (
        "Attention",
        "axes of one letter must have one number",
        "keys of one timestep under a mask of several, or a mask of more samples than there are: Keras's "
        "einsum stretches them, which no layer means; cornu refuses by name",
    ),
    (
        "Attention",
        "key and value equal timesteps",
        "a value or key of one timestep beside another of several: as above",
    ),
    (
        "RMSNormalization",
        "where the largest number is 0",
        "TimeDistributed announces float32 for an inner layer that gives whole numbers, and "
        "rms_normalization casts its result back to them: nothing but 0 is left",
    ),
]


def reason(finding):
    """Why this finding is no defect, or None."""
    for blamed, words, why in KNOWN:
        if blamed in finding.blamed and words in finding.detail:
            return why
    return None
