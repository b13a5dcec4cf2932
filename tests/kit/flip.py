#!/usr/bin/env python3
"""flip.py PORT TIMES FILE : a way to 127.0.0.1:PORT that changes the first byte of the body of the first TIMES PUTs.

Its own port is written to FILE. It lives until its stdin ends.
"""

import os
import re
import socket
import sys
import threading

port, left = int(sys.argv[1]), [int(sys.argv[2])]
lock = threading.Lock()


def carry(source, sink, change):
    head = b""
    try:
        while data := source.recv(65536):
            if change:
                data, head = change(data, head)
            sink.sendall(data)
    except OSError:
        pass
    for s in source, sink:
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def flip(data, head):
    """head: the request so far, while it is a PUT whose body has not begun."""
    if not head and not data.startswith(b"PUT "):
        return data, b""
    head += data
    end = head.find(b"\r\n\r\n")
    body = len(data) - (len(head) - end - 4)
    if end < 0 or body >= len(data) or not re.search(rb"(?i)content-length: *[1-9]", head[:end]):
        return data, head
    with lock:
        if left[0] == 0:
            return data, b""
        left[0] -= 1
    return data[:body] + bytes([data[body] ^ 1]) + data[body + 1:], b""


def serve(server):
    while True:
        client, upstream = server.accept()[0], socket.create_connection(("127.0.0.1", port))
        threading.Thread(target=carry, args=(client, upstream, flip), daemon=True).start()
        threading.Thread(target=carry, args=(upstream, client, None), daemon=True).start()


server = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=serve, args=(server,), daemon=True).start()
with open(sys.argv[3] + ".new", "w") as f:
    f.write(str(server.getsockname()[1]))
os.rename(sys.argv[3] + ".new", sys.argv[3])
sys.stdin.read()
