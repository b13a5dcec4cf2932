"""What a loss of power leaves: a model of the disk that is fed with a trace of system calls (for power-loss.py).

A file has bytes and synced bytes, a directory has names and synced names: fsync makes the second equal to the first, and
nothing else does. So a crash may leave, for each file and each directory by itself, the one or the other.
"""

import codecs
import os
import random
import re

CALL = re.compile(r"(\w+)\((.*)\)\s+= (-?\d+)")
FD = re.compile(r"(\d+)<((?:[^<>]|\\.)*)>(\(deleted\))?")
TRACED = "read,write,fsync,link,rename,mkdir,unlink,rmdir,openat,close,poll,ftruncate,fdatasync,pwrite64,renameat2"


def unescape(text):
    return codecs.escape_decode(text.encode("latin-1"))[0]


class Inode:
    def __init__(self, is_dir):
        self.is_dir = is_dir
        self.now = {} if is_dir else b""
        self.synced = {} if is_dir else b""


class Event:
    """A call that came to an end: what it was, on which descriptor or path, with which bytes."""

    def __init__(self, call, args, result):
        self.call, self.result = call, result
        fd = FD.match(args)
        self.fd = int(fd.group(1)) if fd else None
        self.fd_path = fd.group(2) if fd else ""
        self.strings = [unescape(s) for s in re.findall(r'"((?:[^"\\]|\\.)*)"', args)]
        self.args, self.stack = args, []

    def site(self):
        """Who asked for an fsync: the first functions above those that only do it."""
        return [f for f in self.stack if not f.startswith(("durable_", "do_jobs"))][:2] or ["a thread"]


def events_of(log):
    """Those of a trace with stacks (strace -f -k) that did not fail, in the order in which they ended."""
    begun, event = {}, None
    with open(log, encoding="latin-1") as f:
        for line in f:
            if line.startswith(" > "):
                if event and "/tlm-" in line:
                    event.stack.append(line[line.find("(") + 1:].split("+")[0])
                continue
            pid, text = line.rstrip("\n").split(" ", 1)
            text, event = text.strip(), None
            if text.endswith("<unfinished ...>"):
                begun[pid] = text[:-len("<unfinished ...>")].strip()
                continue
            if text.startswith("<..."):
                text = begun.pop(pid) + text.split("resumed>", 1)[1]
            m = CALL.match(text)
            if m and int(m.group(3)) >= 0:
                event = Event(m.group(1), m.group(2), int(m.group(3)))
                yield event


class Disk:
    """Of one folder, which is there from the start."""

    def __init__(self, root):
        self.root, self.top, self.files = root, Inode(True), {}
        self.syncs = 0

    def parts(self, path):
        return [p for p in path[len(self.root):].split("/") if p]

    def is_ours(self, path):
        return path == self.root or path.startswith(self.root + "/")

    def find(self, path):
        node = self.top
        for p in self.parts(path):
            node = node.now[p]
        return node

    def parent(self, path):
        return self.find(os.path.dirname(path)).now, os.path.basename(path)

    def apply(self, e, is_deaf=False):
        """is_deaf: an fsync that does nothing."""
        if e.call in ("read", "poll", "sendto", "recvfrom"):
            return
        path = e.strings[0].decode() if e.strings and e.call != "write" else e.fd_path
        if e.call == "close":
            if e.fd in self.files and self.files[e.fd][0] == e.fd_path:
                del self.files[e.fd]
            return
        if not self.is_ours(path):
            return
        if e.call == "openat":
            names, name = self.parent(path) if path != self.root else (None, None)
            if names is not None and name not in names:
                names[name] = Inode(False)
            self.files[e.result] = (path, self.find(path))
        elif e.call == "mkdir":
            names, name = self.parent(path)
            names[name] = Inode(True)
        elif e.call == "write":
            self.files[e.fd][1].now += e.strings[0][:e.result]
        elif e.call == "fsync":
            node = self.files[e.fd][1]
            if not is_deaf:
                node.synced = dict(node.now) if node.is_dir else node.now
        elif e.call in ("link", "rename"):
            names, name = self.parent(path)
            to_names, to_name = self.parent(e.strings[1].decode())
            to_names[to_name] = names[name]
            if e.call == "rename":
                del names[name]
        elif e.call in ("unlink", "rmdir"):
            names, name = self.parent(path)
            del names[name]
        else:
            raise AssertionError(f"the model knows no {e.call}")

    def state(self, choose, cut=lambda file: file.synced):
        """What is left: {path below root: (number of the file, its bytes), or None of a directory}. choose(inode): its
        synced part is all there is; cut(file): what that is."""
        left = {}

        def walk(node, at):
            names = node.synced if choose(node) else node.now
            for name, child in sorted(names.items()):
                path = f"{at}/{name}"
                if child.is_dir:
                    left[path] = None
                    walk(child, path)
                else:
                    left[path] = (id(child), cut(child) if choose(child) else child.now)

        walk(self.top, "")
        return left

    def worst_states(self):
        """Only what was synced; and the same, but names that were taken away are gone where no new name was lost with them."""
        yield "synced", self.state(lambda node: True)
        yield "removals early", self.state(lambda node: not node.is_dir or any(node.synced.get(k) is not v for k, v in node.now.items()))

    def states(self, seed):
        """The worst ones; all names but only bytes that were synced; all bytes and only names that were; any mixture, in
        which more of a file may have reached the disk, whole or with zeros where bytes should be."""
        chance = random.Random(seed)

        def cut(file):
            rest = file.now[len(file.synced):]
            keep = chance.randrange(len(rest) + 1)
            return file.synced + chance.choice((rest[:keep], b"", rest[:keep] + bytes(len(rest) - keep)))

        yield from self.worst_states()
        yield "names early", self.state(lambda node: not node.is_dir)
        yield "bytes early", self.state(lambda node: node.is_dir)
        for i in range(2):
            chance.seed(seed * 2 + i)
            yield f"mixture {i}", self.state(lambda node: chance.random() < 0.5, cut)


def put_on_disk(root, state):
    os.makedirs(root)
    first = {}
    for path, file in state.items():
        if file is None:
            os.mkdir(root + path)
        elif file[0] in first:
            os.link(first[file[0]], root + path)
        else:
            first[file[0]] = root + path
            with open(root + path, "wb") as f:
                f.write(file[1])
