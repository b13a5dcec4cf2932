#!/usr/bin/env python3
"""Asks the kit's `answer` program and somebody else the same: python's floats, decimals, datetime and zoneinfo, and jq.

    tests/kit/values.py ANSWER num|time|zones|paths
"""
import datetime as dt
import decimal
import json
import math
import random
import re
import struct
import subprocess
import sys
import zoneinfo

UTC = dt.timezone.utc
EPOCH = dt.datetime(1970, 1, 1, tzinfo=UTC)
MIN_US, MAX_US = -62135596800000000, 253402300799999999
decimal.getcontext().prec = 3000
decimal.getcontext().Emax = decimal.MAX_EMAX
decimal.getcontext().Emin = decimal.MIN_EMIN


def us_of(when):
    return (when - EPOCH) // dt.timedelta(microseconds=1)


def iso_of(when):
    text = when.replace(tzinfo=None).isoformat()
    return (text[:-3] if when.microsecond and when.microsecond % 1000 == 0 else text) + "Z"


class Questions:
    """Questions and wanted answers; check() asks them all at once."""

    def __init__(self, program):
        self.program, self.asked, self.wanted = program, [], []

    def add(self, wanted, *parts):
        self.asked.append("\t".join(map(str, parts)))
        self.wanted.append(str(wanted))

    def check(self):
        done = subprocess.run([self.program], input="\n".join(self.asked) + "\n", text=True, capture_output=True)
        if done.returncode:
            sys.exit("answer: status %d %s" % (done.returncode, done.stderr))
        got = done.stdout.split("\n")[:-1]
        assert len(got) == len(self.asked)
        wrong = [x for x in zip(self.asked, got, self.wanted) if x[1] != x[2]]
        for question, answer, wanted in wrong[:20]:
            print("%r: got %s, wanted %s" % (question, answer, wanted))
        print("%d asked, %d wrong" % (len(got), len(wrong)))
        return 1 if wrong else 0


def bits_of(value):
    return "%016x" % struct.unpack("<Q", struct.pack("<d", value))[0]


def lay_out(text):
    """A text of repr() or %e as jq 1.6 lays it out."""
    sign, digits, exponent = decimal.Decimal(text).as_tuple()
    digits = "".join(map(str, digits)).lstrip("0")
    point = len(digits) + exponent
    digits = digits.rstrip("0") or "0"
    n = len(digits)
    if digits == "0":
        out = "0"
    elif point <= -4 or point > n + 15:
        out = digits[0] + ("." + digits[1:] if n > 1 else "") + "e%+03d" % (point - 1)
    elif point <= 0:
        out = "0." + "0" * -point + digits
    else:
        out = digits[:point].ljust(point, "0") + ("." + digits[point:] if n > point else "")
    return ("-" if sign else "") + out


def random_double(rng):
    kind = rng.randrange(5)
    if kind == 0:
        return rng.randrange(10**9) / 10 ** rng.randrange(7)
    if kind == 1:
        return float(rng.randrange(2 ** rng.randrange(1, 70)))
    bits = rng.getrandbits(64)
    if kind == 2:
        bits &= (1 << 52) - 1 | 1 << 63
    if kind == 3:
        bits &= ~((1 << rng.randrange(52)) - 1)
    value = struct.unpack("<d", struct.pack("<Q", bits))[0]
    return value if math.isfinite(value) else 0.5


def random_number(rng):
    text = rng.choice(["", "-"]) + str(rng.randrange(10 ** rng.randrange(1, 25)))
    if rng.random() < 0.5:
        text += "." + "".join(rng.choice("0123456789") for _ in range(rng.randrange(1, 25)))
    if rng.random() < 0.3:
        text += rng.choice("eE") + rng.choice(["", "+", "-"]) + str(rng.randrange(10 ** rng.randrange(1, 4)))
    return text


def near(text, rng):
    """The same value, or one nearly the same, in other words."""
    value = decimal.Decimal(text)
    if rng.random() < 0.3:
        value += decimal.Decimal(rng.choice("+-") + "1").scaleb(value.adjusted() - rng.randrange(30))
    digits = format(value.scaleb(-7), "f") + "e7" if abs(value.adjusted()) < 200 else "%E" % value
    return digits if re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", digits) else text


