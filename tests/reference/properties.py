#!/usr/bin/env python3
"""properties.py COUNT [SEED]: what must not change a result of tlm-agg, tried on COUNT random streams each.

    order    records of distinct times, each moved by less than --delay: every row, to the byte (what is made of sums of
             squares within 1e-9)
    cuts     the input written into a pipe in pieces of random sizes, down to a byte: rows, late rows, rejects, books
    parts    the records dealt out to some producers, their --partial rows merged: rows as from one process

The tool is $TLM_AGG (default tlm-agg).
"""
import json
import os
import random
import subprocess
import sys
import tempfile

import agg

TOOL = os.environ.get("TLM_AGG", "tlm-agg")
EXACT = ["count", "count(v)", "sum(v)", "mean(u)", "min(v)", "max(u)", "range(v)", "first(w)", "last(w)", "median(u)", "p50(v)",
         "p95(u)", "distinct(w)", "argmin(w, u)", "argmax(w, v)", "mode(w)", "topk(w, 2)", "set(w)", "values(w, 3)", "delta(v)",
         "rate(u)", "transitions(w)", "max_gap", "max_gap(v)", "ewma(u, 0.25)", "lttb(u, 4)", "hist(u, 10)", "bbox(la, lo)",
         "count where .v > 5 as c1", "sum(u) where .w == \"b\" as c2", "round(mean(u), 1) as r"]
CLOSE = ["var(u)", "stddev(v)", "skew(u)", "kurt(u)", "covar(u, v)", "corr(u, v)", "slope(u, v)", "r2(u, v)", "distance(la, lo)"]
HELD = ["twa(u)", "integral(u)", "duration(w, \"a\")", "time_above(u, 0)", "increase(v)"]
WINDOWS = [[], ["-w", "1s"], ["-w", "10s"], ["-w", "10s", "--every", "3s"], ["-w", "7s", "--offset", "2s"], ["-w", "day"],
           ["--session", "700ms"], ["--session", "2s", "--session-max", "10s"]]
RUNS = [["--every-n", "5"], ["--start", ".w == \"a\"", "--end", ".w == \"b\""], ["--start", ".v > 15", "--session", "2s"]]


