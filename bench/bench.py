#!/usr/bin/env python3
"""bench.py [NAME...]: runs the tools beside their peers, in one run on one file, outputs compared; prints ratios.

Every figure is a rate over whole processes: bytes of input by the median wall time of BENCH_RUNS runs that take turns
(ours, peer, ours, peer, ...), so that a machine whose speed drifts does not favour one. A slow peer reads a smaller file
of the same records. A peer that is not installed is named as missing. Outputs are compared before anything is timed.

Environment: BENCH_RUNS (5), BENCH_PEERS (a part of the names of the only peers to run), BENCH_RECORDS (7500000, about 1 GB), BENCH_DIR (build/bench), BENCH_BIG=1 (memory at 10 GB).
"""
import importlib.util
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

from common import DIR, FLEETGEN, RECORDS, RUNS, SHM, TOP, make, rows_of, same, say, shell, table, timed
from topics import bench_kafka


class Peer:
    def __init__(self, name, command, file, needs=None, compare=True, module=None):
        self.name, self.command, self.file, self.compare = name, command, file, compare
        self.missing = (needs and not shutil.which(needs)) or (module and not importlib.util.find_spec(module))


def duck(sql, threads=1):
    """A DuckDB statement as a command; {F} stays for the file."""
    return (f"'{sys.executable}' -c \"import duckdb,sys; c = duckdb.connect(); c.execute('set threads = {threads}; set enable_progress_bar = false');"
            f" c.execute('set timezone = \\'UTC\\''); c.execute(sys.argv[1])\" \"{sql}\"")


def row(work, ours, file, peers, compare_file=None):
    """One row of the table. Commands hold {F}. compare_file: a smaller file for the comparison of outputs."""
    check = compare_file or file
    mine = None
    peers = [p for p in peers if os.environ.get("BENCH_PEERS", "") in p.name]
    everyone = [Peer("tlm", ours, file)] + peers
    for p in peers:
        if p.missing or not p.compare:
            continue
        mine = mine or rows_of(ours.replace("{F}", str(check)))
        theirs = rows_of(p.command.replace("{F}", str(check)))
        if not same(mine, theirs):
            odd = next((pair for pair in zip(mine, theirs) if not same(*pair)), (len(mine), len(theirs)))
            sys.exit(f"bench: {work}: {p.name} answers otherwise: {odd[0]} against {odd[1]}")
    times = {p.name: [] for p in everyone}
    for _ in range(RUNS):
        for p in everyone:
            if not p.missing:
                times[p.name].append(timed(p.command.replace("{F}", str(p.file))))
    rate = {}
    for p in everyone:
        if times[p.name]:
            rate[p.name] = os.path.getsize(p.file) / statistics.median(w for w, _ in times[p.name]) / 1e6
    for p in everyone:
        if p.missing:
            line = (work, p.name, "missing", "", "")
        else:
            cpu = statistics.median(c for _, c in times[p.name]) / os.path.getsize(p.file) * 1e9
            line = (work, p.name, f"{rate[p.name]:.0f}", f"{cpu:.2f}", f"{rate['tlm'] / rate[p.name]:.2f}" if p.name != "tlm" else "")
        table.append(line)
        print("| " + " | ".join(line) + " |", flush=True)


def data():
    big = make("telemetry.ndjson", f"'{FLEETGEN}' ndjson {RECORDS}")
    small = make("telemetry-small.ndjson", f"head -n 300000 '{big}'")
    return big, small


JSON = "read_json('{F}', format = 'newline_delimited', columns = {deviceId: 'VARCHAR', timeMili: 'BIGINT', timestamp: 'VARCHAR', value: 'DOUBLE', variable: 'VARCHAR', alarmClass: 'INTEGER'})"
BUCKET = "strftime(make_timestamp(timeMili // 60000 * 60000000), '%Y-%m-%dT%H:%M:%SZ') as window_start, strftime(make_timestamp((timeMili // 60000 + 1) * 60000000), '%Y-%m-%dT%H:%M:%SZ') as window_end"


def to_stdout(select):
    return f"copy ({select}) to '/dev/stdout' (format json)"


