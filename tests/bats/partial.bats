#!/usr/bin/env bats
# tlm-agg --partial and --merge. Random streams are split and merged by tests/reference/shards.py.

load common
load agg

# reason: of the only reject
reason() { jq -r '"\(.reason): \(.message)"' rejects; }

@test "random streams, split over producers and merged, are those of one process" {
	TLM_AGG=tlm-agg python3 "$TLM_TOP/tests/reference/shards.py" hunt 60 1
}

@test "the form of a row" {
	agg --time ts -w 1m -g id --partial 'count, mean(v), sum(v), p50(v)' trips
	[ "$status" = 0 ]
	same '{"window_start":"2026-11-22T10:00:00Z","window_end":"2026-11-22T10:01:00Z","id":"a","_state":{"v":1,"window":"1m","count":{"n":2},"mean_v":{"n":2,"i":"90","d":[80.5,0]},"p50_v":{"n":2,"x":[[80.5,1],[90,1]]}}}
{"window_start":"2026-11-22T10:00:00Z","window_end":"2026-11-22T10:01:00Z","id":"b","_state":{"v":1,"window":"1m","count":{"n":1},"mean_v":{},"p50_v":{}}}
{"window_start":"2026-11-22T10:01:00Z","window_end":"2026-11-22T10:02:00Z","id":"b","_state":{"v":1,"window":"1m","count":{"n":1},"mean_v":{"n":1,"i":"3","d":[0,0]},"p50_v":{"n":1,"x":[[3,1]]}}}' \
		"$(sed -E 's/"config":"[0-9a-f]{16}",//' out)"
	# another program may write the members in another order, and what it changes it may not break
	tlm-agg --merge -w 1m -g id 'count, mean(v), sum(v), p50(v)' out >plain
	jq -S -c . out | tlm-agg --merge -w 1m -g id 'count, mean(v), sum(v), p50(v)' | cmp - plain
	tlm-agg --time ts -w 1m -g id 'count, mean(v), sum(v), p50(v)' trips | cmp - plain
}

@test "sources without a row, empty sources, and no source at all" {
	: >none
	tlm-agg --time ts -w 1m --partial count trips >part
	tlm-agg --time ts -w 1m count trips >whole
	tlm-agg --merge -w 1m count none part none | cmp - whole
	agg --merge -w 1m count none
	[ "$status" = 0 ]
	[ ! -s out ]
	tlm-agg 'count, sum(v)' trips >whole
	tlm-agg --partial 'count, sum(v)' trips | tlm-agg --merge 'count, sum(v)' | cmp - whole
}

@test "a row leaves as soon as every producer is past its window" {
	tlm-agg --time ts -w 1m --partial count trips >part
	mkfifo pipe
	tlm-agg --merge -w 1m count part pipe >live &
	pid=$!
	exec 9>pipe
	head -n 1 part >&9
	sleep 0.2
	[ ! -s live ]
	tail -n +2 part >&9
	for _ in $(seq 100); do
		[ -s live ] && break
		sleep 0.02
	done
	same '{"window_start":"2026-11-22T10:00:00Z","window_end":"2026-11-22T10:01:00Z","count":6}' "$(cat live)"
	exec 9>&-
	wait $pid
	[ "$(wc -l <live)" = 2 ]
}

@test "several producers in one pipe: late without a --delay, and told" {
	head -n 2 trips | tlm-agg --time ts -w 1m --partial count >a
	tail -n +3 trips | tlm-agg --time ts -w 1m --partial count >b
	agg --merge -w 1m --late late count <(cat b a)
	[ "$status" = 0 ]
	same '10:00:59.999999Z 10:01:00Z 1' "$(jq -r '"\(.time[11:]) \(.window_end[11:]) \(.windows)"' late)"
	same 1 "$(jq -r .raw late | jq ._state.v)"
	agg --merge -w 1m count <(cat b a)
	[ "$status" = 5 ]
	has err '1 record was late, by 60s, and in no row: a longer --delay waits for such records, --late FILE keeps them'
	cat b a | tlm-agg --merge -w 1m --delay 1h count >merged
	tlm-agg --time ts -w 1m count trips | cmp - merged
	# the same with --grace
	cat b a | tlm-agg --merge -w 1m --grace 1h count | cmp - merged
}

