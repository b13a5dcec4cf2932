#!/usr/bin/env bats
# The power is cut after every system call of tlm-s3put; and each fsync is taken out, which must be missed.

load ../bats/common

cut_power() {
	need strace zstd
	"$TLM_TOP/tests/torture/power-loss.py" "$1" "$BATS_TEST_TMPDIR" "${EVERY:-1}"
}

@test "what was promised is in the lake after a loss of power at any moment" { cut_power lake; }
@test "the same for the spool of a lake in S3" { cut_power s3; }
@test "each kind of fsync is missed when it is taken out" { cut_power deaf-lake; }
@test "the same for the spool of a lake in S3, taken out" { cut_power deaf-s3; }