def simdjson(*conditions):
    """A select on simdjson On Demand, built here, as a command."""
    tool = DIR / "simdjson_select"
    source = TOP / "bench/simdjson_select.cpp"
    if shutil.which("g++") and not (tool.exists() and tool.stat().st_mtime > source.stat().st_mtime):
        DIR.mkdir(parents=True, exist_ok=True)
        subprocess.run(["g++", "-O3", "-march=native", "-w", "-o", tool, source, "-lsimdjson"], check=False)
    return Peer("simdjson On Demand", f"'{tool}' {{F}} " + " ".join(f"'{c}'" for c in conditions), None, str(tool))


def on(peer, file):
    peer.file = file
    return peer


REAL = pathlib.Path(os.environ.get("TLM_DATA", TOP / "../shared/data"))


def bench_filter_real():
    """Selects on recordings, beside simdjson and jq."""
    for name, conditions, program in (("f1-testing", ("speed>300",), "select(.speed > 300)"),
                                      ("warsaw-buses", ("Lines=219", "Lat>52.2"), 'select(.Lines == "219" and .Lat > 52.2)')):
        packed = REAL / f"{name}.ndjson.zst"
        if not packed.exists():
            print(f"| select, {name} | missing | | | |")
            continue
        big = make(f"{name}.ndjson", f"zstd -qdc '{packed}'")
        small = make(f"{name}-small.ndjson", f"head -n 200000 '{big}'")
        row(f"select, {name}", f"tlm-filter '{program}' {{F}}", big, [
            on(simdjson(*conditions), big), Peer("jq", f"jq -c '{program}' {{F}}", small, "jq")], small)


def worst_lines(kind, n):
    for i in range(n):
        v = i % 100 / 100
        if kind == "every record another shape":
            keys = "".join(f'"k{i}_{j}":{j},' for j in range(i % 7 + 3))
            yield f'{{{keys}"v":{v}}}'
        elif kind == "all escapes":
            yield '{"s":"' + '\\n\\u00e9\\"' * 20 + f'","v":{v}}}'
        elif kind == "all non-ASCII":
            yield '{"s":"' + "éß漢😀" * 20 + f'","v":{v}}}'
        elif kind == "17-digit floats":
            yield '{"a":[' + ",".join(f"{i * 0.1234567890123 + j + 1e-9:.17g}" for j in range(10)) + f'],"v":{v}}}'
        elif kind == "depth 60":
            yield '{"a":' + '{"a":' * 58 + "1" + "}" * 58 + f',"v":{v}}}'
        else:
            yield "{" + "".join(f'"key{j}":{j},' for j in range(5000)) + f'"v":{v}}}'


def bench_filter_worst():
    """What is hard for a scanner, about 16 MB each."""
    for kind, n in (("every record another shape", 160000), ("all escapes", 70000), ("all non-ASCII", 60000), ("17-digit floats", 70000),
                    ("depth 60", 40000), ("5,000 keys", 220)):
        path = DIR / f"worst-{kind.replace(' ', '-').replace(',', '')}.ndjson"
        if not path.exists():
            DIR.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(worst_lines(kind, n)) + "\n", encoding="utf-8")
        row(kind, "tlm-filter 'select(.v > 0.9)' {F}", path, [on(simdjson("v>0.9"), path)])


def bench_filter_jobs():
    big, _ = data()
    for program in ('select(.variable == "SPEED" and .value > 80)', ".value += 1"):
        row(f"two jobs, {program}", f"tlm-filter --jobs 2 '{program}' {{F}}", big, [Peer("one job", f"tlm-filter '{program}' {{F}}", big, compare=False)])