@test "jobs of GNU parallel or xargs through one pipe" {
	for i in $(seq 40); do
		printf '{"ts":"2026-11-22T10:%02d:%02dZ","id":"%s","v":%d}\n' $((i % 7)) $((i % 60)) $((i % 3)) $i
	done | sort >many
	split -n r/5 many many.
	tlm-agg --time ts -w 1m -g id 'count, sum(v), max(v), median(v)' many >whole
	ls many.a? | xargs -P 4 -I {} tlm-agg --time ts -w 1m -g id --partial 'count, sum(v), max(v), median(v)' {} |
		tlm-agg --merge --delay 1d -w 1m -g id 'count, sum(v), max(v), median(v)' | cmp - whole
}

@test "what cannot be merged is rejected with the reason" {
	tlm-agg --time ts -w 1m -g id --partial 'count, sum(v)' trips | head -n 1 >good
	check() { # EXPECTED REASON, jq program that breaks the row, options
		jq -c "$2" good >row
		agg --merge --rejects rejects "${@:3}" 'count, sum(v)' row
		[ "$status" = 0 ]
		[ ! -s out ]
		same "state: $1" "$(reason)"
	}
	w=(-w 1m -g id)
	check 'there is no _state: this is no row of tlm-agg --partial' 'del(._state)' "${w[@]}"
	check '_state is no object' '._state = 1' "${w[@]}"
	check '_state has no v: it is no state of tlm-agg' 'del(._state.v)' "${w[@]}"
	check '_state is of version 2, this tlm-agg reads 1' '._state.v = 2' "${w[@]}"
	check 'it is of other aggregates, groups or --exact than those given here' '._state.config = "0123456789abcdef"' "${w[@]}"
	check 'config of _state is not 16 hexadecimal digits' '._state.config = "12"' "${w[@]}"
	check 'its window was still open when its producer was stopped' '.final = false' "${w[@]}"
	check 'the bounds of its window are no times' '.window_start = 7' "${w[@]}"
	check 'the bounds of its window are no times' 'del(.window_end)' "${w[@]}"
	check 'its window ends before it begins' '.window_end = .window_start' "${w[@]}"
	check '_state.sum_v is damaged: it is no state of sum' '._state.sum_v.i = 9' "${w[@]}"
	check '_state.count is missing' 'del(._state.count)' "${w[@]}"
	check '_state.more belongs to no aggregate of the list' '._state.more = {}' "${w[@]}"
	check 'inputs of _state is not a number from 1 to 16384' '._state.inputs = 99999' "${w[@]}"
	check 'known of _state is no time in microseconds' '._state.known = "x"' "${w[@]}"
	check 'window of _state is not one that tlm-agg writes' '._state.window = "1q"' "${w[@]}"
	check 'a window here begins or ends within its window' '.window_end = "2026-11-22T10:03:00Z"' "${w[@]}"
	check 'its windows (1m) do not fit into those here (1.5m)' . -w 90s -g id
	check 'its windows (1m) do not fit into those here (10m every 1.5m)' . -w 10m --every 90s -g id
	check 'its windows (2m) do not fit into those here (3m every 2m)' '._state.window = "2m"' -w 3m --every 2m -g id
	check 'its windows (1m) do not fit into those here (1h offset 10s)' . -w 1h --offset 10s -g id
	check 'its windows (1m) do not fit into those here (session 5m)' . --session 5m -g id
	check 'its windows (1m) do not fit into those here (all): they do not tell when their first and last records were' . -g id
	check 'its windows (2m every 1m) do not fit into those here (1h): windows that hop can be merged into the same ones alone' \
		'._state.window = "2m every 1m"' -w 1h -g id
	check 'its windows (week UTC) do not fit into those here (month UTC)' '._state.window = "week UTC"' -w month -g id
	check 'its windows (day UTC) do not fit into those here (month Asia/Tokyo)' '._state.window = "day UTC"' \
		-w month --tz Asia/Tokyo -g id
	check 'its windows (session 5m) do not fit into those here (session 4m)' '._state.window = "session 5m"' --session 4m -g id
	# the whole stream: with times, or without
	tlm-agg -w all --time ts --partial count trips >timed
	tlm-agg --partial count trips >timeless
	agg --merge --rejects rejects count timed timeless
	same 'state: it has no times, and the rows before it have some' "$(reason)"
	agg --merge --rejects rejects count timeless timed
	same 'state: it has times, and the rows before it have none' "$(reason)"
	# without a place they make the status 5
	jq -c 'del(._state)' good >row
	agg --merge -w 1m -g id 'count, sum(v)' row
	[ "$status" = 5 ]
	# an array as group
	jq -c '.id = [1]' good >row
	agg --merge -w 1m -g id --rejects rejects 'count, sum(v)' row
	same 'group_value: id is an array or an object and cannot be a group' "$(reason)"
}

