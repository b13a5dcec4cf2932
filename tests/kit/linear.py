#!/usr/bin/env python3
"""linear.py [-e N] TOOL [NAME...]: tlm-filter's work grows with its input, and no faster; -e N takes each N-th case.

Each case is a program and a maker of input of some size. The instructions of the tool (counted by valgrind, so that a
busy machine changes nothing) for a size and for its double, those of an empty input taken off, must be about 1 : 2.
Prints each case with its ratio; status 1 when one is above LIMIT.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

LIMIT = 2.4  # n log n of a sort is 2.2


def numbers(n):
    return "[" + ",".join(str(i * 7919 % 1000) for i in range(n)) + "]"


def texts(n):
    return "[" + ",".join('"t%d"' % (i * 7919 % 100003) for i in range(n)) + "]"


def members(n):
    return "{" + ",".join('"k%d":%d' % (i * 7919 % 100003, i) for i in range(n)) + "}"


def a(maker):
    """A record with its value in .a, and .v for the program that scans."""
    return lambda n: '{"a":%s,"v":1}\n' % maker(n)


def lines(line):
    return lambda n: "".join(line(i) for i in range(n))


SCAN = "select(.v > 0.9)"
CASES = {
    # the scanner: many records, and one record that grows
    "every record another shape": (SCAN, lines(lambda i: '{"k%d":1,"l%d":[%d],"v":%d}\n' % (i, i * 7, i, i % 2)), 4000),
    "every record another number of keys": (SCAN, lines(lambda i: "{" + "".join('"k%d":1,' % j for j in range(i % 50)) + '"v":1}\n'), 1000),
    "eight shapes in turn": (SCAN, lines(lambda i: '{"k%d":1,%s"v":2}\n' % (i % 8, '"x":[1],' * (i % 3))), 6000),
    "records of all escapes": (SCAN, lines(lambda i: '{"s":"%s","v":2}\n' % ('\\n\\u00e9\\"' * 20)), 500),
    "one string of escapes": (SCAN, a(lambda n: '"' + '\\"\\u00e9\\ud83d\\ude00' * n + '"'), 8000),
    "one string of two and four bytes a character": (SCAN, a(lambda n: '"' + "é😀" * n + '"'), 20000),
    "a string that seems to end": (SCAN, a(lambda n: '"' + "\\\\" * n + '"'), 50000),
    "5,000 keys": (SCAN, a(members), 5000),
    "one key again and again": (SCAN, lambda n: "{" + '"v":1,' * n + '"v":2}\n', 10000),
    "deep": (SCAN, a(lambda n: "[" * n + "]" * n), 4500),
    "deep and wide": (SCAN, a(lambda n: '[{"b":[' * n + "1" + "]}]" * n), 1600),
    "17-digit numbers": (SCAN, a(lambda n: "[" + ",".join("%.17g" % (i * 0.1234567890123 + 1e-9) for i in range(n)) + "]"), 5000),
    "one number of many digits": (SCAN, lambda n: '{"v":%s}\n' % ("1234567890" * n), 5000),
    "blanks": (SCAN, lambda n: '{"v" : %s 1}\n' % (" \t" * n), 50000),
    "bad records": (SCAN, lines(lambda i: '{"v":1%s}\n' % ("," * (i % 9 > 0))), 3000),
    "one bad record": (SCAN, a(lambda n: "[" + "1," * n + "]"), 30000),
    # the evaluator
    "many steps": ("[.a[] | . * 2 + 1] | add", a(numbers), 4000),
    "append": ("reduce .a[] as $x ([]; . + [$x]) | length", a(numbers), 2000),
    "set members": ("reduce .a[] as $x ({}; .[$x] = 1) | length", a(texts), 2000),
    "set elements": ("reduce range(.a | length) as $i (.a; .[$i] = 0) | length", a(numbers), 2000),
    "update each": (".a[] += 1 | .a | length", a(numbers), 4000),
    "texts added": ("[.a[] | . + \"x\"] | add | length", a(texts), 2000),
    "sort, group, unique": (".a | (sort | length), (group_by(.) | length), (unique | length)", a(numbers), 4000),
    "entries": (".a | to_entries | from_entries | length", a(members), 3000),
    "keys and has": ("(.a | keys | length), (.a | has(\"k1\"))", a(members), 3000),
    "delete": ("del(.a[] | select(. > 500)) | .a | length", a(numbers), 2000),
    "split and join": (".a | split(\",\") | join(\";\") | length", a(lambda n: '"' + "ab," * n + '"'), 5000),
    "a pattern": (".a | test(\"b.*z\")", a(lambda n: '"a' + "c" * n + '"'), 20000),
    "text of a value": (".a | tojson | fromjson | length", a(members), 3000),
    "outputs": (".a[]", a(numbers), 4000),
    "limit of a generator": ("[limit(.a; range(1e9))] | length", a(str), 2000),
    "equal values": (".a == .a, (.a | contains(.[5:9]))", a(numbers), 4000),
}


def count(tool, program, text, folder):
    path = os.path.join(folder, "in")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    run = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", tool, "-q", "--evaluator=native", "--rejects=/dev/null",
                          "--max-line=16M", "--max-depth=10000", "--", program, path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    found = re.search(rb"Collected : (\d+)", run.stderr)
    if run.returncode or not found:
        sys.exit("linear.py: status %d of %s\n%s" % (run.returncode, program, run.stderr.decode()[-1500:]))
    return int(found.group(1))


def main():
    args = argparse.ArgumentParser()
    args.add_argument("-e", type=int, default=1)
    args.add_argument("tool")
    args.add_argument("names", nargs="*")
    args = args.parse_args()
    tool, names = args.tool, args.names or list(CASES)[:: args.e]
    is_good, starts = True, {}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            program, make, n = CASES[name]
            if program not in starts:
                starts[program] = count(tool, program, "", folder)
            start = starts[program]
            once, twice = (count(tool, program, make(k), folder) - start for k in (n, 2 * n))
            is_good = is_good and twice < LIMIT * once
            print("%-50s %10d %10d %5.2f%s" % (name, once, twice, twice / once, "" if twice < LIMIT * once else "  grows too fast"), flush=True)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
