#!/usr/bin/env python3
"""Random streams, split over producers and merged: the rows must be those of one process that reads everything.

    shards.py hunt COUNT [SEED]   COUNT random streams through $TLM_AGG (default tlm-agg): split by line, by key or by
                                  time over 1 to 8 producers, each with --partial, merged in one step, in a tree or
                                  through one pipe, into the same windows or larger ones
    shards.py one SEED            one stream, left in the current folder, its commands shown

Rows are compared to the byte, but for moments and regressions: those within 1e-9, relative. (That the rows of one process
are right is the matter of agg.py.)
"""
import json
import os
import random
import subprocess
import sys
import tempfile
import zlib

TOOL = os.environ.get("TLM_AGG", "tlm-agg")

# function, whether its rows may differ within 1e-9
FUNCTIONS = [("count", 0), ("count(v)", 0), ("sum(v)", 0), ("mean(v)", 0), ("min(v)", 0), ("max(w)", 0), ("range(v)", 0),
             ("first(any)", 0), ("last(any)", 0), ("argmin(any, v)", 0), ("argmax(any, w)", 0), ("var(v)", 1),
             ("stddev(w)", 1), ("p50(v)", 0), ("p99.9(w)", 0), ("median(v)", 0), ("distinct(s)", 0), ("mode(s)", 0),
             ("topk(s, 3)", 0), ("set(s)", 0), ("values(any, 4)", 0), ("hist(w, 2.5)", 0), ("skew(w)", 1), ("kurt(w)", 1),
             ("covar(v, w)", 1), ("corr(v, w)", 1), ("slope(w, v)", 1), ("r2(v, w)", 1), ("delta(v)", 0), ("rate(w)", 0),
             ("transitions(s)", 0), ("max_gap", 0), ("max_gap(v)", 0), ("ewma(w, 0.3)", 0), ("lttb(w, 4)", 0),
             ("distance(lat, lon)", 0), ("bbox(lat, lon)", 0), ("round(mean(w), 2)", 0), ("twa(w)", 0),
             ("integral(w)", 0), ("duration(s, \"x\")", 0), ("time_above(w, 3)", 0), ("increase(w)", 0),
             ("sum(v) where .w > 0", 0), ("last(any) where .s == \"x\"", 0), ("p50(w) where .v", 0)]

# windows of the producers, those of the merge
WINDOWS = [("-w 1m", "-w 1m"), ("-w 1m", "-w 1h"), ("-w 20s", "-w 1m --offset 40s"),
           ("-w 30s", "-w 5m --every 1m"), ("-w 1m --every 20s", "-w 1m --every 20s"),
           ("-w 1m --every 25s --offset 5s", "-w 1m --every 25s --offset 5s"), ("-w all", "-w all"),
           ("-w 1h", "-w day --tz Europe/Warsaw"), ("-w day", "-w month"),
           ("-w day --tz Europe/Warsaw", "-w week --tz Europe/Warsaw"), ("-w 1m", "-w 1m --fill"),
           ("--session 7s", "--session 7s"), ("--session 3s", "--session 7s"),
           ("--session 7s --session-max 1m", "--session 7s --session-max 1m"),
           ("--session 5s --session-max 1h --tz Asia/Kathmandu", "--session 9s"), ("--session 7s", "-w all")]

STARTS = [0, -100, 1774742400 - 200, 1792890000 - 100, 1.6e9]  # 1970, and where Warsaw changes its clocks


def number(r, is_loose):
    """Beside 2^63 the squares of small numbers are lost: moments are compared without it."""
    if is_loose:
        return small(r)
    return r.choice([str(r.randint(-5, 5)), str(r.randint(-5, 5)) + ".0", "%.3f" % (r.random() * 20 - 10), "0.1", "-0.0",
                     "1e1", str(2 ** 53 + r.randint(0, 3)), "9223372036854775807"])


def small(r):
    return r.choice([str(r.randint(-9, 9)), "%.2f" % (r.random() * 18 - 9), "1.50"])


def record(r, us, is_loose):
    """A line with its time in t, and a group in g and h.k."""
    parts = ['"t":%d' % us]
    for name, value in (("v", number(r, is_loose)), ("w", small(r)), ("s", r.choice(['"x"', '"y"', '"\\u0078"', "1", "1.0", "true", '""'])),
                        ("any", r.choice(['{"a":[1,{"b":null}]}', '"\\u00e9\\n"', "[]", "1.10", "false", '"z"'])),
                        ("lat", "%.4f" % (r.random() * 180 - 90)), ("lon", "%.4f" % (r.random() * 360 - 180)),
                        ("g", r.choice(['"a"', '"b"', "7", "7.0", '"a\\u0000b"', '""', "false"]))):
        x = r.random()
        if x > 0.12:
            parts.append('"%s":%s' % (name, value))
        elif x > 0.06:
            parts.append('"%s":null' % name)
    if r.random() < 0.9:
        parts.append('"h":{"k":%s}' % r.choice(["1", "2", "null"]))
    r.shuffle(parts)
    return "{" + ",".join(parts) + "}"


