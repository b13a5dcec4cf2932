#!/usr/bin/env bats
# tlm-s3put at every system call on its way to disk: killed, killed again in the start after it, and failing.

load ../bats/common

crash() {
	need strace zstd
	"$TLM_TOP/tests/torture/lake-crash.py" "$1" "$BATS_TEST_TMPDIR"
}

@test "killed at every system call: nothing lost, twice or torn" { crash kill; }
@test "the start after that killed at every system call" { crash again; }
@test "every system call fails once: status 2, and the next start completes" { crash fail; }
@test "a repeatable run killed at every system call and repeated" { crash named; }
@test "the same beside what another run left, with manifests and their audit" { crash others; }
@test "a group of objects killed and failing at every system call" { crash group; }
@test "bytes are synced before their name, names before their row" { crash order; }
