#!/usr/bin/env python3
"""realdata.py CASE DATA_DIR WORK_DIR: one real data set through the tools, and DuckDB's answer to the same question.

Counts, minima and maxima must be equal, sums equal within 1e-12 relative (DuckDB adds doubles in the order it likes).
Each case names the --delay or --max-ahead that the disorder of its data needs.
"""
import json
import pathlib
import subprocess
import sys

import duckdb

import series_by_sql as by_sql
import statistics_by_numpy as by_numpy

case, data, work = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
con = duckdb.connect()
con.execute("set threads = 2; set timezone = 'UTC'; set preserve_insertion_order = true")


def shell(command):
    """Runs a pipeline; returns its lines as records. Every part must end with status 0."""
    run = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, cwd=work)
    if run.returncode:
        sys.exit(f"status {run.returncode}: {command}\n{run.stderr.decode()[-2000:]}")
    return [json.loads(line) for line in run.stdout.splitlines()]


def stats(name):
    return json.loads((work / name).read_text().splitlines()[-1])


def unpack(name):
    subprocess.run(["zstd", "-qdf", data / name, "-o", work / name.removesuffix(".zst")], check=True)
    return work / name.removesuffix(".zst")


def same(got, want, what):
    if got != want:
        sys.exit(f"{case}: {what}: got {got!r}, DuckDB says {want!r}")


def close(a, b, error):
    return a == b or (a is not None and b is not None and abs(a - b) <= error * max(abs(a), abs(b)))


def compare(rows, keys, exact, sums, sql, error=1e-12):
    """rows: of tlm-agg; sql: keys, exact columns, sums in this order."""
    got = {tuple(r.get(k) for k in keys): r for r in rows}
    same(len(got), len(rows), "a group twice")
    want = con.execute(sql).fetchall()
    same(len(got), len(want), "number of rows")
    for row in want:
        key = row[:len(keys)]
        r = got.get(key)
        if r is None:
            sys.exit(f"{case}: no row for {key}")
        for name, value in zip(exact, row[len(keys):]):
            same(r[name], value, f"{name} of {key}")
        for name, value in zip(sums, row[len(keys) + len(exact):]):
            if not close(r[name], value, error):
                sys.exit(f"{case}: {name} of {key}: got {r[name]!r}, DuckDB says {value!r}")
    print(f"{case}: {len(want)} rows agree")


ISO = "strftime(time_bucket(interval '{w}', {t}, timestamp '1970-01-01'), '%Y-%m-%dT%H:%M:%SZ')"


def automobile():
    """Text values (--coerce); 29 positions under other names are not numbers; 4,420 s of disorder: --delay 2h."""
    f = unpack("automobile-telematics.ndjson.zst")
    rows = shell(f"tlm-filter 'select(.variable != \"POSITION\")' {f} | tlm-agg --time timestamp:iso --delay 2h -w 1h"
                 " -g deviceId -g variable --coerce --rejects rejects.ndjson --stats"
                 " 'count, count(value), sum(value), min(value), max(value)' 2>stats")
    compare(rows, ["window_start", "deviceId", "variable"], ["count", "count_value", "min_value", "max_value"], ["sum_value"],
            f"select {ISO.format(w='1 hour', t='ts')}, deviceId, variable, count(*), count(v), min(v), max(v), fsum(v) from"
            f" (select *, cast(timestamp as timestamp) ts, try_cast(value as double) v from read_json('{f}',"
            " columns={deviceId: 'VARCHAR', timestamp: 'VARCHAR', value: 'VARCHAR', variable: 'VARCHAR'})"
            " where variable != 'POSITION' and try_cast(value as double) is not null) group by all")
    bad = con.execute("select count(*) from read_json(?, columns={value: 'VARCHAR', variable: 'VARCHAR'}) where variable !="
                      " 'POSITION' and try_cast(value as double) is null", [str(f)]).fetchone()[0]
    same(stats("stats")["rejects"], {"type": bad}, "rejects")


