#!/usr/bin/env python3
"""Breaks one rule of tlm-agg at a time and looks whether a test notices.

    mutate-engine.py --texts                               only looks whether the text of each entry stands where it says
    mutate-engine.py [-q] [-j N] [-n STREAMS] [WORD...]    N entries side by side (default 2), up to STREAMS random streams
                                                           for each (default 300); only those whose "section: rule
                                                           (file)" holds a WORD; -q: only what stands with their section, and
                                                           25 streams, as a first look; -n 0: only its unit tests

The entries stand in mutations_windows.py and mutations_values.py. Each changes one place of a copy of the sources, which
is built anew as far as it must be. The tests of its section come first, then random streams that use what it is about,
then the tests of the command line that stand with its section, then all that is known of tlm-agg. What none of them notices is listed as a survivor, and the status is 1; so it is when
the text of an entry no longer stands in its files exactly once. An entry that names a reason behind it changes no answer:
it is not run.
"""
import concurrent.futures
import glob
import os
import queue
import shutil
import subprocess
import sys
import tempfile

import mutations_values
import mutations_windows

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SECTIONS = mutations_windows.SECTIONS + mutations_values.SECTIONS
ALL_TESTS = ["window_test", "engine_test", "sessions_test", "early_test", "limits_test", "runs_test", "merge_test", "fill_test", "carry_test",
             "held_test", "owners_test",
             "aggregate_test", "aggregate_form_test", "aggregate_xsum_test", "sketch_test", "group_test", "rows_test",
             "etime_test", "timefield_test", "mark_test"]
ALL_BATS = [("agg-emit", ""), ("agg", ""), ("partial", ""), ("jobs", ""), ("properties", ""), ("examples", ""), ("golden", "")]
CHUNK = 50  # streams before the tests of the command line


def run(command, folder, limit=300):
    env = dict(os.environ, TLM_BIN=os.path.join(folder, "build/bin"), TLM_BUILD="build",
               TLM_AGG=os.path.join(folder, "build/bin/tlm-agg"), TLM_VENV=os.path.join(TOP, "build/venv"),
               TLM_DATA=os.environ.get("TLM_DATA", os.path.join(TOP, "../shared/data")), MAKEFLAGS="", MAKELEVEL="0")
    try:
        return subprocess.run(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=limit, check=False).returncode
    except subprocess.TimeoutExpired:
        return 1


class Commands:
    """How make would compile a source and link a target, asked once: what make itself costs is more than either."""

    def __init__(self, folder):
        env = dict(os.environ, MAKEFLAGS="", MAKELEVEL="0")
        source, test = "lib/mem/mem.c", "engine_test"
        told = subprocess.run(["make", "-n", "V=1", "CFLAGS=-O0", "-W", source, "build/bin/tlm-agg", "build/test/" + test], cwd=folder,
                              env=env, capture_output=True, text=True, check=True).stdout.splitlines()
        self.source, self.test = source, test
        self.compile = next(c for c in told if " -c " + source in c)
        self.links = {t: next(c for c in told if c.endswith("-o build/" + t)) for t in ("bin/tlm-agg", "test/" + test)}

    def compiling(self, source):
        return self.compile.replace(self.source, source).replace(self.source[:-2] + ".o", source[:-2] + ".o")

    def linking(self, target, source):
        """The object of a mutation in front of the library takes the place of the one in it."""
        command = self.links.get(target) or self.links["test/" + self.test].replace(
            self.test + ".o", target[5:] + ".o").replace("build/test/" + self.test, "build/" + target)
        if target.startswith("test/"):
            module = next(p for p in glob.glob("lib/*/" + target[5:] + ".c", root_dir=TOP))
            command = command.replace("lib/engine/" + target[5:], module[:-2])
        if source.startswith("lib/"):
            command = command.replace(" build/libtlm.a", " build/obj/" + source[:-2] + ".o build/libtlm.a", 1)
        return command


class Builder:
    """Builds what a mutation of one source changes, when it is asked for."""

    def __init__(self, folder, commands, source):
        self.folder, self.commands, self.source = folder, commands, source
        self.is_header = source.endswith(".h")
        self.object = os.path.join(folder, "build/obj", source[:-2] + ".o")
        if not self.is_header:
            os.replace(self.object, self.object + ".good")

    def compile(self):
        return 0 if self.is_header else run(["sh", "-c", self.commands.compiling(self.source)], self.folder)

    def make(self, target):
        if self.is_header:
            return run(["make", "-j1", "CFLAGS=-O0", "build/" + target], self.folder)
        return run(["sh", "-c", self.commands.linking(target, self.source)], self.folder)

    def release(self):
        """The source is as it was."""
        if self.is_header:
            run(["make", "-j1", "CFLAGS=-O0", "build/bin/tlm-agg"] + ["build/test/" + t for t in ALL_TESTS], self.folder)
        else:
            os.replace(self.object + ".good", self.object)


def run_tests(folder, tests, build=None):
    return next((t for t in tests if (build and build.make("test/" + t)) or run(["build/test/" + t], folder, 60)), None)


def run_bats(folder, files):
    for name, pattern in files:
        command = ["bats", "--tap"] + (["-f", pattern] if pattern else []) + ["tests/bats/%s.bats" % name]
        if run(command, folder, 600):
            return name + ".bats"
    return None


