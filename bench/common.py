"""What the benches share: where things are, running, comparing and timing commands, the table."""
import json
import math
import os
import pathlib
import resource
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
BIN = TOP / "build/bin"
DIR = pathlib.Path(os.environ.get("BENCH_DIR", TOP / "build/bench"))
SHM = pathlib.Path("/dev/shm") / f"tlm-bench-{os.getpid()}"
RUNS = int(os.environ.get("BENCH_RUNS", "5"))
RECORDS = int(os.environ.get("BENCH_RECORDS", "7500000"))
FLEETGEN = TOP / "build/kit/fleetgen"
os.environ["PATH"] = f"{BIN}:{TOP / 'build/peers/bin'}:{os.environ['PATH']}"
os.environ["LC_ALL"] = "C.UTF-8"
table = []


def shell(command, **kw):
    return subprocess.run(["bash", "-o", "pipefail", "-c", command], **kw)


def make(name, command):
    """A data file, made once."""
    path = DIR / name
    if not path.exists():
        DIR.mkdir(parents=True, exist_ok=True)
        shell(f"{command} >'{path}.part' && mv '{path}.part' '{path}'", check=True)
    return path


def timed(command):
    """Wall seconds and CPU seconds of one run, its output thrown away."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    run = shell(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if run.returncode:
        sys.exit(f"bench: status {run.returncode}: {command}\n{run.stderr.decode()[-1000:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def rows_of(command):
    """Output as a list of records in an order that does not depend on who wrote them."""
    out = shell(command, capture_output=True, check=True, stdin=subprocess.DEVNULL).stdout
    rows = [json.loads(line, parse_int=float) for line in out.splitlines()]

    def key(row):
        words = {k: v for k, v in row.items() if not isinstance(v, float)} if isinstance(row, dict) else row
        return json.dumps([words, row], sort_keys=True)

    return sorted(rows, key=key)


def same(a, b):
    """Equal records: numbers within 1e-9 relative, for a mean is added up in any order."""
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def say(*line):
    table.append(line)
    print("| " + " | ".join(line) + " |", flush=True)