def ask_num(questions, rng):
    for _ in range(60000):
        value = random_double(rng)
        questions.add(lay_out(repr(value)), "shortest", bits_of(value))
        n = rng.randrange(1, 18)
        questions.add(lay_out("%.*e" % (n - 1, value)), "digits", bits_of(value), n)
        text = random_number(rng)
        questions.add(bits_of(float(text)), "double", text)
        exact = decimal.Decimal(text)
        if abs(exact.adjusted()) < 1000:
            whole = int(exact) if exact == exact.to_integral_value() else None
            questions.add(whole if whole is not None and -(2**63) <= whole < 2**63 else "-", "i64", text)
            decimals = rng.choice([-3, 0, 3, 6])
            scaled = math.floor(exact.scaleb(decimals))
            questions.add(scaled if -(2**63) <= scaled < 2**63 else "-", "scaled", text, decimals)
        other = near(text, rng) if rng.random() < 0.7 else random_number(rng)
        questions.add(exact.compare(decimal.Decimal(other)), "cmp", text, other)


BOUNDARIES = [(1, 1, 1), (1, 12, 31), (4, 2, 29), (1582, 10, 4), (1582, 10, 15), (1900, 2, 28), (1900, 3, 1),
              (1969, 12, 31), (1970, 1, 1), (2000, 2, 29), (2000, 3, 1), (2038, 1, 19), (2100, 2, 28), (9999, 12, 31)]


def instants(rng, n):
    for date in BOUNDARIES:
        for clock in ((0, 0, 0, 0), (0, 0, 0, 1), (12, 34, 56, 789000), (23, 59, 59, 999999)):
            yield dt.datetime(*date, *clock, tzinfo=UTC)
    for _ in range(n):
        us = rng.randrange(MIN_US, MAX_US)
        if rng.random() < 0.5:
            us -= us % 1000
        yield EPOCH + dt.timedelta(microseconds=us)


# %G and %Y are padded here to four digits by hand: what python does before the year 1000 depends on the platform.
PATTERN = "%m %d %H %M %S %j %y %u %w %V %U %W %a %A %b %B %p %I %f %%"


