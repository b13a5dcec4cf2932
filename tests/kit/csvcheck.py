#!/usr/bin/env python3
"""csvcheck.py TLM_REPLAY ROUNDS: random tables through tlm-replay, compared with python's csv and json modules."""
import csv
import decimal
import io
import json
import random
import re
import subprocess
import sys

tool, rounds = sys.argv[1], int(sys.argv[2])
rng = random.Random(3)
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")


def is_number(text):
    """The rule of tlm-replay(1), written down again."""
    if not NUMBER.match(text):
        return False
    mantissa = re.split("[eE]", text)[0].lstrip("-")
    if len(mantissa.replace(".", "").lstrip("0")) > 17:
        return False
    if text.lstrip("-").isdigit():
        return abs(int(text)) <= 2**53
    value = float(text)
    return abs(value) != float("inf") and (value != 0 or decimal.Decimal(text) == 0)


def expect(cell):
    if cell == "":
        return None
    bare = cell.strip(" \t")
    return ("number", bare) if is_number(bare) else cell


def make_cell():
    kind = rng.randrange(8)
    if kind == 0:
        return ""
    if kind == 1:
        return str(rng.choice([0, 7, -12, 2**53, 2**53 + 1, 10**16, -(2**53)]))
    if kind == 2:
        return rng.choice(["", " ", "\t"]) + repr(rng.uniform(-1e6, 1e6)) + rng.choice(["", " "])
    if kind == 3:
        return rng.choice(["04", "1e5", "-1E-7", ".5", "5.", "+1", "1e999", "1e-999", "0e0", "NaN", "0x1f", "-", "--1", "1.2345678901234567890"])
    letters = 'ab,";\n\r\t\\ é€\U0001f697\x7f\x01' if kind < 6 else "abcdefgh 0123456789"
    return "".join(rng.choice(letters) for _ in range(rng.randrange(40)))


for n in range(rounds):
    width, delimiter = rng.randrange(1, 7), rng.choice(",;\t|")
    names = [f"c{i}é" for i in range(width)]
    rows = [[make_cell() for _ in range(width)] for _ in range(rng.randrange(200))]
    rows = [r for r in rows if r != [""]]
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=rng.choice(["\n", "\r\n"]),
                        quoting=csv.QUOTE_ALL if any("\r" in c for r in rows for c in r) else csv.QUOTE_MINIMAL)
    writer.writerows([names] + rows)
    data = text.getvalue().encode()
    back = list(csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter))
    assert back == [names] + rows, "python reads back what it wrote"
    run = subprocess.run([tool, "--csv", "--delimiter", delimiter], input=data, capture_output=True, timeout=30)
    assert run.returncode == 0, run.stderr
    got = [json.loads(line, parse_int=lambda t: ("number", t), parse_float=lambda t: ("number", t))
           for line in run.stdout.decode().split("\n")[:-1]]
    want = [dict(zip(names, map(expect, r))) for r in rows]
    if got != want:
        for g, w in zip(got, want):
            if g != w:
                print("got ", g, "\nwant", w)
                break
        sys.exit(f"round {n}: differs")
print(f"{rounds} tables are read as python reads them")
