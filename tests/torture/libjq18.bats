#!/usr/bin/env bats
# tlm-filter over libjq 1.8 in place of the distribution's: the same binary, the answers of jq 1.8.

load ../bats/common

setup_file() {
	cd "$TLM_TOP" || return
	libjq=$(tests/torture/libjq18.sh)
	export LD_LIBRARY_PATH=$libjq/lib PATH=$libjq/bin:$PATH
}

setup() {
	cd "$TLM_TOP" || return
}

@test "it is libjq 1.8 that answers" {
	same 'jq-1.8' "$(jq --version | cut -c1-6)"
	same '"a, b"' "$(echo '["a","b"]' | tlm-filter --evaluator libjq 'join(", ")')"
	same '100000000000000000001' "$(echo '[100000000000000000001]' | tlm-filter --evaluator libjq '.[0] | ., empty')"
	same true "$(echo null | tlm-filter --evaluator libjq 'ltrimstr(1)? // true')"
	# what an update leaves without a value goes at its end, not one by one
	same '{"a":[]}' "$(echo '{"a":[1,2]}' | tlm-filter --evaluator native '.a[] |= empty')"
}

@test "100,000 pairs, native" {
	tests/differential/filter --pairs 100000 --seed "${SEED:-$RANDOM}" --foreign 25
}

@test "3,000 pairs by libjq's workers" {
	tests/differential/filter --pairs 3000 --seed "${SEED:-$RANDOM}" --evaluator libjq
}

@test "programs that kill or hang libjq, and those that read by themselves" {
	bats --filter 'reads by itself|read by themselves' tests/bats/filter.bats
	bats tests/bats/filter-worker.bats
}