def ask_time(questions, rng):
    for when in instants(rng, 20000):
        us = us_of(when)
        questions.add(iso_of(when), "iso", us)
        for text in (iso_of(when), iso_of(when)[:-1].replace("T", " "), when.isoformat(), when.isoformat().lower()):
            questions.add(us, "read", "iso", "s", text)
        minutes = rng.randrange(-1439, 1440)
        zone = dt.timezone(dt.timedelta(minutes=minutes))
        if MIN_US + 10**11 < us < MAX_US - 10**11:
            questions.add(us, "read", "iso", "s", when.astimezone(zone).isoformat())
            text = when.astimezone(zone).strftime("%d/%m/%y %H:%M:%S.%f %z")
            if 1969 <= when.astimezone(zone).year <= 2068:
                questions.add(us, "read", "%d/%m/%y %H:%M:%S.%f %z", "s", text)
        date = "%04d-%s" % (when.year, when.strftime("%j %H:%M:%S.%f"))
        questions.add(us, "read", "%Y-%j %T.%f", "s", date)
        date = when.strftime("%A, %B %d, ") + "%04d " % when.year + when.strftime("%I:%M:%S.%f %p")
        questions.add(us, "read", "%a, %b %e, %Y %I:%M:%S.%f %p", "s", date)
        questions.add(us, "read", "us", "n", us)
        if abs(us) < 9 * 10**15:
            questions.add(us, "read", "ns", "s", us * 1000 + rng.randrange(1000))
        questions.add(us, "read", "s", "n", decimal.Decimal(us).scaleb(-6))
        questions.add(us, "read", "ms", "n", decimal.Decimal(us).scaleb(-3))
        questions.add(when.strftime(PATTERN), "print", "", us, PATTERN)
        questions.add("%04d %04d %s" % (when.year, when.isocalendar()[0], us // 10**6), "print", "", us, "%Y %G %s")
    # one byte changed: refused, or what python makes of it
    for _ in range(20000):
        when = EPOCH + dt.timedelta(microseconds=rng.randrange(MIN_US, MAX_US))
        text = list(when.replace(tzinfo=None).isoformat(timespec="microseconds"))
        text[rng.randrange(len(text))] = chr(rng.randrange(32, 127))
        text = "".join(text)
        try:
            if not re.fullmatch(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d\.\d{6}", text, re.ASCII):
                raise ValueError
            parts = list(map(int, re.findall(r"\d+", text)))
            wanted = us_of(dt.datetime(*parts, tzinfo=UTC))
        except ValueError:
            wanted = "-"
        if re.fullmatch(r".{19}\.\d+[Zz]|.{19}[+-].*|.{17}60.*|.{19}\.\d*[+-]\d\d(:?\d\d)?", text):
            continue  # a zone or a leap second, which the other tests cover
        questions.add(wanted, "read", "iso", "s", text)


ZONES = ["UTC", "Europe/Warsaw", "America/New_York", "America/St_Johns", "Asia/Kolkata", "Australia/Lord_Howe",
         "Africa/Casablanca", "Europe/Dublin", "Asia/Gaza", "America/Nuuk", "Pacific/Apia", "Antarctica/Troll",
         "Africa/Monrovia", "Asia/Tehran", "Pacific/Chatham", "America/Santiago", "Etc/GMT+5", "EST5EDT"]


def ask_zones(questions, rng):
    for name in ZONES:
        zone = zoneinfo.ZoneInfo(name)
        whens = list(instants(rng, 1500))
        for year in list(range(1880, 2100)) + [2400, 2436, 2437, 2438, 2439, 3000, 9998]:
            # the second before and at each change of the offset, found by halving
            day = dt.datetime(year, 1, 1, tzinfo=UTC)
            for _ in range(26):
                next_day = day + dt.timedelta(days=14)
                if day.astimezone(zone).utcoffset() != next_day.astimezone(zone).utcoffset():
                    low, high = 0, 14 * 86400
                    while high - low > 1:
                        half = (low + high) // 2
                        same = (day + dt.timedelta(seconds=half)).astimezone(zone).utcoffset() \
                            == day.astimezone(zone).utcoffset()
                        low, high = (half, high) if same else (low, half)
                    whens += [day + dt.timedelta(seconds=low), day + dt.timedelta(seconds=high)]
                day = next_day
        for when in whens:
            if not MIN_US + 10**11 < us_of(when) < MAX_US - 10**11:
                continue
            local = when.astimezone(zone)
            seconds = abs(int(local.utcoffset().total_seconds()))
            sign = "-" if local.utcoffset() < dt.timedelta(0) else "+"
            questions.add("%s %s%02d%02d %s" % (local.replace(tzinfo=None).isoformat()[:19], sign, seconds // 3600,
                                                seconds // 60 % 60, local.tzname()),
                          "print", name, us_of(when), "%Y-%m-%dT%H:%M:%S %z %Z")


def ask_paths(questions, rng):
    keys = ["a", "b_c", "x1", "B"]
    quoted = ["", "b c", "x:y", "a.b", "[0]", "\u00e9\u20ac", "q\"uote", "back\\slash", "tab\there", "\U0001f697", "/"]

    def step(first):
        kind = rng.randrange(5)
        if kind == 0:
            return ("." if first else "") + "[%d]" % rng.randrange(-3, 10)
        if kind == 1:
            return ("." if first else "") + "[%s]" % json.dumps(rng.choice(quoted), ensure_ascii=rng.random() < 0.5)
        if kind == 2:
            return "." + json.dumps(rng.choice(quoted), ensure_ascii=rng.random() < 0.5)
        return "." + rng.choice(keys)

    paths = ["."] + ["".join(step(i == 0) for i in range(rng.randrange(1, 6))) for _ in range(600)]
    # a path is asked for on null, where every step may stand
    asked = subprocess.run(["jq", "-nc", ",".join("path(%s)" % p for p in paths)], text=True, capture_output=True)
    if asked.returncode:
        sys.exit("jq: " + asked.stderr)
    for path, steps in zip(paths, asked.stdout.split("\n")):
        questions.add(steps, "path", path)
    for bad in ("", "..", "a..b", "a[x]", 'a["b', "a[", "a]", "a b", "a|b", "a[1.5]", "a[]", ".a?", "'a'", ".a.", "(.a)"):
        questions.add("-", "path", bad)


def main():
    questions = Questions(sys.argv[1])
    {"num": ask_num, "time": ask_time, "zones": ask_zones, "paths": ask_paths}[sys.argv[2]](
        questions, random.Random(20261125))
    sys.exit(questions.check())


main()
