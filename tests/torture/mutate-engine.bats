#!/usr/bin/env bats
# Each rule of the windows has a test that fails when the rule is broken. STREAMS: random streams for each.

load ../bats/common

@test "every mutation of engine and window is noticed" {
	run python3 "$TLM_TOP/tests/torture/mutate-engine.py" "${STREAMS:-300}"
	echo "$output"
	[ "$status" = 0 ]
}
