#!/usr/bin/env python3
"""Looks at a bucket with boto3, for tests. The endpoint, the region and the keys come from the environment.

    s3check.py make BUCKET            makes it
    s3check.py list BUCKET [PREFIX]   keys and sizes, a line each
    s3check.py lines BUCKET PREFIX    the lines of all objects below it, decompressed by the zstd or gzip command
    s3check.py head BUCKET KEY...     what the server says of objects, as JSON, a line each
    s3check.py manifest BUCKET        each row of stdin is true of its object, and each object below has one row
    s3check.py uploads BUCKET         uploads in parts that have not ended
    s3check.py put BUCKET KEY         stores stdin
    s3check.py delete BUCKET KEY
    s3check.py policy BUCKET          makes stdin the policy of the bucket
"""

import hashlib
import json
import os
import subprocess
import sys

import boto3
from botocore.config import Config

s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name="us-east-1",
                  verify=os.environ.get("AWS_CA_BUNDLE", True),
                  config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}))


def keys(bucket, prefix=""):
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for o in page.get("Contents", []):
            if not o["Key"].endswith("/"):
                yield o["Key"], o["Size"]


def lines(bucket, key):
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    command = {"zst": ["zstd", "-dcq"], "gz": ["gzip", "-dc"]}.get(key.rsplit(".", 1)[1], ["cat"])
    raw = subprocess.run(command, input=body, stdout=subprocess.PIPE, check=True).stdout
    assert raw.endswith(b"\n"), f"a torn line: {key}"
    return body, raw


def check_manifest(bucket):
    rows = {}
    for line in sys.stdin:
        row = json.loads(line)
        key = row["key"]
        assert key.startswith(f"s3://{bucket}/"), key
        rows[key[len(f"s3://{bucket}/"):]] = row
    there = dict(keys(bucket))
    assert set(rows) == set(there), f"told: {sorted(set(rows) - set(there))}; not told: {sorted(set(there) - set(rows))}"
    for key, row in rows.items():
        body, raw = lines(bucket, key)
        assert len(body) == row["bytes"] == there[key], f"{key}: bytes"
        assert len(raw) == row["raw_bytes"] and raw.count(b"\n") == row["records"], f"{key}: records"
        assert hashlib.sha256(body).hexdigest() == row["sha256"], f"{key}: sha256"
        assert hashlib.sha256(raw).hexdigest() == row["raw_sha256"], f"{key}: raw_sha256"
    print(len(rows))


def main():
    what, bucket = sys.argv[1:3]
    rest = sys.argv[3:]
    if what == "make":
        s3.create_bucket(Bucket=bucket)
    elif what == "list":
        for key, size in keys(bucket, *rest):
            print(key, size)
    elif what == "lines":
        for key, _ in keys(bucket, *rest):
            sys.stdout.write(lines(bucket, key)[1].decode())
    elif what == "head":
        for key in rest:
            h = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
            del h["ResponseMetadata"]
            print(json.dumps(h, default=str, sort_keys=True))
    elif what == "manifest":
        check_manifest(bucket)
    elif what == "uploads":
        for u in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            print(u["Key"], u["UploadId"])
    elif what == "put":
        s3.put_object(Bucket=bucket, Key=rest[0], Body=sys.stdin.buffer.read())
    elif what == "delete":
        s3.delete_object(Bucket=bucket, Key=rest[0])
    elif what == "policy":
        s3.put_bucket_policy(Bucket=bucket, Policy=sys.stdin.read())
    else:
        sys.exit(__doc__)


main()
