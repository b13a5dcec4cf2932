#!/usr/bin/env python3
"""kafka.py: members of a group die, stand still and come again while a broker does; what readers see must be the very
rows of one process that nothing disturbed.

    kafka.py DIR FAULTS [--tool agg|merge|filter|lake] [--windows KIND] [--state] [--delivery D] [--members N] [--every A-B]
        [--kinds LIST] [--counted LIST] [--away S] [--property NAME=VALUE] [--rate N] [--seed N]

DIR holds brokers of tests/services/kafka-start.sh that run. Faults: kill (kill -9 of a member, which is started anew),
term (SIGTERM, likewise), more (one more member, or one less), stop (SIGSTOP for longer than the session: the zombie must
be fenced), broker (kill -9 of a broker, restarted on its data after up to --away seconds, 1), cut (Toxiproxy between the
members and the brokers closes, resets, swallows, slows or breaks connections off for a while). No fault is a reason for
a member to end by itself. A failure prints the seed that repeats its choices, and where the logs of the members and the
replicas of a state topic are kept. FAULTS is how many of --counted (all kinds) there are.

With --state what is open is kept in a state topic, and always for --windows count and trip. With --tool merge there are
two groups, one that writes partial rows of keys that lie in all partitions and one that merges them; a member is of the
one or the other.

With --windows idle the clock decides which records are late: then each window of a key has one row, and every record is
in one row or late. With --delivery at-least-once nothing is lost, and what is there again was read again in order.
"""
import argparse, collections, glob, itertools, json, os, random, re, shutil, signal, subprocess, sys, tempfile, threading, time
import urllib.request

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.abspath(os.environ.get("TLM_BIN", TOP + "/build/bin"))
KIT = os.path.join(TOP, os.environ.get("TLM_BUILD", "build"), "kit")
SESSION_S = 2.0
AGG = ["--time", "ms:ms", "--delay", "2s", "-g", "k", "count, sum(v) as s, first(n) as f, last(n) as l"]
WINDOWS = {"tumbling": ["-w", "5s"], "hopping": ["-w", "6s", "--every", "2s", "--grace", "1s"],
           "session": ["--session", "800ms"], "idle": ["-w", "5s", "--idle", "300ms", "--idle-close", "jump"],
           "update": ["-w", "4s", "--grace", "2s", "--emit", "update"], "count": ["--every-n", "7"],
           "trip": ["--start", ".v < 100", "--end", ".v > 900", "--session", "20s", "--session-max", "1m"]}
STATE_ONLY = ("count", "trip")  # these can be had with a state topic alone
PARTS = ["-w", "2s", *AGG[4:]]


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("dir")
    p.add_argument("faults", type=int)
    p.add_argument("--tool", default="agg")
    p.add_argument("--windows", default="tumbling")
    p.add_argument("--state", action="store_true")
    p.add_argument("--delivery", default="exactly-once")
    p.add_argument("--members", type=int, default=2)
    p.add_argument("--every", default="0.3-1")
    p.add_argument("--kinds", default="kill,term,more,stop")
    p.add_argument("--counted")
    p.add_argument("--away", type=float, default=1)
    p.add_argument("--place", help="of a lake; its objects are files below --lake")
    p.add_argument("--lake")
    p.add_argument("--store", type=int, help="the process of its server, for the fault store: it stands still for a while")
    p.add_argument("--property", action="append", default=[])
    p.add_argument("--rate", type=int, default=1500)
    p.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    return p.parse_args()


