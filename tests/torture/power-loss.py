#!/usr/bin/env python3
"""Cuts the power of tlm-s3put after every system call, and proves that what it had promised is there after the next start.

    power-loss.py lake FOLDER [EVERY]   a lake that is a directory
    power-loss.py s3   FOLDER [EVERY]   the spool of a lake in S3 (tests/kit/s3fake.py)
    power-loss.py deaf-lake, deaf-s3    the same with each fsync taken out in turn: each kind of them must be missed

One run is traced; powerkit.py says what its calls leave on a disk that keeps only what fsync made durable, or that and
any part of the rest. Each such state is put back, the tool is started again without records, and all that was promised
at that moment must be in the lake exactly once, told, and nothing else: the records of rows that stood on stdout, and
the records that were read before the tool waited for more without a deadline. EVERY takes each EVERY-th state only.
"""

import fcntl
import importlib.machinery
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import termios
import time
import urllib.request
from urllib.parse import unquote

import powerkit  # beside this file
from crashkit import lines_of

HERE = os.path.dirname(os.path.abspath(__file__))


def other(name):
    return importlib.machinery.SourceFileLoader(name.replace("-", "_"), os.path.join(HERE, name + ".py")).load_module()


lake_crash, s3_crash = other("lake-crash"), other("s3-crash")
N_LINES, N_CHUNKS, POLL = 24, 6, "7"


def is_waiting(p):
    """Whether the tool, the child of strace, has read all that was sent and waits for more without a deadline."""
    try:
        with open(f"/proc/{p.pid}/task/{p.pid}/children") as f:
            tool = f.read().split()[0]
        with open(f"/proc/{tool}/syscall") as f:
            call = f.read().split()
    except (OSError, IndexError):
        return False
    unread = struct.unpack("i", fcntl.ioctl(p.stdin, termios.FIONREAD, bytes(4)))[0]
    return unread == 0 and call[0] == POLL and int(call[3], 16) & 0xffffffff == 0xffffffff


