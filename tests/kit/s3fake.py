#!/usr/bin/env python3
"""s3fake.py FOLDER : a server on 127.0.0.1 that says what real ones never say. Writes its port to FOLDER/port.

Without rules it is a small S3 in memory that checks no signature: PUT with If-None-Match, HEAD, GET, DELETE, lists,
uploads in parts. FOLDER/rules holds one JSON object a line; the first whose "method" and "path" (a regular expression of path and
query) fit, and that was used fewer than "times" (1) times, says what is answered: "status", "headers", "body"; "store":
first do what was asked; "close": then break off without an answer; "after": N, only once N requests have fitted it.
Each request is one line of FOLDER/log: method, path and headers.
"""

import hashlib
import itertools
import json
import os
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape
from urllib.parse import parse_qs, unquote, urlsplit

folder = sys.argv[1]
lock = threading.Lock()
objects, uploads, used, seen = {}, {}, {}, {}
numbers = itertools.count(1)


def rules():
    try:
        with open(os.path.join(folder, "rules")) as f:
            return [(line, json.loads(line)) for line in f if line.strip()]
    except FileNotFoundError:
        return []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", headers=()):
        self.send_response_only(status)
        headers = dict(headers)
        if "Date" not in headers:
            self.send_header("Date", self.date_time_string())
        for k, v in headers.items():
            self.send_header(k, v)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status, code):
        self.answer(status, f"<Error><Code>{code}</Code><Message>as told</Message></Error>".encode())

    def do_what_was_asked(self, body):
        """(status, body, headers) of the small S3."""
        url = urlsplit(self.path)
        key, query = unquote(url.path), parse_qs(url.query, keep_blank_values=True)
        meta = {k: v for k, v in self.headers.items() if k.lower().startswith(("x-amz-meta-", "content-type"))}
        if "list-type" in query:
            prefix = key.rstrip("/") + "/" + query.get("prefix", [""])[0]
            return 200, b"<ListBucketResult>" + b"".join(
                b"<Contents><Key>%s</Key><Size>%d</Size></Contents>" % (escape(k.split("/", 2)[2]).encode(), len(objects[k][0]))
                for k in sorted(objects) if k.startswith(prefix)) + b"</ListBucketResult>", {}
        if "uploads" in query and self.command == "GET":
            return 200, b"<ListMultipartUploadsResult>" + b"".join(
                b"<Upload><Key>%s</Key><UploadId>%s</UploadId></Upload>" % (k.split("/", 2)[2].encode(), i.encode())
                for i, (k, _, _) in uploads.items() if k.startswith(key.rstrip("/") + "/")) + b"</ListMultipartUploadsResult>", {}
        if "uploads" in query:
            name = f"u{next(numbers)}"
            uploads[name] = (key, meta, {})
            return 200, f"<InitiateMultipartUploadResult><UploadId>{name}</UploadId></InitiateMultipartUploadResult>".encode(), {}
        if "uploadId" in query:
            name = query["uploadId"][0]
            if name not in uploads:
                return 404, b"<Error><Code>NoSuchUpload</Code></Error>", {}
            if self.command == "DELETE":
                del uploads[name]
                return 204, b"", {}
            if self.command == "PUT":
                uploads[name][2][int(query["partNumber"][0])] = body
                return 200, b"", {"ETag": f'"{name}"'}
            if key in objects:
                return 412, b"<Error><Code>PreconditionFailed</Code></Error>", {}
            k, m, parts = uploads.pop(name)
            objects[k] = (b"".join(parts[i] for i in sorted(parts)), m)
            return 200, b"<CompleteMultipartUploadResult/>", {}
        if self.command == "PUT":
            if key in objects and self.headers.get("If-None-Match") == "*":
                return 412, b"<Error><Code>PreconditionFailed</Code></Error>", {}
            objects[key] = (body, meta)
            return 200, b"", {"ETag": '"x"'}
        if self.command == "DELETE":
            objects.pop(key, None)
            return 204, b"", {}
        if key not in objects:
            return 404, b"<Error><Code>NoSuchKey</Code></Error>", {}
        data, meta = objects[key]
        return 200, data, {**meta, "Content-Length": str(len(data))}

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        told = self.headers.get("x-amz-content-sha256")
        if len(body) < length or (told and hashlib.sha256(body).hexdigest() != told):
            self.close_connection = True
            return
        with lock:
            with open(os.path.join(folder, "log"), "a") as f:
                f.write(json.dumps({"method": self.command, "path": self.path, "headers": dict(self.headers),
                                    "body": body[:2000].decode(errors="replace")}) + "\n")
            for line, rule in rules():
                if rule.get("method", self.command) != self.command or not re.search(rule.get("path", ""), self.path):
                    continue
                seen[line] = seen.get(line, 0) + 1
                if used.get(line, 0) >= rule.get("times", 1) or seen[line] <= rule.get("after", 0):
                    continue
                used[line] = used.get(line, 0) + 1
                break
            else:
                rule = None
            result = self.do_what_was_asked(body) if not rule or rule.get("store") else None
        if rule and rule.get("close"):
            self.close_connection = True
        elif rule:
            self.answer(rule["status"], rule.get("body", "").encode(), rule.get("headers", {}))
        else:
            self.answer(*result)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any


class Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """A client that went away is what the tests are about."""


server = Server(("127.0.0.1", 0), Handler)
server.daemon_threads = True
with open(os.path.join(folder, "port.new"), "w") as f:
    f.write(str(server.server_address[1]))
os.rename(os.path.join(folder, "port.new"), os.path.join(folder, "port"))
server.serve_forever()