def make_stream(r, n, is_distinct, is_loose):
    """Lines in order of time, or out of it by less than 10 seconds; their keys and times."""
    us, lines = int(r.choice(STARTS) * 1e6), []
    mean = r.choice([300_000, 2_000_000, 30_000_000])
    for _ in range(n):
        us += r.choice([0, 1, mean, mean // 2, 4 * mean, r.randint(0, mean)])
        us += is_distinct
        lines.append((us, us + r.randint(0, 9_999_999), record(r, us, is_loose)))
    if r.random() < 0.5:
        lines.sort(key=lambda line: line[1])
    return [(us, text) for us, _, text in lines]


def split(r, lines, n):
    how = r.choice(["line", "key", "time", "chance"])
    parts = [[] for _ in range(n)]
    for i, (us, text) in enumerate(lines):
        at = {"line": i % n, "key": zlib.crc32(json.dumps(json.loads(text).get("g")).encode()) % n, "time": i * n // len(lines),
              "chance": r.randrange(n)}[how]
        parts[at].append(text)
    return parts


class Run:
    def __init__(self, seed, folder):
        self.r = random.Random(seed)
        self.folder, self.commands = folder, []

    def tool(self, arguments, out, stdin=None):
        line = [TOOL] + arguments
        self.commands.append(" ".join("'%s'" % a if " " in a or "(" in a else a for a in line) + " >" + out)
        with open(os.path.join(self.folder, out), "wb") as f:
            done = subprocess.run(line, cwd=self.folder, stdin=stdin, stdout=f, stderr=subprocess.PIPE, timeout=60)
        if done.returncode:
            raise AssertionError("status %d: %s" % (done.returncode, done.stderr.decode()))

    def check(self):
        r = self.r
        from_windows, to_windows = r.choice(WINDOWS)
        picked = r.sample(FUNCTIONS, r.randint(1, 8))
        aggregates = ", ".join("%s as c%d" % (text, i) for i, (text, _) in enumerate(picked))
        group = r.choice([[], ["-g", "g"], ["-g", "g,h.k"], ["-g", "h.k as kk"]])
        exact = r.choice([[], ["--exact", "3"]])
        n_parts = r.randint(1, 8)
        # through one pipe nothing tells the sources of records of one time apart
        is_piped = r.random() < 0.2
        loose = {"c%d" % i for i, (_, is_loose) in enumerate(picked) if is_loose}
        lines = make_stream(r, r.randint(1, 150), is_piped, bool(loose))
        parts = split(r, lines, n_parts)
        files = []
        for i, part in enumerate(parts):
            files.append("in%d" % i)
            with open(os.path.join(self.folder, files[-1]), "w") as f:
                f.write("".join(text + "\n" for text in part))
        common = group + exact + [aggregates]
        # producers of several inputs: the places of records tell them apart
        producers, at = [], 0
        while at < n_parts:
            n = r.choice([1, 1, 1, 2, 3])
            producers.append(files[at:at + n])
            at += n
        wait = ["--time", "t:us", "--delay", "10s"]
        self.tool(wait + to_windows.split() + common + files, "whole")
        partial = []
        for i, inputs in enumerate(producers):
            partial.append("part%d" % i)
            self.tool(["--partial"] + wait + from_windows.split() + common + inputs, partial[-1])
        if len(partial) > 2 and r.random() < 0.4:
            cut = r.randint(1, len(partial) - 1)
            level = to_windows if r.random() < 0.5 and "--fill" not in to_windows else from_windows
            for i, some in enumerate((partial[:cut], partial[cut:])):
                self.tool(["--partial", "--merge"] + level.split() + common + some, "level%d" % i)
            partial = ["level0", "level1"]
        if is_piped:
            self.tool(["--merge", "--delay", "10000d"] + to_windows.split() + common, "merged",
                      subprocess.Popen(["cat"] + partial, cwd=self.folder, stdout=subprocess.PIPE).stdout)
        else:
            self.tool(["--merge"] + to_windows.split() + common + partial, "merged")
        self.compare(loose)

    def compare(self, loose):
        whole, merged = (open(os.path.join(self.folder, name)).read().splitlines() for name in ("whole", "merged"))
        if len(whole) != len(merged):
            raise AssertionError("%d rows, %d merged" % (len(whole), len(merged)))
        for a, b in zip(whole, merged):
            if a != b and not same_row(a, b, loose):
                raise AssertionError("one process: %s\nmerged:      %s" % (a, b))


def same_row(a, b, loose):
    a, b = (json.loads(x, parse_int=str, parse_float=str) for x in (a, b))
    if list(a) != list(b):
        return False
    for name in a:
        if a[name] == b[name]:
            continue
        if name not in loose or None in (a[name], b[name]):
            return False
        x, y = float(a[name]), float(b[name])
        if abs(x - y) > 1e-9 * max(abs(x), abs(y), 1e-300):
            return False
    return True


def hunt(count, seed):
    for i in range(seed, seed + count):
        with tempfile.TemporaryDirectory() as folder:
            run = Run(i, folder)
            try:
                run.check()
            except AssertionError as e:
                print("seed %d:\n%s\n%s" % (i, "\n".join(run.commands), e))
                sys.exit(1)
    print("%d streams, no difference" % count)


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "hunt":
        hunt(int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 30))
    elif len(sys.argv) == 3 and sys.argv[1] == "one":
        run = Run(int(sys.argv[2]), ".")
        try:
            run.check()
        finally:
            print("\n".join(run.commands))
    else:
        sys.exit(__doc__)
