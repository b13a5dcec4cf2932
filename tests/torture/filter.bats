#!/usr/bin/env bats
# The long comparison of tlm-filter with the jq command: 100,000 pairs of program and record, natively and by libjq's workers.

load ../bats/common

setup() {
	need jq python3
	cd "$TLM_TOP" || return
}

@test "100,000 pairs, native" {
	tests/differential/filter --pairs 100000 --seed "${SEED:-$RANDOM}"
}

@test "5,000 pairs by libjq's workers" {
	tests/differential/filter --pairs 5000 --seed "${SEED:-$RANDOM}" --evaluator libjq
}

@test "100,000 mutated records: the verdicts of a second parser" {
	tests/differential/verdicts --records 100000 --seed "${SEED:-$RANDOM}"
}
