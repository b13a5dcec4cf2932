#!/usr/bin/env python3
"""oneanswer.py: a record that stands four times, so that its shape is known, is answered each time alike, as by the evaluator
alone, and as jq does.

Records of a known shape go the short way: values are put into their bytes. Marks between the records say whose the outputs
are.
"""
import json
import subprocess
import sys

RECORDS = r'''
{"a":1,"b":"x","c":[1, 2],"d":{"e": 1}}
{"b":"x y","a":-2.50,"t":"a, b: c"}
{"a" : 1, "b": "x"}
{"a":1,"b":"x" }
 {"a":1,"b":"x"}
{"a":1,"b":"x","a":2}
{"b":"x","a":1,"b":"y"}
{"\\u0061":1,"b":"x"}
{"a":1,"\\u0062":"x"}
{"b":"x"}
{"a":null,"b":null}
{"a":{"a":1,"a":2},"b":"\\u0041\\n\\ud83d\\ude00"}
{"a":"1\\u00e9","b":"é"}
{"a":[],"b":{}}
{"a":true,"b":false}
{"a":1e400,"b":12345678901234567890}
{}
[]
"a"
7
'''.strip("\n").split("\n")
PROGRAMS = r'''
.a += 1
.a = 1
.a |= tostring
.a //= 5
.a = .b
.a -= .c
.b = {x: .a, y: [.b]}
.a *= 2
.b |= ascii_upcase
.a = (.b | length)
.z = 1
.a |= error
.a += null
.a = .
.a["x"] = 1
.a |= empty
.a += (1, 2)
select(.a != null) | .b = .a
{b, v: (.a * 3.6)}
[.a, (.b | length)]
{x: (.b | ascii_downcase), y: [.a], z: {q: .b}}
select(.b | startswith("x"))
select(.b | test("^x"))
select((.a | type) == "number" and .b != "y")
select(.b == "x" or (.a | length) > 1)
select(.a + 1 > 2 | not)
select(.a > .b)
select(.b | test("X"; "i")) | {b: (.b | ascii_upcase)}
'''.strip().split("\n")


def groups(command, lines):
    """The outputs between the marks."""
    run = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True)
    found = []
    for line in run.stdout.splitlines():
        if line.startswith('{"_tlm"'):
            found.append([])
        else:
            found[-1].append(line)
    return found


def plain(line):
    """A value as jq prints it: what was not changed keeps its text with us."""
    return json.dumps(json.loads(line, parse_int=float, parse_float=lambda t: min(float(t), sys.float_info.max)))


bad = 0
for program in PROGRAMS:
    once, often = [], []
    for i, record in enumerate(RECORDS):
        once += ['{"_tlm":{"time_us":%d}}' % i, record]
        often += ['{"_tlm":{"time_us":%d}}' % i] + [record] * 4
    theirs = groups(["jq", "-c", f'if type == "object" and has("_tlm") then . else ({program}) end'], once)
    ours = groups(["tlm-filter", "--marks", "--rejects", "/dev/null", program], often)
    whole = groups(["tlm-filter", "--marks", "--rejects", "/dev/null", f"[{program}] | .[]"], once)
    if {len(theirs), len(ours), len(whole)} != {len(RECORDS)}:
        sys.exit(f"{program}: {len(ours)}, {len(whole)} and {len(theirs)} of {len(RECORDS)} records")
    for record, mine, slow, want in zip(RECORDS, ours, whole, theirs):
        n = len(mine) // 4
        if mine != slow * 4 or [plain(v) for v in mine[:n]] != [plain(v) for v in want]:
            print(f"{program} of {record}: {mine}, jq: {want}")
            bad = 1
sys.exit(bad)