class Producer(threading.Thread):
    """Records of 40 keys, out of order by up to 3 s of event time, some late; each key in one partition, or in all."""

    def __init__(self, brokers, topic, rate, seed, has_pauses, steps=(0, 5, 10, 15)):
        super().__init__(daemon=True)
        self.random, self.has_pauses, self.steps = random.Random(seed), has_pauses, steps
        self.rate, self.is_done, self.sent = rate, False, collections.defaultdict(list)
        # kcat ends when the broker does
        self.pipe = subprocess.Popen([f"{BIN}/tlm-filter", "-q", "-b", brokers, ".", "-o", f"kafka:{topic}"],
                                     stdin=subprocess.PIPE, text=True)
        self.ms, self.n = 1_000_000, 0

    def run(self):
        while not self.is_done:
            for _ in range(self.rate // 20):
                self.n += 1
                self.ms += self.random.choice(self.steps)
                key = f"k{self.random.randrange(40)}"
                record = {"ms": self.ms - self.random.choice((0, 0, 0, 300, 1500, 2600)), "k": key,
                          "v": self.random.randrange(1000), "n": self.n, "t": self.n % 3}
                self.sent[key].append(record)
                self.pipe.stdin.write(json.dumps(record, separators=(",", ":")) + "\n")
            self.pipe.stdin.flush()
            time.sleep(1.5 if self.has_pauses and self.random.random() < 0.03 else 0.05)
        self.pipe.stdin.close()
        self.pipe.wait()


class Proxies:
    """A Toxiproxy before each broker. What goes wrong on the way goes wrong for a while."""

    TOXICS = {"reset": ("reset_peer", {"timeout": 0}), "swallow": ("timeout", {"timeout": 0}),
              "slow": ("latency", {"latency": 800, "jitter": 700}), "break": ("limit_data", {"bytes": 2000})}

    def __init__(self, folder, base, nodes, owner):
        self.nodes, self.ill = nodes, {}
        subprocess.run([f"{TOP}/tests/services/s3-start.sh", "toxiproxy", folder], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "OWNER": owner})
        self.url = f"http://127.0.0.1:{open(folder + '/port').read().strip()}/proxies"
        for i in range(nodes):
            self.ask("", {"name": f"n{i}", "listen": f"127.0.0.1:{base + 6 * i + 5}", "upstream": f"127.0.0.1:{base + 6 * i + 4}"})

    def ask(self, path, what):
        urllib.request.urlopen(urllib.request.Request(self.url + path, json.dumps(what).encode(), method="POST"), timeout=10).close()

    def cut(self, rand):
        """One of the brokers, or all."""
        kind, until = rand.choice(("off", *self.TOXICS)), time.monotonic() + rand.uniform(0.1, 3)
        for i in rand.sample(range(self.nodes), rand.choice((1, 1, self.nodes))):
            if i in self.ill:
                continue
            self.ill[i] = (kind, until)
            if kind == "off":
                self.ask(f"/n{i}", {"enabled": False})
            else:
                toxic, attributes = self.TOXICS[kind]
                self.ask(f"/n{i}/toxics", {"name": kind, "type": toxic, "stream": rand.choice(("upstream", "downstream")),
                                           "attributes": attributes})

    def heal(self, is_all=False):
        for i, (kind, until) in list(self.ill.items()):
            if is_all or time.monotonic() >= until:
                del self.ill[i]
                if kind == "off":
                    self.ask(f"/n{i}", {"enabled": True})
                else:
                    urllib.request.urlopen(urllib.request.Request(f"{self.url}/n{i}/toxics/{kind}", method="DELETE"), timeout=10).close()


