"""Every statistical aggregate of tlm-agg against numpy (moments and pairs, two passes in 80 bits) and DuckDB (quantiles, counts).

Used by realdata.py.
"""
import math

import numpy

SINGLE = ("count, count({x}) as n, sum({x}) as s, mean({x}) as mean, min({x}) as lo, max({x}) as hi, range({x}) as spread, stddev({x})"
          " as sd, var({x}) as var, skew({x}) as skew, kurt({x}) as kurt, median({x}) as med, p1({x}) as p1, p50({x}) as p50, p95({x})"
          " as p95, p99.9({x}) as p999, distinct({x}) as d, mode({x}) as mode")
PAIR = (", covar({x}, {y}) as covar, corr({x}, {y}) as corr, slope({x}, {y}) as slope, r2({x}, {y}) as r2, argmin({y}, {x}) as amin,"
        " argmax({y}, {x}) as amax")
QUANTILES = {"p1": 0.01, "p50": 0.5, "p95": 0.95, "p999": 0.999}


def moments(x):
    n = len(x)
    if n == 0:
        return {"mean": None, "sd": None, "var": None, "skew": None, "kurt": None}
    wide = x.astype(numpy.longdouble)
    mean = wide.sum() / n
    d = wide - mean
    m2 = (d * d).sum() / n
    found = {"mean": mean, "var": None, "sd": None, "skew": None, "kurt": None}
    if n > 1:
        found["var"] = m2 * n / (n - 1)
        found["sd"] = numpy.sqrt(found["var"])
    if x.min() == x.max():
        return found
    if n > 2:
        found["skew"] = (d ** 3).sum() / n / m2 ** numpy.longdouble(1.5) * numpy.sqrt(numpy.longdouble(n) * (n - 1)) / (n - 2)
    if n > 3:
        found["kurt"] = (n - 1) / numpy.longdouble(n - 2) / (n - 3) * ((n + 1) * ((d ** 4).sum() / n / m2 ** 2) - 3 * (n - 1))
    return found


def pairs(x, y):
    n = len(x)
    if n < 2:
        return {"covar": None, "corr": None, "slope": None, "r2": None}
    x, y = x.astype(numpy.longdouble), y.astype(numpy.longdouble)
    dx, dy = x - x.sum() / n, y - y.sum() / n
    sxx, syy, sxy = (dx * dx).sum(), (dy * dy).sum(), (dx * dy).sum()
    is_flat = x.min() == x.max() or y.min() == y.max()
    return {"covar": sxy / (n - 1), "slope": None if y.min() == y.max() else sxy / syy,
            "corr": None if is_flat else sxy / numpy.sqrt(sxx * syy), "r2": None if is_flat else sxy * sxy / (sxx * syy)}


def is_close(a, b, error, scale=0.0):
    if a is None or b is None:
        return a is b
    return math.isclose(a, float(b), rel_tol=error, abs_tol=error * float(scale))


def compare(case, rows, key, con, source, x, y=None):
    """rows: of tlm-agg with SINGLE (and PAIR), grouped by key; source: SQL with columns of these names, in the order of lines.
    Returns the number of values that agreed; stops with a message else."""
    table = con.execute(f"select {key} as k, {x} as x{f', {y} as y' if y else ''} from {source}").fetchnumpy()
    keys, inverse = numpy.unique(numpy.asarray(table["k"]), return_inverse=True)
    order = numpy.argsort(inverse, kind="stable")
    parts = numpy.split(order, numpy.cumsum(numpy.bincount(inverse))[:-1])
    by_sql = {r[0]: r[1:] for r in con.execute(
        f"select k, count(*), count(x), fsum(x), min(x), max(x), median(x), count(distinct x), "
        + ", ".join(f"quantile_disc(x, {q})" for q in QUANTILES.values())
        + f" from (select {key} as k, {x} as x from {source}) group by k").fetchall()}
    modes = dict(con.execute(f"select k, first(x order by n desc, x) from (select {key} as k, {x} as x, count(*) n from {source}"
                             f" where {x} is not null group by all) group by k").fetchall())
    got = {r[key]: r for r in rows}
    if len(got) != len(keys) or len(rows) != len(keys):
        raise SystemExit(f"{case}: {len(rows)} groups, not {len(keys)}")
    n_values = 0

    def expect(k, name, value, error=0.0, scale=0.0):
        nonlocal n_values
        n_values += 1
        if not is_close(got[k][name], value, error, scale):
            raise SystemExit(f"{case}: {name} of {k}: got {got[k][name]!r}, not {value!r}")

    for k, part in zip(keys.tolist(), parts):
        column = table["x"][part]
        there = ~numpy.ma.getmaskarray(column)
        values = numpy.ma.getdata(column)[there].astype(float)
        count, n, total, low, high, median, distinct, *quantiles = by_sql[k]
        if "mode" not in got[k]:
            got[k]["mode"] = modes[k]
        for name, value in (("count", count), ("n", n), ("lo", low), ("hi", high), ("d", distinct), ("mode", modes.get(k)),
                            *zip(QUANTILES, quantiles)):
            expect(k, name, value)
        expect(k, "s", total, 1e-12, abs(values).sum() if n else 0)
        expect(k, "spread", None if low is None else high - low, 1e-15)
        expect(k, "med", median, 1e-15)
        found = moments(values)
        for name, value in found.items():
            # tlm-agg(1): these lose digits where the spread is less than a hundred thousandth of the values
            if name in ("skew", "kurt") and value is not None and found["sd"] < 1e-5 * abs(found["mean"]):
                continue
            expect(k, name, value, 1e-9, 1e-3 if name in ("skew", "kurt") else 0)
        if y:
            other = table["y"][part]
            both = there & ~numpy.ma.getmaskarray(other)
            xs, ys = (numpy.ma.getdata(c)[both].astype(float) for c in (column, other))
            size = numpy.std(xs) * numpy.std(ys) if len(xs) else 0
            slope_size = numpy.std(xs) / numpy.std(ys) if len(xs) and numpy.std(ys) else 0
            for name, value in pairs(xs, ys).items():
                expect(k, name, value, 1e-9, {"covar": size, "slope": slope_size}.get(name, 1))
            expect(k, "amin", ys[numpy.argmin(xs)] if len(xs) else None)
            expect(k, "amax", ys[numpy.argmax(xs)] if len(xs) else None)
    return n_values