def run(args, folder, stdin=None):
    done = subprocess.run([TOOL] + args, cwd=folder, stdin=stdin, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        sys.exit("status %d: %s\n%s" % (done.returncode, " ".join(args), done.stderr))
    return done.stdout.splitlines()


def records(r):
    """(time in us, line), all times distinct, in order."""
    now, found = r.choice([0, 1795341600000000, -5000000]), []
    for _ in range(r.choice([1, 20, 100, 400])):
        now += r.choice([1, 1000, 50000, 50000, 300000, 300000, 1000000, 5000000])
        members = {"t": now, "g": r.choice(["x", "y", "z", 1, None]), "v": r.randint(-20, 20), "u": round(r.uniform(-50, 50), 2),
                   "w": r.choice(["a", "b", "c", 2.5, True, None]), "la": round(r.uniform(50, 52), 4),
                   "lo": round(r.uniform(10, 12), 4)}
        for name in ("g", "v", "u", "w"):
            if r.random() < 0.08:
                del members[name]
        found.append((now, json.dumps(members) + "\n"))
    return found


def write(path, lines):
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        f.write("".join(lines))


def close(a, b):
    return a == b or (isinstance(a, (int, float)) and isinstance(b, (int, float)) and abs(a - b) <= 1e-9 * max(1, abs(a), abs(b)))


def same_rows(expected, actual, is_exact):
    if is_exact or len(expected) != len(actual):
        return expected == actual
    for a, b in zip(map(json.loads, expected), map(json.loads, actual)):
        if list(a) != list(b) or not all(close(a[k], b[k]) for k in a):
            return False
    return True


def choose(r, windows, pool):
    window = r.choice(windows)
    groups = r.choice([[], ["-g", "g"], ["-g", "g,w"]])
    is_exact = r.random() < 0.7
    calls = r.sample(pool if is_exact else pool + CLOSE, r.randint(1, 6))
    return window, ["--time", "t:us", *window, *groups, "--exact", r.choice(["512", "512", "3"])], calls, is_exact


def order(r, folder):
    window, args, calls, is_exact = choose(r, WINDOWS + RUNS, EXACT + HELD)
    found, delay = records(r), r.choice([1, 1000, 300000, 3000000, 60000000])
    args += ["--delay", "%dus" % delay, ", ".join(calls), "in"]
    write(folder + "/in", [line for _, line in found])
    expected = run(args, folder)
    moved = sorted(found, key=lambda f: f[0] + r.randint(0, delay))
    write(folder + "/in", [line for _, line in moved])
    actual = run(args, folder)
    if "--session" in window or window in RUNS:  # these leave when they are known to be over, not by their end
        expected, actual = sorted(expected), sorted(actual)
    if not same_rows(expected, actual, is_exact):
        return args, expected, actual
    return None


def feed(command, folder, data, r):
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        at, top = 0, r.choice([1, 7, 100, 5000])
        while at < len(data):
            n = r.randint(1, top)
            p.stdin.write(data[at:at + n])
            p.stdin.flush()
            at += n
        p.stdin.close()
        books = json.loads(p.stderr.read().splitlines()[-1])
    del books["elapsed_ms"]
    texts = []
    for name in ("out", "late", "rejects"):
        with open(folder + "/" + name, "rb") as f:
            texts.append(f.read())
    return texts, books


def cuts(r, folder):
    s = agg.Stream(r.randint(1, 10 ** 9))
    if not s.o["time"]:
        return None
    data = "".join(line + "\n" for line in s.inputs[0][1]).encode()
    command = s.command()[:-len(s.inputs)]
    texts = []
    for top in (None, r):
        if top:
            texts.append(feed(command, folder, data, r))
        else:
            with open(folder + "/in", "wb") as f:
                f.write(data)
            with open(folder + "/in", "rb") as f:
                done = subprocess.run(command, cwd=folder, stdin=f, capture_output=True, text=True, timeout=60, check=False)
            books = json.loads(done.stderr.splitlines()[-1])
            del books["elapsed_ms"]
            texts.append(([open(folder + "/" + n, "rb").read() for n in ("out", "late", "rejects")], books))
    return None if texts[0] == texts[1] else (command, texts[0], texts[1])


def parts(r, folder):
    _, args, calls, is_exact = choose(r, WINDOWS, EXACT)
    found = records(r)
    write(folder + "/in", [line for _, line in found])
    expected = run(args + [", ".join(calls), "in"], folder)
    n = r.randint(1, 4)
    dealt = [[] for _ in range(n)]
    by_key = r.random() < 0.3
    for i, (_, line) in enumerate(found):
        dealt[sum(map(ord, str(json.loads(line).get("g")))) % n if by_key else r.randrange(n)].append(line)
    names = []
    for i, lines in enumerate(dealt):
        write(folder + "/part%d" % i, lines)
        names.append("merge%d" % i)
        write(folder + "/" + names[-1], [row + "\n" for row in run(args + ["--partial", ", ".join(calls), "part%d" % i], folder)])
    actual = run(args[2:] + ["--merge", ", ".join(calls), *names], folder)
    if "--session" in args:
        expected, actual = sorted(expected), sorted(actual)
    return None if same_rows(expected, actual, is_exact) else (args + calls, expected, actual)


def main():
    count, first = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with tempfile.TemporaryDirectory() as folder:
        for name, check in (("order", order), ("cuts", cuts), ("parts", parts)):
            for seed in range(first, first + count):
                problem = check(random.Random(seed), folder)
                if problem:
                    command, expected, actual = problem
                    print("%s, seed %d: %s" % (name, seed, " ".join(command)))
                    for pair in zip(expected, actual):
                        if pair[0] != pair[1]:
                            print("  expected %s\n  got      %s" % pair)
                            break
                    print("  %d and %d rows" % (len(expected), len(actual)))
                    return 1
            print("%s: %d streams, no difference" % (name, count))
    return 0


sys.exit(main())