def run_streams(folder, streams, first, section):
    """words of a section pick among the streams; without any there are none. shards: streams that are parted and merged."""
    for hunt, words in (("agg.py", section["words"]), ("shards.py", [])):
        command = ["python3", "tests/reference/" + hunt, "hunt", str(streams), str(first)] + words
        is_wanted = section.get("shards") if hunt == "shards.py" else words
        if is_wanted and streams > 0 and run(command, folder, 900):
            return "random streams"
    return None


def killer(folder, section, streams, build):
    """What notices, or None: the likely and the quick first. Only what stands with the section for less than CHUNK
    streams."""
    by = run_tests(folder, section["tests"], build)
    if not by and build.make("bin/tlm-agg"):
        return "the compiler"
    if by or not streams:
        return by
    by = run_streams(folder, min(streams, CHUNK), 1, section) or run_bats(folder, section["bats"])
    if by or streams < CHUNK:
        return by
    rest = [t for t in ALL_TESTS if t not in section["tests"]]
    return run_streams(folder, streams - CHUNK, 100000, section) or run_tests(folder, rest, build) or run_bats(folder, ALL_BATS)


def find_text(folder, pattern, text):
    """The file of each place in which a text stands."""
    places = []
    for path in sorted(glob.glob(os.path.join(folder, pattern))):
        if not path.endswith("_test.c"):
            with open(path, encoding="utf-8") as f:
                places += [path] * f.read().count(text)
    return places


def check(folder, commands, section, mutation, streams):
    """What became of a mutation, and whether that is as it should be."""
    _, pattern, old, new = mutation[:4]
    places = find_text(folder, pattern, old)
    if len(places) != 1:
        return "its text stands in %s %d times" % (pattern, len(places)), False
    if mutation[4:]:
        return "equal: " + mutation[4], True
    place = places[0]
    with open(place, encoding="utf-8") as f:
        whole = f.read()
    build = Builder(folder, commands, os.path.relpath(os.path.realpath(place), folder))
    try:
        with open(place, "w", encoding="utf-8") as f:
            f.write(whole.replace(old, new))
        if build.compile():
            return "does not build", False
        by = killer(folder, section, streams, build)
        return ("killed by " + by, True) if by else ("SURVIVED", False)
    finally:
        with open(place, "w", encoding="utf-8") as f:
            f.write(whole)
        build.release()


def check_texts():
    gone = [(m, len(find_text(TOP, m[1], m[2]))) for s in SECTIONS for m in s["mutations"]]
    gone = [(m, n) for m, n in gone if n != 1]
    for m, n in gone:
        print("%-60s its text stands in %s %d times" % (m[0], m[1], n))
    return 1 if gone else 0


def copy_sources(folder):
    """What is built already is not built again: times are kept."""
    for name in ("cmd", "lib", "tests", "tools", "man", "docs", "README.md", "Makefile", "build"):
        source, target = os.path.join(TOP, name), os.path.join(folder, name)
        if os.path.isdir(source):
            shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("san", "tsan", "fuzz", "venv", "venv-*", "services"))
        elif os.path.exists(source):
            shutil.copy2(source, target)


def hunt(picked, streams, jobs, top):
    """Prints what became of each as soon as it is known; returns those that are not as they should be."""
    folders, bad = queue.SimpleQueue(), []
    commands = Commands(TOP)
    for i in range(jobs):
        folders.put(os.path.join(top, str(i)))
        copy_sources(os.path.join(top, str(i)))

    # a test that fails without any mutation would seem to notice each
    files = sorted({f for s, _ in picked for f in s["bats"]})
    by = streams and run_bats(os.path.join(top, "0"), files + (ALL_BATS if streams >= CHUNK else []))
    if by:
        print("without any mutation there is a complaint of " + by)
        return [by]

    def one(section, mutation):
        folder = folders.get()
        try:
            return (section, mutation) + check(folder, commands, section, mutation, streams)
        finally:
            folders.put(folder)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for done in concurrent.futures.as_completed([pool.submit(one, s, m) for s, m in picked]):
            section, mutation, outcome, is_good = done.result()
            print("%-22s %-60s %s" % (section["name"], mutation[0], outcome), flush=True)
            if not is_good:
                bad.append(mutation[0])
    return bad


def main():
    words, options = sys.argv[1:], {"-j": 2, "-n": 300}
    if words == ["--texts"]:
        return check_texts()
    if "-q" in words:
        options["-n"] = CHUNK // 2
        words.remove("-q")
    while words and words[0] in options:
        name = words.pop(0)
        options[name] = int(words.pop(0))
    picked = [(s, m) for s in SECTIONS for m in s["mutations"]
              if not words or any(w in "%s: %s (%s)" % (s["name"], m[0], m[1]) for w in words)]
    top = os.path.realpath(tempfile.mkdtemp(prefix="tlm-mutate-"))
    try:
        if run(["make", "all", "kit"] + ["build/test/" + t for t in ALL_TESTS], TOP, 900):
            print("it does not build without any mutation")
            return 2
        by = run_tests(TOP, ALL_TESTS) or run_streams(TOP, options["-n"] - CHUNK, 1, {"words": ["."], "shards": True})
        if by:
            print("without any mutation there is a complaint of " + by)
            return 2
        bad = hunt(picked, options["-n"], options["-j"], top)
    finally:
        shutil.rmtree(top)
    print("%d mutations, %d not noticed%s" % (len(picked), len(bad), "".join("\n    " + b for b in bad)))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