def bench_filter():
    big, small = data()
    sel = '.variable == "SPEED" and .value > 80'
    row("select, 1 thread", f"tlm-filter 'select({sel})' {{F}}", big, [
        Peer("DuckDB 2.0", duck(to_stdout(f"select * from {JSON} where variable = 'SPEED' and value > 80")), big),
        Peer("jq", f"jq -c 'select({sel})' {{F}}", small, "jq"),
        Peer("Miller", "mlr --ijsonl --ojsonl filter '$variable == \"SPEED\" && $value > 80' {F}", small, "mlr"),
        on(simdjson("variable=SPEED", "value>80"), big),
        Peer("jaq", f"jaq -c 'select({sel})' {{F}}", small, "jaq"),
        Peer("gojq", f"gojq -c 'select({sel})' {{F}}", small, "gojq"),
        Peer("grep -c", "grep -c SPEED {F} | cat", big, compare=False),
    ], small)
    for work, program in (("assign one field", ".value += 1"), ("a string function", 'select(.deviceId | startswith("veh-001"))'),
                          ("a computed field", "{deviceId, v: (.value * 3.6)}")):
        row(work, f"tlm-filter '{program}' {{F}}", big, [
            Peer(p, f"{p} -c '{program}' {{F}}", small, p) for p in ("jq", "jaq", "gojq")], small)
    row("project two fields", "tlm-filter '{deviceId, value}' {F}", big, [
        Peer("DuckDB 2.0", duck(to_stdout(f"select deviceId, value from {JSON}")), big),
        Peer("jq", "jq -c '{deviceId, value}' {F}", small, "jq"),
    ], small)
    row("validate and copy, file", "tlm-filter . {F}", big, [
        Peer("cat", "cat {F}", big, compare=False), Peer("wc -l", "wc -l {F}", big, compare=False),
        Peer("jq", "jq -c . {F}", small, "jq")], small)
    row("validate and copy, pipe", "cat {F} | tlm-filter . | cat >/dev/null", big, [
        Peer("cat \\| cat", "cat {F} | cat | cat >/dev/null", big, compare=False)], small)
    row("a program only libjq runs", "tlm-filter '{deviceId, day: (.timestamp | ltrimstr(\"2026-\") | @uri)}' {F}", small, [
        Peer("jq", "jq -c '{deviceId, day: (.timestamp | ltrimstr(\"2026-\") | @uri)}' {F}", small, "jq")])


def polars(group, fields, threads):
    """The same in polars: FIELDS as a list of expressions, streaming over the file."""
    code = (f"import sys, polars as pl; f = pl.scan_ndjson(sys.argv[1]); t = (pl.col('timeMili') // 60000).alias('m');"
            f" r = f.group_by([t, {group}]).agg([{fields}]).collect(engine='streaming');"
            " z = lambda e: pl.from_epoch(e * 60, time_unit='s').dt.strftime('%Y-%m-%dT%H:%M:%SZ');"
            " r = r.select([z(pl.col('m')).alias('window_start'), z(pl.col('m') + 1).alias('window_end'), pl.exclude('m')]);"
            " sys.stdout.write(r.write_ndjson())")
    return f"POLARS_MAX_THREADS={threads} '{sys.executable}' -c \"{code}\" {{F}}"


def chdb(group, fields, threads):
    """The same in ClickHouse, as a library."""
    sql = (f"select formatDateTime(toDateTime(intDiv(timeMili, 60000) * 60, 'UTC'), '%Y-%m-%dT%H:%i:%SZ') as window_start,"
           f" formatDateTime(toDateTime((intDiv(timeMili, 60000) + 1) * 60, 'UTC'), '%Y-%m-%dT%H:%i:%SZ') as window_end, {group}, {fields}"
           f" from file('{{F}}', 'JSONEachRow', 'deviceId String, timeMili Int64, value Float64, variable String')"
           f" group by window_start, window_end, {group} settings max_threads = {threads}, output_format_json_quote_64bit_integers = 0")
    return f"'{sys.executable}' -c \"import chdb, sys; sys.stdout.write(str(chdb.query(sys.argv[1], 'JSONEachRow')))\" \"{sql}\""


class Work:
    """One kind of group-by, in the words of each peer."""

    def __init__(self, work, group, ours, sql, click, pola):
        self.work, self.group, self.ours, self.sql, self.click, self.pola = work, group, ours, sql, click, pola


FOUR = ("count, mean(value), min(value), max(value)",
        "count(*) as count, avg(value) as mean_value, min(value) as min_value, max(value) as max_value",
        "count() as count, avg(value) as mean_value, min(value) as min_value, max(value) as max_value",
        "pl.len().alias('count'), pl.col('value').mean().alias('mean_value'), pl.col('value').min().alias('min_value'),"
        " pl.col('value').max().alias('max_value')")
