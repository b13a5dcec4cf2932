#!/usr/bin/env python3
"""kafka.py: members of a group die, stand still and come again while a broker does; what readers see must be the very
rows of one process that nothing disturbed.

    kafka.py DIR FAULTS [--tool agg|filter] [--members N] [--every A-B] [--faults LIST] [--seed N]

DIR is a broker of tests/services/kafka-start.sh that runs. Faults: kill (kill -9 of a member, which is started anew),
term (SIGTERM, likewise), more (one more member, or one less), stop (SIGSTOP for longer than the session: the zombie must
be fenced), broker (kill -9 of the broker, restarted on its data). A failure prints the seed that repeats its choices.
"""
import argparse, collections, json, os, random, shutil, signal, subprocess, sys, tempfile, threading, time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.abspath(os.environ.get("TLM_BIN", TOP + "/build/bin"))
KIT = os.path.join(TOP, os.environ.get("TLM_BUILD", "build"), "kit")
SESSION_S = 2.0
AGG = ["--time", "ms:ms", "--delay", "2s", "-g", "k", "count, sum(v) as s, first(n) as f, last(n) as l"]
WINDOWS = {"tumbling": ["-w", "5s"], "hopping": ["-w", "6s", "--every", "2s", "--grace", "1s"],
           "session": ["--session", "800ms"], "update": ["-w", "4s", "--grace", "2s", "--emit", "update"]}


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("dir")
    p.add_argument("faults", type=int)
    p.add_argument("--tool", default="agg")
    p.add_argument("--windows", default="tumbling")
    p.add_argument("--members", type=int, default=2)
    p.add_argument("--every", default="0.3-1")
    p.add_argument("--kinds", default="kill,term,more,stop")
    p.add_argument("--rate", type=int, default=1500)
    p.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    return p.parse_args()


