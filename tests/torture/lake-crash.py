#!/usr/bin/env python3
"""Kills tlm-s3put at every system call of the way to disk, or makes each fail, and proves that nothing is lost.

    lake-crash.py kill    FOLDER [EVERY]   SIGKILL at the Nth write, fsync, link ... of a run, N = 1 to the end
    lake-crash.py again   FOLDER [EVERY]   the same for the start that stores what a killed run left
    lake-crash.py fail    FOLDER [EVERY]   the Nth of them fails with EIO or ENOSPC
    lake-crash.py named   FOLDER [EVERY]   SIGKILL in a run with --run-id, which is then repeated
    lake-crash.py others  FOLDER [EVERY]   the same where it finds what another run left, with manifests, by --audit
    lake-crash.py group   FOLDER [EVERY]   a dozen objects that are published together: all of that
    lake-crash.py order   FOLDER           what power loss needs: bytes synced before their name, names before the row

EVERY takes each EVERY-th N only. After each, the tool is started again without records; then every line that stood in
an object or could be read back from the spool (by the zstd command) must be in the lake exactly once, the lines of a
directory in order and without a gap, every object whole and told, and nothing else may be left.
"""

import json
import os
import re
import shutil
import subprocess
import sys

from crashkit import feed, lines_of, whole_calls  # beside this file

TOOL = os.path.join(os.environ.get("TLM_BIN", "build/bin"), "tlm-s3put")
CALLS = ["write", "fsync", "link", "mkdir", "unlink", "rmdir", "openat", "flock", "close", "sync_file_range"]
OPTIONS = ["--time", "ts:s", "--max-records", "7", "--max-open", "2", "--sync-interval", "1ms", "-q"]
LAYOUT = "d={d}"
N_LINES = 60


os.environ["ASAN_OPTIONS"] = "detect_leaks=0"  # strace does not go with it


