# tlm-agg -j N: every byte is that of -j 1, whatever N is.
load common

# Records out of order by up to some hundred lines, jumps of time, bad lines of several kinds, values of several types.
setup_file() {
	cd "$BATS_FILE_TMPDIR" || return 1
	"$TLM_TOP/${TLM_BUILD:-build}/kit/fleetgen" ndjson 25000 >plain
	awk 'function rnd(n) { seed = (seed * 16807) % 2147483647; return seed % n }
		BEGIN { seed = 20261126 }
		{
			if (rnd(900) == 0) print "{\"deviceId\":\"veh-1\",\"timeMili\":12x}"
			if (rnd(900) == 0) print "[1,2]"
			if (rnd(700) == 0) print ""
			if (rnd(900) == 0) { sub(/"timeMili":[0-9]+/, "\"timeMili\":null") }
			if (rnd(300) == 0) { sub(/"value":/, "\"value\":\"") ; sub(/,"variable/, "\",\"variable") }
			if (rnd(300) == 0) { sub(/"value":[^,]*/, "\"value\":null") }
			if (rnd(400) == 0) { sub(/"variable":"[A-Z_]*"/, "\"variable\":[1]") }
			if (rnd(400) == 0) { sub(/"variable":"[A-Z_]*"/, "\"variable\":7.50") }
			if (rnd(200) == 0) { sub(/"variable":"S/, "\"variable\":\"\\u0053") }
			if (rnd(200) == 0) { sub(/"value":[^,]*/, "\"value\":" substr("-0  0.501e2 12.0-1.5E-1123456789012345678900.1e1", 1 + 4 * rnd(8), 4)) }
			if (rnd(200) == 0) { sub(/}$/, ",\"value\":" rnd(100) "}") }
			if (rnd(200) == 0) { sub(/^{/, "{\"variable\":\"RPM\",") }
			if (rnd(300) == 0) { sub(/"variable":"[A-Z_]*",?/, "\"x\":{\"value\":1},") }
			if (rnd(20) == 0) { late[NR + 1 + rnd(3000)] = $0; next }
			print
			if (NR in late) { print late[NR]; delete late[NR] }
		}' plain >messy
	split -n l/3 messy part.
	awk 'NR % 5000 == 0 { sub(/"timeMili":1/, "\"timeMili\":2") } { print }' messy >ahead
	# several records behind each other that come too late, or are ahead
	awk -F'"timeMili":' 'NR % 700 < 10 { print $1 FS sprintf("%.0f", substr($2, 1, 13) - 2000) substr($2, 14); next } { print }' \
		plain >bursts
	awk 'NR % 3000 > 2990 { sub(/"timeMili":1/, "\"timeMili\":2") } { print }' plain >leaps
	awk 'NR % 2' messy >odd
	awk 'NR % 2 == 0' messy >even
}

# same_for_all ARGUMENTS...: runs with 1, 2, 3 and 7 jobs; output, late rows, rejects, messages, books and status are one.
same_for_all() {
	local n
	cd "$BATS_FILE_TMPDIR" || return 1
	for n in 1 2 3 7; do
		rm -rf "$BATS_TEST_TMPDIR/$n" && mkdir -p "$BATS_TEST_TMPDIR/$n"
		tlm-agg -j "$n" --stats --rejects "$BATS_TEST_TMPDIR/$n/rejects" --time timeMili:ms "$@" \
			>"$BATS_TEST_TMPDIR/$n/out" 2>"$BATS_TEST_TMPDIR/$n/err" && status=0 || status=$?
		echo "$status" >"$BATS_TEST_TMPDIR/$n/status"
		sed -E -i 's/"(elapsed|seconds|start|end|duration|rate|mb|cpu|rss|lag)[a-z_]*":[^,}]*//g' "$BATS_TEST_TMPDIR/$n/err"
		[ -e late ] && mv late "$BATS_TEST_TMPDIR/$n/"
		[ -e latest.csv ] && mv latest.csv "$BATS_TEST_TMPDIR/$n/"
		diff -r "$BATS_TEST_TMPDIR/1" "$BATS_TEST_TMPDIR/$n" | head -5
		diff -rq "$BATS_TEST_TMPDIR/1" "$BATS_TEST_TMPDIR/$n" >/dev/null
	done
	[ -s "$BATS_TEST_TMPDIR/1/out" ]
	cat "$BATS_TEST_TMPDIR/1/status"
}

@test "jobs: windows, groups, late records, forms" {
	same_for_all -w 10s -g deviceId,variable --late late 'count, mean(value), min(value), max(value)' messy
	grep -q '"reason":"late"' "$BATS_TEST_TMPDIR/3/late"
	same_for_all -w 10s -g variable 'count, sum(value), p95(value), distinct(deviceId)' messy
	same_for_all -w 10s -g deviceId --delay 5s --format csv 'count, first(value), last(variable)' messy
	same_for_all -w 10s -g deviceId --no-flush --format tsv --time-out ms 'count' messy
	same_for_all -w 10s 'count, stddev(value)' messy
	same_for_all -g variable 'count, max(value)' messy
	same_for_all 'count' messy
	same_for_all -w day -g variable --tz Europe/Warsaw 'count, set(alarmClass)' messy
}

