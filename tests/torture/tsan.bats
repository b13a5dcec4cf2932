#!/usr/bin/env bats
# Several threads, watched by ThreadSanitizer: nothing is shared without a lock, and the output is that of one.

load ../bats/common

setup_file() {
	make -C "$TLM_TOP" -s TSAN=1 CFLAGS='-O1 -g' build/tsan/bin/tlm-agg build/tsan/bin/tlm-filter
	"$TLM_TOP/${TLM_BUILD:-build}/kit/fleetgen" ndjson 60000 >"$BATS_FILE_TMPDIR/in"
	awk 'NR % 97 == 0 { print "{\"timeMili\":12x}" } NR % 89 == 0 { sub(/"value":/, "&\"x") } { print }' "$BATS_FILE_TMPDIR/in" \
		>"$BATS_FILE_TMPDIR/messy"
}

# watched TOOL OPTION ARGUMENTS...: with 1, 2 and 5 threads over good and bad records.
watched() {
	local tool=$1 option=$2 n f
	shift 2
	export TSAN_OPTIONS="log_path=$BATS_TEST_TMPDIR/found exitcode=66"
	for f in in messy; do
		for n in 1 2 5; do
			"$TLM_TOP/build/tsan/bin/$tool" "$option" $n --rejects "$BATS_TEST_TMPDIR/rejects.$n" "$@" "$BATS_FILE_TMPDIR/$f" \
				>"$BATS_TEST_TMPDIR/out.$n" || { echo "$* $f: status $?"; false; }
			cmp "$BATS_TEST_TMPDIR/out.1" "$BATS_TEST_TMPDIR/out.$n"
			cmp "$BATS_TEST_TMPDIR/rejects.1" "$BATS_TEST_TMPDIR/rejects.$n"
		done
	done
	cat "$BATS_TEST_TMPDIR"/found* 2>/dev/null | head -n 60
	[ -z "$(compgen -G "$BATS_TEST_TMPDIR/found*")" ]
}

@test "tlm-agg -j" {
	local list='count, mean(value), p95(value), first(value), distinct(deviceId), count where .value > 50 as fast'
	for windows in '-w 10s -g deviceId,variable' '-w 10s --every 2s -g variable' '--session 3s -g deviceId' '--every-n 5 -g deviceId' \
		'-w all -g deviceId' '-w 1s -g variable --top 1:count' '-w 10s --emit every=1s -g variable'; do
		# shellcheck disable=SC2086
		watched tlm-agg -j --time timeMili:ms --late /dev/null $windows "$list"
	done
}

@test "tlm-filter --jobs" {
	for program in . 'select(.value > 50)' '{deviceId, v: .value}' '.timeMili += 1' '.value | tostring' \
		'select(.deviceId | test("7$"))' '[limit(2; .deviceId | explode[])]'; do
		watched tlm-filter --jobs "$program"
	done
}
