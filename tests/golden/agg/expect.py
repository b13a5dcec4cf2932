#!/usr/bin/env python3
"""What the systems that tlm-agg replaces answered, computed here from the records with the standard library alone.

    expect.py records     writes routes.ndjson and fleet.ndjson anew
    expect.py             writes the expected files beside them into the current folder
"""
import csv
import json
import math
import os
import random
import sys
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal

HERE = os.path.dirname(os.path.abspath(__file__))
START = datetime(2026, 11, 22, 10, 0, tzinfo=timezone.utc)


def iso(t):
    return t.strftime("%Y-%m-%dT%H:%M:%SZ")


def write_records():
    r = random.Random(2)
    with open(os.path.join(HERE, "routes.ndjson"), "w", encoding="utf-8") as f:
        for s in sorted(r.sample(range(0, 1200), 90)):
            if 600 <= s < 900 and s % 2:
                continue
            route = r.choice(["7", "10", "10", "N44", "E-2"])
            base = {"7": 2, "10": 6, "N44": 11, "E-2": 5}[route]
            delay = r.choice([round(base + r.uniform(-2, 2), 2), base, None])
            f.write(json.dumps({"time": iso(START + timedelta(seconds=s)), "trip": {"route": route}, "delay_min": delay},
                               separators=(",", ":")) + "\n")
    with open(os.path.join(HERE, "fleet.ndjson"), "w", encoding="utf-8") as f:
        at = {"bus-1": (52.2297, 21.0122), "bus-2": (52.4, 21.3), "van-9": (51.1, 17.03)}
        odo = {"bus-1": 1000.0, "bus-2": 52000.5, "van-9": 17.25}
        drivers = {"bus-1": ["anna", "ola"], "bus-2": ["jan"], "van-9": ["ewa", "jan"]}
        for s in sorted(r.sample(range(0, 3 * 3600), 120)):
            v = r.choice(["bus-1", "bus-1", "bus-2", "van-9"])
            at[v] = (round(at[v][0] + r.uniform(0, 0.004), 5), round(at[v][1] + r.uniform(-0.003, 0.003), 5))
            odo[v] += r.choice([0, 0.25, 0.5, 0.75])
            f.write(json.dumps({"vehicle": v, "driver": drivers[v][min(s // 5400, len(drivers[v]) - 1)],
                                "ms": int(START.timestamp() + s) * 1000, "speed": r.randint(0, 90),
                                "position": {"lat": at[v][0], "lon": at[v][1]}, "odometer": odo[v]},
                               separators=(",", ":")) + "\n")


def read(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def two_digits(value):
    text = str(Decimal(value).quantize(Decimal("0.01"), ROUND_HALF_UP))
    return text.rstrip("0").rstrip(".")


def routes():
    """Every five minutes: records, mean delay and status of each route; a file for each, and the newest of each route."""
    windows = defaultdict(lambda: defaultdict(list))
    for record in read("routes.ndjson"):
        t = datetime.strptime(record["time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
        start = t - timedelta(minutes=t.minute % 5, seconds=t.second)
        windows[start][record["trip"]["route"]].append(record["delay_min"])
    head = ["window_start", "window_end", "trip.route", "records", "mean_delay", "status"]
    newest = {}
    for start in sorted(windows):
        with open(start.strftime("metrics-%Y%m%dT%H%M.csv"), "w", encoding="utf-8", newline="") as f:
            out = csv.writer(f, lineterminator="\n")
            out.writerow(head)
            for route in sorted(windows[start]):
                delays = [Decimal(str(d)) for d in windows[start][route] if d is not None]
                if not delays:
                    mean, status = "", "UNKNOWN"
                else:
                    mean = two_digits(sum(delays) / len(delays))
                    status = "GOOD" if Decimal(mean) <= 5 else "MODERATE" if Decimal(mean) <= 10 else "CRITICAL"
                row = [iso(start), iso(start + timedelta(minutes=5)), route, len(windows[start][route]), mean, status]
                out.writerow(row)
                newest[route] = row + [iso(start + timedelta(minutes=5))]
    with open("metrics-latest.csv", "w", encoding="utf-8", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(head + ["last_updated"])
        out.writerows(newest[route] for route in sorted(newest))


def fleet():
    records = read("fleet.ndjson")

    def put(name, rows):
        with open(name, "w", encoding="utf-8") as f:
            f.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)

    signals = Counter(r["driver"] for r in records)
    put("signals.ndjson", [{"drivers": [{"value": d, "count": n} for d, n in sorted(signals.items(), key=lambda i: (-i[1], i[0]))[:3]]}])
    by_vehicle = defaultdict(list)
    for r in sorted(records, key=lambda r: r["ms"]):
        by_vehicle[r["vehicle"]].append(r)
    put("last.ndjson", [{"vehicle": v, "position": rs[-1]["position"], "ms": rs[-1]["ms"]} for v, rs in sorted(by_vehicle.items())])
    put("tracks.ndjson", [{"vehicle": v, "track": [r["position"] for r in rs[:4]]} for v, rs in sorted(by_vehicle.items())])
    hours = defaultdict(list)
    for r in sorted(records, key=lambda r: r["ms"]):
        hours[(r["ms"] // 3600000, r["vehicle"])].append(r)
    with open("hours.csv", "w", encoding="utf-8", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow("window_start window_end vehicle records mean_speed max_speed driven_km p50_speed fast approx".split())
        for (hour, vehicle), rs in sorted(hours.items()):
            speeds = sorted(r["speed"] for r in rs)
            start = datetime.fromtimestamp(hour * 3600, timezone.utc)
            driven = rs[-1]["odometer"] - rs[0]["odometer"]
            out.writerow([iso(start), iso(start + timedelta(hours=1)), vehicle, len(rs), two_digits(Decimal(sum(speeds)) / len(rs)),
                          speeds[-1], "%g" % driven, speeds[math.ceil(len(rs) / 2) - 1], sum(s > 50 for s in speeds), ""])


if __name__ == "__main__":
    if sys.argv[1:] == ["records"]:
        write_records()
    else:
        routes()
        fleet()