def automobile_csv():
    """The same records as CSV (value kept as text, as DuckDB would print numbers its own way), into a lake that DuckDB reads back."""
    f = data / "automobile-telematics.csv.zst"
    csv = unpack("automobile-telematics.csv.zst")
    shell(f"tlm-replay --types value:str {f} --stats 2>stats.replay | tlm-s3put --time timestamp:iso"
          f" -o 'file://{work}/lake/dt=%Y-%m-%d/variable={{variable}}/' >manifest")
    n = sum(1 for _ in csv.open()) - 1
    same(stats("stats.replay")["kept"], n, "records replayed")
    lake = (f"read_json('{work}/lake/**/*.zst', hive_partitioning = true, hive_types_autocast = false, columns ="
            " {deviceId: 'VARCHAR', timeMili: 'BIGINT', timestamp: 'VARCHAR', value: 'VARCHAR', alarmClass: 'INTEGER'})")
    source = (f"read_csv('{csv}', header = true, columns = {{deviceId: 'VARCHAR', timeMili: 'BIGINT', timestamp: 'VARCHAR',"
              " value: 'VARCHAR', variable: 'VARCHAR', alarmClass: 'INTEGER'})")
    columns = "deviceId, timeMili, timestamp, value, alarmClass"
    # Percent-encoded directory names are decoded by the reader.
    want = con.execute(f"select count(*), count(distinct variable), sum(hash({columns}, variable)::hugeint) from {source}").fetchone()
    got = con.execute(f"select count(*), count(distinct variable), sum(hash({columns}, url_decode(variable))::hugeint) from"
                      f" {lake}").fetchone()
    same(got, want, "the lake read back")
    same(con.execute(f"select count(*) from {lake} where dt != timestamp[1:10]").fetchone()[0], 0, "records in a wrong day")
    listed = [json.loads(line) for line in (work / "manifest").open()]
    same(sum(m["records"] for m in listed), n, "records in the manifest")
    same({m["key"].removeprefix("file://") for m in listed}, {str(p) for p in (work / "lake").rglob("*.zst")
                                                              if ".tlm-spool" not in p.parts}, "objects listed")
    print(f"{case}: {got[0]} records in {len(listed)} objects agree")


