"""top.py N NAME: of the rows of tlm-agg on stdin, the N of each window with the largest NAME, plain and slow."""
import json
import sys


def key(value):
    """The order of values: null < false < true < numbers < strings by their bytes."""
    if value is None:
        return (0,)
    if isinstance(value, bool):
        return (1, value)
    if isinstance(value, (int, float)):
        return (2, value)
    return (3, value.encode())


def main():
    n, name = int(sys.argv[1]), sys.argv[2]
    windows = {}
    for line in sys.stdin:
        row = json.loads(line)
        windows.setdefault((row["window_end"], row["window_start"]), []).append((row[name], line))
    for rows in windows.values():  # in the order of their first row
        best = sorted(range(len(rows)), key=lambda i: key(rows[i][0]), reverse=True)[:n]  # stable: ties keep their order
        sys.stdout.write("".join(rows[i][1] for i in sorted(best)))


main()
