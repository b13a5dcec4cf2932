#!/usr/bin/env python3
"""Kills tlm-s3put at every system call of the way into S3, or makes each fail, and proves that nothing is lost.

    s3-crash.py kill  FOLDER [EVERY]   SIGKILL at the Nth write, fsync, rename, send, receive ... of each thread
    s3-crash.py parts FOLDER [EVERY]   the same with uploads in parts
    s3-crash.py again FOLDER [EVERY]   the same for the start that stores what a killed run left
    s3-crash.py fail  FOLDER [EVERY]   the Nth of them fails with EIO or ENOSPC
    s3-crash.py net   FOLDER [EVERY]   the connection is cut by the server before or after each Nth request

EVERY takes each EVERY-th N only. After each, the tool is started again without records; then every line that was in an
object or could be read back from the spool must be in the bucket exactly once, every object whole and told as it is, no
upload in parts left, and the spool empty. The server is tests/kit/s3fake.py.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request

from crashkit import feed, lines_of  # beside this file

TOOL = os.path.join(os.environ.get("TLM_BIN", "build/bin"), "tlm-s3put")
HERE = os.path.dirname(os.path.abspath(__file__))
CALLS = ["write", "fsync", "rename", "mkdir", "unlink", "rmdir", "openat", "flock", "close", "sendto", "recvfrom",
         "connect", "pread64", "poll"]
OPTIONS = ["--max-records", "7", "--max-open", "2", "--sync-interval", "1ms", "--uploads", "2", "-q"]
N_LINES = 60
os.environ.update(ASAN_OPTIONS="detect_leaks=0", AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="s",
                  AWS_CONFIG_FILE="/nonexistent", AWS_SHARED_CREDENTIALS_FILE="/nonexistent")
place, bucket_number = "", 0


def sample():
    return [json.dumps({"n": i, "d": "abc"[i // 4 % 3], "pad": "x" * (i % 40)}, separators=(",", ":"))
            for i in range(N_LINES)]


class Lake:
    """A bucket of its own on the server, and a spool."""

    def __init__(self, folder, url):
        global bucket_number
        bucket_number += 1
        self.bucket, self.url = f"lake{bucket_number}", url
        self.spool = os.path.join(folder, "spool")
        shutil.rmtree(self.spool, ignore_errors=True)

    def command(self, extra=()):
        return [TOOL, *OPTIONS, *extra, "--endpoint-url", self.url, "--spool", self.spool, "--manifest",
                f"s3://{self.bucket}/t/_manifests/", "-o", f"s3://{self.bucket}/t/d={{d}}/"]

    def get(self, path):
        with urllib.request.urlopen(f"{self.url}/{self.bucket}{path}") as f:
            return f.read()

    def objects(self):
        keys = re.findall(rb"<Key>([^<]*)</Key>", self.get("?list-type=2"))
        return {k.decode(): self.get("/" + urllib.request.quote(k.decode())) for k in keys}

    def spooled(self):
        return sorted(os.path.join(d, f) for d, _, names in os.walk(self.spool) for f in names)


def saved(lake):
    lines = set()
    for path in lake.spooled():
        if "/_manifests/" not in path and path.endswith((".part", ".salvage", ".ready")):
            with open(path, "rb") as f:
                lines.update(lines_of(f.read(), path.endswith(".ready"), path))
    for key, data in lake.objects().items():
        if "/_manifests/" not in key:
            lines.update(lines_of(data, True, key))
    return lines


def told(out):
    return {r["key"]: r for r in map(json.loads, (line for line in out.splitlines() if line.endswith("}")))}


def restart(lake, lines, must_hold, rows, extra=()):
    status, out, err = feed(lake.command(extra), [])
    assert status == 0, f"the restart ended with {status}: {err}"
    rows = rows | told(out)
    assert not lake.spooled(), f"left in the spool: {lake.spooled()}"
    everything, keys = [], set()
    for key, data in lake.objects().items():
        if "/_manifests/" in key:
            continue
        got = lines_of(data, True, key)
        row = rows.get(f"s3://{lake.bucket}/{key}")
        assert row, f"not told: {key}"
        assert row["records"] == len(got) and row["bytes"] == len(data), f"told wrongly: {row}"
        for line in got:
            assert f"/d={json.loads(line)['d']}/" in key, f"in the wrong directory: {line}"
        keys.add(f"s3://{lake.bucket}/{key}")
        everything += got
    assert set(rows) == keys, f"told, but not there: {set(rows) - keys}"
    assert len(everything) == len(set(everything)), "a line is there twice"
    assert must_hold <= set(everything), f"lost: {sorted(must_hold - set(everything))[:3]}"
    assert b"<Upload>" not in lake.get("?uploads"), "an upload in parts is left"
    p = subprocess.run([TOOL, "-q", "--endpoint-url", lake.url, "--audit", f"s3://{lake.bucket}/t/"], stdout=subprocess.PIPE)
    assert p.returncode == 0, f"the audit found {p.stdout.decode()}"


def calls_of(call, every):
    return range(1 if every == 1 else 1 + sum(call.encode()) % every, 100000, every)


def was_hit(log):
    with open(log, errors="replace") as f:
        text = f.read()
    return "INJECTED" in text or "killed by SIGKILL" in text


def at(call, when):
    global place
    place = f"{call} {when}"


def run_kill(folder, every, lines, url, extra=()):
    n, log = 0, os.path.join(folder, "log")
    for call in CALLS:
        for when in calls_of(call, every):
            lake = Lake(folder, url)
            status, out, err = feed(lake.command(extra), lines, f"{call}:signal=KILL:when={when}", log)
            if status == 0:
                break
            at(call, when)
            restart(lake, lines, saved(lake), told(out), extra)
            n += 1
    return n


def run_parts(folder, every, lines, url):
    return run_kill(folder, every, lines, url, ["--multipart-threshold", "1"])


def run_again(folder, every, lines, url):
    n, log = 0, os.path.join(folder, "log")
    for first in ("rename:signal=KILL:when=3", "sendto:signal=KILL:when=5", "unlink:signal=KILL:when=2"):
        for call in CALLS:
            for when in calls_of(call, every):
                lake = Lake(folder, url)
                status, first_out, _ = feed(lake.command(), lines, first, log)
                if status == 0:
                    break
                must_hold = saved(lake)
                status, out, err = feed(lake.command(), [], f"{call}:signal=KILL:when={when}", log)
                if status == 0:
                    break
                at(first + " then " + call, when)
                restart(lake, lines, must_hold | saved(lake), told(first_out) | told(out))
                n += 1
    return n


def run_fail(folder, every, lines, url):
    n, log = 0, os.path.join(folder, "log")
    for call in ["write", "fsync", "rename", "unlink", "mkdir"]:
        for error in ("EIO", "ENOSPC"):
            for when in calls_of(call, every):
                lake = Lake(folder, url)
                status, out, err = feed(lake.command(), lines, f"{call}:error={error}:when={when}", log)
                if not was_hit(log):
                    break
                at(f"{call} {error}", when)
                is_end = call == "unlink" and status == 0
                assert status == 2 or is_end, f"status {status}: {err}"
                restart(lake, lines, saved(lake), told(out))
                n += 1
    return n


def run_net(folder, every, lines, url):
    """No kill at all: the run itself must come through, each line once."""
    n = 0
    for store in (False, True):
        for after in range(0, 24, every):
            lake = Lake(folder, url)
            with open(os.path.join(folder, "rules"), "w") as f:
                f.write(json.dumps({"path": f"^/{lake.bucket}/", "after": after, "times": 2, "close": True, "store": store}) + "\n")
            at(f"cut {store}", after)
            status, out, err = feed(lake.command(["--multipart-threshold", "1"] if after % 2 else []), lines)
            os.unlink(os.path.join(folder, "rules"))
            assert status == 0, f"status {status}: {err}"
            restart(lake, lines, set(lines), told(out))
            n += 1
    return n


def main():
    mode, folder = sys.argv[1], os.path.abspath(sys.argv[2])
    every = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    os.makedirs(folder, exist_ok=True)
    if os.path.exists(os.path.join(folder, "port")):  # of a server that is gone
        os.unlink(os.path.join(folder, "port"))
    server = subprocess.Popen([sys.executable, os.path.join(HERE, "..", "kit", "s3fake.py"), folder])
    try:
        while not os.path.exists(os.path.join(folder, "port")):
            time.sleep(0.02)
        with open(os.path.join(folder, "port")) as f:
            url = f"http://127.0.0.1:{f.read()}"
        run = {"kill": run_kill, "parts": run_parts, "again": run_again, "fail": run_fail, "net": run_net}[mode]
        n = run(folder, every, sample(), url)
    except AssertionError as e:
        sys.exit(f"s3-crash.py {mode}: at {place}: {e}")
    finally:
        server.kill()
    assert n > 0, "nothing was tried"
    print(f"{mode}: {n} places, nothing lost, nothing twice, nothing torn")


if __name__ == "__main__":
    main()
