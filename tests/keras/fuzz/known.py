"""Differences that are explained and stay: where Keras contradicts itself, or cornu says so in its
documentation. Each line: what the message or the blamed member must hold, and the reason."""

KNOWN = []


def reason(finding):
    """Why this finding is no defect, or None."""
    for blamed, words, why in KNOWN:
        if blamed in finding.blamed and words in finding.detail:
            return why
    return None