WORKS = (
    Work("count, mean, min, max by minute and variable", "variable", *FOUR),
    Work("the same by minute, device and variable", "deviceId, variable", *FOUR),
    Work("p95 by minute and variable", "variable", "p95(value)", "quantile_disc(value, 0.95) as p95_value", None, None))


def bench_agg():
    """Beside DuckDB on one thread and on two; the others once, on the smaller file, as they are slower."""
    big, small = data()
    for w in WORKS:
        exact = "--exact 1000000 " if w.ours.startswith("p95") else ""
        by = w.group.replace(" ", "")
        names = ", ".join(f"'{g}'" for g in by.split(","))
        for threads in (1, 2):
            ours = f"tlm-agg -j {threads} --time timeMili:ms -w 1m {exact}-g {by} '{w.ours}' {{F}}"
            peers = [Peer("DuckDB 2.0", duck(to_stdout(f"select {BUCKET}, {w.group}, {w.sql} from {JSON} group by all"), threads), big)]
            if w.click:
                peers += [
                    Peer("chDB", chdb(w.group, w.click, threads), big, module="chdb"),
                    Peer("polars", polars(names, w.pola, threads), big, module="polars")]
            if w.click and threads == 1:
                mlr = (f"mlr --ijsonl --ojsonl put -q 'begin {{@c = {{}}}} k = $timeMili // 60000;"
                       f" emit {{\"m\": k, {', '.join(chr(34) + g + chr(34) + ': $' + g for g in by.split(','))}, \"value\": $value}}'"
                       f" then stats1 -a count,mean,min,max -f value -g m,{by} {{F}}")
                peers.append(Peer("Miller", mlr, small, "mlr", compare=False))
            row(f"{w.work}, {threads} thread{'s' if threads > 1 else ''}", ours, big, peers, small)


def bench_replay():
    big, small = data()
    read = JSON.replace("{F}", str(big))
    csv = make("telemetry.csv", duck(f"copy (select * from {read}) to '/dev/stdout' (format csv, header)"))
    small_csv = make("telemetry-small.csv", f"head -n 300001 '{csv}'")
    row("replay NDJSON, pipe", "tlm-replay {F} | cat >/dev/null", big, [
        Peer("cat \\| cat", "cat {F} | cat >/dev/null", big, compare=False)], small)
    read = ("read_csv('{F}', header = true, columns = {deviceId: 'VARCHAR', timeMili: 'BIGINT', timestamp: 'VARCHAR', value: 'DOUBLE',"
            " variable: 'VARCHAR', alarmClass: 'INTEGER'})")
    row("CSV to NDJSON", "tlm-replay {F}", csv, [
        Peer("DuckDB 2.0", duck(to_stdout(f"select * from {read}")), csv),
        Peer("Miller", "mlr --icsv --ojsonl cat {F}", small_csv, "mlr")], small_csv)


def bench_s3put():
    """One thread against one, two (one reads, one compresses) against two; every run gives the same objects."""
    big, _ = data()
    SHM.mkdir()
    try:
        for jobs, peers in ((1, ("--single-thread --no-asyncio",)), (2, ("--single-thread", "-T1"))):
            row(f"lake on a RAM disk, zstd level 3, -j {jobs}",
                f"rm -rf {SHM}/lake; tlm-s3put -j {jobs} --run-id r --time timeMili:ms -o 'file://{SHM}/lake/dt=%Y-%m-%d/' {{F}} >{SHM}/rows{jobs}", big,
                [Peer(f"zstd -3 {p}", f"zstd -q -3 {p} -f {{F}} -o {SHM}/copy.zst", big, "zstd", compare=False) for p in peers])
        if shell(f"cmp {SHM}/rows1 {SHM}/rows2").returncode:
            sys.exit("bench: two threads make other objects than one")
        got = shell(f"find {SHM}/lake -name '*.zst' | sort | xargs zstd -dc | sha256sum", capture_output=True, text=True).stdout
        want = shell(f"sha256sum <{big}", capture_output=True, text=True).stdout
        if got != want:
            sys.exit("bench: the lake holds other bytes than the input")
    finally:
        shutil.rmtree(SHM, ignore_errors=True)


