"""What tlm-agg makes of the order of records, against DuckDB's window functions: values that hold, and series.

Used by realdata.py. Samples are a table s(k, us, n, x): group, time in microseconds, number of the line, value (no null).
"""

# of whole groups, each from its first sample to its last
WHOLE = ("count({x}) as n, first({x}) as first, last({x}) as last, delta({x}) as delta, rate({x}) as rate, transitions({x}) as changes,"
         " max_gap({x}) as gap, twa({x}) as twa, integral({x}) as integral, time_above({x}, {limit}) as above,"
         " duration({x}, {limit}) as equal, increase({x}) as increase, topk({x}, 3) as top, hist({x}, 10) as hist, set({x}) as all")
# of windows, into which values are carried
HELD = ("count({x}) as n, twa({x}) as twa, integral({x}) as integral, time_above({x}, {limit}) as above, duration({x}, {limit}) as equal,"
        " increase({x}) as increase")
EXACT = ["n", "first", "last", "changes", "gap"]
CLOSE = ["delta", "rate", "twa", "integral", "above", "equal", "increase"]

STEPS = ("create or replace table steps as select *, lead(us) over o next_us, lead(x) over o next_x from s"
         " window o as (partition by k order by us, n)")


def whole(con, limit):
    """{group: [values in the order of EXACT and CLOSE]}"""
    con.execute(STEPS)
    rows = con.execute(
        "with h as (select *, next_us - us as held from steps) select k, count(*), arg_min(x, (us, n)), arg_max(x, (us, n)),"
        " count(*) filter (next_x != x), case when count(*) > 1 then max(held) / 1e6 end, arg_max(x, (us, n)) - arg_min(x, (us, n)),"
        " (arg_max(x, (us, n)) - arg_min(x, (us, n))) / nullif((max(us) - min(us)) / 1e6, 0), fsum(x * held) / nullif(sum(held), 0),"
        f" coalesce(fsum(x * held), 0) / 1e6, coalesce(sum(held) filter (x > {limit}), 0) / 1e6,"
        f" coalesce(sum(held) filter (x = {limit}), 0) / 1e6, coalesce(fsum(if(next_x >= x, next_x - x, next_x)), 0)"
        " from h group by k").fetchall()
    return {row[0]: row[1:] for row in rows}


def tallies(con):
    """{group: (three most frequent, bins of 10, all)}"""
    con.execute("create or replace table counted as select k, x, count(*) c from s group by all")
    rows = con.execute(
        "select k, list({'value': x, 'count': c} order by c desc, x)[1:3], list(x order by x) from counted group by k").fetchall()
    bins = dict(con.execute("select k, list({'from': b, 'count': c} order by b) from (select k, floor(x / 10) * 10 b, sum(c) c from"
                            " counted group by all) group by k").fetchall())
    return {k: (top, bins[k], values) for k, top, values in rows}


def held(con, size_us, gap_us, limit):
    """{(group, start of the window): [n, twa, integral, above, equal, increase]} of the windows that have samples."""
    con.execute(STEPS)
    rows = con.execute(
        f"with t as (select max(us) as known from s),"
        f" i as (select k, x, us, least(coalesce(next_us, 9e18::bigint), us + {gap_us}, (select known from t)) as end_us from steps),"
        f" p as (select *, unnest(range(us // {size_us}, greatest(end_us - 1, us) // {size_us} + 1)) as w from i),"
        f" o as (select k, w, x, least(end_us, (w + 1) * {size_us}) - greatest(us, w * {size_us}) as part from p),"
        f" a as (select k, w, fsum(x * part) / nullif(sum(part), 0) as twa, fsum(x * part) / 1e6 as integral,"
        f" coalesce(sum(part) filter (x > {limit}), 0) / 1e6 as above, coalesce(sum(part) filter (x = {limit}), 0) / 1e6 as same_s from o"
        f" group by all),"
        f" r as (select k, next_us // {size_us} as w, fsum(if(next_x >= x, next_x - x, next_x)) as rise from steps"
        f" where next_us < us + {gap_us} group by all),"
        f" c as (select k, us // {size_us} as w, count(*) as n from s group by all)"
        f" select c.k, c.w * {size_us}, n, twa, integral, above, same_s, coalesce(rise, 0) from c join a using (k, w)"
        f" left join r using (k, w)").fetchall()
    return {row[:2]: row[2:] for row in rows}
