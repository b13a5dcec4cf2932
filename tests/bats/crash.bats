#!/usr/bin/env bats
# A sample of tests/torture/lake-crash.bats: every so many-th system call only.

load common

crash() {
	need strace zstd
	timeout 600 "$TLM_TOP/tests/torture/lake-crash.py" "$1" "$BATS_TEST_TMPDIR" "$2"
}

@test "tlm-s3put killed at its system calls: nothing lost, twice or torn" { crash kill 37; }
@test "the start after that killed, too" { crash again 47; }
@test "system calls that fail: status 2, and the next start completes" { crash fail 41; }
@test "a repeatable run killed and repeated" { crash named 41; }
@test "a group of objects, synced by threads, killed and failing" { crash group 17; }
@test "bytes are synced before their name, names before their row" { crash order 1; }

# The same for the way into S3, a sample of tests/torture/s3-crash.bats.
s3_crash() {
	need strace zstd
	timeout 600 "$TLM_TOP/tests/torture/s3-crash.py" "$1" "$BATS_TEST_TMPDIR" "$2"
}

@test "S3: killed at system calls: nothing lost, twice or torn" { s3_crash kill 97; }
@test "S3: the same with uploads in parts" { s3_crash parts 127; }
@test "S3: the start after that killed, too" { s3_crash again 149; }
@test "S3: system calls that fail: status 2, and the next start completes" { s3_crash fail 61; }
@test "S3: the connection cut at requests, before and after they were done" { s3_crash net 31; }

# A sample of tests/torture/power-loss.bats.
power_loss() {
	need strace zstd
	timeout 180 "$TLM_TOP/tests/torture/power-loss.py" "$1" "$BATS_TEST_TMPDIR" "$2"
}

@test "a loss of power: what was promised is in the lake" { power_loss lake 29; }
@test "S3: a loss of power: what was promised is in the lake" { power_loss s3 83; }