def warsaw():
    """Four corrupt times; rows up to eleven days stale beside a vehicle two days ahead: --delay 20d takes them all."""
    f = unpack("warsaw-buses.ndjson.zst")
    rows = shell(f"tlm-agg --time Time:iso --delay 20d -w 10m -g VehicleNumber --rejects rejects.ndjson --stats"
                 f" 'count, sum(Lat), min(Lat), max(Lon)' {f} 2>stats")
    source = (f"(select *, try_cast(Time as timestamp) ts from read_json('{f}', columns = {{VehicleNumber: 'VARCHAR', Time:"
              " 'VARCHAR', Lat: 'DOUBLE', Lon: 'DOUBLE'}}) where length(Time) = 19)".replace("}}", "}"))
    compare(rows, ["window_start", "VehicleNumber"], ["count", "min_Lat", "max_Lon"], ["sum_Lat"],
            f"select {ISO.format(w='10 minutes', t='ts')}, VehicleNumber, count(*), min(Lat), max(Lon), fsum(Lat) from {source}"
            " group by all")
    same(stats("stats")["rejects"], {"no_time": 4}, "rejects")
    # With --max-ahead 1h and --delay 1m the vehicle of the future is rejected and stale rows are late: by the rule, in Python.
    shell(f"tlm-agg --time Time:iso --max-ahead 1h --delay 1m -w 10m --rejects rejects.ndjson --late late.ndjson --stats count"
          f" {f} 2>stats")
    top, ahead, late, kept, width = None, 0, 0, 0, 600
    for (t,) in con.execute(f"select epoch(ts)::bigint from {source}").fetchall():
        if top is not None and t > top + 3600:
            ahead += 1
            continue
        top = t if top is None else max(top, t)
        if (t // width + 1) * width <= top - 60:
            late += 1
        else:
            kept += 1
    s = stats("stats")
    same((s["rejects"].get("ahead", 0), s["late"], s["kept"]), (ahead, late, kept), "ahead, late, kept")
    same(sum(1 for _ in (work / "late.ndjson").open()), late, "late rows")
    print(f"{case}: {ahead} ahead, {late} late, {kept} kept agree")


def kit():
    """77 trips as CSV; the date stands only in the file name, so time is the time of day and all files stay open: --delay 1d."""
    subprocess.run(["tar", "--zstd", "-xf", data / "kit-obd2.tar.zst", "-C", work], check=True)
    speed, rpm = "Vehicle Speed Sensor [km/h]", "Engine RPM [RPM]"
    rows = shell("tlm-replay kit_obd2/*.csv --rejects rejects.ndjson --stats 2>stats.replay"
                 " | tlm-agg --time 'Time:%H:%M:%S.%f' --delay 1d -w 15m --stats"
                 f" 'count, count(.[\"{speed}\"]) as n, sum(.[\"{speed}\"]) as total, min(.[\"{rpm}\"]) as low, max(.[\"{rpm}\"]) as high'"
                 " 2>stats")
    compare(rows, ["window_start"], ["count", "n", "low", "high"], ["total"],
            f"select {ISO.format(w='15 minutes', t='ts')}, count(*), count(s), min(r), max(r), fsum(s) from (select"
            f" date '1970-01-01' + Time::time as ts, \"{speed}\"::double s, \"{rpm}\"::double r from"
            f" read_csv('{work}/kit_obd2/*.csv', header = true, union_by_name = true, all_varchar = true, null_padding = true,"
            " ignore_errors = true)) group by all")
    same(stats("stats.replay")["rejected"], 0, "rejects of the replay")


def f1():
    """Time restarts with every lap: one window over all of a lap's group, hopping windows with --delay 3h."""
    f = unpack("f1-testing.ndjson.zst")
    source = (f"read_json('{f}', columns = {{driver: 'VARCHAR', lap: 'INTEGER', time: 'DOUBLE', rpm: 'DOUBLE', speed: 'DOUBLE',"
              " z: 'DOUBLE'})")
    rows = shell(f"tlm-agg -g driver,lap 'count, min(rpm), max(z), sum(speed), sum(z)' {f}")
    compare(rows, ["driver", "lap"], ["count", "min_rpm", "max_z"], ["sum_speed", "sum_z"],
            f"select driver, lap, count(*), min(rpm), max(z), fsum(speed), fsum(z) from {source} group by all")
    rows = shell(f"tlm-agg --time time:s --delay 3h -w 60s --every 20s -g driver 'count, min(rpm), max(speed), sum(rpm)' {f}")
    micros = "cast(floor(time::decimal(28, 9) * 1000000) as bigint)"
    compare(rows, ["window_start", "driver"], ["count", "min_rpm", "max_speed"], ["sum_rpm"],
            "select strftime(make_timestamp(s * 20000000), '%Y-%m-%dT%H:%M:%SZ'), driver, count(*), min(rpm), max(speed), fsum(rpm)"
            f" from (select *, unnest([{micros} // 20000000, {micros} // 20000000 - 1, {micros} // 20000000 - 2]) s from {source})"
            " group by all")
    # speed and rpm have spreads of their own size, so that doubles, which DuckDB computes in, keep nine digits
    moments = ["skew", "kurt", "covar", "corr", "slope", "r2"]
    rows = shell("tlm-agg -g driver 'mode(lap), skew(speed) as skew, kurt(speed) as kurt, covar(speed, rpm) as covar, corr(speed,"
                 f" rpm) as corr, slope(speed, rpm) as slope, r2(speed, rpm) as r2' {f}")
    compare(rows, ["driver"], ["mode_lap"], moments,
            f"with n as (select driver, lap, count(*) n from {source} group by all), m as (select driver, first(lap order by n"
            " desc, lap) lap from n group by all) select s.driver, any_value(m.lap), "
            + ", ".join(f"nullif({f}, 'nan'::double)" for f in (
                "skewness(speed)", "kurtosis(speed)", "covar_samp(speed, rpm)", "corr(speed, rpm)", "regr_slope(speed, rpm)",
                "regr_r2(speed, rpm)")) + f" from {source} s join m using (driver) group by all", 1e-9)


def statistics():
    """All statistical aggregates, by group, without a time: the four data sets."""
    exact = "--exact 1048576"
    f = unpack("f1-testing.ndjson.zst")
    source = (f"read_json('{f}', columns = {{driver: 'VARCHAR', rpm: 'DOUBLE', speed: 'DOUBLE', z: 'DOUBLE'}})")
    for x, y in (("speed", "rpm"), ("z", "speed")):
        rows = shell(f"tlm-agg {exact} -g driver '{(by_numpy.SINGLE + by_numpy.PAIR).format(x=x, y=y)}' {f}")
        print(f"f1, {x} and {y}: {by_numpy.compare('f1', rows, 'driver', con, source, x, y)} values agree")
    f = unpack("warsaw-buses.ndjson.zst")
    source = f"read_json('{f}', columns = {{VehicleNumber: 'VARCHAR', Lat: 'DOUBLE', Lon: 'DOUBLE'}})"
    rows = shell(f"tlm-agg {exact} -g VehicleNumber '{(by_numpy.SINGLE + by_numpy.PAIR).format(x='Lat', y='Lon')}' {f}")
    print(f"warsaw: {by_numpy.compare('warsaw', rows, 'VehicleNumber', con, source, 'Lat', 'Lon')} values agree")
    f = unpack("automobile-telematics.ndjson.zst")
    con.execute(f"create table auto as select variable, try_cast(value as double) v from read_json('{f}', columns={{value:"
                " 'VARCHAR', variable: 'VARCHAR'}) where variable != 'POSITION' and try_cast(value as double) is not null"
                .replace("}})", "})"))
    rows = shell(f"tlm-filter 'select(.variable != \"POSITION\")' {f} | tlm-agg {exact} -g variable --coerce --rejects rejects"
                 f" '{by_numpy.SINGLE.replace('mode({x})', 'max({x})').format(x='value')}'")
    for r in rows:  # text has no order of numbers
        del r["mode"]
    print(f"automobile: {by_numpy.compare('automobile', rows, 'variable', con, 'auto', 'v')} values agree")
    subprocess.run(["tar", "--zstd", "-xf", data / "kit-obd2.tar.zst", "-C", work], check=True)
    speed, rpm = "Vehicle Speed Sensor [km/h]", "Engine RPM [RPM]"
    con.execute(f"create table kit as select substr(Time, 1, 2) as hour, \"{speed}\"::double s, \"{rpm}\"::double r from"
                f" read_csv('{work}/kit_obd2/*.csv', header = true, union_by_name = true, all_varchar = true, null_padding = true,"
                " ignore_errors = true, filename = true) order by filename")
    rows = shell("tlm-replay kit_obd2/*.csv --rejects rejects.ndjson"
                 f" | tlm-filter '{{hour: .Time[0:2], s: .[\"{speed}\"], r: .[\"{rpm}\"]}}'"
                 f" | tlm-agg {exact} -g hour '{(by_numpy.SINGLE + by_numpy.PAIR).format(x='s', y='r')}'")
    print(f"kit: {by_numpy.compare('kit', rows, 'hour', con, 'kit', 's', 'r')} values agree")


def check_series(what, names, got, want, is_exact):
    """got: {key: row}, want: {key: values} in the order of names."""
    same(len(got), len(want), f"number of rows of {what}")
    for key, values in want.items():
        for name, value in zip(names, values):
            if is_exact(name):
                same(got[key][name], value, f"{name} of {what} {key}")
            elif not close(got[key][name], value, 1e-9):
                sys.exit(f"{case}: {name} of {what} {key}: got {got[key][name]!r}, DuckDB says {value!r}")


def compare_series(what, tool, x, limit, seconds, gap):
    """tool: reads the samples that stand in table s, their group in k; without --time and aggregates."""
    names = by_sql.EXACT + by_sql.CLOSE
    rows = {r["k"]: r for r in shell(f"{tool} -g k -w all '{by_sql.WHOLE.format(x=x, limit=limit)}'") if r["n"]}
    check_series(what, names, rows, by_sql.whole(con, limit), lambda name: name in by_sql.EXACT)
    check_series(what, ["top", "hist", "all"], rows, by_sql.tallies(con), lambda name: True)
    windows = {(r["k"], r["window_start"]): r for r in shell(
        f"{tool} -g k -w {seconds}s --max-gap {gap}s --time-out us '{by_sql.HELD.format(x=x, limit=limit)}'") if r["n"]}
    wanted = by_sql.held(con, seconds * 1000000, gap * 1000000, limit)
    check_series(what, ["n", "twa", "integral", "above", "equal", "increase"], windows, wanted, lambda name: name == "n")
    print(f"{what}: {len(rows)} groups and {len(windows)} windows agree")


def series():
    """What depends on the order of records, on the four: whole groups, and windows into which values are carried."""
    f = unpack("f1-testing.ndjson.zst")
    con.execute("create table f1 as select row_number() over () n, driver, lap, cast(floor(time::decimal(28, 9) * 1000000) as bigint) us,"
                f" speed, rpm from read_json('{f}', columns = {{driver: 'VARCHAR', lap: 'INTEGER', time: 'DOUBLE', speed: 'DOUBLE',"
                " rpm: 'DOUBLE'}) where lap <= 3".replace("}})", "})"))
    con.execute("create table s as select driver || ' ' || lap k, us, n, speed x from f1 where speed is not null")
    tool = f"tlm-filter 'select(.lap <= 3) | {{k: \"\\(.driver) \\(.lap)\", time, speed}}' {f} | tlm-agg --time time:s --delay 3h"
    compare_series("f1", tool, "speed", 100, 10, 2)
    f = unpack("warsaw-buses.ndjson.zst")
    con.execute("create or replace table s as select VehicleNumber k, epoch_us(try_cast(Time as timestamp)) us, row_number() over () n,"
                f" Lat x from read_json('{f}', columns = {{VehicleNumber: 'VARCHAR', Time: 'VARCHAR', Lat: 'DOUBLE'}}) where"
                " length(Time) = 19".replace("}})", "})"))
    tool = f"tlm-filter '{{k: .VehicleNumber, Time, Lat}}' {f} | tlm-agg --time Time:iso --delay 20d --rejects bad"
    compare_series("warsaw", tool, "Lat", 52.2, 600, 300)
    f = unpack("automobile-telematics.ndjson.zst")
    con.execute("create or replace table s as select deviceId || ' ' || variable k, epoch_us(cast(timestamp as timestamp)) us,"
                " row_number() over () n, try_cast(value as double) x from read_json(?, columns={deviceId: 'VARCHAR', timestamp:"
                " 'VARCHAR', value: 'VARCHAR', variable: 'VARCHAR'}) where variable != 'POSITION' and try_cast(value as double)"
                " is not null", [str(f)])
    tool = (f"tlm-filter 'select(.variable != \"POSITION\") | {{k: \"\\(.deviceId) \\(.variable)\", timestamp, value: (.value |"
            f" tonumber?)}}' {f} | tlm-agg --time timestamp:iso --delay 2h")
    compare_series("automobile", tool, "value", 50, 3600, 600)
    # trips of one week, by the hour of the day: a group has the samples of several days one between the other
    subprocess.run(["tar", "--zstd", "-xf", data / "kit-obd2.tar.zst", "-C", work], check=True)
    trips = sorted(str(p) for p in (work / "kit_obd2").glob("2018-02-2*.csv"))
    speed = "Vehicle Speed Sensor [km/h]"
    con.execute("create or replace table s as select * from (select substr(Time, 1, 2) k, epoch_us(date '1970-01-01' + Time::time) us,"
                f" row_number() over () n, \"{speed}\"::double x from read_csv(?, header = true, union_by_name = true, all_varchar ="
                " true, null_padding = true, ignore_errors = true)) where x is not null", [trips])
    tool = (f"tlm-replay {' '.join(trips)} | tlm-filter '{{k: .Time[0:2], Time, x: .[\"{speed}\"]}} | select(.x != null)'"
            " | tlm-agg --time 'Time:%H:%M:%S.%f' --delay 1d")
    compare_series("kit", tool, "x", 50, 900, 2)


{"series": series, "statistics": statistics, "automobile": automobile, "automobile-csv": automobile_csv, "warsaw": warsaw, "kit": kit, "f1": f1}[case]()
