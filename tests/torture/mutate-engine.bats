#!/usr/bin/env bats
# Each rule of tlm-agg has a test that fails when the rule is broken. STREAMS: random streams for each.

load ../bats/common

@test "every mutation of windows, aggregates and states is noticed" {
	run python3 "$TLM_TOP/tests/torture/mutate-engine.py" -n "${STREAMS:-300}"
	echo "$output"
	[ "$status" = 0 ]
}
