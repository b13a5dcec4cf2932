#!/usr/bin/env python3
"""A second tlm-agg, slow and plain, and a hunt for streams on which the two differ.

    agg.py hunt COUNT [SEED [WORD...]]
                                  COUNT random streams through $TLM_AGG (default tlm-agg) and through this file: rows,
                                  late rows, rejects, books and status must agree (rows and late rows to the byte);
                                  only those whose command line has a match of one of the WORDs, regular expressions
    agg.py one SEED               one stream, left in the current folder, both answers shown

It is written from the rules of tlm-agg(1) alone: every window keeps the list of its records, numbers are Python integers
and fractions, results are made from the whole list when a window closes. Nothing is shared with the tool.
"""
import functools
import json
import math
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from zoneinfo import ZoneInfo

# ---- JSON with the text of every value ----

DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=lambda s: 1 / 0)
BLANK = " \t\r\n"


class Value:
    """kind: absent null false true number string array object; text as in the record; members of an object."""

    def __init__(self, kind, text="", string=None, members=None):
        self.kind, self.text, self.string, self.members = kind, text, string, members


ABSENT = Value("absent")


def skip(text, at):
    while at < len(text) and text[at] in BLANK:
        at += 1
    return at


def parse_value(text, at):
    """The value at text[at:] and where it ends; ValueError when it is none."""
    at = skip(text, at)
    start = at
    if text[at] == "{":
        members, at = {}, skip(text, at + 1)
        if text[at] == "}":
            return Value("object", text[start:at + 1], members=members), at + 1
        while True:
            if text[at] != '"':
                raise ValueError("key")
            key, at = DECODER.raw_decode(text, at)
            at = skip(text, at)
            if text[at] != ":":
                raise ValueError("colon")
            members[key], at = parse_value(text, at + 1)
            at = skip(text, at)
            if text[at] == "}":
                return Value("object", text[start:at + 1], members=members), at + 1
            if text[at] != ",":
                raise ValueError("comma")
            at = skip(text, at + 1)
    value, end = DECODER.raw_decode(text, at)
    piece = text[at:end]
    if isinstance(value, list):
        return Value("array", piece), end
    if piece[0] == '"':
        return Value("string", piece, string=value), end
    if piece in ("null", "true", "false"):
        return Value(piece, piece), end
    return Value("number", piece), end


def parse_line(line):
    """The record of a line, or None."""
    try:
        value, end = parse_value(line, 0)
        return value if skip(line, end) == len(line) else None
    except (ValueError, IndexError, ZeroDivisionError, RecursionError):
        return None


def get(record, path):
    for key in path.split("."):
        if record.kind != "object" or key not in record.members:
            return ABSENT
        record = record.members[key]
    return record


# ---- numbers ----

WORD = 2 ** 63


class Number:
    """is_integer: an integer of 64 bits; exact: what is added (an integer, or the value of the nearest double)."""

    def __init__(self, text):
        self.text = text
        decimal = Fraction(text)
        self.is_integer = decimal.denominator == 1 and -WORD <= decimal < WORD
        if self.is_integer:
            self.exact = Fraction(decimal)
        else:
            double = float(text)
            self.exact = Fraction(double) if math.isfinite(double) else None


def lay_out(digits, point, negative):
    """0.DIGITS * 10^point as jq writes it."""
    sign = "-" if negative else ""
    n = len(digits)
    if point <= -4 or point > n + 15:
        e = point - 1
        rest = "." + digits[1:] if n > 1 else ""
        return "%s%s%se%s%02d" % (sign, digits[0], rest, "-" if e < 0 else "+", abs(e))
    if point <= 0:
        return sign + "0." + "0" * -point + digits
    if point < n:
        return sign + digits[:point] + "." + digits[point:]
    return sign + digits + "0" * (point - n)


def split_decimal(text):
    """digits and point of a decimal text, no zero at either end of the digits."""
    mantissa, _, e = text.lower().lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits, point = whole + fraction, len(whole) + int(e or 0)
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    return stripped.rstrip("0"), point


def print_double(x, digits=None):
    if x == 0:
        return "0"
    text = repr(x) if digits is None else "%.*e" % (digits - 1, x)
    d, point = split_decimal(text)
    return lay_out(d, point, x < 0)


def nearest(fraction):
    try:
        return fraction.numerator / fraction.denominator
    except OverflowError:
        return math.inf


def print_exact(value, is_wide=False):
    """A result: an integer where it is one (of any size if is_wide), else the shortest double; not finite: null."""
    if value is None:
        return "null"
    if value.denominator == 1 and (is_wide or -WORD <= value < WORD):
        return str(value.numerator)
    x = nearest(value)
    if not math.isfinite(x):
        return "null"
    if x == math.floor(x) and -WORD <= x < WORD:
        return str(int(x))
    return print_double(x)


# ---- times ----

def floor_div(a, b):
    return a // b


