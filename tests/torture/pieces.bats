#!/usr/bin/env bats
# The same input whole and in pieces. SEED, RUNS: how many random command lines.

load ../bats/common

@test "neither output nor status depends on the pieces that the input comes in" {
	cd "$BATS_TEST_TMPDIR"
	"$TLM_TOP/tests/torture/pieces.py" "${SEED:-$RANDOM}" "${RUNS:-3000}"
}
