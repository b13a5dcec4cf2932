"""What lake-crash.py and s3-crash.py share: feeding a run in which a system call is hit, and reading back."""

import subprocess
import time

N_CHUNKS = 4


def feed(argv, lines, inject=None, log=None):
    """Runs it on lines in chunks, so that the spool is synced between; returns status, stdout, stderr."""
    if inject:
        argv = ["strace", "-f", "-qq", "-o", log, "-e", "trace=" + inject.split(":")[0], "-e", "inject=" + inject, *argv]
    p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    step = max(1, len(lines) // N_CHUNKS)
    for i in range(0, len(lines), step):
        try:
            p.stdin.write("".join(l + "\n" for l in lines[i:i + step]).encode())
            p.stdin.flush()
            time.sleep(0.004)
        except BrokenPipeError:
            break
    try:
        out, err = p.communicate(timeout=600)
    except BrokenPipeError:
        out, err = p.stdout.read(), p.stderr.read()
        p.wait()
    return p.returncode, out.decode(), err.decode()


def lines_of(data, must_be_whole, what):
    """Whole lines of zstd data as the zstd command sees them."""
    p = subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert not must_be_whole or p.returncode == 0, f"torn: {what}"
    text = p.stdout.decode()
    assert not must_be_whole or text.endswith("\n"), f"a torn line: {what}"
    return text[:text.rfind("\n") + 1].splitlines()


def whole_calls(log):
    """The lines of a trace; a call that others interrupted stands where it ended."""
    begun = {}
    with open(log, errors="replace") as f:
        for line in f:
            pid, text = line.split(" ", 1)
            text = text.strip()
            if text.endswith("<unfinished ...>"):
                begun[pid] = text[:-len("<unfinished ...>")].strip()
            elif text.startswith("<..."):
                yield begun.pop(pid) + text.split("resumed>", 1)[1]
            else:
                yield text
