#!/usr/bin/env python3
"""sketches.py: how far percentiles and distinct of tlm-agg are off, on values of several shapes, against numpy's exact answers.

Prints the table of docs/accuracy.md. Promised: percentiles within 0.5 % of the true value; distinct with a standard error of
1.6 % (a single estimate is given four of them).
"""
import json
import os
import subprocess
import sys

import numpy

TOOL = os.environ.get("TLM_AGG", "tlm-agg")
N = 100000
SHARES = ["0.1", "1", "5", "25", "50", "75", "90", "95", "99", "99.9", "99.99"]
rng = numpy.random.Generator(numpy.random.PCG64(7))


def bucket_borders():
    """Values just beside the borders of the buckets of a DDSketch of 0.5 %, where the error is largest."""
    base = 1.005 / 0.995
    borders = base ** rng.integers(-2000, 2000, N)
    return borders * rng.choice([1 - 1e-12, 1 + 1e-12], N)


SHAPES = {
    "uniform, -100 to 100": lambda: rng.uniform(-100, 100, N),
    "normal": lambda: rng.normal(0, 1, N),
    "lognormal, sigma 3": lambda: rng.lognormal(0, 3, N),
    "bimodal, around 0.001 and 1e6": lambda: numpy.where(rng.random(N) < 0.5, rng.normal(0.001, 0.0001, N), rng.normal(1e6, 10, N)),
    "constant": lambda: numpy.full(N, 42.5),
    "Pareto, alpha 0.5": lambda: rng.pareto(0.5, N),
    "integers, 0 to 9": lambda: rng.integers(0, 10, N).astype(float),
    "two values, 999 to 1": lambda: numpy.where(rng.random(N) < 0.001, 1e9, 1.0),
    "borders of buckets": bucket_borders,
    "from 1e-300 to 1e300, both signs": lambda: 10 ** rng.uniform(-300, 300, N) * rng.choice([-1, 1], N),
    "sorted": lambda: numpy.sort(rng.exponential(10, N)),
    "falling": lambda: -numpy.sort(rng.exponential(10, N)),
}

calls = ", ".join("p%s(v) as p%d" % (share, i) for i, share in enumerate(SHARES)) + ", median(v) as m, distinct(v) as d"
bad = False
print("| values (100,000) | percentiles off by at most | distinct: true | distinct: off by |")
print("|---|---|---|---|")
for name, make in SHAPES.items():
    values = make()
    lines = "".join('{"v":%r}\n' % float(v) for v in values)
    done = subprocess.run([TOOL, calls], input=lines, capture_output=True, text=True, check=True)
    row = json.loads(done.stdout)
    ordered = numpy.sort(values)
    worst = 0.0
    for i, share in enumerate(SHARES):
        # the nearest rank, in exact decimals
        whole, _, part = share.partition(".")
        scale = 10 ** len(part)
        rank = max(1, -(-int(whole + part) * N // (100 * scale)))
        truth = ordered[rank - 1]
        if row["p%d" % i] != truth:
            worst = max(worst, abs(row["p%d" % i] - truth) / abs(truth))
    low, high = ordered[N // 2 - 1], ordered[N // 2]
    if not min(low, high) - abs(low) * 0.00501 <= row["m"] <= max(low, high) + abs(high) * 0.00501:
        print("median of %s: %r, not between %r and %r" % (name, row["m"], low, high))
        bad = True
    true_count = len(numpy.unique(values))
    off = row["d"] / true_count - 1
    bad |= worst > 0.005 * 1.000001 or abs(off) > 4 * 0.01625 or (true_count <= 512 and off != 0)
    print("| %s | %s | %d | %s |" % (name, "exact" if worst == 0 else "%.3f %%" % (100 * worst), true_count,
                                     "exact" if off == 0 else "%+.2f %%" % (100 * off)))
sys.exit(bad)