@test "jobs: hopping windows, sessions, count windows, trips" {
	same_for_all -w 30s --every 5s -g variable --grace 2s --late late 'count, mean(value)' messy
	same_for_all -w 7s --every 2s -g deviceId --delay 1s 'count, max(value)' messy
	same_for_all --session 2s -g deviceId --late late 'count, min(value), mode(variable)' messy
	same_for_all --session 1s --session-max 20s -g deviceId,variable --delay 3s 'count' messy
	same_for_all --every-n 7 -g variable --delay 2s 'count, mean(value)' messy
	same_for_all --every-n 10 -g deviceId --late late 'count, values(value, 10)' messy
	same_for_all --start '.alarmClass == 0' --end '.alarmClass == 5' -g deviceId --delay 1s 'count, delta(timeMili)' messy
	same_for_all --start '.alarmClass == 0' --session 3s -g deviceId 'count' messy
}

@test "jobs: values that hold, conditions, programs" {
	same_for_all -w 10s -g deviceId --max-gap 30s --delay 5s 'twa(value), integral(value), count' messy
	same_for_all -w 10s -g variable --where '.value > 40' 'count, count where .alarmClass == 3 as three, mean(value) where .value > 80 as high' messy
	same_for_all -w 10s -g variable --where '.value | test("9")' 'count' messy
	same_for_all -w 10s -g variable --where '.deviceId | test("7$")' --coerce 'count, mean(value)' messy
}

@test "jobs: rows that must see each other" {
	same_for_all -w 10s -g deviceId --top 5:count 'count, mean(value)' messy
	same_for_all -w 10s -g deviceId --having '.count > 3' 'count' messy
	same_for_all -w 10s -g variable --latest latest.csv 'count, max(value)' messy
	same_for_all -w 10s -g variable --format table 'count, max(value)' messy
	same_for_all -w 10s -g variable --fill 'count, max(value)' messy
}

@test "jobs: several inputs, clocks, rejects that end the run" {
	same_for_all -w 10s -g variable --late late 'count' part.aa part.ab part.ac
	same_for_all -w 10s -g deviceId --delay 2s --late late 'count, mean(value)' odd even
	same_for_all -w 10s -g deviceId --max-ahead 1h --late late 'count' ahead
	grep -q '"ahead"' "$BATS_TEST_TMPDIR/2/rejects"
	same_for_all -w 10s -g variable --max-ahead 1h --quorum 3:deviceId --late late 'count' ahead
	same_for_all -w 10s -g variable --max-rejects 20 'count' messy
	grep -qx 1 "$BATS_TEST_TMPDIR/7/status" || [ "$(cat "$BATS_TEST_TMPDIR/7/status")" != 0 ]
	same_for_all -w 10s -g variable --max-line 138 'count' messy
	same_for_all -w 10s -g variable --max-ahead 1h --explain-lateness 'count' ahead
}

@test "jobs: marks" {
	# some tell a time that makes records behind them late
	awk 'NR % 60 == 0 { ms = substr($0, index($0, "timeMili") + 10, 13) + (NR % 7) * 500
			printf "{\"_tlm\":{\"time_us\":%.0f}}\n", ms * 1000 }
		NR % 1000 == 0 { print "{\"_tlm\":{}}" }
		{ print }' "$BATS_FILE_TMPDIR/plain" >"$BATS_FILE_TMPDIR/marked"
	same_for_all -w 1s -g variable --marks --late late 'count, mean(value)' marked
	[ "$(grep -c '"reason":"late"' "$BATS_TEST_TMPDIR/3/late")" -gt 100 ]
	same_for_all --session 1s -g deviceId --marks --late late 'count' marked
}

@test "jobs: many records behind each other, late or ahead" {
	same_for_all -w 1s -g variable --late late 'count, mean(value), p90(value), distinct(deviceId)' bursts
	[ "$(grep -c '"reason":"late"' "$BATS_TEST_TMPDIR/3/late")" -gt 100 ]
	same_for_all -w 2s --every 1s -g variable --late late 'count, sum(value)' bursts
	same_for_all -w 10s -g variable --max-ahead 1h --late late 'count, max(value)' leaps
	[ "$(grep -c '"ahead"' "$BATS_TEST_TMPDIR/2/rejects")" -gt 50 ]
}

@test "jobs: a live pipe gives its rows at once" {
	cd "$BATS_TEST_TMPDIR"
	mkfifo in
	tlm-agg -j 3 --time t:s -w 10s -g id count <in >out 2>err &
	pid=$!
	exec 9>in
	echo '{"t":1,"id":"a"}' >&9
	echo '{"t":2,"id":"b"}' >&9
	echo '{"t":12,"id":"b"}' >&9
	for _ in $(seq 100); do
		[ "$(wc -l <out)" = 2 ] && break
		sleep 0.02
	done
	[ "$(wc -l <out)" = 2 ]
	exec 9>&-
	wait "$pid"
	[ "$(wc -l <out)" = 3 ]
}

@test "jobs: numbers that are none" {
	run tlm-agg -j 0 count /dev/null
	[ "$status" = 2 ]
	run tlm-agg -j 65 count /dev/null
	[ "$status" = 2 ]
}

@test "what is over a limit stands in the rejects in the order of the lines, for every -j" {
	cd "$BATS_TEST_TMPDIR"
	# more than one batch: threads would read the second one
	{
		seq 1 20000 | sed 's/.*/{"t":1,"k":"a","n":&}/'
		printf '%s\n' '{"t":1,"k":"b"}' '{bad' '{"t":1,"k":"c"}'
	} >in
	for j in 1 2; do
		same 20000 "$(tlm-agg -j $j --time t:s -w 1m -g k --max-keys 1 --on-full drop --rejects "rejects$j" count in | jq .count)"
	done
	same $'20001 full\n20002 json\n20003 full' "$(jq -r '"\(.line) \(.reason)"' rejects2)"
	cmp rejects1 rejects2
}
