#!/usr/bin/env python3
"""lateness.py COUNT [SEED]: what tlm-agg --explain-lateness says, against tlm-agg itself with each of the delays.

COUNT random streams of agg.py: at each step of the report the records that are late with that delay must be as many as it
says; for sessions, which an open neighbour may save, at most as many. With the delay that loses none there must be none,
and with a microsecond less there must be some.
"""
import json
import random
import subprocess
import sys
import tempfile

import agg


def run(command, folder, status=(0,)):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode not in status:
        sys.exit("status %d: %s\n%s" % (done.returncode, " ".join(command), done.stderr))
    return done


def late_with(s, delay, folder):
    s.o["delay"] = delay
    return json.loads(run(s.command(), folder).stderr.splitlines()[-1])["late"]


def check(seed, folder):
    """False: the stream has no windows of time."""
    s = agg.Stream(seed)
    if not s.o["time"]:
        return False
    for name, lines in s.inputs:
        with open(folder + "/" + name, "w", encoding="utf-8", newline="\n") as f:
            f.write("".join(line + "\n" for line in lines))
    command = s.command()
    command[command.index("-o") + 1] = "report"
    if "--format" in command:
        del command[command.index("--format"):command.index("--format") + 2]
    run(command + ["--explain-lateness", "--format", "ndjson"], folder)
    with open(folder + "/report", encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    if not rows:
        return False
    whole = [row for row in rows if "group" not in row]
    kind = "session" if "--session" in command and "--start" not in command and "--end" not in command else \
        "all" if not {"-w", "--session", "--every-n", "--start", "--end"} & set(command) else "exact"
    if kind == "all":
        return False
    r = random.Random(seed)
    for row in r.sample(whole[:-1], 4):
        late = late_with(s, row["delay_us"], folder)
        if late > row["lost"] or (kind == "exact" and late != row["lost"]):
            sys.exit("seed %d: --delay %dus loses %d, not %d\n%s" % (seed, row["delay_us"], late, row["lost"], " ".join(command)))
    lossless = whole[-1]["lossless_delay_us"]
    if late_with(s, lossless, folder) or (kind == "exact" and lossless and not late_with(s, lossless - 1, folder)):
        sys.exit("seed %d: --delay %dus is not the shortest that loses none\n%s" % (seed, lossless, " ".join(command)))
    return True


count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
with tempfile.TemporaryDirectory() as work:
    n = sum(check(seed + i, work) for i in range(count))
print("%d streams with windows, of %d from seed %d: as it says" % (n, count, seed))
