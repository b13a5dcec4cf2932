#!/usr/bin/env python3
"""The lake read by others, as docs/lake.md says: readback.py WHO BUCKET/PREFIX INPUT [DIRECTORY]

WHO is chdb, polars, arrow, arrow-zst (all over S3, from AWS_ENDPOINT_URL) or spark (from the files in DIRECTORY, with the table of the page).
Rows, sums and partition columns with their types must be those of INPUT.
"""

import datetime
import json
import os
import re
import sys
from urllib.parse import unquote

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
who, place, source = sys.argv[1:4]
key, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
endpoint = os.environ.get("AWS_ENDPOINT_URL", "")


def page(language, heading, number=0):
    """A block of that language below a heading of docs/lake.md, by default the first."""
    with open(os.path.join(TOP, "docs/lake.md")) as f:
        text = f.read().split(f"\n## {heading}\n")[1]
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)[number]


def want():
    """{(day, hour, vehicle or None): (rows, sum in cents)} of the input."""
    sums = {}
    with open(source) as f:
        for r in map(json.loads, f):
            at = datetime.datetime.fromtimestamp(r["timeMili"] / 1000, datetime.timezone.utc)
            n, s = sums.get((at.date(), at.hour, r["deviceId"]), (0, 0))
            sums[at.date(), at.hour, r["deviceId"]] = n + 1, s + round(r["value"] * 100)
    return sums


def by_chdb():
    import chdb

    source_of = re.search(r"FROM s3\('(.*?)', 'JSONEachRow'\)", page("sql", "ClickHouse"))
    url = source_of.group(1).replace("https://s3.eu-central-1.amazonaws.com/lake/telemetry", f"{endpoint}/{place}")
    settings = re.search(r"SETTINGS (.*);", page("sql", "ClickHouse")).group(1)
    rows = chdb.query(f"SELECT dt, hour, decodeURLComponent(vehicle) AS v, count(), sum(round(value * 100)), toTypeName(dt), toTypeName(hour)"
                      f" FROM s3('{url}', '{key}', '{secret}', 'JSONEachRow') GROUP BY dt, hour, vehicle SETTINGS {settings}", "JSONCompactEachRow")
    got = {}
    for dt, hour, vehicle, n, cents, dt_type, hour_type in map(json.loads, str(rows).splitlines()):
        assert (dt_type, hour_type) == ("Date", "Int64"), (dt_type, hour_type)
        got[datetime.date.fromisoformat(dt), int(hour), None if vehicle == "__HIVE_DEFAULT_PARTITION__" else vehicle] = int(n), int(cents)
    return got


def by_polars():
    import polars as pl

    options = {"aws_endpoint_url": endpoint, "aws_access_key_id": key, "aws_secret_access_key": secret, "aws_region": "us-east-1",
               "aws_allow_http": "true"}
    code = page("python", "polars").rsplit("\nlake.filter", 1)[0]
    code = code.replace("lake/telemetry", place).replace('include_file_paths="path"', 'include_file_paths="path", storage_options=options')
    names = {"options": options}
    exec(code, names)
    rows = names["lake"].group_by("dt", "hour", "vehicle").agg(pl.len(), (pl.col("value") * 100).round().sum()).collect().rows()
    return {(dt, hour, None if v == "__HIVE_DEFAULT_PARTITION__" else v): (n, int(cents)) for dt, hour, v, n, cents in rows}


def arrow_names(until):
    names = {}
    code = page("python", "pyarrow").rsplit(until, 1)[0].replace("lake/telemetry", place)
    exec(code.replace('region="eu-central-1"', f'endpoint_override="{endpoint}", region="us-east-1"'), names)
    return names


def by_arrow():
    import pyarrow.compute as pc

    table = arrow_names("\nlake.to_table")["lake"].to_table()
    table = table.append_column("cents", pc.round(pc.multiply(table["value"], 100)))
    rows = table.group_by(["dt", "hour", "vehicle"]).aggregate([("cents", "count"), ("cents", "sum")]).to_pylist()
    return {(r["dt"], r["hour"], r["vehicle"]): (r["cents_count"], int(r["cents_sum"])) for r in rows}


def by_arrow_zst():
    """The objects one by one; their directories by our own means."""
    names, got = arrow_names("\nlake = "), {}
    names["see"] = lambda path, table: got.update({path: table})
    exec(page("python", "pyarrow", 1).replace("lake/telemetry", place).rstrip() + "\n            see(info.path, table)\n", names)
    sums = {}
    for path, table in got.items():
        dt, hour, vehicle = re.search("/dt=([^/]*)/hour=([^/]*)/vehicle=([^/]*)/", path).groups()
        vehicle = None if vehicle == "__HIVE_DEFAULT_PARTITION__" else unquote(vehicle)
        k = datetime.date.fromisoformat(dt), int(hour), vehicle
        n, cents = sums.get(k, (0, 0))
        sums[k] = n + table.num_rows, cents + sum(round(v * 100) for v in table["value"].to_pylist())
    return sums


def by_spark():
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.sql.session.timeZone", "UTC").config(
        "spark.driver.bindAddress", "127.0.0.1").config("spark.sql.warehouse.dir", os.path.join(os.getcwd(), "warehouse")).getOrCreate()
    for statement in page("sql", "Spark").replace("s3a://lake/telemetry/", f"file://{sys.argv[4]}/").split(";"):
        if statement.strip():
            spark.sql(statement)
    kinds = dict(spark.table("telemetry").dtypes)
    assert (kinds["dt"], kinds["hour"], kinds["vehicle"]) == ("date", "int", "string"), kinds
    query = page("sql", "Spark", 1).replace("max(value)", "sum(round(value * 100))")
    rows = spark.sql(query.rstrip().rstrip(";")).collect()
    return {(dt, hour, v): (n, int(cents)) for dt, hour, v, n, cents in rows}


got, expected = {"chdb": by_chdb, "polars": by_polars, "arrow": by_arrow, "arrow-zst": by_arrow_zst, "spark": by_spark}[who](), want()
for k in expected.keys() | got.keys():
    if got.get(k) != expected.get(k):
        sys.exit(f"readback.py {who}: {k}: {got.get(k)} in place of {expected.get(k)}")
print(f"{who}: {sum(n for n, _ in got.values())} rows in {len(got)} partitions, as they were")
