"""Topics beside kcat on one broker."""
import os
import pathlib
import shutil
import statistics
import sys

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


def bench_kafka():
    """Topics beside kcat on one broker: records a second, and us of CPU a record. 300,000 records (BENCH_KAFKA), 3 runs."""
    n = int(os.environ.get("BENCH_KAFKA", "300000"))
    few = make(f"telemetry-{n}.ndjson", f"'{FLEETGEN}' ndjson {n}")
    folder, admin = DIR / f"kafka-{os.getpid()}", TOP / "build/kit/kafkaadmin"
    brokers = shell(f"OWNER={os.getpid()} '{TOP}/tests/services/kafka-start.sh' '{folder}'", check=True, capture_output=True,
                    text=True).stdout.strip()
    os.environ["TLM_BROKERS"] = brokers
    pid = int((folder / "1/pid").read_text())
    topics = []

    def fresh():
        topics.append(f"t{len(topics)}")
        shell(f"'{admin}' {brokers} create {topics[-1]} 1", check=True)
        os.environ["TOPIC"] = topics[-1]

    def holds(topic, want):
        return shell(f"kcat -C -q -e -b {brokers} -t {topic} | cmp - '{want}'").returncode == 0

    try:
        for codec in ("none", "zstd"):
            # the same properties for both: acks of all, idempotent, as much lingering
            kcat = f"kcat -P -q -b {brokers} -X enable.idempotence=true -X linger.ms=50 -X compression.codec={codec} -t $TOPIC -l {few}"
            first = len(topics)
            take_turns(f"file to topic, {codec}", n, {
                "tlm": f"tlm-replay -X linger.ms=50 -X compression.codec={codec} {few} -o kafka:$TOPIC", "kcat -P": kcat}, pid, fresh)
            for topic in topics[first:first + 2]:
                if not holds(topic, few):
                    sys.exit(f"bench: {topic} holds other records than the file")
            one = topics[first]
            read = {"tlm": f"tlm-filter --until-end . kafka:{one}", "kcat -C": f"kcat -C -q -e -b {brokers} -t {one}"}
            outputs = {shell(f"{c} | sha256sum", check=True, capture_output=True, text=True).stdout for c in read.values()}
            if len(outputs) != 1:
                sys.exit("bench: kcat reads other records than tlm-filter")
            take_turns(f"topic to pipe, {codec}", n, {who: f"{c} | cat" for who, c in read.items()}, pid)
            agg = "tlm-agg --late /dev/null --rejects /dev/null --time timeMili:ms -w 1m -g variable 'count, mean(value), min(value), max(value)'"
            take_turns(f"topic to topic: means by minute, {codec}", n, {"tlm": f"{agg} --until-end kafka:{one} -o kafka:$TOPIC"}, pid, fresh)
            want = shell(f"{agg} {few}", capture_output=True, text=True).stdout
            got = shell(f"kcat -C -q -e -b {brokers} -t {topics[-1]}", capture_output=True, text=True).stdout
            if want != got or not want:
                sys.exit("bench: the rows of a topic are not those of the file")
    finally:
        shell(f"'{TOP}/tests/services/kafka-stop.sh' '{folder}' KILL")
        shutil.rmtree(folder, ignore_errors=True)
