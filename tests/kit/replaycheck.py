#!/usr/bin/env python3
"""replaycheck.py TLM_REPLAY ROUNDS: order and times of random replays, compared with a plain model of tlm-replay(1)."""
import json
import os
import random
import subprocess
import sys
import tempfile

tool, rounds = os.path.abspath(sys.argv[1]), int(sys.argv[2])
rng = random.Random(11)


def window(records, size):
    """One input: a record is held until one that is `size` newer was read; one older than what left goes at once."""
    if not size:
        return list(records)
    held, out, newest, left = [], [], None, None
    for r in records:
        newest = r["t"] if newest is None else max(newest, r["t"])
        if left is not None and r["t"] < left:
            out.append(r)
            continue
        held.append(r)
        held.sort(key=lambda h: (h["t"], h["n"]))
        while held and held[0]["t"] <= newest - size:
            left = held[0]["t"]
            out.append(held.pop(0))
    return out + held


def merge(inputs):
    queues, out = [list(i) for i in inputs], []
    while any(queues):
        best = min((q[0]["t"], i) for i, q in enumerate(queues) if q)[1]
        out.append(queues[best].pop(0))
    return out


def play(records, max_gap, rebase_to, loops):
    """The new times, loop by loop: every stretch of recorded time longer than max_gap counts as max_gap."""
    out, played0, recorded0 = [], 0, 0
    for loop in range(loops):
        first, newest, gaps, top = None, None, [], 0
        for r in records:
            t = r["t"]
            if first is None:
                first = newest = t
            if max_gap and t - newest > max_gap:
                gaps.append((newest, t))
            newest = max(newest, t)
            cut = sum(max(0, min(t, b) - a - max_gap) for a, b in gaps)
            top = max(top, t - first - cut)
            if rebase_to is None:
                out.append(dict(r, t=t + recorded0))
            else:
                out.append(dict(r, t=(rebase_to + played0 + t - first - cut)))
        if records:
            span = newest - min(r["t"] for r in records)
            mean = (lambda s: (s // (len(records) - 1) if len(records) > 1 and s >= len(records) - 1 else 10**6))
            played0 += top + mean(top)
            recorded0 += span + mean(span)
    return out


for n in range(rounds):
    with tempfile.TemporaryDirectory() as folder:
        inputs, names = [], []
        for i in range(rng.randrange(1, 5)):
            t, records = rng.randrange(10**9, 10**9 + 10**7), []
            for k in range(rng.randrange(0, 300)):
                t += rng.choice([0, rng.randrange(1000), rng.randrange(1000), rng.randrange(10**6)])
                records.append({"t": t - rng.choice([0, 0, 0, rng.randrange(3000)]), "i": i, "n": k})
            inputs.append(records)
            names.append(os.path.join(folder, f"in{i}.ndjson"))
            with open(names[-1], "w") as f:
                f.writelines(json.dumps(r, separators=(",", ":")) + "\n" for r in records)
        argv, size, max_gap, rebase_to, loops = ["--time", "t:us"], 0, 0, None, 1
        low = high = None
        if rng.random() < 0.5:
            size = rng.choice([500, 2000, 10**6])
            argv += ["--sort-window", f"{size}us"]
        if rng.random() < 0.5:
            max_gap = rng.choice([100, 900, 10**5])
            argv += ["--max-gap", f"{max_gap}us"]
        if rng.random() < 0.6:
            rebase_to = 1795341600123456
            argv += ["--rebase", "shift", "--rebase-to", str(rebase_to)]
        if rng.random() < 0.3:
            loops = rng.randrange(2, 4)
            argv += ["--loop", str(loops)]
        if rng.random() < 0.3:
            low, high = 10**9 + 10**6, 10**9 + 3 * 10**7
            argv += ["--from", str(low), "--to", str(high)]
        order = merge([window(i, size) for i in inputs])
        if low is not None:
            order = [r for r in order if low <= r["t"] < high]
        want = play(order, max_gap, rebase_to, loops)
        if len(inputs) == 1 and not (size or max_gap or rebase_to or loops > 1 or low):
            want = inputs[0]
        run = subprocess.run([tool] + argv + names, capture_output=True, text=True, timeout=30)
        assert run.returncode == 0, run.stderr
        got = [json.loads(line) for line in run.stdout.splitlines()]
        if got != want:
            for k, (g, w) in enumerate(zip(got, want)):
                if g != w:
                    print(f"record {k}: got {g}, want {w}")
                    break
            sys.exit(f"round {n}: {' '.join(argv)}: {len(got)} records, {len(want)} wanted, differs")
print(f"{rounds} replays keep order and times of the model")
