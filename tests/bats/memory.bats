#!/usr/bin/env bats
# Memory is constant in the length of the stream: twenty times the input may not cost more than 2 MiB more.

load common

# peak_kib RECORDS COMMAND...: peak memory of a tool that reads RECORDS records.
peak_kib() {
	local n=$1
	shift
	"$TLM_TOP/${TLM_BUILD:-build}/kit/fleetgen" ndjson "$n" | /usr/bin/time -f %M "$@" 2>&1 >/dev/null | tail -n 1
}

flat() {
	local small large
	small=$(peak_kib 50000 "$@")
	large=$(peak_kib 1000000 "$@")
	echo "peak with 7 MB: $small KiB, with 138 MB: $large KiB"
	[ "$large" -le $((small + 2048)) ]
	[ "$large" -le $((${limit_mib:-64} * 1024)) ]
}

setup() {
	need /usr/bin/time
}

@test "tlm-filter, native" { limit_mib=32 flat tlm-filter 'select(.value > 80)'; }
@test "tlm-replay" { limit_mib=32 flat tlm-replay; }
@test "tlm-replay with a sort window" { flat tlm-replay --time timeMili:ms --sort-window 1s; }
@test "tlm-replay, one input after the other" {
	cd "$BATS_TEST_TMPDIR"
	for i in $(seq 500); do echo "{\"t\":$i}" >"in$i"; done
	# shellcheck disable=SC2046
	/usr/bin/time -f %M tlm-replay $(seq -f in%.0f 500) 2>peak | cmp - <(seq 500 | sed 's/.*/{"t":&}/')
	cat peak
	[ "$(tail -n 1 peak)" -le 32768 ]
}
@test "tlm-agg" { flat tlm-agg --time timeMili:ms -w 10s -g variable 'count, mean(value), min(value), max(value)'; }
@test "tlm-agg, percentiles" { flat tlm-agg --time timeMili:ms -w 10s -g variable 'p95(value), distinct(deviceId)'; }
@test "tlm-s3put" {
	flat tlm-s3put --time timeMili:ms --max-records 20000 -o "file://$BATS_TEST_TMPDIR/lake/hour=%H/"
}

# Below 200 bytes a group, keys of 12 bytes, beside what the process needs at any rate.
@test "tlm-agg, many open groups of count, mean, min, max" {
	local n few many
	for n in 1000 200000; do
		seq -f '{"k":"veh-%08.0f","v":1.5}' $n |
			/usr/bin/time -f %M tlm-agg -g k --no-flush 'count, mean(v), min(v), max(v)' 2>"$BATS_TEST_TMPDIR/$n"
	done
	few=$(tail -n 1 "$BATS_TEST_TMPDIR/1000") many=$(tail -n 1 "$BATS_TEST_TMPDIR/200000")
	echo "peak with 1,000 groups: $few KiB, with 200,000: $many KiB, $(((many - few) * 1024 / 199000)) bytes a group"
	[ $(((many - few) * 1024 / 199000)) -lt 200 ]
}

@test "a line of 1 GiB is rejected in constant memory" {
	out=$( (echo '{"a":1}'; head -c 1G /dev/zero | tr '\0' x; echo; echo '{"a":2}') |
		/usr/bin/time -f %M tlm-filter -c .a --rejects "$BATS_TEST_TMPDIR/bad" 2>"$BATS_TEST_TMPDIR/peak")
	[ "$out" = $'1\n2' ]
	cat "$BATS_TEST_TMPDIR/bad" "$BATS_TEST_TMPDIR/peak"
	[ "$(jq -r '[.reason, .line, .raw_bytes] | @csv' "$BATS_TEST_TMPDIR/bad")" = '"too_long",2,1073741824' ]
	[ "$(tail -n 1 "$BATS_TEST_TMPDIR/peak")" -le 32768 ]
}

# Each of 150 records of one batch gives 1 MiB.
large_outputs() {
	yes '{"n":1}' | head -150 |
		/usr/bin/time -f %M tlm-filter "$@" 2>"$BATS_TEST_TMPDIR/peak" | tr -d x | sort | uniq -c >"$BATS_TEST_TMPDIR/got"
	cat "$BATS_TEST_TMPDIR/peak"
	[ "$(tr -s ' ' <"$BATS_TEST_TMPDIR/got")" = ' 150 ""' ]
	[ "$(tail -n 1 "$BATS_TEST_TMPDIR/peak")" -le 65536 ]
}

@test "tlm-filter, large outputs of small records, native" { large_outputs --evaluator native '"x" * 1048576'; }
@test "tlm-filter, large outputs of small records, libjq" { large_outputs --evaluator libjq '"x" * 1048576'; }
@test "tlm-filter, large outputs of small records, -R" { large_outputs -R '"x" * 1048576'; }
@test "tlm-filter, large outputs inside a batch: a full disk is status 2, a closed pipe a quiet end" {
	yes '{"n":1}' | head -50 >"$BATS_TEST_TMPDIR/in"
	for e in native libjq; do
		status=0
		tlm-filter --evaluator $e '"x" * 1048576' "$BATS_TEST_TMPDIR/in" >/dev/full 2>"$BATS_TEST_TMPDIR/err" || status=$?
		[ "$status" -eq 2 ]
		[ "$(cat "$BATS_TEST_TMPDIR/err")" = "tlm-filter: stdout: cannot write: No space left on device" ]
		run bash -c "tlm-filter --evaluator $e '\"x\" * 1048576' '$BATS_TEST_TMPDIR/in' | head -c 5; echo \" \${PIPESTATUS[0]}\""
		[ "$output" = '"xxxx 141' ]
	done
}