def traced(argv, lines, log):
    """One run whose input comes in pieces, each when all is done that came of those before; its stdout."""
    argv = ["strace", "-f", "-k", "-qq", "-y", "-s", "1000000", "-o", log, "-e", "trace=" + powerkit.TRACED + ",sendto,recvfrom", *argv]
    open(log, "w").close()
    p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for i in range(0, len(lines), N_LINES // N_CHUNKS):
        p.stdin.write("".join(line + "\n" for line in lines[i:i + N_LINES // N_CHUNKS]).encode())
        p.stdin.flush()
        end = time.monotonic() + 600
        while not is_waiting(p):
            assert p.poll() is None and time.monotonic() < end, "the run itself does not wait for input"
            time.sleep(0.02)
    out = p.communicate(timeout=600)[0]
    assert p.returncode == 0, f"the run itself ended with {p.returncode}"
    return out.decode()


class Promises:
    """What the tool has said so far."""

    def __init__(self, objects):
        self.objects = objects  # key: lines
        self.input, self.out, self.n_safe = b"", "", 0
        self.put, self.begun, self.stored = {}, set(), set()  # of S3

    def see(self, e):
        if e.call == "read" and e.fd == 0:
            self.input += e.strings[0][:e.result] if e.strings else b""
        elif e.call == "poll" and e.args.rstrip().endswith("-1"):
            self.n_safe = self.input.count(b"\n")
        elif e.call == "write" and e.fd == 1:
            self.out += e.strings[0][:e.result].decode()
        elif e.call == "sendto" and e.strings and e.strings[0].startswith(b"PUT /"):
            self.put[e.fd] = unquote(e.strings[0].split(b" ")[1].decode()).split("/", 2)[2]
            self.begun.add(self.put[e.fd])
        elif e.call == "recvfrom" and e.strings and e.strings[0].startswith(b"HTTP/1.1 200") and e.fd in self.put:
            self.stored.add(self.put.pop(e.fd))

    def rows(self, told):
        return told(self.out[:self.out.rfind("\n") + 1])

    def must_hold(self, lines, rows):
        return set(lines[:self.n_safe]).union(*(self.objects[key] for key in rows))


class LakeRun:
    """A lake in a directory of the disk. The first piece of the input opens two directories and ends no object: what is
    open alone is safe then, with no publishing that would have synced the directories above."""

    def __init__(self, folder):
        self.disk = os.path.join(folder, "disk")
        self.lines = [json.dumps({"n": i, "ts": 1700000000 + i, "d": "abc"[(i + 2) // 4 % 3], "e": i // 12, "pad": "x" * (i % 40)},
                                 separators=(",", ":")) for i in range(N_LINES)]
        self.lake = os.path.join(self.disk, "lake")
        self.told = lake_crash.told
        lake_crash.LAYOUT = "d={d}/e={e}"
        lake_crash.OPTIONS = ["--time", "ts:s", "--max-records", "3", "--max-open", "2", "--sync-interval", "1ms", "-q", "-j", "1"]

    def first(self, log):
        traced(lake_crash.command(self.lake), self.lines, log)
        return {path: lake_crash.read_back(path, True) for path in lake_crash.files(self.lake)}

    def restart(self, promises, rows, variant):
        lake_crash.restart(self.lake, self.lines, promises.must_hold(self.lines, rows), dict(rows))

    def facts(self, promises):
        """What a state is checked against: a state that was good once need not be tried again."""
        return promises.n_safe, promises.out

    variants = [None]


class S3Run:
    """A spool on the disk; what the server holds is not hurt: it has what it answered for, or all that it was sent."""

    def __init__(self, folder):
        shutil.rmtree(folder)
        os.makedirs(folder)
        server = subprocess.Popen([sys.executable, os.path.join(HERE, "..", "kit", "s3fake.py"), folder])
        self.stop = server.kill
        while not os.path.exists(os.path.join(folder, "port")):
            time.sleep(0.02)
        with open(os.path.join(folder, "port")) as f:
            self.url = f"http://127.0.0.1:{f.read()}"
        self.disk, self.lines, self.told = os.path.join(folder, "disk"), s3_crash.sample()[:N_LINES], s3_crash.told
        self.bucket = s3_crash.Lake(self.disk, self.url)

    def request(self, method, key, data=None, headers=()):
        request = urllib.request.Request(f"{self.url}/{self.bucket.bucket}/{urllib.request.quote(key)}", data, dict(headers), method=method)
        with urllib.request.urlopen(request) as f:
            return f.read(), {k: v for k, v in f.headers.items() if k.lower().startswith(("x-amz-meta", "content-type"))}

    def first(self, log):
        traced(self.bucket.command(["-j", "1"]), self.lines, log)
        self.final = {key: self.request("GET", key) for key in self.bucket.objects()}
        return {f"s3://{self.bucket.bucket}/{key}": lines_of(data, True, key)
                for key, (data, _) in self.final.items() if "/_manifests/" not in key}

    def restart(self, promises, rows, variant):
        for key in self.bucket.objects():
            self.request("DELETE", key)
        for key in getattr(promises, variant):
            self.request("PUT", key, *self.final[key])
        s3_crash.restart(self.bucket, self.lines, promises.must_hold(self.lines, rows), dict(rows))

    def facts(self, promises):
        return promises.n_safe, promises.out, frozenset(promises.begun), frozenset(promises.stored)

    variants = ["stored", "begun"]


def try_states(run, events, objects, good, every, deaf=None):
    """All states of a trace, without those in good, to which it adds. With deaf, the number of an fsync that did nothing."""
    disk, promises, n_seen = powerkit.Disk(run.disk), Promises(objects), 0
    for i, e in enumerate(events):
        disk.apply(e, i == deaf)
        promises.see(e)
        for name, state in disk.states(i) if deaf is None else disk.worst_states():
            for variant in run.variants:
                fact = (variant, run.facts(promises), frozenset((k, v and v[1]) for k, v in state.items()))
                if fact in good:
                    continue
                good.add(fact)
                n_seen += 1
                if n_seen % every and deaf is None:
                    continue
                shutil.rmtree(run.disk, ignore_errors=True)
                powerkit.put_on_disk(run.disk, state)
                try:
                    run.restart(promises, promises.rows(run.told), variant)
                except AssertionError as error:
                    raise AssertionError(f"call {i} ({e.call} {e.fd_path or e.strings[:1]}), {name}, {variant}: {error}") from error
    return n_seen


def kind_of(e, disk):
    """An fsync by what it is of, and of a file by who asks for it. Which of several syncs of a directory is the one that
    counts depends on what was opened and ended before."""
    path = re.sub(r"\d{8}T\d{6}Z-\w{8}", "RUN", e.fd_path[len(disk):])
    path = re.sub(r"/[0-9a-f]{16}/", "/HASH/", re.sub(r"RUN-\d+", "SEGMENT", re.sub(r"=[^/]*", "", path + "/")))
    path = path[:-1] or "the folder above"
    return f"{path} by {' in '.join(e.site())}" if "SEGMENT" in path else path


def take_out(run, events, objects, good):
    kinds = {}
    try_states(run, events, objects, good, 1, len(events))
    for i, e in enumerate(events):
        if e.call != "fsync":
            continue
        try:
            try_states(run, events, objects, set(good), 1, i)
            missed = False
        except AssertionError as error:
            print(f"{i} {kind_of(e, run.disk)} {e.fd_path}: {error}", file=sys.stderr)
            missed = True
        kinds.setdefault(kind_of(e, run.disk), []).append(missed)
    for kind, missed in sorted(kinds.items()):
        print(f"{kind}: {sum(missed)} of {len(missed)} are missed")
    idle = [kind for kind, missed in kinds.items() if not any(missed)]
    assert not idle, f"never missed: {idle}"
    return sum(len(m) for m in kinds.values())


def main():
    mode, folder = sys.argv[1], os.path.abspath(sys.argv[2])
    every = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    os.makedirs(folder, exist_ok=True)
    run = (S3Run if mode.endswith("s3") else LakeRun)(folder)
    log = os.path.join(folder, "log")
    try:
        shutil.rmtree(run.disk, ignore_errors=True)
        os.makedirs(run.disk)
        objects = run.first(log)
        events = [e for e in powerkit.events_of(log)]
        good = set()
        if mode.startswith("deaf"):
            n = take_out(run, events, objects, good)
            print(f"{mode}: each of {n} fsync taken out")
        else:
            n = try_states(run, events, objects, good, every)
            print(f"{mode}: {n} states of {len(events)} calls, nothing lost, nothing twice, nothing torn")
        assert n > 0, "nothing was tried"
    except AssertionError as e:
        sys.exit(f"power-loss.py {mode}: {e}")
    finally:
        if mode.endswith("s3"):
            run.stop()


main()