class Torture:
    def __init__(self, o):
        self.o, self.random = o, random.Random(o.seed)
        port, self.nodes = (int(open(f"{o.dir}/{name}").read()) for name in ("port", "nodes"))
        self.owner = os.environ.get("OWNER", str(os.getppid()))
        self.brokers = self.way = ",".join(f"127.0.0.1:{port + 6 * i}" for i in range(self.nodes))
        self.proxies = None
        if "cut" in o.kinds:
            self.proxies = Proxies(f"{os.path.abspath(o.dir)}/toxi-{os.getpid()}", port, self.nodes, str(os.getpid()))
            self.way = ",".join(f"127.0.0.1:{port + 6 * i + 5}" for i in range(self.nodes))
        self.name = f"torture-{os.getpid()}-{o.tool}-{o.windows}"
        self.members, self.sleeping, self.done = [], [], collections.Counter()
        self.work = tempfile.mkdtemp(prefix="tlm-torture-")
        self.n_started = 0

    def admin(self, *words):
        return subprocess.run([f"{KIT}/kafkaadmin", self.brokers, *words], check=True, capture_output=True, text=True).stdout

    def command(self, group, out, *more, is_merge=False):
        if is_merge:
            state = ["--state-topic", self.name + "-state"] if self.o.state else []
            return [f"{BIN}/tlm-agg", "-b", self.way, "-G", "m-" + group, "--commit-interval", "150ms", *more, "--merge", "--delay",
                    f"{self.merge_s}s", *state, *PARTS, "kafka:" + out, "-o", f"kafka:{self.name}-whole"]
        place = ["kafka:" + self.name, "-o", f"kafka:{out}"]
        common = ["-b", self.way, "-G", group, "--commit-interval", "150ms", *more]
        common += itertools.chain(*(("-X", word) for word in self.o.property))
        if self.o.delivery != "exactly-once":
            common += ["--delivery", self.o.delivery]
        if self.o.tool == "lake":  # -J: each record tells its partition and offset
            return [f"{BIN}/tlm-s3put", *common, "-J", "--time", "value.ms:s", "--max-age", "400ms", "--max-records", "700", "--max-span", "6h", "--max-spool", "1",
                    "--manifest", self.o.place + "/_manifests", "kafka:" + self.name, "-o", self.o.place + "/h=%H/t={value.t}"]
        if self.o.tool == "filter":
            return [f"{BIN}/tlm-filter", *common, "select(.v % 3 > 0) | {k, n}", *place]
        if self.o.state and group.startswith("g-") or self.o.windows in STATE_ONLY:
            common += ["--state-topic", self.name + "-state"]
        if self.o.tool == "merge":
            return [f"{BIN}/tlm-agg", "-q", *common, *AGG[:2], "--delay", "3s", "--partial", *PARTS, *place]
        return [f"{BIN}/tlm-agg", *common, *WINDOWS[self.o.windows], *AGG, "--late", f"kafka:{out}-late", *place]

    def start(self, is_merge=None):
        self.n_started += 1
        if is_merge is None:
            is_merge = self.o.tool == "merge" and self.n_started % 2 == 0
        log = open(f"{self.work}/{self.n_started}.err", "w+")
        words = ["transaction.timeout.ms=4000"]
        if "group.protocol=consumer" not in self.o.property:  # there the brokers say it
            words += [f"session.timeout.ms={SESSION_S * 1000:.0f}", "heartbeat.interval.ms=200"]
        properties = itertools.chain(*(("-X", word) for word in words))
        p = subprocess.Popen(self.command("g-" + self.name, self.name + "-out", *properties, is_merge=is_merge), stderr=log, stdout=log)
        p.log, p.is_merge = log, is_merge
        self.members.append(p)

    def stop_proxies(self):
        """The next run has its own before the same brokers."""
        if self.proxies:
            subprocess.run([f"{TOP}/tests/services/s3-stop.sh", f"{self.o.dir}/toxi-{os.getpid()}"], check=True)

    def fail(self, why):
        for p in self.members + [self.producer.pipe]:
            p.kill()
        self.stop_proxies()
        for path in glob.glob(f"{self.o.dir}/[0-9]*/data/{self.name}-state-*"):
            subprocess.run(["cp", "-r", "--parents", path, self.work])  # the brokers may be compacting it
        sys.exit(f"kafka.py: {why}\nfaults so far: {dict(self.done)}\nagain: {' '.join(sys.argv)} --seed {self.o.seed}"
                 f"\nlogs: {self.work}")

    def check(self):
        """Only one that finds no broker at its start ends by itself: its place is taken by a new one."""
        for p in list(self.members):
            if p.poll() is None:
                continue
            self.members.remove(p)
            p.log.seek(0)
            text = p.log.read()
            if p.returncode != 7 or "no broker is in reach" not in text:
                self.fail(f"a member ended with {p.returncode}: {text}")
            self.done["no broker at the start"] += 1
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
            p = self.random.choice(awake)
            self.end(p, signal.SIGKILL, (-9,))
            self.start(p.is_merge)
        elif kind == "term":
            # one that is told to stop while it cannot reach the broker says 7, or is ended by the grace period
            p = self.random.choice(awake)
            self.end(p, signal.SIGTERM, (-15, 7))
            self.start(p.is_merge)
        elif kind == "more":
            if len(self.members) > self.o.members and awake:
                self.end(self.random.choice(awake), signal.SIGTERM, (-15, 7))
            else:
                self.start()
        elif kind == "stop":
            p = self.random.choice(awake)
            p.send_signal(signal.SIGSTOP)
            self.sleeping.append((p, time.monotonic() + SESSION_S + self.random.uniform(0.5, 4)))
        elif kind == "store":
            os.kill(self.o.store, signal.SIGSTOP)
            time.sleep(self.random.uniform(1, 3))
            os.kill(self.o.store, signal.SIGCONT)
        elif kind == "broker":
            node = str(self.random.randrange(self.nodes) + 1)
            subprocess.run([f"{TOP}/tests/services/kafka-stop.sh", self.o.dir, "KILL", node], check=True, stdout=subprocess.DEVNULL)
            time.sleep(self.random.uniform(0, self.o.away))
            subprocess.run([f"{TOP}/tests/services/kafka-start.sh", self.o.dir], check=True, stdout=subprocess.DEVNULL,
                           env={**os.environ, "OWNER": self.owner, "NODE": node})
        elif kind == "cut":
            self.proxies.cut(self.random)

    def read(self, topic):
        """What read_committed readers see, by key."""
        self.admin("settle", topic)
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

    def at_least(self, expected):
        """Nothing is lost; what is there again stands behind what is there: a member went on where it had committed."""
        got, again = self.read(self.name + "-out"), 0
        for key in sorted(set(got) | set(expected)):
            at = {row: i for i, row in enumerate(expected.get(key, []))}
            n = 0
            for row in got.get(key, []):
                if at.get(row, n + 1) > n:
                    self.fail(f"{row} of key {key} stands where {n} of {len(at)} records were there")
                again += at[row] < n
                n += at[row] == n
            if n < len(at):
                self.fail(f"of key {key} {len(at) - n} records are lost")
        print(f"{again} records are there again")
        return sum(map(len, got.values()))

    def accounted(self, sent):
        """Each window of a key once; every record in one row, or late. The last windows close when all is idle."""
        self.start()
        expected, n = {k: len(v) for k, v in sent.items()}, 0
        end = time.monotonic() + 120
        while not n and time.monotonic() < end:
            counts = collections.Counter()
            for key, rows in self.read(self.name + "-out").items():
                rows = [json.loads(row) for row in rows]
                starts = collections.Counter(row["window_start"] for row in rows)
                if max(starts.values()) > 1:
                    self.fail(f"key {key}: the window at {starts.most_common(1)[0][0]} is there twice")
                counts[key] += sum(row["count"] for row in rows)
                n += len(rows)
            for row in itertools.chain(*self.read(self.name + "-out-late").values()):
                counts[json.loads(json.loads(row)["raw"])["k"]] += 1
            if counts != expected:
                n = 0
                time.sleep(0.5)
        self.end(self.members[0], signal.SIGTERM, (-15, 7))
        if not n:
            wrong = {k: (expected.get(k), counts[k]) for k in counts | expected if expected.get(k) != counts[k]}
            self.fail(f"records by key, sent and accounted for: {wrong}")
        return n

    def stored(self, sent):
        """Each message of the topic is a line of one object, and the audit of the lake agrees."""
        text = subprocess.run(["kcat", "-C", "-q", "-e", "-b", self.brokers, "-t", self.name, "-f", "%p %o\n"],
                              check=True, capture_output=True, text=True).stdout
        expected = collections.Counter(text.split("\n")[:-1])
        paths = [os.path.join(d, f) for d, _, names in os.walk(self.o.lake) if "/." not in d[len(self.o.lake):] for f in names
                 if f.endswith(".ndjson.zst") and f[0] != "."]
        text = "".join(subprocess.run(["zstd", "-dcq", *paths[i:i + 1000]], check=True, capture_output=True, text=True).stdout
                       for i in range(0, len(paths), 1000))
        records = [json.loads(line) for line in text.splitlines()]
        got = collections.Counter(f"{r['partition']} {r['offset']}" for r in records)
        if got != expected:
            self.fail(f"{sum((got - expected).values())} records are too many, {sum((expected - got).values())} are lost: "
                      f"{list((got - expected).elements())[:3]} {list((expected - got).elements())[:3]}")
        if sorted(r["value"]["n"] for r in records) != sorted(r["n"] for rows in sent.values() for r in rows):
            self.fail("the lake holds other records than were sent")
        audit = subprocess.run([f"{BIN}/tlm-s3put", "--audit", self.o.place], capture_output=True, text=True)
        if audit.returncode:
            self.fail(f"the audit ended with {audit.returncode}: {audit.stdout}{audit.stderr}")
        self.check_marks(records)
        self.done["objects"] = len(paths)
        return len(records)

    def check_marks(self, records):
        """A partition has a mark for each hour from that of its first record on that its time has passed."""
        expected = set()
        for partition in {r["partition"] for r in records}:
            own = [(r["offset"], r["value"]["ms"] // 3600) for r in records if r["partition"] == partition]
            for hour in range(min(own)[1], max(hour for _, hour in own)):
                expected.add(time.strftime(f"_complete/dt=%Y-%m-%d/hour=%H/{self.name}-{partition}", time.gmtime(hour * 3600)))
        got = {os.path.relpath(os.path.join(d, name), self.o.lake) for d, _, names in os.walk(self.o.lake + "/_complete")
               for name in names if name[0] != "."}
        if got != expected:
            self.fail(f"marks too many: {sorted(got - expected)[:5]}, missing: {sorted(expected - got)[:5]}")
        self.done["marks"] = len(got)

    def merged(self, last_ms):
        """Later records close the windows, partition by partition no further ahead of each other than the merge waits."""
        for i in range(1, 6):
            lines = "".join(f'{{"ms":{last_ms + i * self.merge_s * 600},"k":"k{k}"}}\n' for k in range(40))
            for partition in "012":
                subprocess.run(["kcat", "-P", "-q", "-b", self.brokers, "-t", self.name, "-p", partition], input=lines, text=True, check=True)
            for is_merge in (False, True):
                self.finish(is_merge)
        one = subprocess.run([f"{BIN}/tlm-agg", "-q", "-b", self.brokers, *AGG[:2], "--delay", "1h", *PARTS, "kafka:" + self.name,
                              "--until-end"], check=True, capture_output=True, text=True).stdout
        until, expected = f'"{time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(last_ms // 1000 + 4))}"', collections.defaultdict(list)
        for row in one.splitlines():
            if row.split('"window_start":')[1] < until:
                expected[json.loads(row)["k"]].append(row)
        got = {key: [re.sub('"partition":[0-9]+,', "", row) for row in rows if row.split('"window_start":')[1] < until]
               for key, rows in self.read(self.name + "-whole").items()}
        self.read = lambda topic: got
        return self.same("", dict(expected), "rows")

    def finish(self, is_merge=False):
        last = subprocess.run(self.command("g-" + self.name, self.name + "-out", "--until-end", is_merge=is_merge), capture_output=True,
                              text=True)
        if last.returncode:
            self.fail(f"the last member ended with {last.returncode}: {last.stderr}")

    def compare(self, sent):
        if self.o.tool == "lake":
            return self.stored(sent)
        if self.o.tool == "filter":
            rows = {k: [f'{{"k":"{k}","n":{r["n"]}}}' for r in v if r["v"] % 3] for k, v in sent.items()}
            rows = {k: v for k, v in rows.items() if v}
            if self.o.delivery != "exactly-once":
                return self.at_least(rows)
            return self.same(self.name + "-out", rows, "records")
        if self.o.windows == "idle":
            return self.accounted(sent)
        subprocess.run(self.command("one-" + self.name, self.name + "-one", "--until-end"), check=True, stdout=subprocess.DEVNULL)
        self.same(self.name + "-out-late", self.read(self.name + "-one-late"), "late records")
        return self.same(self.name + "-out", self.read(self.name + "-one"), "rows")

    def run(self):
        o = self.o
        for topic in ("", "-out", "-one"):
            self.admin("create", self.name + topic, "3", "retention.ms=-1")
        for topic in ("-out-late", "-one-late"):
            self.admin("create", self.name + topic, "1", "retention.ms=-1")
        if o.state or o.windows in STATE_ONLY:
            # a broker that was away for longer than deleted keys are remembered would bring them back
            memory = [] if "broker" in o.kinds else ["delete.retention.ms=1000"]
            self.admin("create", self.name + "-state", "3", "cleanup.policy=compact", "segment.ms=1000",
                       "min.cleanable.dirty.ratio=0.01", *memory)
        self.merge_s = (120 if "broker" in o.kinds or "cut" in o.kinds else 60) + int(10 * (o.away - 1))
        if o.tool == "merge":
            self.admin("create", self.name + "-whole", "3", "retention.ms=-1")
        producer = self.producer = Producer(self.way, self.name + ("" if o.tool == "merge" else "?key=k"), o.rate, o.seed,
                                            o.windows == "idle", (0, 1, 2, 3) if o.tool == "merge" else (0, 5, 10, 15))
        producer.start()
        for _ in range(o.members):
            self.start()
        low, high = map(float, o.every.split("-"))
        kinds = o.kinds.split(",")
        counted = (o.counted or o.kinds).split(",")
        while sum(self.done[kind] for kind in counted) < o.faults:
            time.sleep(self.random.uniform(low, high))
            self.wake()
            if self.proxies:
                self.proxies.heal()
            self.check()
            if producer.pipe.poll() is not None:
                self.fail(f"the producer ended with {producer.pipe.returncode}")
            # the broker is the slowest to come back: not too often
            weights = [0.3 if kind in ("broker", "stop") else 1 for kind in kinds]
            self.fault(self.random.choices(kinds, weights)[0])
        self.wake(True)
        if self.proxies:
            self.proxies.heal(True)
        time.sleep(1)
        self.check()
        producer.is_done = True
        producer.join()
        for p in list(self.members):
            self.end(p, signal.SIGTERM, (-15, 7))
        self.finish()
        n = self.merged(producer.ms) if o.tool == "merge" else self.compare(producer.sent)
        if not n:
            self.fail("nothing came out")
        self.stop_proxies()
        logs = "".join(open(f"{self.work}/{name}").read() for name in os.listdir(self.work))
        self.done["new producers"] = logs.count("going on with a new producer")
        self.done["given back"] = logs.count("given back to the group")
        shutil.rmtree(self.work)
        print(f"{o.tool} {o.windows if o.tool == 'agg' else ''}{' state' if o.state else ''}: {producer.n} records, {n} rows, {sum(self.done[kind] for kind in kinds)} faults "
              f"{dict(self.done)}, seed {o.seed}: the same")


if __name__ == "__main__":
    torture = Torture(arguments())
    signal.signal(signal.SIGTERM, lambda *_: torture.fail("its time was over"))
    torture.run()
