#!/usr/bin/env python3
"""Gives the same input whole and in pieces: neither output nor status may depend on how it comes, and nothing may hang.

    pieces.py SEED RUNS    random command lines of tlm-filter, tlm-agg and tlm-replay, over few random lines, good and bad
"""
import os
import random
import subprocess
import sys
import threading
import time

BIN = os.environ.get("TLM_BIN", "build/bin")
HANG_S = 60
FILTER = ["-c .", "-s .", "-n inputs", "-n [inputs]", "input", "[.,input]", "-n -s .", "-R .", "-Rs .", "-nR [inputs]", "--stream .",
          "-s --stream .", ".v", "select(.v>3)", ".v+=1", '[.]|tojson|sub("1";"2")', "-n first(inputs)", "first(inputs)", "limit(2;inputs)",
          "--marks .", "input_line_number", "-e .v", "--seq .", "-r .k", "if\u00a0.v>2\u00a0then\u00a0halt\u00a0else\u00a0.\u00a0end", "error",
          ".v|error", "-n input,input", "[.,input_filename]", "--jobs 2 .v", '--jobs 2 [.]|tojson|sub("1";"2")', "--max-rejects 1 .v",
          "--strict .v", "-n [limit(3;inputs)]", "debug"]
AGG = ["--time t:s -w 10s -g k count,sum(v)", "--time t:s -w 10s --every 5s count", "--time t:s --session 3s -g k count",
       "-w all count,mean(v)", "--every-n 2 -g k count", "--time t:s -w 10s --delay 3s --late late count",
       "--time t:s -w 5s --fill -g k count", "--time t:s -w 10s --grace 20s --emit update -g k count", "--time t:s -w 10s -j 2 -g k count,p50(v)",
       "--time t:s -w 10s --partial -g k count", "--time t:s --start .v==1 --end .v==3 -g k count", "--time t:s -w 10s --where .v>2 count",
       "--time t:s -w 10s --max-rejects 2 count", "--time t:s -w 10s --format csv -g k count", "--time t:s -w 10s --quorum 2:k count",
       "--time t:s -w 10s --marks count", "--time t:s -w 10s --strict count"]
REPLAY = ["-v", "--time t:s --speed max", "--limit 3", "--time t:s --sort 5s", "--marks --time t:s", "--max-rejects 1", "--strict"]
BAD = ["bad", "{", "1 2", '[1]{"a":2}', '{"t":"x"}', "nul", '"\\ud800"', '{"t":1,"t":2}', '\x1e{"t":5}', '{"_tlm":{"time_us":7000000}}']


def draw_line(rnd):
    kind = rnd.random()
    if kind < 0.12:
        return ""
    if kind < 0.24:
        return rnd.choice(BAD)
    return '{"t":%d,"k":"%s","v":%d}' % (rnd.randrange(60), rnd.choice("ab"), rnd.randrange(6))


def draw_command(rnd):
    tool, options = rnd.choice([("filter", FILTER)] * 4 + [("agg", AGG)] * 3 + [("replay", REPLAY)] * 2)
    return [os.path.join(BIN, "tlm-" + tool), *(o.replace("\u00a0", " ") for o in rnd.choice(options).split(" "))]


def draw_pieces(rnd, data):
    if rnd.random() < 0.6:
        return data.splitlines(True)
    pieces, at = [], 0
    while at < len(data):
        n = rnd.randrange(1, 25)
        pieces.append(data[at:at + n])
        at += n
    return pieces


def run(argv, pieces):
    p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def feed():
        try:
            for piece in pieces:
                p.stdin.write(piece)
                p.stdin.flush()
                time.sleep(0.004)
            p.stdin.close()
        except BrokenPipeError:
            pass

    def take(stream, to):
        to.append(stream.read())

    out, err = [], []
    threads = [threading.Thread(target=feed), threading.Thread(target=take, args=(p.stdout, out)),
               threading.Thread(target=take, args=(p.stderr, err))]
    for t in threads:
        t.start()
    try:
        status = p.wait(HANG_S)
    except subprocess.TimeoutExpired:
        p.kill()
        status = "it hung"
    for t in threads:
        t.join()
    return status, out[0], err[0]


def main():
    rnd, n_bad = random.Random(int(sys.argv[1])), 0
    for _ in range(int(sys.argv[2])):
        lines = [draw_line(rnd) for _ in range(rnd.randrange(9))]
        data = ("\n".join(lines) + ("\n" if lines and rnd.random() < 0.8 else "")).encode()
        argv, pieces = draw_command(rnd), draw_pieces(rnd, data)
        whole, parts = run(argv, [data]), run(argv, pieces)
        if whole[:2] == parts[:2] and isinstance(whole[0], int) and whole[0] != 2:
            continue
        n_bad += 1
        print(f"{argv} over {data!r}\n  whole: {whole}\n  in {len(pieces)} pieces: {parts}")
    print(f"seed {sys.argv[1]}: {sys.argv[2]} commands, {n_bad} not the same")
    sys.exit(n_bad > 0)


if __name__ == "__main__":
    main()