def bench_s3():
    """Objects of 32 MiB into an S3 server on a RAM disk; the peers send files that hold the same objects."""
    big, _ = data()
    SHM.mkdir()
    port = shell(f"OWNER={os.getpid()} '{TOP}/tests/services/s3-start.sh' versitygw {SHM}/s3", check=True, capture_output=True,
                 text=True, cwd=TOP).stdout.strip()
    os.environ.update(AWS_ACCESS_KEY_ID="testaccess", AWS_SECRET_ACCESS_KEY="testsecret123", AWS_REGION="us-east-1",
                      AWS_DEFAULT_REGION="us-east-1", AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}",
                      S3_ENDPOINT_URL=f"http://127.0.0.1:{port}", XDG_STATE_HOME=f"{SHM}/state")
    fresh = f"rm -rf {SHM}/s3/data/lake; mkdir {SHM}/s3/data/lake"
    try:
        shell(f"tlm-s3put -q --compression none --max-size 32M -o file://{SHM}/files/ {big} >/dev/null", check=True)
        row("upload of 32 MiB objects to S3 on this machine",
            f"{fresh}; tlm-s3put -q --compression none --max-size 32M -o s3://lake/x/ {{F}}", big, [
                Peer("aws s3 cp --recursive", f"{fresh}; aws s3 cp --quiet --recursive {SHM}/files s3://lake/x/", big, "aws", compare=False),
                Peer("s5cmd cp", f"{fresh}; s5cmd cp '{SHM}/files/*' s3://lake/x/", big, "s5cmd", compare=False)])
        shell(f"{fresh}; tlm-s3put -q --compression none --max-size 32M -o s3://lake/x/ {big} >/dev/null", check=True)
        got = shell(f"find {SHM}/s3/data/lake -name '*.ndjson' | sort | xargs cat | cmp - {big}").returncode
        if got:
            sys.exit("bench: the bucket holds other bytes than the input")
    finally:
        shell(f"'{TOP}/tests/services/s3-stop.sh' {SHM}/s3")
        shutil.rmtree(SHM, ignore_errors=True)


def bench_start():
    """Start-up: a run over one record, the median of 40; and the bare cost of starting a process beside it."""
    lake = DIR / "start-lake"
    DIR.mkdir(parents=True, exist_ok=True)
    (DIR / "one.ndjson").write_text('{"a":1}\n')
    commands = {"tlm-replay": ["tlm-replay"], "tlm-filter": ["tlm-filter", "."], "tlm-agg": ["tlm-agg", "count"],
                "tlm-s3put": ["tlm-s3put", "--dry-run", "-o", f"file://{lake}/x/"], "cat": ["cat"], "jq": ["jq", "-c", "."]}
    for name, argv in commands.items():
        times = []
        for _ in range(40):
            start = time.monotonic()
            subprocess.run(argv + [DIR / "one.ndjson"], stdout=subprocess.DEVNULL, check=True)
            times.append(time.monotonic() - start)
        line = ("start-up, ms", name, f"{statistics.median(times) * 1000:.1f}", "", "")
        table.append(line)
        print("| " + " | ".join(line) + " |", flush=True)


def bench_latency():
    """One live line through three tools: written to the pipe, until it comes out at the end."""
    chain = subprocess.Popen(["bash", "-c", "tlm-filter 'select(.v >= 0)' | tlm-filter '{v}' | tlm-filter ."], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, bufsize=0)
    times = []
    for i in range(300):
        time.sleep(0.003)
        line = f'{{"v":{i},"w":"x"}}\n'.encode()
        start = time.monotonic()
        chain.stdin.write(line)
        if chain.stdout.readline() != b'{"v":%d}\n' % i:
            sys.exit("bench: the live line changed")
        times.append(time.monotonic() - start)
    chain.stdin.close()
    chain.wait()
    times.sort()
    line = ("one live line through three tools, ms", "tlm", f"{statistics.median(times) * 1000:.2f}", f"p99 {times[296] * 1000:.2f}", "")
    table.append(line)
    print("| " + " | ".join(line) + " |", flush=True)


