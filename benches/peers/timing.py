"""How every Python peer is timed: rounds over the batches, the median of a step."""
import json
import resource
import statistics
import time


def median_ms(step, batches, rounds):
    """Median milliseconds of `step(batch)` after a round to warm up."""
    for b in batches:
        step(b)
    times = []
    for _ in range(rounds):
        for b in batches:
            start = time.perf_counter()
            step(b)
            times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def report(**figures):
    figures["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(figures), flush=True)
