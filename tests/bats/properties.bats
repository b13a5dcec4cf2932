#!/usr/bin/env bats
# What must not change a result of tlm-agg, and how far approximate results are off. tests/RULES.md says which rule stands where.

load common

@test "order within the delay, cuts of the input, and parts that are merged change nothing" {
	need python3
	TLM_AGG=tlm-agg python3 "$TLM_TOP/tests/reference/properties.py" 40 1
}

@test "percentiles and distinct stay within what the man page promises, on any shape of values" {
	run "$(venv_python)" "$TLM_TOP/tests/reference/sketches.py"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "a constant has no spread, however often it comes" {
	yes '{"v":52.26412578344086}' | head -n 5000 | tlm-agg 'var(v), stddev(v)' >"$BATS_TEST_TMPDIR/out"
	same '{"var_v":0,"stddev_v":0}' "$(cat "$BATS_TEST_TMPDIR/out")"
}