def bench_pace():
    """Pacing: 10,000 records a second for five seconds; the tool's own figures of how late records left."""
    _, small = data()
    run = shell(f"head -n 50000 {small} | tlm-replay --rate 10000 --stats 2>&1 >/dev/null", capture_output=True, text=True, check=True)
    s = json.loads(run.stdout.splitlines()[-1])
    line = ("replay at 10,000/s, emission error, us", "tlm", f"p99 {s['emit_error_p99_us']}", f"max {s['emit_error_max_us']}", "")
    table.append(line)
    print("| " + " | ".join(line) + " |", flush=True)


def bench_memory():
    """Peak memory with the length of the stream: 10 MB, 1 GB (10 GB with BENCH_BIG=1)."""
    counts = [75000, 7500000] + ([75000000] if os.environ.get("BENCH_BIG") else [])
    lake = DIR / "memory-lake"
    for name, command in (("tlm-filter", "tlm-filter 'select(.value > 80)'"), ("tlm-replay", "tlm-replay"),
                          ("tlm-agg", "tlm-agg --time timeMili:ms -w 1m -g variable 'count, mean(value), p95(value)'"),
                          ("tlm-s3put", f"tlm-s3put --time timeMili:ms -o 'file://{lake}/year=%Y/'")):
        peaks = []
        for n in counts:
            shutil.rmtree(lake, ignore_errors=True)
            run = shell(f"'{FLEETGEN}' ndjson {n} | /usr/bin/time -f %M {command} 2>&1 >/dev/null", capture_output=True, text=True, check=True)
            peaks.append(int(run.stdout.split()[-1]) / 1024)
        shutil.rmtree(lake, ignore_errors=True)
        line = ("peak memory, MiB, 10 MB / 1 GB" + (" / 10 GB" if len(counts) > 2 else ""), name, " / ".join(f"{p:.1f}" for p in peaks), "", "")
        table.append(line)
        print("| " + " | ".join(line) + " |", flush=True)


def bench_groups():
    """Memory of open groups: one million (ten with BENCH_BIG) of count, mean, min, max in one window, nothing written."""
    for n in [1000000] + ([10000000] if os.environ.get("BENCH_BIG") else []):
        peaks = []
        for groups in (1000, n):
            lines = f"seq -f '{{\"k\":\"veh-%08.0f\",\"v\":1.5}}' {groups}"
            run = shell(f"{lines} | /usr/bin/time -f %M tlm-agg -g k --no-flush 'count, mean(v), min(v), max(v)' 2>&1 >/dev/null",
                        capture_output=True, text=True, check=True)
            peaks.append(int(run.stdout.split()[-1]) * 1024)
        say(f"{n:,} open groups", "tlm-agg", f"{peaks[1] / 2**20:.0f} MiB", f"{(peaks[1] - peaks[0]) / n:.0f} bytes a group", "")


def bench_hopping():
    """A window of one day that begins every second, beside one that does not hop: 200,000 records, CPU by record."""
    _, small = data()
    few = make("telemetry-few.ndjson", f"head -n 200000 '{small}'")
    base = "tlm-agg --time timeMili:ms --no-flush -w 1d -g variable 'count, mean(value), min(value), max(value)'"
    times = {"": [], " --every 1s": []}
    for _ in range(RUNS):
        for every in times:
            times[every].append(timed(f"{base}{every} {few}")[1])
    plain, hops = (statistics.median(t) for t in times.values())
    say("a day every second, us of CPU a record", "tlm-agg", f"{hops / 200000 * 1e6:.2f}", "", "")
    say("the same, not hopping", "tlm-agg", f"{plain / 200000 * 1e6:.2f}", "", f"{hops / plain:.2f}")


benches = {"filter": bench_filter, "filter-real": bench_filter_real, "filter-worst": bench_filter_worst,
           "filter-jobs": bench_filter_jobs, "agg": bench_agg, "replay": bench_replay, "s3put": bench_s3put, "s3": bench_s3, "kafka": bench_kafka, "start": bench_start,
           "latency": bench_latency, "pace": bench_pace, "memory": bench_memory,
           "groups": bench_groups, "hopping": bench_hopping}
names = sys.argv[1:] or list(benches)
print(f"{RUNS} runs in turn, median; MB/s of input; CPU seconds per GB; ratio = ours / peer\n")
print("| work | who | MB/s | CPU s/GB | ratio |\n|---|---|---|---|---|")
for n in names:
    benches[n]()