@test "other aggregates, groups or --exact are told apart; what is made of a state is not" {
	tlm-agg --time ts -w 1m -g id --partial 'sum(v) as x, p95(v) as y' trips >part
	agg --merge -w 1m -g id 'round(mean(v), 1) as x, median(v) as y' part
	[ "$status" = 0 ]
	same '85.3 85.25' "$(head -n 1 out | jq -r '"\(.x) \(.y)"')"
	for list in 'sum(w) as x, p95(v) as y' 'p95(v) as y, sum(v) as x' 'sum(v) as x' 'max(v) as x, p95(v) as y' \
		'sum(v) where .v as x, p95(v) as y'; do
		agg --merge -w 1m -g id "$list" part
		[ "$status" = 5 ] || { echo "$list"; false; }
		has err 'other aggregates, groups or --exact'
	done
	agg --merge -w 1m -g v 'sum(v) as x, p95(v) as y' part
	[ "$status" = 5 ]
	agg --merge -w 1m -g 'id as i' 'sum(v) as x, p95(v) as y' part
	[ "$status" = 5 ]
	agg --merge -w 1m -g id --exact 5 'sum(v) as x, p95(v) as y' part
	[ "$status" = 5 ]
	agg --merge -w 1m -g '.["id"]' 'sum(.v) as x, p95(.["v"]) as y' part
	[ "$status" = 0 ]
}

@test "options that do not go with --partial or --merge are refused" {
	for option in '--format csv' '-o rows.tsv' '--format table' '--time-out ms' '--having .count' '--top 1:count' \
		'--latest now.csv' '--emit every=1m' '--fill' '--explain-lateness'; do
		agg --time ts -w 1m --partial $option count trips
		[ "$status" = 2 ] || { echo "$option"; cat err; false; }
		has err '--partial: '
	done
	for option in '--every-n 3' '--start .v' '--end .v'; do
		agg --time ts --partial $option count trips
		[ "$status" = 2 ] || { echo "$option"; cat err; false; }
		agg --merge $option count trips
		[ "$status" = 2 ] || { echo "$option"; cat err; false; }
	done
	for option in '--time ts' '--where .v' '--coerce' '--max-ahead 1m' '--quorum 2:id' '--marks' '--explain-lateness'; do
		agg -w 1m --merge $option count trips
		[ "$status" = 2 ] || { echo "$option"; cat err; false; }
		has err '--merge: '
	done
	for name in v config window inputs known; do
		agg --partial "count as $name" trips
		[ "$status" = 3 ]
		has err "--partial: the name $name belongs to the state itself: say as NAME"
	done
	agg --partial 'count as _state' trips
	[ "$status" = 3 ]
	agg --partial -g 'a[0]' count trips
	[ "$status" = 3 ]
	has err '--partial: -g a[0]: an index needs a name here'
	agg --partial -g 'a[0] as x' count trips
	[ "$status" = 0 ]
}

@test "--having, --top, --latest, --fill, --emit and csv are for the merge" {
	tlm-agg --time ts -w 1m -g id --partial 'count, sum(v)' trips >part
	tlm-agg --merge -w 1m -g id --having '.sum_v' --format csv --time-out s 'count, sum(v)' part >merged
	tlm-agg --time ts -w 1m -g id --having '.sum_v' --format csv --time-out s 'count, sum(v)' trips | cmp - merged
	tlm-agg --merge -w 1m -g id --top 1:count --latest now.csv 'count, sum(v)' part >merged
	cp now.csv now.merged
	tlm-agg --time ts -w 1m -g id --top 1:count --latest now.csv 'count, sum(v)' trips | cmp - merged
	cmp now.csv now.merged
	tlm-agg --merge -w 1m -g id --fill 'count, sum(v)' part >merged
	tlm-agg --time ts -w 1m -g id --fill 'count, sum(v)' trips | cmp - merged
	same '2 2 4' "$(tlm-agg --merge -w 1h -g id --emit every=1m count <(tlm-agg --time ts -w 1m -g id --partial count trips) |
		jq -s -r 'map(select(.id == "b"))[-1].count, (map(select(.id == "a"))[-1].count), length' | xargs)"
}

@test "a signal: what is open is not final, and not merged" {
	mkfifo pipe
	tlm-agg --time ts -w 1h --partial count <pipe >live &
	pid=$!
	exec 9>pipe
	cat trips >&9
	sleep 0.3
	kill -TERM $pid
	exec 9>&-
	wait $pid || true
	same false "$(jq .final live)"
	agg --merge -w 1h --rejects rejects count live
	same 'state: its window was still open when its producer was stopped' "$(reason)"
}

