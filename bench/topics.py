"""Topics beside kcat on one broker."""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

from common import DIR, FLEETGEN, RUNS, TOP, make, say, shell, timed


def cpu_of(pid):
    """CPU seconds of a running process."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def take_turns(work, n, commands, broker_pid, before=None):
    """Rates in records of commands that take turns, their own CPU, and that of the broker meanwhile."""
    got = {who: [] for who in commands}
    for _ in range(min(RUNS, 3)):
        for who, command in commands.items():
            if before:
                before()
            start = cpu_of(broker_pid)
            got[who].append(timed(command) + (cpu_of(broker_pid) - start,))
    wall = {who: statistics.median(t[0] for t in times) for who, times in got.items()}
    for who, times in got.items():
        cpu, broker = (statistics.median(t[i] for t in times) / n * 1e6 for i in (1, 2))
        ratio = f"{wall[who] / wall['tlm']:.2f}" if who != "tlm" else ""
        say(work, who, f"{n / wall[who] / 1e3:.0f}k/s", f"{cpu:.2f}, broker {broker:.2f}", ratio)


class Broker:
    """One broker for the bench, topics named t0, t1, ..."""

    def __init__(self):
        self.folder, self.admin, self.n = DIR / f"kafka-{os.getpid()}", TOP / "build/kit/kafkaadmin", 0
        self.address = shell(f"OWNER={os.getpid()} '{TOP}/tests/services/kafka-start.sh' '{self.folder}'", check=True,
                             capture_output=True, text=True).stdout.strip()
        os.environ["TLM_BROKERS"] = self.address
        self.pid = int((self.folder / "1/pid").read_text())

    def topic(self, partitions=1):
        """A new one, also in $TOPIC."""
        name, self.n = f"t{self.n}", self.n + 1
        shell(f"'{self.admin}' {self.address} create {name} {partitions}", check=True)
        os.environ["TOPIC"] = name
        return name

    def read(self, topic):
        return f"kcat -C -q -e -b {self.address} -t {topic} -X isolation.level=read_committed"

    def stop(self):
        shell(f"'{TOP}/tests/services/kafka-stop.sh' '{self.folder}' KILL")
        shutil.rmtree(self.folder, ignore_errors=True)


AGG = "tlm-agg --late /dev/null --rejects /dev/null --time timeMili:ms -w 1m -g variable 'count, mean(value), min(value), max(value)'"


def both_ways(b, few, n, codec):
    """Into a topic and out of it; returns a topic with the records."""
    # the same properties for both: acks of all, idempotent, as much lingering
    kcat = f"kcat -P -q -b {b.address} -X enable.idempotence=true -X linger.ms=50 -X compression.codec={codec} -t $TOPIC -l {few}"
    first = b.n
    take_turns(f"file to topic, {codec}", n, {
        "tlm": f"tlm-replay -X linger.ms=50 -X compression.codec={codec} {few} -o kafka:$TOPIC", "kcat -P": kcat}, b.pid, b.topic)
    for topic in (f"t{first}", f"t{first + 1}"):
        if shell(f"{b.read(topic)} | cmp - '{few}'").returncode:
            sys.exit(f"bench: {topic} holds other records than the file")
    read = {"tlm": f"tlm-filter --until-end . kafka:t{first}", "kcat -C": f"kcat -C -q -e -b {b.address} -t t{first}"}
    outputs = {shell(f"{c} | sha256sum", check=True, capture_output=True, text=True).stdout for c in read.values()}
    if len(outputs) != 1:
        sys.exit("bench: kcat reads other records than tlm-filter")
    take_turns(f"topic to pipe, {codec}", n, {who: f"{c} | cat" for who, c in read.items()}, b.pid)
    return f"t{first}"


def check_rows(b, topic, want, is_whole):
    """The rows of a topic are those of the file; in a group the last windows stay open."""
    got = shell(b.read(topic) + " | sed 's/\"partition\":[0-9]*,//'", check=True, capture_output=True, text=True).stdout.splitlines()
    if not got or len(set(got)) != len(got) or not set(got) <= set(want) or (is_whole and len(got) != len(want)):
        sys.exit(f"bench: {topic} holds other rows than those of the file")


def windows(b, few, n, topic, codec):
    """Means by minute from topic to topic, exactly once, beside the same from the file."""
    want = shell(f"{AGG} {few}", capture_output=True, text=True).stdout.splitlines()
    take_turns(f"topic to topic: means by minute, {codec}", n, {
        "tlm": f"{AGG} -G g-$TOPIC --until-end kafka:{topic} -o kafka:$TOPIC",
        "without a group": f"{AGG} --until-end kafka:{topic} -o kafka:$TOPIC", "file to pipe": f"{AGG} {few}"}, b.pid, b.topic)
    check_rows(b, f"t{b.n - 3}", want, False)
    check_rows(b, f"t{b.n - 2}", want, True)


def members(b, few, n):
    """The same by one, two and four members of a group, over four partitions by variable."""
    want = shell(f"{AGG} {few}", capture_output=True, text=True).stdout.splitlines()
    topic = b.topic(4)
    shell(f"tlm-replay {few} -o 'kafka:{topic}?key=variable'", check=True)
    walls = {}
    for m in (1, 2, 4):
        member = f"{AGG} -G g-$TOPIC --until-end kafka:{topic} -o kafka:$TOPIC"
        walls[m] = statistics.median(timed(f"{member} & " * m + "wait")[0] for _ in range(3) if b.topic(4))
        check_rows(b, f"t{b.n - 1}", want, False)
        say(f"topic to topic: means by minute, {m} of a group", "tlm", f"{n / walls[m] / 1e3:.0f}k/s", "", f"{walls[1] / walls[m]:.2f}")


DAYS = "tlm-agg -q --late /dev/null --rejects /dev/null --time timeMili:ms -w day -g deviceId -g variable 'count, mean(value)'"


def restart(b, few, n):
    """A group that goes on with days open: rebuilt from the log, and from a state topic. The same rows come of both."""
    topic, last = b.topic(), DIR / "last.ndjson"
    shell(f"tlm-replay {few} -o kafka:{topic}", check=True)
    shell(f"tail -n 1 {few} >'{last}'", check=True)
    ways = {"from the log": "", "from a state topic": f" --state-topic {topic}-state"}
    shell(f"'{b.admin}' {b.address} create {topic}-state 1 cleanup.policy=compact", check=True)
    group = {way: f"{DAYS} -G {topic}-{i}{more} --until-end kafka:{topic} -o kafka:" for i, (way, more) in enumerate(ways.items())}
    out = {way: b.topic() for way in ways}
    for way in ways:
        shell(group[way] + out[way], check=True)
    times = {way: [] for way in ways}
    for _ in range(min(RUNS, 3)):
        shell(f"tlm-replay '{last}' -o kafka:{topic}", check=True)
        for way in ways:
            times[way].append(timed(group[way] + out[way]))
    shell(f"jq -c '.timeMili += 200 * 86400000' '{last}' | tlm-replay - -o kafka:{topic}", check=True)
    rows = {}
    for way in ways:
        shell(group[way] + out[way], check=True)
        shell(f"'{b.admin}' {b.address} settle {out[way]}", check=True)
        rows[way] = sorted(shell(b.read(out[way]), check=True, capture_output=True, text=True).stdout.splitlines())
    first, second = rows.values()
    if first != second or not first:
        sys.exit("bench: a state topic gives other rows than the log")
    for way in ways:
        wall, cpu = (statistics.median(t[i] for t in times[way]) for i in (0, 1))
        say(f"restart with {n} records in open windows, {len(first)} groups", way, f"{wall * 1000:.0f} ms", f"{cpu * 1000:.0f} ms", "")


def until_row(b):
    """From the write of a record to the row of the window that it closes: 200 times, by commit interval."""
    for delivery, interval in (("exactly-once", "1s"), ("exactly-once", "20ms"), ("at-least-once", "20ms")):
        topic, out = b.topic(), b.topic()
        words = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0}
        reader = subprocess.Popen(["tlm-filter", "--unbuffered", ".", f"kafka:{out}"], **words)
        agg = subprocess.Popen(["tlm-agg", "-q", "-G", topic, "--delivery", delivery, "--commit-interval", interval, "--time", "ms:ms",
                                "-w", "1s", "count", f"kafka:{topic}", "-o", f"kafka:{out}?linger.ms=0"], **words)
        writer = subprocess.Popen(["tlm-filter", "--unbuffered", ".", "-o", f"kafka:{topic}?linger.ms=0"], **words)
        times = []
        for i in range(201 if interval != "1s" else 31):
            start = time.monotonic()
            writer.stdin.write(b'{"ms":%d}\n' % (i * 1000))
            if i and json.loads(reader.stdout.readline())["count"] != 1:
                sys.exit("bench: another row than that of the window that was closed")
            times.append(time.monotonic() - start)
        for p in (writer, agg, reader):
            p.terminate()
            p.wait()
        times = sorted(times[2:])
        say(f"from record to row, ms, {delivery}, every {interval}", "tlm", f"{statistics.median(times) * 1000:.1f}",
            f"p90 {times[len(times) * 9 // 10] * 1000:.1f}", "")


def bench_kafka():
    """Topics beside kcat on one broker: records a second, and us of CPU a record. 1,000,000 records (BENCH_KAFKA), 3 runs."""
    n = int(os.environ.get("BENCH_KAFKA", "1000000"))
    few = make(f"telemetry-{n}.ndjson", f"'{FLEETGEN}' ndjson {n}")
    b = Broker()
    try:
        for codec in ("none", "zstd"):
            windows(b, few, n, both_ways(b, few, n, codec), codec)
        members(b, few, n)
        restart(b, few, n)
        until_row(b)
    finally:
        b.stop()
