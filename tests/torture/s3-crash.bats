#!/usr/bin/env bats
# tlm-s3put at every system call on its way into S3: killed, killed again in the start after it, and failing; and its
# connection cut at every request.

load ../bats/common

crash() {
	need strace zstd
	"$TLM_TOP/tests/torture/s3-crash.py" "$1" "$BATS_TEST_TMPDIR" "${EVERY:-1}"
}

@test "killed at every system call: nothing lost, twice or torn" { crash kill; }
@test "the same with uploads in parts" { crash parts; }
@test "the start after that killed at every system call" { crash again; }
@test "every system call fails once: status 2, and the next start completes" { crash fail; }
@test "the connection cut at every request, before and after it was done" { crash net; }
