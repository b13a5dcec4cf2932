#!/usr/bin/env python3
"""Sums that want to depend on their order: sums.py GROUPS [SEED], through $TLM_AGG (default tlm-agg).

Each group is a hard case: numbers of very different sizes that almost cancel out, up to the ends of what a double holds.
Sum and mean must be the same to the byte in every order, as the merge of panes and as the merge of written states, and be
those of Python's fractions, rounded once, and where that has one, of math.fsum. With an infinity they are null.
"""
import json
import math
import os
import random
import subprocess
import sys
from fractions import Fraction


def hard_case(r, kind):
    """Numbers within 100 bits, all over the doubles, at their lower end, and at their upper end."""
    lowest, span = [(r.randint(-90, 20), r.randint(0, 46)), (r.randint(-300, -60), r.randint(60, 300)),
                    (-1074, r.randint(0, 2045)), (-1074, r.randint(0, 60)), (r.choice([970, r.randint(0, 960)]), 971),
                    (r.randint(-90, 960), r.randint(0, 60))][kind]
    values = []
    for _ in range(r.randint(1, 12)):
        exponent = min(lowest + r.choice([0, span, r.randint(0, span)]), 971)
        x = math.ldexp(r.choice([-1, 1]) * r.randint(1, 2 ** r.choice([1, 10, 53]) - 1), exponent)
        values.append(x)
        if r.random() < 0.7:
            values.append(-x if r.random() < 0.7 else -math.nextafter(x, r.choice([-1, 1]) * sys.float_info.max))
        if r.random() < 0.1:  # half a last bit of it, for ties
            values.append(math.ulp(x) / 2)
    if kind == 5:
        values += [r.choice([-1, 1]) * math.inf for _ in range(r.choice([1, 1, 2]))]
        r.shuffle(values)
    return values


def nearest(fraction):
    """None where no double is near."""
    try:
        return fraction.numerator / fraction.denominator
    except OverflowError:
        return None


def expect(values):
    """Sum and mean, None where no double is near."""
    if not all(map(math.isfinite, values)):
        return [None, None]
    exact = sum(map(Fraction, values))
    try:
        assert math.fsum(values) == nearest(exact)
    except OverflowError:  # it goes beyond on the way
        pass
    return [nearest(exact), nearest(exact / len(values))]


def number_text(x):
    """Integers of 64 bits are taken as they are written: in full."""
    if math.isinf(x):
        return "1e999" if x > 0 else "-1e999"
    return "%d" % x if x == int(x) and abs(x) < 2 ** 63 else repr(x)


def call(lines, *arguments):
    return subprocess.run([os.environ.get("TLM_AGG", "tlm-agg"), *arguments], input="".join(line + "\n" for line in lines),
                          capture_output=True, text=True, check=True, timeout=120).stdout.splitlines()


def columns(rows):
    """Of each group in its first window of ten seconds: with hopping windows that is a merge of ten states."""
    rows = [row for row in rows if '"window_start":"1970-01-01T00:00:00Z"' in row]
    return {json.loads(row)["g"]: row[row.index('"g"') - 1:].replace(",", "{", 1) for row in rows}


def run(lines, *options):
    return call(lines, "-g", "g", "--time", "t:s", "-w", "10s", *options, "sum(x), mean(x)")


def merge(lines):
    """The same from the written states of three shards."""
    states = [row for i in range(3) for row in run(lines[i::3], "--partial")]
    return call(states, "-g", "g", "-w", "10s", "--delay", "10s", "--merge", "sum(x), mean(x)")


def main():
    n, r = int(sys.argv[1]), random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    groups = [hard_case(r, i % 6) for i in range(n)]
    lines = ['{"g":%d,"t":%d,"x":%s}' % (g, r.randint(0, 9), number_text(x)) for g, values in enumerate(groups) for x in values]
    results = [columns(run(lines)), columns(run(lines[::-1]))]
    for _ in range(4):
        r.shuffle(lines)
        results.append(columns(run(lines)))
    results.append(columns(run(lines, "--every", "1s", "--delay", "10s")))
    results += [columns(merge(lines)), columns(merge(lines[::-1]))]
    n_beyond = n_lost = 0
    for g, values in enumerate(groups):
        rows = {result[g] for result in results}
        told = json.loads(min(rows))
        expected = expect(values)
        if len(rows) > 1 or [x if x is None else float(x) for x in (told["sum_x"], told["mean_x"])] != expected:
            print("group %d: %r\n%s\nexact %r" % (g, values, "\n".join(sorted(rows)), expected))
            return 1
        n_beyond += expected[0] is None and all(map(math.isfinite, values))
        n_lost += expected[0] is not None and sum(values) != expected[0]
    print("%d groups in 6 orders, as merged panes and as merged states; %d beyond a double; plain addition loses %d" % (
        n, n_beyond, n_lost))
    return 0 if n_beyond and n_lost > n / 10 else 1


if __name__ == "__main__":
    sys.exit(main())