def sample():
    return [json.dumps({"n": i, "ts": 1700000000 + 3600 * 5 * i, "d": "abc"[i // 4 % 3], "pad": "x" * (i % 40)},
                       separators=(",", ":")) for i in range(N_LINES)]


def directory(line):
    return LAYOUT.format(**json.loads(line))


def command(lake, extra=()):
    return [TOOL, *OPTIONS, *extra, "-o", f"file://{lake}/{LAYOUT}/"]


def read_back(path, must_be_whole):
    with open(path, "rb") as f:
        return lines_of(f.read(), must_be_whole, path)


def files(lake):
    return sorted(os.path.join(d, f) for d, _, names in os.walk(lake) for f in names)


def saved(lake):
    """Lines that are in the lake or can be read from the spool."""
    lines = set()
    for path in files(lake):
        if path.endswith((".part", ".salvage")):
            lines.update(read_back(path, False))
        elif path.endswith(".zst"):
            lines.update(read_back(path, True))
    return lines


def told(out):
    return {json.loads(line)["key"][len("file://"):]: json.loads(line) for line in out.splitlines() if line.endswith("}")}


def check_lake(lake, lines, must_hold, rows):
    objects = files(lake)
    for path in objects:
        assert re.search(r"/d=[abc](/e=\d+)?/[^/]+\.ndjson\.zst$", path), f"left behind: {path}"
    assert not os.path.exists(os.path.join(lake, ".tlm-spool")), "the spool is left behind"
    found = {}
    for path in sorted(objects):
        got = read_back(path, True)
        for line in got:
            assert f"/{directory(line)}/" in path, f"in the wrong directory: {line}"
        found.setdefault(os.path.relpath(os.path.dirname(path), lake), []).extend(got)
        row = rows.get(path)
        assert row, f"not told: {path}"
        assert row["records"] == len(got) and row["bytes"] == os.path.getsize(path), f"told wrongly: {row}"
        stamps = [json.loads(line)["ts"] for line in got]
        for key, want in ("min_time", min(stamps)), ("max_time", max(stamps)):
            have = subprocess.run(["date", "-ud", row[key], "+%s"], stdout=subprocess.PIPE, check=True).stdout
            assert int(have) == want, f"told a wrong {key}: {row}"
    assert set(rows) == set(objects), f"told, but not there: {set(rows) - set(objects)}"
    everything = [line for part in found.values() for line in part]
    assert len(everything) == len(set(everything)), "a line is there twice"
    missing = must_hold - set(everything)
    assert not missing, f"lost: {sorted(missing)[:3]}"
    for name, part in found.items():
        want = [line for line in lines if directory(line) == name]
        assert part == want[:len(part)], f"{name}: not the first lines of it, in order"
    return len(everything)


def calls_of(call, every):
    return range(1 if every == 1 else 1 + sum(call.encode()) % every, 100000, every)


def restart(lake, lines, must_hold, rows):
    status, out, err = feed(command(lake), [])
    assert status == 0, f"the restart ended with {status}: {err}"
    rows.update(told(out))
    return check_lake(lake, lines, must_hold, rows)


def fresh(folder):
    lake = os.path.join(folder, "lake")
    shutil.rmtree(lake, ignore_errors=True)
    return lake


def was_hit(log):
    with open(log, errors="replace") as f:
        text = f.read()
    return "INJECTED" in text or "killed by SIGKILL" in text


def run_kill(folder, every, lines):
    n = 0
    for call in CALLS:
        for when in calls_of(call, every):
            lake, log = fresh(folder), os.path.join(folder, "log")
            status, out, err = feed(command(lake), lines, f"{call}:signal=KILL:when={when}", log)
            if status == 0:
                break
            must_hold = saved(lake)
            rows = told(out)
            assert set(rows) <= set(files(lake)), "told before it was there"
            yield_place(call, when)
            restart(lake, lines, must_hold, rows)
            n += 1
    return n


def kill_first(folder, lines, call, when, log):
    """Killed at that call of a thread, or at the nearest before it: how many each thread makes is not always the same."""
    for when in range(when, 0, -1):
        lake, inject = fresh(folder), f"{call}:signal=KILL:when={when}"
        status, out, err = feed(command(lake), lines, inject, log)
        if status != 0:
            return lake, inject, out
    raise AssertionError(f"no {call} was made")


def run_again(folder, every, lines):
    """A state that a kill left, and the start after it is killed in its turn."""
    n = 0
    for first in (("link", 5), ("fsync", 17), ("unlink", 6)):
        log, kept = os.path.join(folder, "log"), os.path.join(folder, "kept")
        lake, first, first_out = kill_first(folder, lines, *first, log)
        shutil.rmtree(kept, ignore_errors=True)
        subprocess.run(["cp", "-a", lake, kept], check=True)
        must_hold = saved(lake)
        for call in CALLS:
            for when in calls_of(call, every):
                shutil.rmtree(lake)
                subprocess.run(["cp", "-a", kept, lake], check=True)
                status, out, err = feed(command(lake), [], f"{call}:signal=KILL:when={when}", log)
                if status == 0:
                    break
                yield_place(first + " then " + call, when)
                saved(lake)
                restart(lake, lines, must_hold, told(first_out) | told(out))
                n += 1
    return n


def first_in_lake(folder, call, lines):
    """The number of the first call of that name that has to do with the lake: those before load libraries."""
    lake, log = fresh(folder), os.path.join(folder, "log")
    subprocess.run(["strace", "-f", "-qq", "-o", log, "-e", f"trace={call}", *command(lake)],
                   input="\n".join(lines).encode(), stdout=subprocess.DEVNULL, check=True)
    with open(log) as f:
        for i, line in enumerate(f, 1):
            if lake in line:
                return i
    return 1


def run_fail(folder, every, lines):
    n = 0
    for call in ["write", "fsync", "link", "mkdir", "unlink", "openat", "flock"]:
        start = first_in_lake(folder, call, lines) if call == "openat" else 1
        for error in ("EIO", "ENOSPC"):
            for when in (w for w in calls_of(call, every) if w >= start):
                lake, log = fresh(folder), os.path.join(folder, "log")
                status, out, err = feed(command(lake), lines, f"{call}:error={error}:when={when}", log)
                if not was_hit(log):
                    break
                yield_place(f"{call} {error}", when)
                # A lock that cannot be removed at the very end is no loss; the next start removes it.
                is_end = call == "unlink" and status == 0 and len(saved(lake)) == len(lines)
                assert status == 2 or is_end, f"status {status}: {err}"
                assert err.count("\n") <= 1, f"more than one line: {err}"
                must_hold = saved(lake)
                restart(lake, lines, must_hold, told(out))
                n += 1
    return n


def run_named(folder, every, lines):
    named = ["--run-id", "night"]
    options = [o for o in OPTIONS if o not in ("--sync-interval", "1ms")]
    n, want = 0, None
    for call in ["none"] + CALLS:
        for when in calls_of(call, every):
            lake, log = fresh(folder), os.path.join(folder, "log")
            argv = [TOOL, *options, *named, "-o", f"file://{lake}/{LAYOUT}/"]
            if call != "none":
                status, out, err = feed(argv, lines, f"{call}:signal=KILL:when={when}", log)
                if status == 0:
                    break
                yield_place("named " + call, when)
            status, out, err = feed(argv, lines)
            assert status == 0, f"the repetition ended with {status}: {err}"
            rows = told(out)
            assert check_lake(lake, lines, set(lines), rows) == len(lines)
            have = sorted((r["key"], r["records"], r["raw_sha256"], r["sha256"]) for r in rows.values())
            want = want or have
            assert have == want, "the repetition gave other objects"
            n += 1
            if call == "none":
                break
    return n


def records_of(paths):
    return [line for path in paths if "/_manifests/" not in path for line in read_back(path, path.endswith(".zst"))]


def run_others(folder, every, lines):
    lake, log, left = fresh(folder), os.path.join(folder, "log"), os.path.join(folder, "left")
    manifests = ["--manifest", f"file://{lake}/_manifests/"]
    named = [o for o in OPTIONS if o not in ("--sync-interval", "1ms")] + ["--run-id", "night"]
    argv = [TOOL, *named, *manifests, "-o", f"file://{lake}/{LAYOUT}/"]
    half = len(lines) // 2
    feed(command(lake, manifests), lines[:half], "link:signal=KILL:when=4", log)
    want = sorted(set(records_of(files(lake)) + lines[half:]))
    assert len(want) > half and any(path.endswith(".part") for path in files(lake)), "nothing was left"
    shutil.rmtree(left, ignore_errors=True)
    shutil.copytree(lake, left)
    n = 0
    for call in CALLS:
        for when in calls_of(call, every):
            shutil.copytree(left, fresh(folder))
            status, out, err = feed(argv, lines[half:], f"{call}:signal=KILL:when={when}", log)
            if status == 0:
                break
            yield_place("others " + call, when)
            status, out, err = feed(argv, lines[half:])
            assert status == 0, f"the repetition ended with {status}: {err}"
            assert not os.path.exists(os.path.join(lake, ".tlm-spool")), "the spool is left behind"
            assert sorted(records_of(files(lake))) == want, "not each record once"
            status, out, err = feed([TOOL, "--audit", f"file://{lake}/"], [])
            assert status == 0, f"the audit: {out}{err}"
            n += 1
    return n


def run_order(folder, every, lines):
    return check_order(folder, lines, True)


def check_order(folder, lines, is_synced):
    """From one trace: the order of work that makes an object survive a loss of power."""
    lake, log = fresh(folder), os.path.join(folder, "log")
    argv = ["strace", "-f", "-qq", "-y", "-s", "600", "-o", log,
            "-e", "trace=write,fsync,link,mkdir,unlink", *command(lake)]
    status, out, err = feed(argv, lines)
    assert status == 0, f"status {status}: {err}"
    events = [e for e in whole_calls(log) if "= -1" not in e]
    made = {}
    for i, e in enumerate(events):
        if e.startswith("mkdir("):
            made[e.split('"')[1]] = i
    n = 0
    for i, e in enumerate(events):
        if not e.startswith("link("):
            continue
        n += 1
        yield_place("link", n)
        part, name = e.split('"')[1], e.split('"')[3]
        writes = [j for j, x in enumerate(events[:i]) if x.startswith("write(") and f"<{part}>" in x]
        assert any(f"fsync(" in x and f"<{part}>" in x for x in events[writes[-1]:i]), "not synced before its name"
        row = next(j for j, x in enumerate(events) if j > i and x.startswith("write(1<") and os.path.basename(name) in x)
        folders = [os.path.dirname(name)]
        while folders[-1] != lake:
            folders.append(os.path.dirname(folders[-1]))
        for d in folders:
            since = i if d == folders[0] else max(v for k, v in made.items() if os.path.dirname(k) == d and name.startswith(k))
            assert any(x.startswith("fsync(") and f"<{d}>" in x for x in events[since:row]), f"told before {d} was synced"
        gone = next(j for j, x in enumerate(events) if x.startswith("unlink(") and part in x)
        assert gone > row, "out of the spool before it was told"
    synced = [e for e in events if e.startswith("fsync(") and e.split("<")[1].split(">")[0].endswith(".part")]
    assert len(synced) > n or not is_synced, "open segments are not synced"
    return n


def run_group(folder, every, lines):
    """A group large enough for threads to sync it: killed and failing at their first calls, and the order of work."""
    global OPTIONS, LAYOUT
    lines = [json.dumps({"n": i, "ts": 1700000000 + i, "d": "abc"[i % 3], "e": i % 12}, separators=(",", ":"))
             for i in range(48)]
    OPTIONS = ["--time", "ts:s", "--sync-interval", "20s", "-q"]
    LAYOUT = "d={d}/e={e}"
    n = check_order(folder, lines, False)
    for what in ["signal=KILL", "error=EIO", "error=ENOSPC"]:
        for call, last in ("fsync", 4), ("link", 14), ("mkdir", 40), ("unlink", 14), ("write", 40):
            # A count of strace is one of each thread.
            for when in range(1, last, every if call != "fsync" else 1):
                lake, log = fresh(folder), os.path.join(folder, "log")
                status, out, err = feed(command(lake), lines, f"{call}:{what}:when={when}", log)
                if not was_hit(log):
                    break
                yield_place(f"{call} {what}", when)
                assert err.count("\n") <= 1, f"more than one line: {err}"
                if status == 0:
                    assert call == "unlink" and saved(lake) == set(lines), f"status 0: {err}"
                restart(lake, lines, saved(lake), told(out))
                n += 1
    return n


place = ""


def yield_place(call, when):
    global place
    place = f"{call} {when}"


def main():
    mode, folder = sys.argv[1], os.path.abspath(sys.argv[2])
    every = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    os.makedirs(folder, exist_ok=True)
    run = {"kill": run_kill, "again": run_again, "fail": run_fail, "named": run_named, "others": run_others,
           "group": run_group, "order": run_order}[mode]
    try:
        n = run(folder, every, sample())
    except AssertionError as e:
        sys.exit(f"lake-crash.py {mode}: at {place}: {e}")
    assert n > 0, "nothing was tried"
    print(f"{mode}: {n} places, nothing lost, nothing twice, nothing torn")


if __name__ == "__main__":
    main()
