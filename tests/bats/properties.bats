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
