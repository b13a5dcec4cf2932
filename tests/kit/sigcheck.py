#!/usr/bin/env python3
"""Compares our signatures with those of others.

    sigcheck.py vectors FOLDER    the cases of a signing test suite, each a folder with request.txt, context.json ...
    sigcheck.py random N [SEED]   N random requests to S3 and to other services, signed by botocore too
"""

import json
import os
import posixpath
import random
import subprocess
import sys
from urllib.parse import quote, unquote, urlsplit

SIGN = os.path.join(os.environ.get("TLM_BUILD", "build"), "kit", "sign")


def ours(requests):
    text = "".join(json.dumps(r) + "\n" for r in requests)
    p = subprocess.run([SIGN], input=text.encode(), stdout=subprocess.PIPE, check=True)
    answers = [json.loads(line) for line in p.stdout.decode().splitlines()]
    assert len(answers) == len(requests), f"{len(answers)} answers to {len(requests)} requests"
    return answers


# ---- the suite ----

def read(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8", newline="") as f:
        return f.read()


def pairs_of(query):
    return [[unquote(part.partition("=")[0]), unquote(part.partition("=")[2])] for part in query.split("&") if part]


def parse_vector(folder):
    context = json.loads(read(folder, "context.json"))
    head, _, body = read(folder, "request.txt").replace("\r\n", "\n").partition("\n\n")
    lines = head.split("\n")
    method, target = lines[0].split(" ", 1)
    target = target.rsplit(" ", 1)[0]
    path, _, query = target.partition("?")
    if context["normalize"]:
        # S3 does not normalise, so we have no code for it: the suite's other half is given the path it means.
        slash = path.endswith(("/", "/.", "/..")) and "/"
        path = "/" + posixpath.normpath("/" + path).lstrip("/")
        path += slash if slash and path != "/" else ""
    headers = []
    for line in lines[1:]:
        if line[:1] in " \t":
            headers[-1][1] += "\n" + line
        elif line:
            headers.append(line.split(":", 1))
    date = context["timestamp"].replace("-", "").replace(":", "")
    headers.append(["X-Amz-Date", date])
    token = context["credentials"].get("token")
    if token and not context.get("omit_session_token"):
        headers.append(["X-Amz-Security-Token", token])
    payload = read(folder, "header-canonical-request.txt").rsplit("\n", 1)[1]
    if context["sign_body"]:
        headers.append(["x-amz-content-sha256", payload])
    return {"method": method, "path": unquote(path), "query": pairs_of(query), "headers": headers, "date": date,
            "region": context["region"], "service": context["service"], "payload": payload,
            "id": context["credentials"]["access_key_id"], "secret": context["credentials"]["secret_access_key"]}


def vectors(folder):
    names = sorted(d for d in os.listdir(folder) if os.path.isdir(os.path.join(folder, d)))
    requests = [parse_vector(os.path.join(folder, d)) for d in names]
    bad = 0
    for name, (authorization, canonical) in zip(names, ours(requests)):
        where = os.path.join(folder, name)
        want = read(where, "header-canonical-request.txt").replace("\r\n", "\n")
        signature = read(where, "header-signature.txt").strip()
        if canonical != want or not authorization.endswith(f", Signature={signature}"):
            print(f"{name}:\n--- want\n{want}\n--- have\n{canonical}\n{authorization}")
            bad += 1
    assert names, "no cases"
    return len(names), bad


# ---- botocore ----

def word(r, alphabet, low, high):
    return "".join(r.choice(alphabet) for _ in range(r.randint(low, high)))


ODD = "abcXYZ019-._~/=+% &?#:;,@!$'()*[]{}|\\^`\"<>é日本\U0001F600\u1234"
TOKEN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/+="


def make(r):
    is_s3 = r.random() < 0.8
    path = "/" + (word(r, ODD, 0, 40) if is_s3 else "")
    query = [[word(r, ODD, 1, 12), word(r, ODD, 0, 12)] for _ in range(r.choice([0, 0, 1, 2, 5]))]
    names = {}
    for _ in range(r.randint(0, 6)):
        name = r.choice(["x-amz-meta-", "X-Amz-", "Content-", "x-"]) + word(r, "abcdefXYZ-019", 1, 9)
        names.setdefault(name.lower(), [name, word(r, "abc 019=/;,:  .-_\t", 0, 30)])
    return {"method": r.choice(["GET", "PUT", "POST", "HEAD", "DELETE"]), "path": path, "query": query,
            "headers": list(names.values()), "service": "s3" if is_s3 else r.choice(["sts", "monitoring"]),
            "region": r.choice(["us-east-1", "eu-central-1", "auto", "x"]), "payload": word(r, "0123456789abcdef", 64, 64),
            "id": "AKIA" + word(r, "ABCDEFGHIJKL234567", 4, 16), "secret": word(r, TOKEN, 1, 90),
            "token": r.choice([None, word(r, TOKEN, 10, 300)]),
            "host": word(r, "abcdef", 3, 9) + r.choice([".example.com", ".localhost:7070", ""]),
            "time": r.randint(0, 4102444800)}


def theirs(q):
    """botocore signs the request; returns its authorization, and the headers that it added are added to q."""
    import datetime

    import botocore.auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    now = datetime.datetime.fromtimestamp(q["time"], datetime.timezone.utc)
    botocore.auth.get_current_datetime = lambda *a, **k: now
    kind = botocore.auth.S3SigV4Auth if q["service"] == "s3" else botocore.auth.SigV4Auth
    query = "&".join(quote(k, safe="-._~") + "=" + quote(v, safe="-._~") for k, v in q["query"])
    url = f"http://{q['host']}{quote(q['path'], safe='/-._~')}" + (f"?{query}" if query else "")
    request = AWSRequest(method=q["method"], url=url, headers={k: v for k, v in q["headers"]})
    signer = kind(Credentials(q["id"], q["secret"], q["token"]), q["service"], q["region"])
    if q["service"] == "s3":
        signer.payload = lambda request: q["payload"]
    else:
        request.headers["X-Amz-Content-SHA256"] = q["payload"]
    signer.add_auth(request)
    q["date"] = request.context["timestamp"]
    q["headers"] = [[k, v] for k, v in request.headers.items() if k != "Authorization"] + [["host", q["host"]]]
    return request.headers["Authorization"]


def compare(n, seed):
    r = random.Random(seed)
    requests = [make(r) for _ in range(n)]
    want = [theirs(q) for q in requests]
    bad = 0
    for q, signature, (authorization, canonical) in zip(requests, want, ours(requests)):
        if authorization != signature:
            print(f"{json.dumps(q)}\n--- botocore\n{signature}\n--- ours\n{authorization}\n{canonical}")
            bad += 1
            if bad == 3:
                break
    return n, bad


def main():
    if sys.argv[1] == "vectors":
        n, bad = vectors(sys.argv[2])
    else:
        n, bad = compare(int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    print(f"{n} requests, {bad} signed differently")
    sys.exit(bad != 0)


main()