@test "deep and long: what a producer may read, the merge can" {
	deep=$(printf '[%.0s' $(seq 60))$(printf ']%.0s' $(seq 60))
	echo "{\"v\":$deep}" >deep
	tlm-agg --partial 'last(v), values(v, 2)' deep | tlm-agg --merge 'last(v), values(v, 2)' >merged
	tlm-agg 'last(v), values(v, 2)' deep | cmp - merged
	seq 200000 | sed 's/.*/{"v":&}/' >long
	tlm-agg --partial 'transitions(v), set(v)' long >part
	[ "$(wc -c <part)" -gt 5000000 ]
	tlm-agg 'transitions(v), set(v)' long >whole
	tlm-agg --merge 'transitions(v), set(v)' part | cmp - whole
}

@test "sessions are written at the end, or at borders, or as --delay says" {
	row() { printf '{"t":%d,"id":"%s"}\n' "$@"; }
	row 0 a 4 a 200 b >x
	row 8 a 12 a 300 b >y
	for f in x y; do tlm-agg --time t:s --session 5s -g id --partial count $f >$f.part; done
	tlm-agg --merge --session 5s -g id --time-out s count x.part y.part >merged
	tlm-agg --time t:s --session 5s -g id --time-out s count x y | cmp - merged
	same '0 12 4' "$(head -n 1 merged | jq -r '"\(.session_start) \(.session_end) \(.count)"')"
	# a session that is longer than the delay comes too late
	agg --merge --session 5s -g id --delay 4s --late late count <(cat x.part y.part)
	[ "$status" = 0 ]
	[ "$(wc -l <late)" = 1 ]
	for f in x y; do tlm-agg --time t:s --session 5s --session-max 1m -g id --partial count $f >$f.part; done
	mkfifo pipe
	tlm-agg --merge --session 5s --session-max 1m -g id --time-out s count x.part pipe >live &
	pid=$!
	exec 9>pipe
	cat y.part >&9
	for _ in $(seq 100); do
		[ -s live ] && break
		sleep 0.02
	done
	same '0 12 4' "$(head -n 1 live | jq -r '"\(.session_start) \(.session_end) \(.count)"')"
	exec 9>&-
	wait $pid
}

@test "--dry-run tells what is read and written" {
	agg --time ts -w 1m --partial --dry-run count trips
	has out 'rows are partial: config '
	has out 'window 1m'
	agg -w 1m --merge --dry-run count trips
	has out 'reads partial rows: config '
	! grep -q '^time: ' out
}

@test "-j changes no byte of partial rows, nor of their merge" {
	for i in $(seq 2000); do
		printf '{"ts":"2026-11-22T10:%02d:%02dZ","id":%d,"v":%d.5}\n' $((i / 60)) $((i % 60)) $((i * 7 % 11)) $i
	done >many
	tlm-agg --time ts -w 1m -g id --partial 'count, p50(v), twa(v), last(v)' many >one
	tlm-agg --time ts -w 1m -g id --partial -j 4 'count, p50(v), twa(v), last(v)' many | cmp one -
	tlm-agg --merge -w 5m -g id 'count, p50(v), twa(v), last(v)' one >merged
	tlm-agg --merge -w 5m -g id -j 4 'count, p50(v), twa(v), last(v)' one | cmp merged -
	tlm-agg --time ts -w 5m -g id 'count, p50(v), twa(v), last(v)' many | cmp merged -
}

@test "the books count rows of the merge" {
	tlm-agg --time ts -w 1m -g id --partial count trips >part
	echo '{"a":1}' >>part
	agg --merge -w 1h -g id --rejects /dev/null --stats count part
	same '4 3 1 2' "$(jq -r '"\(.read) \(.kept) \(.rejected) \(.out)"' err)"
}

@test "real data: minutes of shards into hours" {
	need_data warsaw-buses.ndjson.zst
	list='count, mean(Lat), min(Lat), max(Lon), p95(Lat), distinct(VehicleNumber), first(Brigade), last(Brigade), distance(Lat, Lon), bbox(Lat, Lon)'
	zstdcat "$TLM_DATA/warsaw-buses.ndjson.zst" | head -n 60000 | split -n r/3 - shard.
	time=(--time 'Time:%Y-%m-%d %H:%M:%S' --delay 10000d --rejects /dev/null)
	tlm-agg "${time[@]}" -w 1h -g Lines "$list" shard.a? >whole
	for s in shard.a?; do tlm-agg "${time[@]}" -w 1m -g Lines --partial "$list" "$s" >"$s.part"; done
	tlm-agg --merge -w 1h -g Lines "$list" shard.a?.part | cmp - whole
	[ -s whole ]
}