def days_of(y, m, d):
    """Days since 1970-01-01, counted year by year from the rule of leap years."""
    def leap(year):
        return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    before = (y - 1) * 365 + (y - 1) // 4 - (y - 1) // 100 + (y - 1) // 400
    months = [31, 29 if leap(y) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return before + sum(months[:m - 1]) + d - 1 - 719162


def print_iso(us):
    day, rest = us // 86400000000, us % 86400000000
    y = max(1, 1970 + day // (366 if day > 0 else 365) - 1)
    while days_of(y + 1, 1, 1) <= day:
        y += 1
    m = 1
    while m < 12 and days_of(y, m + 1, 1) <= day:
        m += 1
    d = day - days_of(y, m, 1) + 1
    seconds, micros = divmod(rest, 1000000)
    text = "%04d-%02d-%02dT%02d:%02d:%02d" % (y, m, d, seconds // 3600, seconds // 60 % 60, seconds % 60)
    if micros % 1000:
        text += ".%06d" % micros
    elif micros:
        text += ".%03d" % (micros // 1000)
    return text + "Z"


ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:?\d\d)?$")
UNITS = {"s": 1000000, "ms": 1000, "us": 1}


def read_time(value, form):
    """Microseconds, or None."""
    if value.kind not in ("string", "number"):
        return None
    text = value.string if value.kind == "string" else value.text
    if form in UNITS:
        if not re.match(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$", text):
            return None
        return math.floor(Fraction(text) * UNITS[form])
    if value.kind == "number":
        return None
    m = ISO.match(text)
    if not m:
        return None
    y, mo, d, h, mi, s = (int(g) for g in m.groups()[:6])
    if not (1 <= mo <= 12 and 1 <= d <= 31 and h < 24 and mi < 60 and s < 60):
        return None
    us = ((days_of(y, mo, d) * 24 + h) * 60 + mi) * 60 + s
    zone = m.group(8)
    if zone and zone not in "Zz":
        offset = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
        us -= offset if zone[0] == "+" else -offset
    return us * 1000000 + int(((m.group(7) or "") + "000000")[:6])


def print_time(us, form):
    return '"' + print_iso(us) + '"' if form == "iso" else str(us // UNITS[form])


# ---- calendars ----

EPOCH = datetime(1970, 1, 1)


def utc_of(local, zone, fold):
    """Seconds since the epoch of a local midnight by one of the two offsets around it."""
    offset = local.replace(tzinfo=zone, fold=fold).utcoffset()
    return (local - EPOCH - offset) // timedelta(seconds=1)


def offset_at(zone, s):
    return (datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=s)).astimezone(zone).utcoffset()


@functools.lru_cache(None)
def reach(local, zone):
    """When the clocks first show a local time, or the end of the gap that skips it."""
    early, late = utc_of(local, zone, 1), utc_of(local, zone, 0)
    if early >= late:
        return late * 1000000
    before = offset_at(zone, early)
    while early < late:  # a gap: the second from which on the offset is another
        middle = (early + late) // 2
        if offset_at(zone, middle) == before:
            early = middle + 1
        else:
            late = middle
    return late * 1000000


def next_period(kind, day):
    if kind == "month":
        return day.replace(year=day.year + day.month // 12, month=day.month % 12 + 1)
    return day + timedelta(days=7 if kind == "week" else 1)


def period(kind, zone, us):
    """Start and end of the day, week or month that holds a time."""
    day = EPOCH + timedelta(seconds=us // 1000000)
    day = day.replace(hour=0, minute=0, second=0) - timedelta(days=2)
    if kind == "week":
        day -= timedelta(days=day.weekday())
    if kind == "month":
        day = day.replace(day=1)
    while reach(next_period(kind, day), zone) <= us:
        day = next_period(kind, day)
    assert reach(day, zone) <= us
    return reach(day, zone), reach(next_period(kind, day), zone)


def multiple(length, zone, us):
    """The multiples of a duration (by the clocks of a zone) around a time."""
    if zone is None:
        return us // length * length, us // length * length + length
    step = timedelta(microseconds=length)
    local = EPOCH + (us - 48 * 3600 * 1000000) // length * step
    while reach(local + step, zone) <= us:
        local += step
    return reach(local, zone), reach(local + step, zone)


# ---- groups ----

RANK = ["absent", "null", "false", "true", "number", "string"]


def group_value(value):
    """What makes two values one group, in the order of values."""
    if value.kind == "number":
        return (4, Fraction(value.text))
    if value.kind == "string":
        return (5, value.string.encode())
    return (RANK.index(value.kind), 0)


def print_group_number(f):
    """The canonical decimal of an exact decimal fraction."""
    if f == 0:
        return "0"
    negative, f = f < 0, abs(f)
    shift = 0
    while f.denominator != 1:
        f *= 10
        shift += 1
    digits = str(f.numerator)
    point = len(digits) - shift
    digits = digits.rstrip("0")
    if 0 < point <= 19 and len(digits) <= point:
        return ("-" if negative else "") + digits + "0" * (point - len(digits))
    return lay_out(digits, point, negative)


def escape(text):
    out = '"'
    short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    for c in text:
        out += short.get(c) or ("\\u%04x" % ord(c) if ord(c) < 0x20 or ord(c) == 0x7F else c)
    return out + '"'


def print_group(g):
    rank, value = g
    if rank < 4:
        return RANK[rank]
    return print_group_number(value) if rank == 4 else escape(value.decode())


# ---- aggregates ----

ANY = ("count", "first", "last", "argmin", "argmax", "values", "max_gap")  # what takes a first field of any type
SCALAR = ("distinct", "mode", "topk", "set", "transitions", "duration")
HELD = ("twa", "integral", "duration", "time_above", "increase")
PAIRS = ("argmin", "argmax", "covar", "corr", "slope", "r2", "distance", "bbox")
CLOSE = ("skew", "kurt", "covar", "corr", "slope", "r2")


class Call:
    def __init__(self, text):
        # only conditions that compare one path with one constant
        m = re.match(r"(.*) where \.([a-z.]+) ([<>=!]+) (\S+) (as \w+)$", text)
        self.condition = m.groups()[1:4] if m else None
        text = m[1] + " " + m[5] if m else text
        m = re.match(r"\s*round\((.*),\s*(\d+)\)\s*(?:as\s+(\w+))?\s*$", text)
        self.digits = int(m[2]) if m else None
        m2 = re.match(r"\s*([a-z0-9._]+)\s*(?:\(([^)]*)\))?\s*(?:as\s+(\w+))?\s*$", m[1] if m else text)
        self.function, arguments, name = m2.groups()
        arguments = [a.strip() for a in arguments.split(",")] if arguments else []
        name = m[3] if m else name
        self.name = name or re.sub(r"\W", "_", "_".join([self.function] + [a.strip('"') for a in arguments]))
        self.fields = arguments[:2 if self.function in PAIRS else 1]
        self.field = self.fields[0] if self.fields else None
        self.n = arguments[1] if len(arguments) > len(self.fields) else None

    def need(self, field):
        """0: any value, 1: no array or object, 2: a number, 3: of -90 to 90, 4: of -180 to 180."""
        if self.function in ("distance", "bbox"):
            return 3 + (field in self.fields[1:])
        if field in self.fields[1:]:
            return 2
        return 0 if self.function in ANY else 1 if self.function in SCALAR else 2


def split_list(text):
    """At the commas that stand in no brackets."""
    parts, depth = [""], 0
    for c in text:
        depth += (c == "(") - (c == ")")
        if c == "," and not depth:
            parts.append("")
        else:
            parts[-1] += c
    return parts


ORDERS = {"<": lambda a, b: a < b, ">": lambda a, b: a > b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
          "<=": lambda a, b: a <= b, ">=": lambda a, b: a >= b}


def is_true(condition, record):
    """Whether a condition holds: null (and absent) < false < true < numbers < strings < arrays < objects. None: an error."""
    def rank(v):
        kind = "null" if v.kind == "absent" else v.kind
        value = float(v.text) if kind == "number" else v.string.encode() if kind == "string" else b""
        return (["null", "false", "true", "number", "string", "array", "object"].index(kind), value)
    path, order, constant = condition
    for step in path.split(".")[:-1]:
        record = get(record, step)
        if record.kind not in ("object", "null", "absent"):
            return None
    return ORDERS[order](rank(get(record, path.split(".")[-1])), rank(parse_value(constant, 0)[0]))


class Close:
    """A result of moments or regressions: agreed within 1e-11."""

    def __init__(self, value, digits=None):
        self.value, self.slack = value, 1e-11 * max(1, abs(value))
        if digits is not None:
            self.slack += 10.0 ** -digits / 2

    def __str__(self):
        return "about %r" % self.value


def round_text(text, digits):
    """Half away from zero, of the number as it is printed."""
    if not re.fullmatch(r"-?[0-9].*", text):
        return text
    number = Number(text)
    if number.is_integer or number.exact is None:
        return print_exact(number.exact)
    f = Fraction(print_double(float(text)))
    units = math.floor(abs(f) * 10 ** digits + Fraction(1, 2))
    return print_exact(Fraction(float(Fraction(units, 10 ** digits))) * (-1 if f < 0 else 1))


class Entry:
    """One accepted record: where it stands, the value of each field, and which conditions hold."""

    def __init__(self, place, values, conditions):
        self.place, self.values, self.conditions = place, values, conditions


def order_stat(numbers, rank):
    return sorted(numbers)[rank - 1]


def result(call, entries, exact_max, span):
    """The text of a result, (lowest, highest) where it is approximate ((1, 0): null), a Close where digits may differ."""
    if call.condition:
        entries = [e for e in entries if e.conditions[call.condition]]
    r = held_result(call, entries, span) if call.function in HELD else plain_result(call, entries, exact_max)
    if call.digits is None:
        return r
    if isinstance(r, tuple):
        slack = Fraction(1, 2 * 10 ** call.digits)
        return (Fraction(r[0]) - slack, Fraction(r[1]) + slack)
    return Close(r.value, call.digits) if isinstance(r, Close) else round_text(r, call.digits)


def is_there(value):
    return value.kind not in ("absent", "null")


def tally(present):
    """[(count, value, text of the earliest)] by value."""
    found = {}
    for _, v in sorted(present, key=lambda p: p[0]):
        entry = found.setdefault(group_value(v), [0, v.text])
        entry[0] += 1
    return [(n, text) for _, (n, text) in sorted(found.items())]


def haversine(a, b):
    """Metres, over chords: another formula than the tool's."""
    def point(at):
        lat, lon = math.radians(at[0]), math.radians(at[1])
        return (math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat))
    return 2 * 6371008.8 * math.asin(min(1, math.dist(point(a), point(b)) / 2))


def lttb_result(n, samples):
    """The first, the last, and of each bucket of the rest the sample of the largest triangle."""
    chosen = list(samples)
    if len(samples) > n:
        rest, chosen = samples[1:-1], [samples[0]]
        borders = [i * len(rest) // (n - 2) for i in range(n - 1)] if n > 2 else []
        buckets = [rest[a:b] for a, b in zip(borders, borders[1:])] + [samples[-1:]]
        for bucket, following in zip(buckets, buckets[1:]):
            at, height = chosen[-1]
            x, y = (functools.reduce(float.__add__, column, 0.0) / len(following)
                    for column in ([float(s[0] - at) for s in following], [s[1] for s in following]))
            y -= height
            chosen.append(max(bucket, key=lambda s: abs(x * (s[1] - height) - float(s[0] - at) * y)))
        chosen.append(samples[-1])
    return "[" + ",".join("[%s,%s]" % (print_plain(Fraction(us, 1000)), print_exact(Fraction(v))) for us, v in chosen) + "]"


def series_result(call, present):
    """delta, rate, transitions, max_gap, ewma."""
    f = call.function
    present = sorted(present, key=lambda p: p[0])
    if not present:
        return "null"
    if f == "transitions":
        return str(sum(group_value(a[1]) != group_value(b[1]) for a, b in zip(present, present[1:])))
    if f == "max_gap":
        gaps = [b[0][0] - a[0][0] for a, b in zip(present, present[1:])]
        return print_exact(Fraction(max(gaps), 1000000)) if gaps else "null"
    numbers = [v.number.exact for _, v in present]
    if f == "ewma":
        share, mean = float(call.n), nearest(numbers[0])
        for x in numbers[1:]:
            mean = share * nearest(x) + (1 - share) * mean
        return print_double(mean, 12)
    if f == "lttb":
        return lttb_result(int(call.n), [(p[0], nearest(x)) for (p, _), x in zip(present, numbers)])
    delta, us = numbers[-1] - numbers[0], present[-1][0][0] - present[0][0][0]
    if f == "rate":
        return print_exact(delta * 1000000 / us) if us else "null"
    return print_exact(delta, all(v.denominator == 1 and abs(v) <= WORD for v in (numbers[0], numbers[-1])))


def held_result(call, entries, span):
    """Each value holds to the next one, the last one to the end of a window (start, end, older entries), if there is one."""
    def samples(some):
        some = [e for e in some if not call.condition or e.conditions[call.condition]]
        return sorted(((e.place, e.values[call.field]) for e in some if is_there(e.values[call.field])), key=lambda p: p[0])
    hold = call.max_gap or math.inf
    stretches = [(place[0], place[0], v) for place, v in samples(entries)]  # begins to count, was read, value
    if span:
        start, end, older = span
        carried = samples(older)[-1:]
        if carried and start - carried[0][0][0] < hold:
            stretches.insert(0, (start, carried[0][0][0], carried[0][1]))
    if not stretches:
        return "null"
    if call.function == "increase":
        counted = [(read, Fraction(nearest(v.number.exact))) for _, read, v in stretches]
        return print_exact(Fraction(sum(
            y if y < x else y - x for (before, x), (now, y) in zip(counted, counted[1:]) if now - before < hold)))
    borders = [s[0] for s in stretches[1:]] + [max(end, stretches[-1][0]) if span else stretches[-1][0]]
    stretches = [(min(border, read + hold) - begin, v) for (begin, read, v), border in zip(stretches, borders)]
    if call.function == "duration":
        wanted = group_value(parse_value(call.n, 0)[0])
        return print_exact(Fraction(sum(us for us, v in stretches if group_value(v) == wanted), 1000000))
    numbers = [(us, Fraction(nearest(v.number.exact))) for us, v in stretches]
    if call.function == "time_above":
        return print_exact(Fraction(sum(us for us, x in numbers if x > Fraction(float(call.n))), 1000000))
    area, whole = sum(us * x for us, x in numbers), sum(us for us, _ in numbers)
    if call.function == "twa":
        return print_exact(area / whole) if whole else "null"
    return print_exact(area / 1000000)


def hist_result(call, present):
    width, unit = Fraction(call.n), 10 ** len(call.n.partition(".")[2])
    bins = {}
    for _, v in present:
        x = Fraction(v.number.text)
        if not -WORD <= math.floor(x * unit) < WORD:
            return (1, 0)
        bins[x // width] = bins.get(x // width, 0) + 1
    if not present:
        return "null"
    return "[" + ",".join('{"from":%s,"count":%d}' % (print_plain(k * width), n) for k, n in sorted(bins.items())) + "]"


def print_plain(f):
    """A decimal fraction in full."""
    scaled = abs(f) * 10 ** 15
    whole, part = divmod(int(scaled), 10 ** 15)
    return ("-" if f < 0 else "") + (str(whole) + "." + "%015d" % part).rstrip("0").rstrip(".")


def pair_result(call, entries):
    f = call.function
    pairs = [(e.place, *(e.values[field] for field in call.fields)) for e in entries]
    pairs = [p for p in pairs if is_there(p[1]) and is_there(p[2])]
    if f in ("argmin", "argmax"):
        sign = 1 if f == "argmin" else -1
        return min(pairs, key=lambda p: (sign * p[2].number.exact, p[0]))[1].text if pairs else "null"
    n = len(pairs)
    if f in ("distance", "bbox"):
        track = [(float(p[1].number.exact), float(p[2].number.exact)) for p in sorted(pairs, key=lambda p: p[0])]
        if f == "distance":
            return Close(math.fsum(map(haversine, track, track[1:])), 7) if pairs else "null"
        lat, lon = zip(*track) if pairs else ([], [])
        borders = [min(lon), min(lat), max(lon), max(lat)] if pairs else []
        return "[" + ",".join(print_exact(Fraction(b)) for b in borders) + "]" if pairs else "null"
    if n < 2:
        return "null"
    x, y = ([Fraction(nearest(p[i].number.exact)) for p in pairs] for i in (1, 2))
    mx, my = sum(x) / n, sum(y) / n
    sxx, syy = sum((a - mx) ** 2 for a in x), sum((b - my) ** 2 for b in y)
    sxy = sum((a - mx) * (b - my) for a, b in zip(x, y))
    if f == "covar":
        return Close(nearest(sxy / (n - 1)))
    if f == "slope":
        return Close(nearest(sxy / syy)) if syy else "null"
    if not sxx or not syy:
        return "null"
    r2 = nearest(sxy * sxy / (sxx * syy))
    return Close(r2 if f == "r2" else math.copysign(math.sqrt(r2), sxy))


def shape_result(f, numbers):
    """skew and kurt."""
    n = len(numbers)
    x = [Fraction(nearest(v.exact)) for v in numbers]
    if n < (3 if f == "skew" else 4) or len(set(x)) == 1:
        return "null"
    mean = sum(x) / n
    m2, m3, m4 = (sum((v - mean) ** k for v in x) / n for k in (2, 3, 4))
    if f == "skew":
        square = m3 ** 2 / m2 ** 3 * n * (n - 1) / (n - 2) ** 2
        return Close(math.copysign(math.sqrt(nearest(square)), m3))
    return Close(nearest(((n + 1) * m4 / m2 ** 2 - 3 * (n - 1)) * Fraction(n - 1, (n - 2) * (n - 3))))


def plain_result(call, entries, exact_max):
    f = call.function
    if f == "count" and not call.field:
        return str(len(entries))
    if f == "max_gap" and not call.field:
        return series_result(call, [(e.place, None) for e in entries])
    present = [(e.place, e.values[call.field]) for e in entries if e.values[call.field].kind not in ("absent", "null")]
    if f == "count":
        return str(len(present))
    if f in PAIRS:
        return pair_result(call, entries)
    if f == "hist":
        return hist_result(call, present)
    if f in ("delta", "rate", "transitions", "max_gap", "ewma", "lttb"):
        return series_result(call, present)
    if f == "values":
        earliest = [v.text for _, v in sorted(present, key=lambda p: p[0])[:int(call.n)]]
        return "[" + ",".join(earliest) + "]" if present else "null"
    if f in ("mode", "topk", "set"):
        found = tally(present)
        often = sorted(found, key=lambda e: -e[0])  # ties stay by value
        if not found:
            return "null"
        if f == "mode":
            return often[0][1]
        if f == "set":
            return "[" + ",".join(text for _, text in found) + "]"
        return "[" + ",".join('{"value":%s,"count":%d}' % (text, n) for n, text in often[:int(call.n)]) + "]"
    if f in ("first", "last"):
        if not present:
            return "null"
        return (min if f == "first" else max)(present, key=lambda p: p[0])[1].text
    if f == "distinct":
        n = len({group_value(v) for _, v in present})
        return str(n) if n <= exact_max else (n * 0.9 - 2, n * 1.1 + 2)
    numbers = [v.number for _, v in present]
    n = len(numbers)
    if not n:
        return "null"
    if f in ("skew", "kurt"):
        return shape_result(f, numbers)
    if f in ("stddev", "var"):
        if n < 2:
            return "null"
        mean = sum(x.exact for x in numbers) / n
        variance = sum((x.exact - mean) ** 2 for x in numbers) / (n - 1)
        if f == "var":
            return print_double(nearest(variance), 12)
        scale = 10 ** 60
        return print_double(nearest(Fraction(math.isqrt(int(variance * scale * scale)), scale)), 12)
    if f in ("sum", "mean"):
        def is_whole(x):  # what is added as an integer
            return x.is_integer or 2 ** 52 <= abs(x.exact) < 2 ** 90
        whole = sum(x.exact for x in numbers if is_whole(x))
        other = sum(x.exact for x in numbers if not is_whole(x))
        total = Fraction(whole + other)
        return print_exact(total / n if f == "mean" else total, other == 0)
    values = [x.exact for x in numbers]
    if f == "min":
        return print_exact(min(values))
    if f == "max":
        return print_exact(max(values))
    if f == "range":
        is_wide = all(v.denominator == 1 and abs(v) <= WORD for v in (min(values), max(values)))
        return print_exact(max(values) - min(values), is_wide)
    if f == "median":
        low, high = order_stat(values, (n + 1) // 2), order_stat(values, n // 2 + 1)
        middle = (low + high) / 2
        return print_exact(middle) if n <= exact_max else around(low, high)
    rank = max(1, math.ceil(Fraction(f[1:]) * n / 100))
    value = order_stat(values, rank)
    return print_exact(value) if n <= exact_max else around(value, value)


def around(low, high):
    slack = Fraction(50001, 10000000)
    return (low - abs(low) * slack, high + abs(high) * slack)


# ---- the tool ----

class Told:
    """What was told of a session: how many rows, those that stand, whether it changed since."""

    def __init__(self):
        self.rev, self.rows, self.has_changed = 0, [], True


class Reference:
    def __init__(self, o):
        self.o = o
        self.calls = [Call(t) for t in split_list(o["list"])]
        for call in self.calls:
            call.max_gap = o["max_gap"]
        self.taken = {}  # group -> [Entry], all that any window took
        self.fields = list(dict.fromkeys(f for c in self.calls for f in c.fields))
        self.rows, self.late, self.rejects = [], [], []
        self.kept_ids, self.taken_ids = set(), set()
        self.counts = dict.fromkeys(["read", "late", "rejected", "late_partial", "empty", "out", "filtered"], 0)
        self.windows = {}  # (end, start) -> {group: [Entry]}
        self.sessions = []  # (group, [Entry], Told), open ones
        self.told = {}  # (window, group) -> rows so far
        self.changed = set()  # (window, group) with a record since the last border
        self.before = -math.inf  # W when rows before the final ones were told last
        self.accepted, self.steps = [], []  # of runs: records, and the watermarks in their order
        self.bounds = None
        self.parts = {}  # how often a window went out
        self.seen, self.last_window = set(), None  # of --fill
        self.time_field = None
        self.maxima = {}  # input -> {value: largest time}, with a quorum

    # -- reading --
    def choose_time(self, record):
        o = self.o
        if o["time"]:
            self.time_field = o["time"].partition(":")
        elif "window_end" in record.members:
            self.time_field = "window"
        elif "session_end" in record.members:
            self.time_field = ("session_end", ":", "")
        else:
            assert o["window"] is None and (o["session"] is None or o["runs"])
            self.time_field = "none"

    def time_of(self, record):
        if self.time_field == "window":
            start, end = (read_time(get(record, f), "iso") for f in ("window_start", "window_end"))
            return None if start is None or end is None else max(start, end - 1000)
        field, _, form = self.time_field
        us = read_time(get(record, field), form or "iso")
        return us

    def read_field(self, record, field, calls):
        """The value of a field, or None when it rejects the record: one of the calls, which see that, cannot take it."""
        v = get(record, field)
        need = max((c.need(field) for c in calls if field in c.fields), default=0)
        if v.kind in ("absent", "null"):
            return v
        if need == 1 and v.kind in ("array", "object"):
            return None
        if need >= 2:
            text = v.text if v.kind == "number" else None
            if v.kind == "string" and self.o["coerce"]:
                text = v.string.strip(" \t")
                if not re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", text):
                    return None
            if text is None:
                return None
            v.number = Number(text)
            if need > 2 and abs(v.number.exact) > (90 if need == 3 else 180):
                return None
        return v

    def reject(self, name, line, reason):
        self.counts["rejected"] += 1
        self.rejects.append((name, line, reason))

    # -- windows --
    def windows_of(self, us):
        """(start, end), newest first."""
        if self.o["calendar"]:
            return [period(self.o["calendar"], ZoneInfo(self.o["tz"] or "UTC"), us)]
        return [(s, s + self.o["window"]) for s in self.starts_of(us)]

    def starts_of(self, us):
        size, every, offset = self.o["window"], self.o["every"], self.o["offset"]
        k = (us - offset) // every
        starts = []
        while offset + k * every + size > us:
            starts.append(offset + k * every)
            k -= 1
        return starts  # newest first

    def borders(self, us):
        if not self.o["session_max"]:
            return -math.inf, math.inf
        return multiple(self.o["session_max"], self.o["tz"] and ZoneInfo(self.o["tz"]), us)

    def close_sessions(self, watermark):
        """All of them for None."""
        keep = self.o["session"] + self.o["grace"]
        closed = [s for s in self.sessions if watermark is None or watermark > session_bounds(s)[0] + keep]
        self.sessions = [s for s in self.sessions if s not in closed]
        self.tell_sessions(closed, True)

    def tell_sessions(self, sessions, is_final):
        for session in sorted(sessions, key=lambda s: (session_bounds(s), s[0])):
            group, entries, told = session
            bounds = session_bounds(session)
            extra = []
            if self.o["emit"]:
                void = sorted(b for b in told.rows if b != (bounds[1], bounds[0]))
                extra = revision(told.rev, is_final)
                if void:
                    form = self.o["time_out"]
                    extra.append(("replaces", "[" + ",".join(
                        "[%s,%s]" % (print_time(a, form), print_time(b, form)) for a, b in void) + "]"))
                told.rev, told.rows, told.has_changed = told.rev + 1, [(bounds[1], bounds[0])], False
            self.counts["out"] += 1
            self.rows.append(self.row(bounds, group, entries, extra=extra))
            if is_final:
                self.kept_ids.update(e.place for e in entries)

    def place_in_session(self, group, entry, watermark):
        """False: it is late, None: there is no room."""
        us, gap = entry.place[0], self.o["session"]
        low, high = self.borders(us)

        def is_near(session):
            return session[0] == group and any(
                low <= e.place[0] < high and abs(e.place[0] - us) <= gap for e in session[1])
        near = [s for s in self.sessions if is_near(s)]
        if not near and watermark is not None and watermark > us + gap + self.o["grace"]:
            return False
        if not near and self.is_full(len(self.sessions)):
            return None
        self.sessions = [s for s in self.sessions if s not in near]
        told = Told()
        told.rev = max((s[2].rev for s in near), default=0)
        told.rows = [b for s in near for b in s[2].rows]
        session = (group, [e for s in near for e in s[1]] + [entry], told)
        self.sessions.append(session)
        if self.o["emit"] == "update" and watermark is not None and watermark > session_bounds(session)[0] + gap:
            self.tell_sessions([session], False)
        return True

    # -- rows before the final one --
    def tell_early(self, watermark):
        every, before = self.o["emit"], self.before
        if not every or watermark is None:
            return
        self.before = watermark
        if every == "update":
            for key in sorted(self.windows):
                if before < key[0] <= watermark:
                    self.tell_groups(key, self.windows[key])
            self.tell_sessions([s for s in self.sessions if s[2].has_changed and
                                watermark > session_bounds(s)[0] + self.o["session"]], False)
        elif before == -math.inf or watermark // every > before // every:
            for key in sorted(self.windows):
                self.tell_groups(key, [g for g in self.windows[key] if (key, g) in self.changed], watermark)
            self.changed.clear()
            self.tell_sessions([s for s in self.sessions if s[2].has_changed], False)

    def tell_groups(self, key, groups, known=math.inf):
        for group in sorted(groups):
            self.counts["out"] += 1
            self.rows.append(self.row(key, group, self.windows[key][group], span=self.span_of(key, group, known),
                                      extra=self.next_revision(key, group, False)))

    def span_of(self, key, group, known):
        """Of values that hold: the bounds of a window as far as time is known, and the older records of the group."""
        if not self.o["window"]:
            return None
        return key[1], min(key[0], known), [e for e in self.taken.get(group, []) if e.place[0] < key[1]]

    def next_revision(self, key, group, is_final):
        if not self.o["emit"]:
            return []
        rev = self.told.get((key, group), 0)
        self.told[key, group] = rev + 1
        return revision(rev, is_final)

    def emit(self, key, is_final=True, known=math.inf, is_part=False):
        groups = self.windows.pop(key, {})
        self.parts[key] = self.parts.get(key, 0) + 1
        is_part = is_part or self.parts[key] > 1
        if self.o["fill"]:
            self.seen.update(groups)
            groups.update((g, []) for g in self.seen if g not in groups)
            self.last_window = key
        for group in sorted(groups):
            self.counts["out"] += 1
            self.rows.append(self.row(key, group, groups[group], span=self.span_of(key, group, known),
                                      extra=self.next_revision(key, group, is_final),
                                      part=self.parts[key] if is_part else None))
            if is_final:
                self.kept_ids.update(e.place for e in groups[group])

    def close_up_to(self, watermark):
        while watermark is not None and (self.windows or self.last_window):
            key = self.next_window()
            if key[0] + self.o["grace"] > watermark:
                break
            self.emit(key)

    def next_window(self):
        if not self.last_window:
            return min(self.windows)
        end, start = self.last_window
        if self.o["calendar"]:
            start, end = period(self.o["calendar"], ZoneInfo(self.o["tz"] or "UTC"), end)
            return end, start
        return end + self.o["every"], start + self.o["every"]

    # -- windows of consecutive records: all is known at the end, so each group is parted then --
    def step_of(self, threshold):
        """When a thing happens for which W must be more than the threshold and the grace: its step, or the number of steps."""
        if self.time_field == "none":
            return threshold
        return next((i for i, w in enumerate(self.steps) if w > threshold + self.o["grace"]), len(self.steps))

    def part_runs(self):
        groups, found = {}, []
        for n, (group, entry, is_start, is_end) in enumerate(self.accepted):
            groups.setdefault(group, []).append((entry, is_start, is_end, n))
        end = len(self.accepted) if self.time_field == "none" else len(self.steps)
        for group, records in groups.items():
            records.sort(key=lambda r: r[0].place)
            for n, (step, is_cut, entries) in enumerate(self.part_group(records, end)):
                times = [e.place[0] for e in entries]
                found.append((step, max(times), min(times), group, n, is_cut, entries))
        for step, last, first, group, _, is_cut, entries in sorted(found, key=lambda f: f[:5]):
            if step == end and self.o["no_flush"]:
                continue
            self.counts["out"] += 1
            self.rows.append(self.row((last, first), group, entries, is_cut))
            self.kept_ids.update(e.place for e in entries)

    def part_group(self, records, end):
        runs, gap, found = self.o["runs"], self.o["session"] or math.inf, []
        run = None  # [goes over its start, its records, time of the last record before]

        def finish(threshold, is_cut):
            if run[1]:
                found.append((threshold, is_cut or run[0], run[1]))

        def pass_by(us):
            """What ends before a record of this time."""
            nonlocal run
            while run:
                border = self.borders(run[1][0].place[0])[1] if run[1] else math.inf
                if us < border and us <= run[2] + gap:
                    return
                is_cut = border <= run[2] + gap
                finish(self.step_of(border - 1 if is_cut else run[2] + gap), is_cut)
                run = [True, [], run[2]] if is_cut else None

        for entry, is_start, is_end, n in records:
            us = entry.place[0]
            step = self.step_of(n if self.time_field == "none" else us)
            pass_by(us)
            if run and is_start and "end" not in runs:
                finish(step, False)
                run = None
            if not run and (is_start or "start" not in runs):
                run = [False, [], us]
            if not run:
                if step < end or not self.o["no_flush"]:
                    self.counts["filtered"] += 1
                    self.taken_ids.remove(entry.place)
                continue
            run[1].append(entry)
            run[2] = us
            if is_end or len(run[1]) == runs.get("every_n"):
                finish(step, False)
                run = None
        if run and self.time_field != "none" and self.steps:
            pass_by(self.steps[-1] - self.o["grace"])
        if run:
            finish(end, False)
        return found

    def row(self, key, group, entries, is_cut=None, span=None, extra=(), part=None):
        o = self.o
        columns, approx = [], []
        if self.time_field != "none":
            start, end = (key[1], key[0]) if o["window"] or o["session"] or o["runs"] else self.bounds
            name = "session_" if o["session"] or "start" in o["runs"] or "end" in o["runs"] else "window_"
            columns.append((name + "start", print_time(start, o["time_out"])))
            columns.append((name + "end", print_time(end, o["time_out"])))
        tree = {}  # an object stands where its first field stands in the list, also where that one is absent
        for path, g in zip(o["groups"], group):
            node = tree
            steps = [path.split(" as ")[-1]] if " as " in path else path.split(".")
            for step in steps[:-1]:
                node = node.setdefault(step, {})
            if g[0] != 0:
                node[steps[-1]] = print_group(g)
        tree = {k: v for k, v in tree.items() if v != {}}
        columns += [(k, print_tree(v)) for k, v in tree.items()]
        for c in self.calls:
            r = result(c, entries, o["exact"], span)
            if isinstance(r, tuple):
                approx.append(c.name)
            columns.append((c.name, r))
        columns += extra
        if is_cut:
            columns.append(("cut", "true"))
        if part:
            columns.append(("part", str(part)))
        if o["session_max"] and not o["runs"]:
            low, high = self.borders(key[0])
            if key[0] + o["session"] >= high or key[1] - o["session"] < low:
                columns.append(("cut", "true"))
        if approx:
            columns.append(("approx", json.dumps(approx, separators=(",", ":"))))
        return columns

    # -- the run --
    def run(self, inputs):
        """inputs: [(name, lines)]"""
        o = self.o
        stream = [None] * len(inputs)
        ended = [False] * len(inputs)
        watermark = None
        for i, (name, lines) in enumerate(inputs):
            for number, line in enumerate(lines, 1):
                if line.strip(" \t\r") == "":
                    self.counts["empty"] += 1
                    continue
                self.counts["read"] += 1
                record = parse_line(line)
                if record is not None and o["marks"] and line.startswith('{"_tlm":'):
                    us = mark_time(record)
                    if us is None or (stream[i] is not None and o["max_ahead"] is not None and us > stream[i] + o["max_ahead"]):
                        self.reject(name, number, "mark" if us is None else "ahead")
                        continue
                    self.counts["read"] -= 1
                    stream[i] = us if stream[i] is None else max(stream[i], us)
                    running = [stream[k] for k in range(len(inputs)) if not ended[k]]
                    if None not in running:
                        watermark = min(running) - o["delay"]
                        self.steps.append(watermark)
                    if o["window"]:
                        self.close_up_to(watermark)
                    if o["session"] and not o["runs"] and watermark is not None:
                        self.close_sessions(watermark)
                    self.tell_early(watermark)
                    continue
                if record is None or record.kind != "object":
                    self.reject(name, number, "json" if record is None else "not_object")
                    continue
                if self.time_field is None:
                    self.choose_time(record)
                us = 0
                if self.time_field != "none":
                    us = self.time_of(record)
                    if us is None:
                        self.reject(name, number, "no_time")
                        continue
                voter = get(record, o["quorum"][1]) if o["quorum"] else ABSENT
                if voter.kind in ("array", "object"):
                    self.reject(name, number, "group_value")
                    continue
                group = []
                for path in o["groups"]:
                    v = get(record, path.split(" as ")[0])
                    group.append(None if v.kind in ("array", "object") else group_value(v))
                if None in group:
                    self.reject(name, number, "group_value")
                    continue
                seeing = [c for c in self.calls if not c.condition]
                if None in (self.read_field(record, f, seeing) for f in self.fields):
                    self.reject(name, number, "type")
                    continue
                conditions = {c.condition: is_true(c.condition, record) for c in self.calls if c.condition}
                if None in conditions.values():
                    self.reject(name, number, "program")
                    continue
                seeing = [c for c in self.calls if not c.condition or conditions[c.condition]]
                values = {f: self.read_field(record, f, seeing) for f in self.fields}
                if None in values.values():
                    self.reject(name, number, "type")
                    continue
                sides = {side: is_true(o["runs"][side], record) for side in ("start", "end") if side in o["runs"]}
                if None in sides.values():
                    self.reject(name, number, "program")
                    continue
                place = (us, i, number)
                if self.time_field != "none":
                    if stream[i] is not None and o["max_ahead"] is not None and us > stream[i] + o["max_ahead"]:
                        self.reject(name, number, "ahead")
                        continue
                    stream[i] = self.stream_time(i, stream[i], us, voter)
                    running = [stream[k] for k in range(len(inputs)) if not ended[k]]
                    if None not in running:
                        watermark = min(running) - o["delay"]
                    if o["window"]:
                        self.close_up_to(watermark)
                    if watermark is not None:
                        self.steps.append(watermark)
                        if o["session"] and not o["runs"]:
                            self.close_sessions(watermark)
                    self.tell_early(watermark)
                if o["runs"]:
                    self.place_in_run(name, number, line, us, watermark, (tuple(group), Entry(place, values, conditions),
                                                                         sides.get("start"), sides.get("end")))
                    continue
                self.place_record(name, number, line, us, watermark, tuple(group), Entry(place, values, conditions))
            ended[i] = True
            if not all(ended):
                running = [stream[k] for k in range(len(inputs)) if not ended[k]]
                if None not in running:
                    watermark = min(running) - o["delay"]
                    self.steps.append(watermark)
                    self.close_up_to(watermark)
                    if o["session"] and not o["runs"]:
                        self.close_sessions(watermark)
                    self.tell_early(watermark)
        if o["runs"]:
            self.part_runs()
        elif not o["no_flush"]:
            while self.windows:
                self.emit(self.next_window(), known=max((t for t in stream if t is not None), default=-math.inf))
            if o["session"]:
                self.close_sessions(None)

    def stream_time(self, i, stream, us, voter):
        """T after a record."""
        if not self.o["quorum"]:
            return us if stream is None else max(stream, us)
        maxima = self.maxima.setdefault(i, {})
        if is_there(voter):
            maxima[group_value(voter)] = max(us, maxima.get(group_value(voter), us))
        best = sorted(maxima.values(), reverse=True)[:self.o["quorum"][0]]
        if len(best) < self.o["quorum"][0]:
            return stream
        return best[-1] if stream is None else max(stream, best[-1])  # a mark may have raised it

    def place_in_run(self, name, number, line, us, watermark, record):
        if self.time_field != "none" and watermark is not None and watermark > us + self.o["grace"]:
            self.say_late(name, number, line, us, [(us, us)], watermark - (us + self.o["grace"]))
        else:
            self.taken_ids.add(record[1].place)
            self.accepted.append(record)

    def place_record(self, name, number, line, us, watermark, group, entry):
        o = self.o
        if o["session"]:
            is_taken = self.place_in_session(group, entry, watermark)
            if is_taken:
                self.taken_ids.add(entry.place)
            elif is_taken is None:
                self.reject(name, number, "full")
            else:
                self.say_late(name, number, line, us, [(us, us)], watermark - (us + o["session"] + o["grace"]))
            return
        if not o["window"]:
            if not self.find_room((0, 0), group):
                self.reject(name, number, "full")
                return
            if self.time_field != "none":
                low, high = self.bounds or (us, us)
                self.bounds = (min(low, us), max(high, us))
            self.taken_ids.add(entry.place)
            self.windows.setdefault((0, 0), {}).setdefault(group, []).append(entry)
            self.changed.add(((0, 0), group))
            return
        windows = self.windows_of(us)
        closed = [w for w in windows if watermark is not None and watermark >= w[1] + o["grace"]]
        if len(closed) == len(windows):
            self.say_late(name, number, line, us, windows, watermark - (windows[0][1] + o["grace"]))
            return
        if not self.find_room(windows[0][::-1], group):
            self.reject(name, number, "full")
            return
        if closed:
            self.counts["late_partial"] += 1
        self.taken_ids.add(entry.place)
        self.taken.setdefault(group, []).append(entry)
        for start, end in reversed(windows):
            if (start, end) not in closed:
                self.windows.setdefault((end, start), {}).setdefault(group, []).append(entry)
                self.changed.add(((end, start), group))
                if o["emit"] == "update" and watermark is not None and end <= watermark:
                    self.tell_groups((end, start), [group])

    def is_full(self, n):
        return self.o["max_keys"] and n >= self.o["max_keys"]

    def find_room(self, key, group):
        """For a group in a window; the oldest window with groups goes out as a part, if it may."""
        while self.is_full(sum(len(groups) for groups in self.windows.values())) and group not in self.windows.get(key, {}):
            if self.o["on_full"] == "drop":
                return False
            oldest = min(k for k, groups in self.windows.items() if groups)
            self.emit(oldest, is_part=True)
            self.windows[oldest] = {}
            self.bounds = None
        return True

    def say_late(self, name, number, line, us, windows, late_us):
        self.counts["late"] += 1
        start, end = (print_time(t, self.o["time_out"]) for t in windows[0])
        self.late.append(
            '{"reason":"late","source":%s,"line":%d,"time":"%s","window_start":%s,"window_end":%s,"windows":%d,'
            '"late_us":%d,"raw":%s,"tool":"tlm-agg"}' % (
                escape(name), number, print_iso(us), start, end, len(windows), late_us, escape(line)))


def mark_time(record):
    """The time of a mark, or None: it is a bad one."""
    inner = get(record, "_tlm")
    if set(record.members) != {"_tlm"} or inner.kind != "object":
        return None
    time, source = get(inner, "time_us"), get(inner, "source")
    if time.kind != "number" or source.kind not in ("absent", "string") or not Number(time.text).is_integer:
        return None
    us = int(Number(time.text).exact)
    return us if -62135596800000000 <= us <= 253402300799999999 else None


def revision(rev, is_final):
    return [("rev", str(rev)), ("final", "true" if is_final else "false")]


def session_bounds(session):
    """Last and first time."""
    times = [e.place[0] for e in session[1]]
    return max(times), min(times)


def print_tree(node):
    if isinstance(node, str):
        return node
    return "{" + ",".join(escape(k) + ":" + print_tree(v) for k, v in node.items()) + "}"


# what means nothing without times
TIMED = re.compile(r"\b(rate|max_gap|lttb|twa|integral|duration|time_above|increase)\b")


# ---- random streams ----

def number_text(r, kind):
    if kind == "int":
        return str(r.randint(-100, 100))
    if kind == "decimal":
        return "%.*f" % (r.randint(1, 3), r.uniform(-100, 100))
    extreme = ["5e-324", "1e300", "-1e300", "1E-300"] if kind == "extreme" else []
    return r.choice(extreme + [
        "1.0", "1", "-0", "0.0", "1e2", "2.50", "9007199254740993", "-9007199254740993", "9223372036854775807",
        "-9223372036854775808", "9223372036854775808", "12345678901234567890123", "0.1", "0.2", "0.30000000000000004",
        "1E-7", "123456789.125", "4503599627370497.5", "1e17", "1e16", "1e22"])


GROUPS = ["1", "1.0", "10e-1", "2", "1.5", "1.50", "null", "true", "false", '""', '"a"', '"\\u0061"', '"b"', '"1"',
          '"a\\u0000b"', '"\\u00e9\\n\\"\\\\"', '"é\\n\\"\\\\"', "-3", "-20", "100", "1e2", "0", "-0", "0.00001", "1e30",
          "9007199254740993", "9007199254740992", '"a b"', '"日本"', "-1.5", "-1.25", "1e-9"]


# a zone and a time near which its clocks do something
EDGES = [("Europe/Warsaw", "2026-03-29T01:00:00Z"), ("Europe/Warsaw", "2026-10-25T01:00:00Z"),
         ("Pacific/Apia", "2011-12-30T10:00:00Z"), ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
         ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"), ("America/Sao_Paulo", "2017-10-15T03:00:00Z"),
         ("America/Sao_Paulo", "2018-02-18T02:00:00Z"), ("America/St_Johns", "2006-10-29T02:31:00Z"),
         ("America/St_Johns", "2006-04-02T03:31:00Z"), ("America/Toronto", "1919-03-31T04:30:00Z"),
         ("America/Havana", "2026-11-01T05:00:00Z"), ("Asia/Kolkata", "1969-12-31T18:30:00Z"),
         ("Africa/Casablanca", "2026-02-15T02:00:00Z"), ("Europe/Dublin", "2200-10-26T01:00:00Z"),
         (None, "1970-01-01T00:00:00Z"), (None, "2024-02-29T00:00:00Z"), ("America/New_York", "1999-12-31T12:00:00Z")]


class Stream:
    """Options and lines of one random stream."""

    def __init__(self, seed):
        self.seed = seed
        r = self.r = random.Random(seed)
        size = r.choice([None, None, None, 1, 2, 3, 7, 10, 60])
        calendar = r.choice(["day", "day", "week", "month"]) if size and r.random() < 0.2 else None
        session = r.choice([0.25, 1, 1, 2, 3, 7, 20]) if not size and r.random() < 0.6 else None
        session_max = r.choice([2, 10, 10, 30]) if session and r.random() < 0.5 else None
        other = random.Random("runs %s" % seed)
        self.runs = {}  # windows of consecutive records
        if not size and other.random() < 0.4:
            if other.random() < 0.4:
                self.runs = {"every_n": other.choice([1, 2, 3, 5, 20])}
                session = session_max = None
            else:
                tests = other.sample([("u", ">", "60"), ("u", "<", "-60"), ("w", "==", "1"), ("h", "==", '"a"'), ("u", ">", "0"),
                                      ("g", "==", "1"), ("o.k", "<=", '"b"'), ("w", ">=", "2.50"), ("v", "<", "0")], 2)
                sides = other.choice([("start", "end"), ("start", "end"), ("start",), ("end",)])
                self.runs = dict(zip(sides, tests))
                session_max = other.choice([None, 2, 10, 30])
        has_zone = calendar or (session_max and r.random() < 0.5)
        self.pace = r.choice([300, 3600, 20000]) if has_zone else 1  # how much slower time goes
        size = size if not calendar else 1
        every = None
        if size and not calendar and r.random() < 0.5:
            every = r.choice([x for x in (0.5, 1, 2, 3, 4, 7, 10) if x <= size])
        second = 1000000
        has_time = size is not None or session is not None or "every_n" not in self.runs and self.runs or r.random() < 0.5
        self.form = r.choice(["ms", "s", "us", "iso", "iso"]) if has_time else None
        self.is_rows = has_time and r.random() < 0.06
        self.field_kind = r.choice(["int", "decimal", "wild", "mixed"])
        moments = []
        if self.field_kind in ("int", "decimal"):
            moments = ["stddev(v)", "var(v)", "skew(v)", "kurt(v)", "covar(v, u)", "corr(v,u)", "slope( v , u )", "r2(u, v)",
                       "round(var(v), 1) as rv", "round(corr(u, v), 3)", "corr(u, v) where .v < 50.5 as c7", "rate(v)",
                       "ewma(v, 0.25)", "twa(v)", "integral(v)", "increase(v)", "round(twa(v), 2) as t8", "lttb(v, 3)", "lttb(v, 7) where .u > 0 as l7"]
        pool = ["count", "count(v)", "sum(v)", "mean(v)", "min(v)", "max(v)", "first(w)", "last(w)", "median(v)",
                "p50(v)", "p95(v)", "p0(v)", "p100(v)", "p33.3(v)", "distinct(w)", "range(v)", "first(v) as f",
                "last(o.x)", "count(o.x)", "distinct(v) as d", "sum(u)", "max(o.y)", "p90(u) as p", "argmin(w, u)", "argmax(w, v)",
                "argmax(o.x,o.y) as a", "mode(w)", "mode(v) as m", "topk(w,2)", "topk(v, 100)", "set(w)", "set(o.x)",
                "count where .u > 10 as c1", "sum(u) where .u > 10 as c2", "mean(v) where .h == \"a\" as c3",
                "max(v) where .w != null as c4", "round(mean(u), 1) where .o.k <= \"b\" as c5",
                "topk(w, 2) where .g >= 1 as c6",
                "delta(v)", "delta(u)", "rate(u)", "transitions(w)", "transitions(o.x)", "max_gap", "max_gap(o.x)",
                "ewma(u, 1)", "ewma(u, 0.01)", "round(ewma(u,0.5), 3)", "distance(u, o.y)", "bbox(u, o.y)",
                "distance(o.y, o.y) as d2", "max_gap where .u > 0 as c8",
                "twa(u)", "integral(u)", "increase(u)", "increase(o.y) where .v != 0 as t7", "time_above(u, 10.5)", "time_above(u,-3) as t1", "time_above(v, 0)", "duration(w, 1e0)",
                'duration(w, "x")', 'duration(o.x, "q")', "duration(w,true) as t2", "twa(u) where .h == \"a\" as t3",
                "integral(u) where .v > 0 as t4", "duration(w, 1) where .u < 10 as t5", "twa(o.y)", "round(integral(o.y), 1) as t6",
                "hist(u, 25)", "hist(u, 0.125)", "hist(v, 10)", "hist(v, 0.1) as h1", "hist(u, 7.5) where .u > 0 as h2",
                "lttb(u, 2)", "lttb(u, 5)", "lttb(u, 20)", "values(w, 1)", "values(w,3)", "values(v, 1000)", "round(mean(u), 1)", "round(mean(u), 0) as r0",
                "round(first(w),2) as rf", "round(p90(u),1) as rp", "round(sum(u), 15) as rs"] + moments
        if not has_time:
            pool = [text for text in pool if not TIMED.search(text)]
        groups = r.sample(["g", "h", "o.k", "o.l", "g as renamed", "n"], r.choice([0, 1, 1, 2, 3]))
        if "g" in groups and "g as renamed" in groups:
            groups.remove("g")
        self.o = {
            "window": size and size * second, "every": int((every or size or 0) * second), "offset": 0,
            "calendar": calendar, "tz": None, "session": session and int(session * second * self.pace),
            "session_max": session_max and session_max * second * self.pace,
            "delay": r.choice([0, 0, 1, 3, 20]) * second * self.pace,
            "grace": r.choice([0, 0, 0, 1, 5]) * second * self.pace,
            "max_gap": None, "max_ahead": r.choice([None, None, 5, 30]), "groups": groups, "coerce": r.random() < 0.3,
            "no_flush": r.random() < 0.1, "time_out": r.choice(["iso", "iso", "s", "ms", "us"]),
            "exact": r.choice([512] * 8 + [1, 3, 8]),
            "list": ", ".join(r.sample(pool, r.randint(1, 7))),
            "time": None if not has_time or self.is_rows else "ts" + (":" + self.form if self.form != "iso" or r.random() < 0.7 else ""),
            "is_split": every is not None, "runs": self.runs, "fill": bool(size) and other.random() < 0.3, "max_keys": None, "on_full": None,
        }
        if not self.runs and not every and other.random() < 0.3:
            self.o["max_keys"], self.o["on_full"] = other.choice([1, 2, 3, 5]), "drop"
            if not session and not self.o["fill"] and not any(f in self.o["list"] for f in HELD):
                self.o["on_full"] = other.choice(["drop", "emit-early", "emit-early"])
        if size and not calendar and r.random() < 0.3:
            self.o["offset"] = r.randrange(0, 3 * size * second, 250000) % self.o["every"]
        if self.o["max_ahead"] is not None:
            self.o["max_ahead"] *= second * self.pace
        self.base = r.choice([0, -3600 * second, 1700000000 * second, 951782390 * second, -62135596000 * second])
        if has_zone:
            self.o["tz"], edge = r.choice(EDGES)
            self.base = read_time(Value("string", string=edge), "iso") - 10 * second * self.pace
        # differences are made of two doubles: 106 bits do not hold numbers that are too far apart
        self.has_extremes = not re.search(r"(range|median|delta)\(v", self.o["list"])
        self.choose_clock(has_time)
        self.choose_emission()
        if re.search("twa|integral|duration|time_above|increase", self.o["list"]) and r.random() < 0.7:
            self.o["max_gap"] = int(r.choice([0.000001, 0.25, 1, 2, 5, 10, 60, 100]) * second * self.pace)

    @functools.cached_property
    def inputs(self):
        """Made when they are needed: many streams are passed over for their options."""
        return [("in%d" % i, self.lines()) for i in range(self.r.choice([1, 1, 1, 2, 3]))]

    def choose_emission(self):
        """Rows before the final one, where they may be asked for."""
        o, r = self.o, random.Random("emit %d" % self.seed)
        o["emit"] = None
        if o["runs"] or o["fill"] or o["max_keys"] or not o["time"] or r.random() < 0.5:
            return
        o["emit"] = int(r.choice([0.25, 1, 3, 10, 60]) * 1000000 * self.pace)
        if (o["window"] or o["session"]) and r.random() < 0.6:
            o["emit"] = "update"
            o["grace"] = o["grace"] or int(r.choice([0.000001, 1, 5, 20]) * 1000000 * self.pace)

    def choose_clock(self, has_time):
        r = self.r
        self.o["marks"] = r.random() < 0.2
        self.o["quorum"] = None
        if has_time and r.random() < 0.15:
            self.o["quorum"] = (r.choice([1, 2, 2, 3, 5]), r.choice(["g", "h", "o.k", "w"]))

    def lines(self):
        r, lines, now = self.r, [], self.base + self.r.randint(0, 20000000) * self.pace
        for _ in range(r.choice([0, 1, 5, 40, 40, 120])):
            now += self.pace * r.choice([0, 1, 1000, 250000, 1000000, 1000000, 3000000] + [40000000] * (r.random() < 0.1))
            us = now
            if r.random() < 0.25:
                us -= self.pace * r.choice([1, 1000, 1000000, 2000000, 9000000, 70000000])
            if r.random() < 0.02:
                us += 50000000 * self.pace
            if (self.o["calendar"] or self.o["session_max"]) and r.random() < 0.1:
                us = self.on_border(us)
            if self.o["session"] and r.random() < 0.2:
                us = now + r.choice([-1, 1]) * self.o["session"] + r.choice([-1, 0, 0, 1])
            lines.append(self.line(us))
            if r.random() < 0.05:
                lines.append(lines[-1])
            if r.random() < (0.2 if self.o["marks"] else 0.001):
                lines.append(self.mark(now + self.pace * r.choice([0, 0, 1, -1000000, 1000000, 3000000, 60000000])))
        return lines

    def mark(self, us):
        if self.r.random() < 0.9:
            return '{"_tlm":{"time_us":%d,"source":"x"}}' % us
        return self.r.choice(['{"_tlm":{"time_us":%d}}', '{"_tlm":{"source":"x","time_us":%d.0}} ', ' {"_tlm":{"time_us":%d}}',
                              '{"_tlm":{"time_us":"%d"}}', '{"_tlm":{"time_us":%d},"v":1}', '{"_tlm":{"time_us":%d', '{"_tlm":%d}',
                              '{"_tlm":{"time_us":9%d00000}}', '{"_tlm":{"time_us":%d,"source":1}}', '{"_tlm":{"time_us":%d.5}}',
                              '{"_tlm":{"time_us":1},"_tlm":{"time_us":%d}}', '{"_tlm" :{"time_us":%d}}']) % us

    def on_border(self, us):
        """The border of a period, or a microsecond beside it."""
        zone = self.o["tz"] and ZoneInfo(self.o["tz"])
        if self.o["calendar"]:
            borders = period(self.o["calendar"], zone or ZoneInfo("UTC"), us)
        else:
            borders = multiple(self.o["session_max"], zone, us)
        return self.r.choice(borders) + self.r.choice([-1, 0, 1])

    def time_text(self, us):
        r, form = self.r, self.form
        if form == "iso":
            text = print_iso(us)
            if r.random() < 0.2:
                text = text.replace("T", " ").replace("Z", "")
            elif r.random() < 0.2 and us > -62100000000000000:
                text = print_iso(us + 7200 * 1000000).replace("Z", "+02:00")
            return '"' + text + '"'
        unit = UNITS[form]
        whole, part = divmod(us, unit)
        if part:
            f = Fraction(us, unit)
            text = ("-" if us < 0 else "") + "%d.%06d" % divmod(abs(us) * (1000000 // unit), 1000000)
            assert Fraction(text) == f
        else:
            text = str(whole)
        return '"%s"' % text if r.random() < 0.1 else text

    def value_text(self, kind):
        r = self.r
        x = r.random()
        if x < 0.08:
            return "null"
        if x < 0.11:
            return r.choice(['"x"', "true", "[1]", '{"a":1}'])
        if x < 0.16:
            return r.choice(['"12"', '" 3.5 "', '"1e1"'])
        if kind == "mixed":
            kind = r.choice(["int", "decimal", "wild"])
        if kind == "wild" and self.has_extremes:
            kind = "extreme"
        return number_text(r, kind)

    def line(self, us):
        r = self.r
        if r.random() < 0.02:
            return r.choice(["", "  ", '{"ts":', "[1]", "7", '{"ts":1 "v":2}', '"x"', '{"v":01}', "{}", '{"ts":null}'])
        members = []
        if self.is_rows:
            end = us + r.choice([0, 500, 1000, 60000000])
            members += [("window_start", '"%s"' % print_iso(us)), ("window_end", '"%s"' % print_iso(end))]
        elif self.form:
            members.append(("ts", self.time_text(us)))
        for name, chance in (("g", 0.9), ("h", 0.7)):
            if r.random() < chance:
                members.append((name, r.choice(GROUPS if r.random() < 0.5 else ['"a"', '"b"', "1", "1.0"])))
        if r.random() < 0.01:
            members.append(("g", "[1]"))
        for name, kind in (("v", self.field_kind), ("u", "decimal"), ("w", "mixed")):
            if r.random() < 0.9:
                members.append((name, self.value_text(kind)))
        if r.random() < 0.6:
            inner = [("k", r.choice(GROUPS)), ("l", r.choice(['"p"', "2"])), ("x", r.choice(['"q"', "null", "3"])),
                     ("y", self.value_text("int") if r.random() < 0.3 else "4")]
            inner = r.sample(inner, r.randint(0, 4))
            members.append(("o", "{" + ",".join('"%s":%s' % m for m in inner) + "}"))
        if r.random() < 0.3:
            r.shuffle(members)
        if r.random() < 0.05 and members:
            members.append((members[0][0], members[-1][1] if members[0][0] == members[-1][0] else members[0][1]))
        blank = r.choice(["", "", "", " "])
        text = "{" + ",".join('%s"%s":%s%s' % (blank, k, blank, v) for k, v in members) + "}"
        return text + ("\r" if r.random() < 0.02 else "")

    def command(self):
        return [os.environ.get("TLM_AGG", "tlm-agg")] + self.options() + [name for name, _ in self.inputs]

    def options(self):
        o = self.o

        def duration(us):
            return "%dus" % us if us else "0s"
        args = []
        if o["time"]:
            args += ["--time", o["time"]]
        if o["tz"]:
            args += ["--tz", o["tz"]]
        if o["session"]:
            args += ["--session", duration(o["session"])]
        if o["session_max"]:
            args += ["--session-max", duration(o["session_max"])]
        if o["fill"]:
            args.append("--fill")
        if o["emit"]:
            args += ["--emit", "update" if o["emit"] == "update" else "every=" + duration(o["emit"])]
        if o["max_keys"]:
            args += ["--max-keys", str(o["max_keys"]), "--on-full", o["on_full"]]
        if "every_n" in self.runs:
            args += ["--every-n", str(self.runs["every_n"])]
        for side in ("start", "end"):
            if side in self.runs:
                args += ["--" + side, ".%s %s %s" % self.runs[side]]
        if o["calendar"]:
            args += ["-w", o["calendar"]]
        elif o["window"]:
            args += ["-w", duration(o["window"])]
            if o["is_split"]:
                args += ["--every", duration(o["every"])]
            if o["offset"]:
                args += ["--offset", duration(o["offset"])]
        args += ["--delay", duration(o["delay"]), "--grace", duration(o["grace"])]
        if o["max_ahead"] is not None:
            args += ["--max-ahead", duration(o["max_ahead"])]
        if o["marks"]:
            args.append("--marks")
        if o["quorum"]:
            args += ["--quorum", "%d:%s" % o["quorum"]]
        for g in o["groups"]:
            args += ["-g", g]
        if o["coerce"]:
            args.append("--coerce")
        if o["max_gap"]:
            args += ["--max-gap", duration(o["max_gap"])]
        if o["no_flush"]:
            args.append("--no-flush")
        args += ["--time-out", o["time_out"], "--exact", str(o["exact"]), "--stats", "-q"]
        return args + ["--late", "late", "--rejects", "rejects", "-o", "out", o["list"]]


# ---- comparing ----

def print_row(columns):
    return "{" + ",".join(escape(k) + ":" + v for k, v in columns) + "}"


def same_row(expected, actual):
    """To the byte, except approximate values, which must lie where they may."""
    if all(isinstance(v, str) for _, v in expected):
        return print_row(expected) == actual
    for name, v in list(expected):
        if not isinstance(v, str):
            text = re.search('"%s":([^,}]*)' % name, actual).group(1)
            if v == (1, 0):  # more than can be kept
                if text != "null":
                    return False
                expected = [(k, text if k == name else x) for k, x in expected]
                continue
            if isinstance(v, Close):
                v = (v.value - v.slack, v.value + v.slack)
            if text == "null" or not v[0] <= Fraction(float(text)) <= v[1]:
                return False
            expected = [(k, text if k == name else x) for k, x in expected]
    return print_row(expected) == actual


def read_lines(path):
    with open(path, encoding="utf-8", newline="\n") as f:
        return f.read().split("\n")[:-1]


def check(seed, folder):
    """None, or a text that says how the two differ."""
    return check_stream(Stream(seed), folder)


def check_stream(s, folder):
    for name, lines in s.inputs:
        with open(os.path.join(folder, name), "w", encoding="utf-8", newline="\n") as f:
            f.write("".join(line + "\n" for line in lines))
    for name in ("out", "late", "rejects"):
        if os.path.exists(os.path.join(folder, name)):
            os.remove(os.path.join(folder, name))
    if not s.o["time"] and (s.o["window"] or s.o["session"] or "start" in s.runs or "end" in s.runs or TIMED.search(s.o["list"])):
        first = next((p for _, lines in s.inputs for p in map(parse_line, lines) if p and p.kind == "object"), None)
        if first and "window_end" not in first.members:
            return None  # the tool refuses: another test
    command = s.command()
    ref = Reference(s.o)
    ref.run([(n, [line[:-1] if line.endswith("\r") else line for line in lines]) for n, lines in s.inputs])
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        return "status %d\n%s\n%s" % (done.returncode, " ".join(command), done.stderr)
    rows, late = read_lines(os.path.join(folder, "out")), read_lines(os.path.join(folder, "late"))
    rejects = [(j["source"], j["line"], j["reason"]) for j in map(json.loads, read_lines(os.path.join(folder, "rejects")))]
    stats = json.loads(done.stderr.strip().split("\n")[-1])
    problems = []
    for i in range(max(len(rows), len(ref.rows))):
        expected = ref.rows[i] if i < len(ref.rows) else None
        actual = rows[i] if i < len(rows) else None
        if expected is None or actual is None or not same_row(expected, actual):
            problems.append("row %d\n  expected %s\n  got      %s" % (i, expected and print_row(
                [(k, v if isinstance(v, str) else str(v)) for k, v in expected]), actual))
            break
    if late != ref.late:
        at = next((i for i, (a, b) in enumerate(zip(late, ref.late)) if a != b), min(len(late), len(ref.late)))
        problems.append("late row %d\n  expected %s\n  got      %s" % (at, ref.late[at:at + 1], late[at:at + 1]))
    if rejects != ref.rejects:
        problems.append("rejects\n  expected %s\n  got      %s" % (ref.rejects, rejects))
    books = dict(ref.counts, kept=len(ref.kept_ids), open=len(ref.taken_ids) - len(ref.kept_ids))
    for name, value in books.items():
        if stats[name] != value:
            problems.append("books: %s is %d, expected %d" % (name, stats[name], value))
    return "\n".join(["seed %s" % s.seed, " ".join(command)] + problems) if problems else None


def pick_streams(count, seed, words):
    """COUNT streams from a seed on that use one of the words, or fewer where they are rare."""
    for seed in range(seed, seed + count * (100 if words else 1)):
        s = Stream(seed)
        if not words or re.search("|".join(words), " ".join(s.options())):
            yield s
            count -= 1
            if not count:
                return


def hunt(count, seed, words):
    folder = tempfile.mkdtemp(prefix="tlm-agg-")
    try:
        for s in pick_streams(count, seed, words):
            problem = check_stream(s, folder)
            if problem:
                print(problem)
                return 1
        print("%d streams from seed %d: no difference" % (count, seed))
        return 0
    finally:
        shutil.rmtree(folder)


def main():
    if len(sys.argv) >= 3 and sys.argv[1] == "hunt":
        return hunt(int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1, sys.argv[4:])
    if len(sys.argv) == 3 and sys.argv[1] == "one":
        print(check(int(sys.argv[2]), ".") or "no difference")
        return 0
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main())