class Producer(threading.Thread):
    """Records of 40 keys, out of order by up to 3 s of event time, some late; each key in one partition."""

    def __init__(self, brokers, topic, rate, seed):
        super().__init__(daemon=True)
        self.random = random.Random(seed)
        self.rate, self.is_done, self.sent = rate, False, collections.defaultdict(list)
        # kcat ends when the broker does
        self.pipe = subprocess.Popen([f"{BIN}/tlm-filter", "-q", "-b", brokers, ".", "-o", f"kafka:{topic}?key=k"],
                                     stdin=subprocess.PIPE, text=True)
        self.ms, self.n = 1_000_000, 0

    def run(self):
        while not self.is_done:
            for _ in range(self.rate // 20):
                self.n += 1
                self.ms += self.random.choice((0, 5, 10, 15))
                key = f"k{self.random.randrange(40)}"
                record = {"ms": self.ms - self.random.choice((0, 0, 0, 300, 1500, 2600)), "k": key,
                          "v": self.random.randrange(1000), "n": self.n}
                self.sent[key].append(record)
                self.pipe.stdin.write(json.dumps(record, separators=(",", ":")) + "\n")
            self.pipe.stdin.flush()
            time.sleep(0.05)
        self.pipe.stdin.close()
        self.pipe.wait()


class Torture:
    def __init__(self, o):
        self.o, self.random = o, random.Random(o.seed)
        port = open(f"{o.dir}/port").read().strip()
        self.brokers = f"127.0.0.1:{port}"
        self.name = f"torture-{os.getpid()}-{o.tool}-{o.windows}"
        self.members, self.sleeping, self.done = [], [], collections.Counter()
        self.work = tempfile.mkdtemp(prefix="tlm-torture-")
        self.n_started = 0

    def admin(self, *words):
        return subprocess.run([f"{KIT}/kafkaadmin", self.brokers, *words], check=True, capture_output=True, text=True).stdout

    def command(self, group, out, *more):
        place = ["kafka:" + self.name, "-o", f"kafka:{out}"]
        common = ["-b", self.brokers, "-G", group, "--commit-interval", "150ms", *more]
        if self.o.tool == "filter":
            return [f"{BIN}/tlm-filter", *common, "select(.v % 3 > 0) | {k, n}", *place]
        return [f"{BIN}/tlm-agg", *common, *WINDOWS[self.o.windows], *AGG, "--late", f"kafka:{out}-late", *place]

    def start(self):
        self.n_started += 1
        log = open(f"{self.work}/{self.n_started}.err", "w+")
        p = subprocess.Popen(self.command("g-" + self.name, self.name + "-out", "-X", f"session.timeout.ms={SESSION_S * 1000:.0f}",
                                          "-X", "heartbeat.interval.ms=200", "-X", "transaction.timeout.ms=4000"),
                             stderr=log, stdout=log)
        p.log = log
        self.members.append(p)

    def fail(self, why):
        for p in self.members:
            p.kill()
        sys.exit(f"kafka.py: {why}\nfaults so far: {dict(self.done)}\nagain: {' '.join(sys.argv)} --seed {self.o.seed}"
                 f"\nlogs: {self.work}")

    def check(self):
        """A member ends by itself only where another try helps: its place is taken by a new one."""
        for p in list(self.members):
            if p.poll() is None:
                continue
            self.members.remove(p)
            p.log.seek(0)
            text = p.log.read()
            if p.returncode != 7:
                self.fail(f"a member ended with {p.returncode}: {text}")
            self.done["ended with 7"] += 1
            self.start()

    def wake(self, is_all=False):
        for p, at in list(self.sleeping):
            if is_all or time.monotonic() >= at:
                p.send_signal(signal.SIGCONT)
                self.sleeping.remove((p, at))

    def awake(self):
        asleep = [p for p, _ in self.sleeping]
        return [p for p in self.members if p not in asleep]

    def end(self, p, signo, expected):
        self.members.remove(p)
        p.send_signal(signo)
        try:
            p.wait(30)
        except subprocess.TimeoutExpired:
            p.kill()
            self.fail(f"a member did not end 30 s after signal {signo}")
        if p.returncode not in expected:
            p.log.seek(0)
            self.fail(f"a member ended with {p.returncode} after signal {signo}: {p.log.read()}")

    def fault(self, kind):
        awake = self.awake()
        if kind in ("kill", "term", "stop") and not awake:
            return
        self.done[kind] += 1
        if kind == "kill":
            self.end(self.random.choice(awake), signal.SIGKILL, (-9,))
            self.start()
        elif kind == "term":
            # one that is told to stop while it cannot reach the broker says 7, or is ended by the grace period
            self.end(self.random.choice(awake), signal.SIGTERM, (-15, 7))
            self.start()
        elif kind == "more":
            if len(self.members) > self.o.members and awake:
                self.end(self.random.choice(awake), signal.SIGTERM, (-15, 7))
            else:
                self.start()
        elif kind == "stop":
            p = self.random.choice(awake)
            p.send_signal(signal.SIGSTOP)
            self.sleeping.append((p, time.monotonic() + SESSION_S + self.random.uniform(0.5, 4)))
        elif kind == "broker":
            subprocess.run([f"{TOP}/tests/services/kafka-stop.sh", self.o.dir, "KILL"], check=True, stdout=subprocess.DEVNULL)
            time.sleep(self.random.uniform(0, 1))
            subprocess.run([f"{TOP}/tests/services/kafka-start.sh", self.o.dir], check=True, stdout=subprocess.DEVNULL,
                           env={**os.environ, "OWNER": os.environ.get("OWNER", str(os.getppid()))})

    def read(self, topic):
        """What read_committed readers see, by key."""
        text = subprocess.run(["kcat", "-C", "-q", "-e", "-b", self.brokers, "-t", topic, "-X", "isolation.level=read_committed",
                               "-f", "%k|%s\n"], check=True, capture_output=True, text=True).stdout
        rows = collections.defaultdict(list)
        for line in text.splitlines():
            key, _, value = line.partition("|")
            rows[key].append(value)
        return rows

    def same(self, topic, expected, what):
        for _ in range(40):  # a transaction of a member that was killed ends when its time is over
            got = self.read(topic)
            if what == "late records":  # without a key: those of several partitions stand in any order
                got, expected = ({k: sorted(v) for k, v in rows.items()} for rows in (got, expected))
            if got == expected:
                return sum(map(len, got.values()))
            time.sleep(0.5)
        for key in sorted(set(got) | set(expected)):
            if got.get(key) != expected.get(key):
                extra = list((collections.Counter(got.get(key, [])) - collections.Counter(expected.get(key, []))).elements())
                lost = list((collections.Counter(expected.get(key, [])) - collections.Counter(got.get(key, []))).elements())
                self.fail(f"{what} of key {key} differ: {len(extra)} too many, {len(lost)} lost{extra[:3]}{lost[:3]}")

    def compare(self, sent):
        if self.o.tool == "filter":
            rows = {k: [f'{{"k":"{k}","n":{r["n"]}}}' for r in v if r["v"] % 3] for k, v in sent.items()}
            return self.same(self.name + "-out", {k: v for k, v in rows.items() if v}, "records")
        subprocess.run(self.command("one-" + self.name, self.name + "-one", "--until-end"), check=True, stdout=subprocess.DEVNULL)
        self.same(self.name + "-out-late", self.read(self.name + "-one-late"), "late records")
        return self.same(self.name + "-out", self.read(self.name + "-one"), "rows")

    def run(self):
        o = self.o
        for topic in ("", "-out", "-one"):
            self.admin("create", self.name + topic, "3", "retention.ms=-1")
        for topic in ("-out-late", "-one-late"):
            self.admin("create", self.name + topic, "1", "retention.ms=-1")
        producer = Producer(self.brokers, self.name, o.rate, o.seed)
        producer.start()
        for _ in range(o.members):
            self.start()
        low, high = map(float, o.every.split("-"))
        kinds = o.kinds.split(",")
        while sum(n for kind, n in self.done.items() if kind in kinds) < o.faults:
            time.sleep(self.random.uniform(low, high))
            self.wake()
            self.check()
            # the broker is the slowest to come back: not too often
            weights = [0.3 if kind in ("broker", "stop") else 1 for kind in kinds]
            self.fault(self.random.choices(kinds, weights)[0])
        self.wake(True)
        time.sleep(1)
        self.check()
        producer.is_done = True
        producer.join()
        for p in list(self.members):
            self.end(p, signal.SIGTERM, (-15, 7))
        last = subprocess.run(self.command("g-" + self.name, self.name + "-out", "--until-end"), capture_output=True, text=True)
        if last.returncode:
            self.fail(f"the last member ended with {last.returncode}: {last.stderr}")
        n = self.compare(producer.sent)
        shutil.rmtree(self.work)
        print(f"{o.tool} {o.windows if o.tool == 'agg' else ''}: {producer.n} records, {n} rows, {sum(self.done.values())} faults "
              f"{dict(self.done)}, seed {o.seed}: the same")


if __name__ == "__main__":
    Torture(arguments()).run()
