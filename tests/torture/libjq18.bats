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

@test "what its grammar has more, and where it binds otherwise; where records stand" {
	local program theirs ours
	cd "$BATS_TEST_TMPDIR"
	printf '%s\n' '{"a":[1,2]}' '{"a":"b\u0000c"}' '[3]' >in
	for program in 'if .a? then 1 end' '.a?.[0]?' '{a: 1 + 2, b: if . then 3 else 4 end}' '1 as $if | $if' 'reduce -(1, 2) as $x (0; . + $x)' \
		'1 + 2 as $x | -$x' '[-1 as $x | 1, $x]' '"x" as $x | "a" + "y" as $y | $x + "," + $y' 'try (1 / 0) catch .' '. as [$a] ?// $a | $a' \
		'.a? | strings | contains("c", "b\u0000", "\u0000d")' '[1, 2, 3][1:nan]' '"" * 1000000000' 'reduce range(300) as $i (.; [.]) | tojson | length' \
		'[input_filename, input_line_number]' 'error([input_filename, input_line_number])' 'if . then [input] end' '. | )' 'if 1 then 2'; do
		echo "$program"
		theirs=$(jq -c "$program" in 2>/dev/null) || theirs="$theirs $?"
		ours=$(tlm-filter "$program" in 2>/dev/null) || ours="$ours $?"
		same "$theirs" "$ours"
	done
	same "$(jq -cC . in)" "$(tlm-filter -C . in)"
	same 'tlm-filter: program: line 1, column 5: unexpected '"')'" "$(tlm-filter '. | )' 2>&1 </dev/null | tail -n 1)"
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
