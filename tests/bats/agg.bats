#!/usr/bin/env bats
# tlm-agg: windows, groups, lateness, forms of rows. Random streams are compared with tests/reference/agg.py.

load common
load agg

@test "random streams agree with the second implementation, to the byte" {
	TLM_AGG=tlm-agg python3 "$TLM_TOP/tests/reference/agg.py" hunt 250 1
}

@test "rows by minute and group" {
	agg --time ts -w 1m -g id 'count, mean(v), first(v) as f, p50(v)' trips
	[ "$status" = 0 ]
	same '{"window_start":"2026-11-22T10:00:00Z","window_end":"2026-11-22T10:01:00Z","id":"a","count":2,"mean_v":85.25,"f":80.5,"p50_v":80.5}
{"window_start":"2026-11-22T10:00:00Z","window_end":"2026-11-22T10:01:00Z","id":"b","count":1,"mean_v":null,"f":null,"p50_v":null}
{"window_start":"2026-11-22T10:01:00Z","window_end":"2026-11-22T10:02:00Z","id":"b","count":1,"mean_v":3,"f":3,"p50_v":3}' "$(cat out)"
}

@test "the result does not depend on how the input is cut, or on its form" {
	agg --time ts -w 1m --every 30s -g id 'count, last(v), stddev(v)' trips
	cp out whole
	perl -e '$| = 1; while (read(STDIN, $c, 1)) { print $c; select(undef, undef, undef, 0.0005) if $c =~ /[\n3]/ }' <trips |
		tlm-agg --time ts -w 1m --every 30s -g id 'count, last(v), stddev(v)' >bytes
	cmp whole bytes
	zstd -q trips
	tlm-agg --time ts -w 1m --every 30s -g id 'count, last(v), stddev(v)' trips.zst | cmp whole -
	head -c -1 trips | tlm-agg --time ts -w 1m --every 30s -g id 'count, last(v), stddev(v)' | cmp whole -
	sed 's/$/\r/' trips | tlm-agg --time ts -w 1m --every 30s -g id 'count, last(v), stddev(v)' | cmp whole -
}

@test "a row leaves as soon as its window closes" {
	mkfifo pipe
	tlm-agg --time ts -w 1m count <pipe >live &
	pid=$! # a process substitution sets $! anew
	exec 9>pipe
	cat trips >&9
	for _ in $(seq 100); do
		[ -s live ] && break
		sleep 0.02
	done
	same '{"window_start":"2026-11-22T10:00:00Z","window_end":"2026-11-22T10:01:00Z","count":3}' "$(cat live)"
	exec 9>&-
	wait $pid
	[ "$(wc -l <live)" = 2 ]
}

@test "the whole stream: without a time, with one, and from no record at all" {
	agg 'count, sum(v)' trips
	same '{"count":4,"sum_v":173.5}' "$(cat out)"
	agg --time ts count trips
	same '{"window_start":"2026-11-22T10:00:00Z","window_end":"2026-11-22T10:01:20Z","count":4}' "$(cat out)"
	agg count </dev/null
	[ "$status" = 0 ]
	[ ! -s out ]
}

@test "rows carry their own time" {
	tlm-agg --time ts -w 1m count trips >rows
	agg -w 1h 'sum(count)' rows
	same '{"window_start":"2026-11-22T10:00:00Z","window_end":"2026-11-22T11:00:00Z","sum_count":4}' "$(cat out)"
	# window_end - 1 ms, but never before window_start
	echo '{"window_start":"1970-01-01T00:01:00Z","window_end":"1970-01-01T00:01:00Z"}' | tlm-agg -w 1m count >out
	has out '"window_start":"1970-01-01T00:01:00Z"'
	echo '{"session_start":"1970-01-01T00:00:00Z","session_end":"1970-01-01T00:02:00Z"}' | tlm-agg -w 1m count >out
	has out '"window_start":"1970-01-01T00:02:00Z"'
	# a field of that name counts only in the first record
	printf '%s\n' '{"a":1}' '{"window_end":"1970-01-01T00:01:00Z"}' | tlm-agg count >out
	same '{"count":2}' "$(cat out)"
}

@test "no time and no -w all is refused" {
	agg -w 1m count trips
	[ "$status" = 2 ]
	has err 'no --time: say which field holds the time'
	[ ! -s out ]
}

@test "late records: status 5 and a hint, a place, or accepted" {
	echo '{"ts":"2026-11-22T10:00:50Z","id":"b","v":1}' >>trips
	agg --time ts -w 1m count trips
	[ "$status" = 5 ]
	has err '1 record was late, by 20s'
	has err 'a longer --delay'
	agg --time ts -w 1m count trips --late late
	[ "$status" = 0 ]
	[ ! -s err ]
	same '{"reason":"late","source":"trips","line":5,"time":"2026-11-22T10:00:50Z","window_start":"2026-11-22T10:00:00Z","window_end":"2026-11-22T10:01:00Z","windows":1,"late_us":20000000,"raw":"{\"ts\":\"2026-11-22T10:00:50Z\",\"id\":\"b\",\"v\":1}","tool":"tlm-agg"}' "$(cat late)"
	agg --time ts -w 1m count trips --late /dev/null
	[ "$status" = 0 ]
	agg --time ts -w 1m count trips --delay 21s
	[ "$status" = 0 ]
	has out '"count":4}'
	agg --time ts -w 1m count trips --grace 21s
	[ "$status" = 0 ]
	has out '"count":4}'
	agg --time ts -w 1m count trips --delay 20s
	[ "$status" = 5 ]
	has err '1 record was late, by 0s'
}

@test "the place of late records must be another one" {
	agg --time ts -w 1m count trips --late -
	[ "$status" = 2 ]
	has err 'the output goes there already'
	agg --time ts -w 1m count trips --late x --rejects x
	[ "$status" = 2 ]
	has err 'the rejects go there already'
	agg --time ts -w 1m count trips --late x --rejects "$PWD/x"
	[ "$status" = 2 ]
	agg --time ts -w 1m count trips --late no/such/folder
	[ "$status" = 2 ]
	has err 'No such file'
}

@test "sums are exact: no order, no split changes a byte" {
	TLM_AGG=tlm-agg python3 "$TLM_TOP/tests/kit/sums.py" 2000
}

@test "values hold over the borders of windows: the integrals of minutes are that of the hour" {
	python3 - >power <<'END'
import json, random
r = random.Random(7)
for i in range(500):
    s = 7200 + i * 7 + r.randint(-30, 30) * (r.random() < 0.2)
    print(json.dumps({"s": s, "id": r.choice("ab"), "kw": r.randint(-50, 50), "gear": r.choice("DNR")}))
END
	local list='integral(kw) as i, duration(gear, "D") as d, time_above(kw, 10) as t'
	for gap in 11s 45s 1h; do
		tlm-agg --time s:s -w 1h -g id --delay 1m --max-gap $gap "$list" power >hour
		for w in "-w 1m" "-w 20m" "-w 2m --offset 37s"; do
			# each of them has a record, else the sum would lack what has no row
			tlm-agg --time s:s $w --delay 1m --max-gap $gap "$list" power |
				jq -sc '[(map(.i) | add), (map(.d) | add), (map(.t) | add)]' >sums
			tlm-agg --time s:s -w 1d --delay 1m --max-gap $gap "$list" power | jq -c '[.i, .d, .t]' | cmp - sums
		done
		tlm-agg --time s:s -w 20m -g id --delay 1m --max-gap $gap "$list" power |
			jq -sc 'group_by(.id)[] | [.[0].id, (map(.i) | add), (map(.d) | add), (map(.t) | add)]' >sums
		jq -sc 'group_by(.id)[] | [.[0].id, (map(.i) | add), (map(.d) | add), (map(.t) | add)]' hour | cmp - sums
	done
}

@test "values that hold: parts of a stream, merged, are the whole stream" {
	local list='twa(v), integral(v), increase(v), duration(g, "D") as d, time_above(v, 3) as t, count'
	for seed in 1 2 3; do
		python3 - $seed <<'END'
import random, sys
r, now = random.Random(int(sys.argv[1])), 0
parts = [open("part%d" % i, "w") for i in range(2)]
for i in range(150):
    now += r.choice([0, 1, 3, 10, 40])
    parts[r.random() < 0.4].write('{"s":%d,"k":"%s","v":%d,"g":"%s"}\n' % (
        max(0, now - r.choice([0, 0, 0, 5])), r.choice("ab"), r.randint(-5, 9), r.choice("DR")))
END
		for w in "-w 10s" "-w 1m" "-w 30s --every 10s" "-w 7s --every 3s" ""; do
			for gap in "" "--max-gap 12s"; do
				tlm-agg --time s:s -g k --delay 20s $w $gap "$list" part0 part1 >whole
				for i in 0 1; do
					tlm-agg --time s:s -g k --delay 20s $w $gap --partial "$list" part$i >states$i
				done
				tlm-agg --merge -g k --delay 20s $w $gap "$list" states0 states1 | cmp - whole
			done
		done
	done
	# where a quorum never knew a time
	for w in "-w 1m" "-w 30s --every 10s" "--session 20s" ""; do
		tlm-agg --time s:s --quorum 3:k -g k $w "$list" part0 >whole
		tlm-agg --time s:s --quorum 3:k -g k $w --partial "$list" part0 >states0
		tlm-agg --merge -g k $w "$list" states0 | cmp - whole
	done
}

@test "values that hold: what carries over, how long, and up to where" {
	printf '%s\n' '{"s":50,"v":2}' '{"s":130,"v":null}' '{"s":190,"v":4}' '{"s":200}' >in
	# nothing before the first value; an empty window between; the end of the input
	agg --time s:s --time-out s -w 1m 'twa(v), integral(v) as i' in
	same '{"window_start":0,"window_end":60,"twa_v":2,"i":20}
{"window_start":120,"window_end":180,"twa_v":2,"i":120}
{"window_start":180,"window_end":240,"twa_v":3,"i":60}' "$(cat out)"
	# a value that has just ended does not hold; one that holds a microsecond longer does
	agg --time s:s --time-out s -w 1m --max-gap 70s 'twa(v), integral(v) as i' in
	has out '{"window_start":120,"window_end":180,"twa_v":null,"i":null}'
	agg --time s:s --time-out us -w 1m --max-gap 70.000001s 'integral(v) as i, duration(v, 2) as d' in
	has out '{"window_start":120000000,"window_end":180000000,"i":2e-06,"d":1e-06}'
	# sessions and the whole stream take nothing from outside
	agg --time s:s --time-out s --session 1m 'twa(v), integral(v) as i' in
	same '{"session_start":50,"session_end":50,"twa_v":null,"i":0}
{"session_start":130,"session_end":200,"twa_v":null,"i":0}' "$(cat out)"
	agg --time s:s 'integral(v) as i, twa(v) where .v > 3 as t' in
	has out '"i":280,"t":null}'
	agg 'integral(v) as i, twa(v)' in
	[ "$status" = 3 ]
	# with a group of its own each
	printf '%s\n' '{"s":1,"g":"a","v":true}' '{"s":2,"g":"b","v":true}' '{"s":13,"g":"b"}' '{"s":19,"g":"a","v":false}' >in
	agg --time s:s --time-out s -w 10s -g g 'duration(v, true) as d' in
	same '{"window_start":0,"window_end":10,"g":"a","d":9}
{"window_start":0,"window_end":10,"g":"b","d":8}
{"window_start":10,"window_end":20,"g":"a","d":9}
{"window_start":10,"window_end":20,"g":"b","d":9}' "$(cat out)"
}

@test "values that hold: hopping windows, and late records that only older windows take" {
	printf '%s\n' '{"s":0,"v":1}' '{"s":5,"v":3}' '{"s":12,"v":0}' '{"s":9,"v":10}' '{"s":21,"v":7}' >in
	agg --time s:s --time-out s -w 10s --every 5s --late /dev/null 'integral(v) as i' in
	same '{"window_start":-5,"window_end":5,"i":5}
{"window_start":0,"window_end":10,"i":20}
{"window_start":5,"window_end":15,"i":42}
{"window_start":10,"window_end":20,"i":20}
{"window_start":15,"window_end":25,"i":0}
{"window_start":20,"window_end":30,"i":0}' "$(cat out)"
}

@test "a wrong constant of an aggregate is told with its place" {
	agg 'duration(v, null)' trips
	[ "$status" = 3 ]
	has err 'byte 13: expected a value, such as "D", 3 or true'
	agg 'duration(v, "D)' trips
	has err 'byte 13: expected a value'
	agg 'duration(v, [1])' trips
	has err 'byte 13: expected a value'
	agg 'duration(v)' trips
	has err "expected ',' and a value"
	agg 'time_above(v, "8")' trips
	has err 'byte 15: expected a number, such as 80 or -0.5'
	agg 'time_weight(v)' trips
	has err 'it is called twa here'
	agg --max-gap 0s 'twa(v)' trips
	[ "$status" = 2 ]
	printf '%s\n' '{"s":0,"v":"a, \"b\""}' '{"s":3}' >in
	agg --time s:s -w 10s 'duration(v, "a, \"\u0062\"")' in
	has out '"duration_v_a_____u0062__":3}'
}

@test "bad records are rejected with their reason and move no clock" {
	printf '%s\n' '{"ts":1,"v":' '[1]' '{"ts":null,"v":1}' '{"ts":"x"}' '{"ts":"2027-01-01T00:00:00Z","v":"7"}' \
		'{"ts":"2027-01-01T00:00:00Z","v":1,"id":[1]}' '' '{"ts":"2026-11-22T10:02:00Z","v":1,"id":"a"}' >>trips
	agg --time ts -w 1m --max-ahead 1h -g id 'sum(v)' trips --rejects bad --stats
	[ "$status" = 0 ]
	same 'json 5 13
not_object 6 null
no_time 7 null
no_time 8 null
type 9 null
group_value 10 null' "$(jq -r '"\(.reason) \(.line) \(.byte)"' bad)"
	[ "$(jq -c '[.read, .kept, .rejected, .empty, .out]' err)" = '[11,5,6,1,4]' ]
	agg --time ts -w 1m -g id 'sum(v)' trips
	[ "$status" = 5 ]
	has err 'trips:7: ts is null'
}

@test "lines are counted from the start, whatever stands before the first record" {
	printf '%s\n' '[1]' '' '{"v":1}' '{"v":"x"}' >in # in one batch
	agg 'sum(v)' in --rejects bad
	[ "$(jq -c '[.line, .reason]' bad)" = $'[1,"not_object"]\n[4,"type"]' ]
}

@test "a record too far ahead is rejected" {
	echo '{"ts":"2026-11-22T11:01:20.000001Z"}' >>trips
	echo '{"ts":"2026-11-22T11:01:20Z"}' >>trips
	agg --time ts -w 1m --max-ahead 1h count trips --rejects bad
	[ "$(jq -r '"\(.reason) \(.line) \(.message)"' bad)" = 'ahead 5 ts 1.01h ahead of the stream, more than --max-ahead' ]
}

@test "--explain-lateness says what tlm-agg loses with each delay" {
	TLM_AGG=tlm-agg python3 "$TLM_TOP/tests/reference/lateness.py" 60 1
}

@test "--explain-lateness: a table for people, with the worst groups" {
	local i
	for i in 0 5 3 61 58 130 20 129.5 131 60; do echo "{\"t\":$i,\"id\":\"v$((${i%.*} % 3))\"}"; done >in
	agg --time t:s -w 1m -g id --explain-lateness --late late --delay 25s count in
	[ "$status" = 0 ]
	[ ! -e late ]
	same ' --delay          lost      of 100
      0s             3     30.0000
      1s             3     30.0000
      2s             2     20.0000
     10s             2     20.0000
     25s             1     10.0000
      1m             1     10.0000
      2m             0      0.0000' "$(head -n 19 out | grep -E '^ *(--delay|[0125]+s|10s|1m|2m|5m) ' | grep -v ' 5s')"
	same '           3    33.333    33.333    33.333    33.333     0.000      1.17m  v2
           4    25.000    25.000    25.000     0.000     0.000      11.1s  v0
           3    33.333    33.333     0.000     0.000     0.000      1.01s  v1' "$(grep 'v[0-9]$' out)"
	has out '10 records: --delay 1.17m loses none of them'
	agg --time t:s -w 1m --delay 1.17m count in
	[ "$status" = 0 ]
	# without windows: how far behind the newest record comes
	agg --time t:s --explain-lateness count in --format ndjson
	[ "$(tail -n 1 out)" = '{"records":10,"lossless_delay_us":110000000,"permille_delay_us":120000000}' ]
	agg --time t:s --session 10s --explain-lateness count in
	has out '10 records, less those that an open session saves: --delay 100s loses none of them'
	# a marked stream, a quorum and several sources have the clocks that they have
	agg --time t:s -w 1m --quorum 3:id --explain-lateness count in --format ndjson
	has out '"lossless_delay_us":9500001'
	agg --time t:s -w 1m --explain-lateness count in in --format ndjson
	[ "$(tail -n 1 out)" = '{"records":20,"lossless_delay_us":70000001,"permille_delay_us":120000000}' ]
}

@test "--explain-lateness: what it cannot stand beside, and what it is told of" {
	agg --explain-lateness count trips
	[ "$status" = 2 ]
	has err 'no --time'
	agg --time ts -w 1m --explain-lateness --format csv count trips
	[ "$status" = 2 ]
	has err '--explain-lateness: --format is table or ndjson'
	agg --time ts -w 1m --explain-lateness --latest x.csv count trips
	[ "$status" = 2 ]
	agg --time ts -w 1m --explain-lateness -o '%H.csv' count trips
	[ "$status" = 2 ]
	agg --time ts -w 1m --explain-lateness 'sum(id)' trips
	[ "$status" = 5 ] # a record that is rejected is told as ever
	agg --time ts -w 1m --explain-lateness count </dev/null
	[ "$status" = 0 ]
}

@test "a quorum: one wild clock closes no window, and none is set before enough values were seen" {
	printf '{"t":%s,"id":%s}\n' 0 '"a"' 999999 '"wild"' 30 '"b"' 61 '"a"' 62 '"b"' 20 null 5 '"\u0062"' >in
	agg --time t:s -w 1m --quorum 2:id --time-out s count in --late late
	[ "$(jq -c '[.window_start, .count]' out)" = $'[0,2]\n[60,2]\n[999960,1]' ]
	[ "$(jq -c '[.line, .late_us]' late)" = $'[6,2000000]\n[7,2000000]' ] # T is 62: of wild and b
	# null has no vote, and nothing is ahead before there is a time
	printf '{"t":%s,"id":%s}\n' 0 null 500 null 900 '"a"' 0 '"b"' 90 '"c"' 2 '"b"' >in
	agg --time t:s -w 1m --quorum 2:id --max-ahead 10m --time-out s count in --late late --rejects bad
	[ "$(jq -c '[.window_start, .count]' out)" = $'[0,2]\n[60,1]\n[480,1]\n[900,1]' ]
	[ "$(jq -c '[.line, .late_us]' late)" = '[6,30000000]' ]
	# each source has its own
	printf '{"t":%s,"id":"%s"}\n' 0 a 70 a >one
	agg --time t:s -w 1m --quorum 2:id count one in --late late --rejects bad
	[ "$(wc -l <late)" = 1 ]
	printf '{"t":%s,"id":%s}\n' 0 '"a"' 1 '[1]' 2 '{}' >in
	agg --time t:s -w 1m --quorum 2:id count in --rejects bad
	[ "$(jq -c '[.line, .reason, .message]' bad | head -n 1)" = '[2,"group_value","id is an array or an object and cannot be in a quorum"]' ]
	[ "$(wc -l <bad)" = 2 ]
}

@test "a quorum needs a number, a field and a time" {
	for bad in 2 0:id 33:id x:id :id -1:id; do
		agg --time ts -w 1m --quorum=$bad count trips
		[ "$status" = 2 ]
		has err "--quorum $bad: must be N:FIELD, N from 1 to 32"
	done
	agg --time ts -w 1m --quorum 2: count trips
	[ "$status" = 2 ]
	has err '--quorum 2:'
	agg --quorum 2:id count trips
	[ "$status" = 2 ]
	has err 'no --time'
	agg --time ts -w 1m --quorum 2:id count --dry-run
	has out 'stream time: as far as 2 of the values of id have come'
}

mark() { printf '{"_tlm":{"time_us":%d,"source":"x"}}\n' "$1"; }

@test "a mark moves the time, closes windows at once and is in no books" {
	{ printf '{"t":%s}\n' 0 10; mark 65000000; printf '{"t":%s}\n' 59 70; mark 1; } >in
	agg --time t:s -w 1m --marks --time-out s --stats count in --late late
	[ "$(jq -c '[.window_start, .count]' out)" = $'[0,2]\n[60,1]' ]
	[ "$(jq -c '[.line, .late_us]' late)" = '[4,5000000]' ]
	[ "$(jq -c '[.read, .kept, .late, .empty]' err)" = '[4,3,1,0]' ]
	# the delay is that of this tool
	agg --time t:s -w 1m --marks --delay 6s --time-out s count in
	[ "$(jq -c '[.window_start, .count]' out)" = $'[0,3]\n[60,1]' ]
	agg --time t:s --session 30s --marks --time-out s count in --late late
	[ "$(jq -c '[.session_start, .count]' out)" = $'[0,2]\n[59,2]' ]
	# without the option it is a record without a time
	agg --time t:s -w 1m --time-out s count in --rejects bad
	[ "$(jq -c '[.line, .reason]' bad)" = $'[3,"no_time"]\n[6,"no_time"]' ]
	# where there are no times it is dropped; --where does not see it
	agg --marks --where '.t' count in
	same '{"count":4}' "$(cat out)"
}

@test "a bad mark is rejected, and so is one that is ahead" {
	{ printf '{"t":0}\n'; mark 10000000; mark 20000001; printf '%s\n' '{"_tlm":{}}' '{"_tlm":{"time_us":1},"v":1}' \
		' {"_tlm":{"time_us":1}}' '{"_tlm":'; } >in
	agg --time t:s -w 1m --marks --max-ahead 10s count in --rejects bad --stats
	[ "$(jq -c '[.line, .reason]' bad)" = $'[3,"ahead"]\n[4,"mark"]\n[5,"mark"]\n[6,"no_time"]\n[7,"json"]' ]
	[ "$(jq -c '[.read, .kept, .rejected]' err)" = '[6,1,5]' ]
	agg --time t:s -w 1m --marks count in
	[ "$status" = 5 ]
	has err 'in:4: the mark has no time_us'
}

@test "replay, a filter that lets nothing through, agg: windows close while the stream lives" {
	mkfifo pipe
	tlm-replay --time t:s --marks <pipe | tlm-filter --marks 'select(.t == 0)' |
		tlm-agg --time t:s -w 1m --marks --time-out s count >live &
	pid=$!
	exec 9>pipe
	printf '{"t":%s}\n' 0 30 >&9
	printf '{"t":61}\n' >&9
	within 2 test -s live
	same '{"window_start":0,"window_end":60,"count":1}' "$(cat live)"
	exec 9>&-
	wait $pid
	[ "$(wc -l <live)" = 1 ]
}

@test "a gap of the recording is walked through: windows close in it" {
	printf '{"t":%s}\n' 0 250 >in
	tlm-replay --time t:s --speed 100 --marks in | tlm-filter --marks 'select(.t == 0)' |
		tlm-agg --time t:s -w 1m --marks --time-out s count >live &
	pid=$!
	within 2 test -s live
	kill -0 $pid # the record of 250 s is not yet due
	wait $pid
	same '{"window_start":0,"window_end":60,"count":1}' "$(cat live)"
}

@test "places for rows must not be files that are read" {
	cp trips copy
	for option in --late --latest; do
		ln -sf trips link.csv
		agg --time ts -w 1m count copy trips $option link.csv
		[ "$status" = 2 ]
		has err "$option link.csv: is read, and cannot be written too"
		cmp trips copy
	done
}

@test "what means nothing without times is refused without them" {
	local f
	for f in 'rate(v)' max_gap 'max_gap(v)' 'lttb(v, 3)' 'twa(v)' 'integral(v)' 'duration(v, 1)' 'time_above(v, 1)' \
		'increase(v)' 'round(rate(v), 1)' 'rate(v) where .v > 1 as r'; do
		agg "count, $f" trips
		[ "$status" = 3 ] || { echo "$f: $status"; false; }
		grep -qE '(rate|max_gap|lttb|twa|integral|duration|time_above|increase): means nothing without the time of the records: say --time' err
		agg --time ts "count, $f" trips
		[ "$status" = 0 ] || { echo "$f: $status"; false; }
	done
	# order is enough for these; rows carry their own time
	agg 'delta(v), transitions(v), ewma(v, 0.5), first(v)' trips
	[ "$status" = 0 ]
	tlm-agg --time ts -w 1m 'max(v) as v' trips | tlm-agg 'rate(v)' >out
	grep -q '"rate_v":-0.' out || grep -q '"rate_v":-1.45' out
}

@test "the ends of the calendar and the longest durations: right rows" {
	local w g d
	printf '{"ts":"%s"}\n' 0001-01-01T00:00:00Z 9999-12-31T23:59:59.999999Z >ends
	for w in '-w 1us' '-w 1s' '-w 100000d' '-w 100000d --every 1d' '-w 100000d --offset 99999d' '-w day' '-w week' '-w month' \
		'-w day --tz Pacific/Apia' '-w week --tz America/New_York' '--session 1us' '--session 100000d' \
		'--session 100000d --session-max 100000d' '-w all' '--every-n 1'; do
		for g in 0s 100000d; do
			for d in 0s 100000d; do
				# shellcheck disable=SC2086
				agg --time ts $w --grace $g --delay $d --max-ahead 0s count ends --rejects bad
				[ "$status" = 0 ] || { cat err; echo "$w"; false; }
				[ "$(wc -l <bad)" = 1 ]
				# shellcheck disable=SC2086
				agg --time ts $w --grace $g --delay $d count ends
				[ "$status" = 0 ] || { cat err; echo "$w"; false; }
				[[ $w = *every\ * || $(jq -s 'map(.count) | add' out) = 2 ]] || { cat out; echo "$w"; false; }
			done
		done
	done
	agg --time ts -w day count ends
	same '{"window_start":"0001-01-01T00:00:00Z","window_end":"0001-01-02T00:00:00Z","count":1}
{"window_start":"9999-12-31T00:00:00Z","window_end":"10000-01-01T00:00:00Z","count":1}' "$(cat out)"
	# and such rows are read again
	same 2 "$(tlm-agg 'sum(count) as n' out | jq .n)"
	for w in day month 'week --tz Europe/Warsaw'; do
		# shellcheck disable=SC2086
		tlm-agg --time ts -w $w count ends --partial | tlm-agg -w $w --merge count >merged
		# shellcheck disable=SC2086
		tlm-agg --time ts -w $w count ends | cmp - merged
	done
	# times beyond are no times
	printf '{"t":%s}\n' 9223372036854775807 -9223372036854775808 1e300 -62135596800000001 253402300800000000 1 >ends
	agg --time t:us -w 1m count ends --rejects bad
	[ "$(jq -r .reason bad | uniq -c | xargs)" = '5 no_time' ]
	agg --time ts -w 1000000d count trips
	[ "$status" = 2 ]
	has err 'longer than 100000 days'
	agg --time ts -w 1d --delay 99999999999999999999s count trips
	[ "$status" = 2 ]
	agg --time ts -w 1d --grace 1000000d count trips
	[ "$status" = 2 ]
	agg --time ts -w 1d --every 1us count trips
	[ "$status" = 2 ]
	has err '--every: a record would be in 86400000000 windows of -w 1d, more than 1000000'
}

@test "--coerce takes numbers written as text" {
	printf '%s\n' '{"v":"1.5"}' '{"v":" 2 "}' '{"v":3}' '{"v":"x"}' >in
	agg --coerce 'sum(v), count' in --rejects bad
	same '{"sum_v":6.5,"count":3}' "$(cat out)"
	agg 'sum(v)' in
	[ "$status" = 5 ]
	has err 'v is a text, not a number (--coerce takes numbers written as text)'
}

@test "absent, null and empty are three groups; 1 and 1.0 are one" {
	printf '%s\n' '{}' '{"g":null}' '{"g":""}' '{"g":1}' '{"g":1.0}' '{"g":"1"}' '{"g":true}' '{"g":false}' '{"g":-2e1}' >in
	agg -g g count in
	same '{"count":1}
{"g":null,"count":1}
{"g":false,"count":1}
{"g":true,"count":1}
{"g":-20,"count":1}
{"g":1,"count":2}
{"g":"","count":1}
{"g":"1","count":1}' "$(cat out)"
}

@test "group fields stand at their own path, or under a name" {
	echo '{"driver":{"id":7,"name":"Z"},"car":"x"}' >in
	agg -g driver.id,car -g '.driver.name as who' count in
	same '{"driver":{"id":7},"car":"x","who":"Z","count":1}' "$(cat out)"
	agg -g driver.id,car -g '.driver.name as who' count in --format csv
	same $'driver.id,car,who,count\n7,x,Z,1' "$(cat out)"
}

@test "times of windows as integers" {
	for form in 's 1795341600' 'ms 1795341600000' 'us 1795341600000000'; do
		agg --time ts -w 1h --time-out "${form% *}" count trips
		has out "{\"window_start\":${form#* },"
	done
}

@test "hopping windows, offset, and windows that do not fit" {
	printf '{"t":%s}\n' 0 3 7 >in
	agg --time t:s -w 4s --every 2s --offset 1s --time-out s count in
	same '-3 1 1
-1 3 1
1 5 1
3 7 1
5 9 1
7 11 1' "$(jq -r '"\(.window_start) \(.window_end) \(.count)"' out | sort -n)"
	agg --time t:s -w 1s --every 2s count in
	[ "$status" = 2 ]
	has err '--every is more than the window of -w 1s'
	agg --time t:s --every 2s count in
	[ "$status" = 2 ]
	has err '--every: needs a window of time'
	agg --time t:s --offset 2s count in
	[ "$status" = 2 ]
	has err '--offset: needs a window of time'
	agg --time t:s -w 0s count in
	[ "$status" = 2 ]
	has err 'a window cannot be empty'
	agg --time t:s -w 5 count in
	[ "$status" = 2 ]
	has err '-w: '
}

@test "days, weeks and months by the clocks of a zone" {
	printf '{"ts":"%s"}\n' 2026-03-28T22:59:59Z 2026-03-28T23:00:00Z 2026-03-29T21:59:59Z 2026-03-29T22:00:00Z >in
	agg --time ts -w day --tz Europe/Warsaw count in
	same '{"window_start":"2026-03-27T23:00:00Z","window_end":"2026-03-28T23:00:00Z","count":1}
{"window_start":"2026-03-28T23:00:00Z","window_end":"2026-03-29T22:00:00Z","count":2}
{"window_start":"2026-03-29T22:00:00Z","window_end":"2026-03-30T22:00:00Z","count":1}' "$(cat out)"
	agg --time ts -w week --tz Europe/Warsaw count in
	same '{"window_start":"2026-03-22T23:00:00Z","window_end":"2026-03-29T22:00:00Z","count":3}
{"window_start":"2026-03-29T22:00:00Z","window_end":"2026-04-05T22:00:00Z","count":1}' "$(cat out)"
	agg --time ts -w month count in
	same '{"window_start":"2026-03-01T00:00:00Z","window_end":"2026-04-01T00:00:00Z","count":4}' "$(cat out)"
	agg --dry-run --time ts -w month --tz Asia/Kolkata count in
	has out 'window: a month of the calendar in Asia/Kolkata'
}

@test "a calendar has no --every and no --offset, and other windows no --tz" {
	agg --time ts -w day --every 1h count trips
	[ "$status" = 2 ]
	has err '--every: a day of the calendar cannot hop'
	agg --time ts -w week --offset 1h count trips
	[ "$status" = 2 ]
	has err '--offset: a week of the calendar begins at midnight of --tz'
	agg --time ts -w 1h --tz Europe/Warsaw count trips
	[ "$status" = 2 ]
	has err '--tz: needs a window of the calendar'
	agg --time ts -w day --tz Mars/Base count trips
	[ "$status" = 3 ]
	has err "--tz: unknown time zone 'Mars/Base'"
}

@test "sessions: the gap is inclusive, a record between two makes them one, equality keeps them open" {
	at() { printf '{"t":%s,"g":"%s"}\n' "$@"; }
	at 0 a 5 a 11 a 3 b >in # T - delay is 1
	agg --time t:s --session 5s --delay 10s --time-out s -g g count in
	same '[3,3,"b",1]
[0,5,"a",2]
[11,11,"a",1]' "$(jq -c '[.session_start, .session_end, .g, .count]' out)"
	at 8 a >>in
	agg --time t:s --session 5s --delay 10s --time-out s -g g count in
	same '[3,3,"b",1]
[0,11,"a",4]' "$(jq -c '[.session_start, .session_end, .g, .count]' out)"
	# W = last + gap: the session still takes a record; a microsecond later it does not
	at 0 a 5 b 0 a >in
	agg --time t:s --session 5s --time-out s count in
	same '{"session_start":0,"session_end":5,"count":3}' "$(cat out)"
	agg --time t:s --session 5s --time-out s -g g count in
	[ "$(jq -c '[.g, .count]' out | sort)" = $'["a",2]\n["b",1]' ]
	at 0 a 5.000001 b 0 a >in
	agg --time t:s --session 5s --time-out s -g g count in --late late
	[ "$(jq -c '[.g, .count]' out | sort)" = $'["a",1]\n["b",1]' ]
	[ "$(jq -c '[.window_start, .window_end, .windows, .late_us]' late)" = '[0,0,1,1]' ]
	agg --time t:s --session 5s --grace 1us --time-out s -g g count in
	[ "$(jq -c '[.g, .count]' out | sort)" = $'["a",2]\n["b",1]' ]
}

@test "an open neighbour saves a late record; a closed session is out of reach" {
	printf '{"t":%s,"g":"%s"}\n' 10 a 20 b 7 a >in # W = 20: alone, the last would be closed at 12
	agg --time t:s --session 10s --time-out s -g g count in
	same '{"session_start":7,"session_end":10,"g":"a","count":2}' "$(head -n 1 out)"
	printf '{"t":%s,"g":"%s"}\n' 10 a 21 b 7 a >in
	agg --time t:s --session 10s --time-out s -g g count in
	[ "$status" = 5 ]
	has err '1 record was late, by 4s'
	same '{"session_start":10,"session_end":10,"g":"a","count":1}' "$(head -n 1 out)"
}

@test "sessions are cut at fixed borders, and say so" {
	printf '{"t":%s}\n' 8 9 10 11 17 25 40 >in
	agg --time t:s --session 2s --session-max 10s --time-out s count in
	same '[8,9,2,true]
[10,11,2,true]
[17,17,1,null]
[25,25,1,null]
[40,40,1,true]' "$(jq -c '[.session_start, .session_end, .count, .cut]' out)"
	agg --time t:s --session 2s --session-max 10s --time-out s --format csv 'count, p50(t)' in
	same 'session_start,session_end,count,p50_t,cut,approx
8,9,2,8,true,
10,11,2,10,true,
17,17,1,17,,' "$(head -n 4 out)"
	agg --time t:s --session 2s --session-max 10s --time-out s --format table count in
	same 'session_start  session_end     count  cut' "$(head -n 1 out)"
	[ "$(awk '$NF ~ /cut/ || $(NF - 1) == "cut"' out | wc -l)" = 4 ]
	agg --dry-run --time t:s --session 2s --session-max 1d count in
	has out 'window: sessions with gaps of at most 2s, cut at multiples of 1d'
	has out 'columns: session_start,session_end,count'
}

@test "sessions go with no other kind of window" {
	agg --time ts --session 1m -w 1h count trips
	[ "$status" = 2 ]
	has err '--session: a record cannot be in windows of -w too'
	agg --time ts --session 1m --every 1s count trips
	[ "$status" = 2 ]
	has err '--every: sessions begin with their records'
	agg --time ts --session 1m --offset 1s count trips
	[ "$status" = 2 ]
	has err '--offset: sessions begin with their records'
	agg --time ts --session 1m --top 1:count count trips
	[ "$status" = 2 ]
	has err '--top: a session has only one row'
	agg --time ts --session 1m --tz Europe/Warsaw count trips
	[ "$status" = 2 ]
	has err '--tz: sessions without --session-max have no use for it'
	agg --time ts --session-max 1m count trips
	[ "$status" = 2 ]
	has err '--session-max: needs --session'
	agg --time ts --session 0s count trips
	[ "$status" = 2 ]
	agg --session 1m count trips
	[ "$status" = 2 ]
	has err 'no --time'
}

@test "rows of sessions carry their own time" {
	tlm-agg --time ts --session 1s count trips >rows
	agg -w 1m 'sum(count)' rows
	same '3 1' "$(jq .sum_count out | xargs)"
}

@test "several inputs: nothing closes before all are read" {
	sed 's/T10:0/T09:5/' trips >other
	agg --time ts -w 1m -g id 'count' trips other
	[ "$status" = 0 ]
	[ "$(jq -r .window_start out | uniq | wc -l)" = 4 ]
	agg --time ts -w 1m -g id 'count' trips missing other
	[ "$status" = 2 ]
	has err 'missing: '
	[ "$(jq -s 'map(.count) | add' out)" = 8 ]
}

@test "--no-flush leaves open windows out" {
	agg --time ts -w 1m --no-flush 'count' trips --stats
	[ "$(wc -l <out)" = 1 ]
	[ "$(jq -c '[.kept, .open]' err)" = '[3,1]' ]
}

# stopped FORMAT : a live run that SIGTERM ends; output in live, messages in err
stopped() {
	mkfifo pipe
	tlm-agg --time ts -w 1m --format "$1" count <pipe >live 2>err &
	exec 9>pipe
	cat trips >&9
	for _ in $(seq 100); do
		[ -s live ] && break
		sleep 0.02
	done
	kill -TERM $!
	status=0
	wait $! || status=$?
	exec 9>&-
}

@test "a signal writes open windows as not final" {
	stopped ndjson
	[ "$status" = 143 ]
	same '{"window_start":"2026-11-22T10:00:00Z","window_end":"2026-11-22T10:01:00Z","count":3}
{"window_start":"2026-11-22T10:01:00Z","window_end":"2026-11-22T10:02:00Z","count":1,"final":false}' "$(cat live)"
}

@test "csv has no column for final: such rows are told, not written" {
	stopped csv
	[ "$status" = 143 ]
	[ "$(wc -l <live)" = 2 ]
	has err 'csv and tsv having no column for final: 1'
}

@test "tsv and table" {
	agg --time ts -w 1m -g id --format tsv 'count, distinct(v)' trips
	same $'window_start\twindow_end\tid\tcount\tdistinct_v\tapprox' "$(head -n 1 out)"
	[ "$(awk -F'\t' '{print NF}' out | sort -u)" = 6 ]
	agg -g id --format table 'max(v), count' trips
	same 'id     max_v     count
a         90         2  ████████████████████
b          3         2  ████████████████████' "$(cat out)"
}

@test "approximate results are named" {
	seq 1 1000 | sed 's/.*/{"v":&}/' >in
	agg 'p50(v), distinct(v), min(v)' in
	[ "$(jq -c .approx out)" = '["p50_v","distinct_v"]' ]
	jq -e '.p50_v > 497 and .p50_v < 503 and .distinct_v > 930 and .distinct_v < 1070' out
	agg --exact 1000 'p50(v), distinct(v), min(v)' in
	same '{"p50_v":500,"distinct_v":1000,"min_v":1}' "$(cat out)"
	agg --exact 0 'p50(v)' in
	[ "$status" = 2 ]
}

@test "mistakes in the list of aggregates are status 3 with their place" {
	agg 'count, avg(x)' trips
	[ "$status" = 3 ]
	has err "aggregate list, byte 8: unknown function 'avg': it is called mean here"
	agg 'count, count' trips
	[ "$status" = 3 ]
	has err "two columns have the name 'count'"
	agg -g count count trips
	[ "$status" = 3 ]
	has err 'two columns have the name count'
	agg -g a..b count trips
	[ "$status" = 2 ]
	has err '-g a..b: '
	agg
	[ "$status" = 2 ]
	has err 'no aggregates'
}

@test "--dry-run tells what would be done and reads nothing" {
	agg --dry-run --time ts:ms -w 10m --every 1m -g id 'count, p95(v)' missing -o never --late also-never
	[ "$status" = 0 ]
	has out 'window: 10m every 1m'
	has out 'columns: window_start,window_end,id,count,p95_v'
	[ ! -e never ]
	[ ! -e also-never ]
}

@test "many groups leave in order and in constant memory of output" {
	seq 1 60000 | awk '{printf "{\"id\":%d,\"v\":%d}\n", ($1 * 7919) % 60000, $1}' >in
	agg -g id 'count, max(v)' in
	[ "$(wc -l <out)" = 60000 ]
	jq -r .id out | sort -n -c
}

@test "--where takes what select() of tlm-filter passes on; the rest is filtered and moves no clock" {
	printf '%s\n' '{"ts":"2030-01-01T00:00:00Z","id":"z","v":-1}' '[1]' '{"ts":"2026-11-22T10:01:30Z","id":"a","v":5}' >>trips
	agg --time ts -w 1m -g id --where '.id == "a" or (.v // 0) > 2' 'count, sum(v)' trips --rejects bad --stats
	[ "$status" = 0 ]
	same '{"window_start":"2026-11-22T10:00:00Z","window_end":"2026-11-22T10:01:00Z","id":"a","count":2,"sum_v":170.5}
{"window_start":"2026-11-22T10:01:00Z","window_end":"2026-11-22T10:02:00Z","id":"a","count":1,"sum_v":5}
{"window_start":"2026-11-22T10:01:00Z","window_end":"2026-11-22T10:02:00Z","id":"b","count":1,"sum_v":3}' "$(cat out)"
	[ "$(jq -c '[.read, .kept, .filtered, .rejected]' err)" = '[7,4,2,1]' ]
	same 'program 6 --where: Cannot index array with string "id"' "$(jq -r '"\(.reason) \(.line) \(.message)"' bad)"
	# decided on spans, evaluated, absent deep paths, several values, comments, functions: as the pipe answers
	for p in '.v > 2' '.v' '.v == null' '.v > 2 and .id != "a" | not' '.a.b.c == null' '.v + 1 > 4' '(.v, .id) == "a"' 'empty' '.v>2 # x' \
		'[.id, .v] | map(. == 3) | .[1]' '.id as $i | $i == "b"' 'type == "array"' 'if .v then .v > 3 else true end' '.'; do
		tlm-filter "select($p"$'\n)' trips --rejects /dev/null | jq -c . | uniq |
			tlm-agg --time ts -w 1m -g id --late /dev/null --rejects /dev/null 'count, sum(v), last(v)' >pipe
		agg --time ts -w 1m -g id --late /dev/null --rejects /dev/null --where "$p" 'count, sum(v), last(v)' trips
		[ "$status" = 0 ]
		cmp pipe out
	done
}

@test "--where: the first record that it takes says where the time is" {
	printf '%s\n' '{"k":1}' '{"k":2,"window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T00:01:00Z"}' >in
	agg --where '.k == 2' -w 1h count in
	[ "$status" = 0 ]
	has out '"window_end":"1970-01-01T01:00:00Z","count":1'
}

@test "--where: a program that does not compile or needs libjq is status 3" {
	agg --where '.a | )' count trips
	[ "$status" = 3 ]
	has err "--where: line 1, column 6: "
	agg --where '.a) | (.b' count trips
	[ "$status" = 3 ]
	has err '--where: line 1, column 3: '
	# programs alone, but none gives an answer
	for program in '' '# .v' 'def f: .v;'; do
		agg --where "$program" count trips
		[ "$status" = 3 ]
		has err "--where: expected a condition, such as .value > 80, not '$program'"
	done
	agg 'count, count where # .v as x' trips
	[ "$status" = 3 ]
	has err "aggregate list, byte 20: expected a program behind 'where', such as .value > 80"
	agg --where '.ts | todate' count trips
	[ "$status" = 3 ]
	has err "--where: only libjq runs 'todate' at line 1, column 7: put tlm-filter 'select(...)' in front"
	agg --where 'input' count trips
	[ "$status" = 3 ]
	has err '--where: the program calls input'
	agg --dry-run --where '.v > 2' count trips
	[ "$status" = 0 ]
	has out 'records: those with .v > 2'
}

# many ID_COUNT : a stream in order with ties, nulls and texts in v
many() {
	python3 - "$1" <<'END'
import json, random, sys
random.seed(5)
for i in range(3000):
    print(json.dumps({"t": i // 10, "id": random.randrange(int(sys.argv[1])),
                      "v": random.choice([None, 1, 2, 2.5, -3, "a", "b\u00e9", 10**18 + random.randrange(3)])}))
END
}

@test "--having writes the rows that select() would take, whatever their form" {
	many 30 >in
	all="tlm-agg --time t:s -w 1m --every 30s -g id"
	for p in '.count > 4' '.f == "a" or .f == null' '.window_start < "1970-01-01T00:02:00Z"' '.id % 3 == 1' 'empty'; do
		$all 'count, first(v) as f' in | jq -c "select($p)" >expected
		agg --time t:s -w 1m --every 30s -g id --having "$p" 'count, first(v) as f' in --stats
		[ "$status" = 0 ]
		[ "$(jq -r .id expected | wc -l)" = "$(jq .out err)" ]
		[ "$(jq -c '[.read,.kept]' err)" = '[3000,3000]' ]
		cmp expected <(jq -c . out)
		agg --time t:s -w 1m --every 30s -g id --having "$p" --format csv 'count, first(v) as f' in
		same "$(jq -r '"\(.window_end) \(.id) \(.count)"' expected)" "$(sed 1d out | awk -F, '{print $2, $3, $4}')"
	done
}

@test "--having: a row that the program cannot judge is told, status 5" {
	agg -g id --having '.m + "x" > ""' 'max(v) as m' trips
	[ "$status" = 5 ]
	[ ! -s out ]
	has err 'rows that --having could not judge, and that were not written: 2, the first: number (90) and string ("x") cannot be added'
	agg --having '.m | todate' 'max(v) as m' trips
	[ "$status" = 3 ]
	has err "--having: only libjq runs 'todate'"
	# a value of the deepest kind, one deeper in the row
	{ printf '{"v":'; printf '[%.0s' $(seq 9999); printf ']%.0s' $(seq 9999); echo '}'; } >in
	agg --max-depth 10000 --having . 'values(v, 2) as s' in
	[ "$status" = 5 ]
	has err 'could not judge'
}

@test "--top keeps the rows of each window with the largest values, in the order of the rows" {
	many 30 >in
	for name in count f m; do
		for n in 1 3 29 1000; do
			tlm-agg --time t:s -w 1m --every 30s -g id 'count, first(v) as f, max(t) as m' in |
				python3 "$TLM_TOP/tests/reference/top.py" "$n" "$name" >expected
			agg --time t:s -w 1m --every 30s -g id --top "$n:$name" 'count, first(v) as f, max(t) as m' in
			[ "$status" = 0 ]
			cmp expected out
			agg --time t:s -w 1m --every 30s -g id --top "$n:$name" --format csv 'count, first(v) as f, max(t) as m' in
			same "$(jq -r '"\(.window_end) \(.id)"' expected)" "$(sed 1d out | awk -F, '{print $2, $3}')"
		done
	done
	# of the rows that --having leaves
	for p in '.id > 20' '.id < 20'; do
		tlm-agg --time t:s -w 1m -g id 'count' in | jq -c "select($p)" |
			python3 "$TLM_TOP/tests/reference/top.py" 2 count >expected
		agg --time t:s -w 1m -g id --having "$p" --top 2:count count in
		cmp expected out
	done
}

@test "--top: mistakes" {
	for bad in 0:count count 5 x:count 1000001:count :count; do
		agg --top "$bad" count trips
		[ "$status" = 2 ]
		has err "--top $bad: must be N:NAME"
	done
	agg --top 3:sum_v count trips
	[ "$status" = 3 ]
	has err '--top 3:sum_v: no aggregate is called sum_v'
	agg --dry-run --top 3:count --having '.count > 1' count trips
	has out 'rows: those with .count > 1'
	has out 'rows of a window: the largest of 3:count'
}

@test "a condition that fails on a record rejects it, before it moves the time" {
	printf '%s\n' '{"ts":"2026-11-22T10:00:00Z","v":1}' '{"ts":"2026-11-22T10:05:00Z","v":"a"}' '{"ts":"2026-11-22T10:00:30Z","v":3}' >bad
	agg --time ts -w 1m --rejects rejects 'count, count where .v + 1 > 2 as more' bad
	[ "$status" = 0 ]
	same '{"window_start":"2026-11-22T10:00:00Z","window_end":"2026-11-22T10:01:00Z","count":2,"more":1}' "$(cat out)"
	has rejects '"reason":"program"'
	has rejects '"where .v + 1 > 2: string (\"a\") and number (1) cannot be added'
	# a type is wrong only for an aggregate that sees the record
	printf '%s\n' '{"n":"speed","v":3}' '{"n":"gear","v":"D"}' '{"n":"speed","v":"fast"}' '{"n":"gear","v":["R"]}' >bad
	agg --rejects rejects 'count, mean(v) where .n == "speed" as speed, mode(v) where .n == "gear" as gear, last(v) where .n == "gear" as any' bad
	[ "$status" = 0 ]
	same '{"count":2,"speed":3,"gear":"D","any":"D"}' "$(cat out)"
	same '3 v is a text, not a number (--coerce takes numbers written as text)
4 v is an array or an object' "$(jq -r '"\(.line) \(.message)"' rejects)"
	printf '{"v":5}\r\n{"v":7}' | tlm-agg 'count where .v > 5 as more, count where (.v | tostring) == "5" as five' >out
	same '{"more":1,"five":1}' "$(cat out)"
}

@test "--latest holds the newest row of each group, in the form of its suffix" {
	many 30 >in
	agg --time t:s -w 10s -g id 'count, first(v) as f, max(t)' in --latest now.ndjson
	[ "$status" = 0 ]
	jq -c '. + {last_updated: .window_end}' out | jq -sc 'group_by(.id) | map(.[-1]) | .[]' >expected
	[ "$(jq .window_end expected | sort -u | wc -l)" -gt 1 ]
	cmp expected <(jq -c . now.ndjson)
	agg --time t:s -w 10s -g id 'count, first(v) as f, max(t)' in --latest now.csv --time-out s --format table
	same 'window_start,window_end,id,count,f,max_t,last_updated' "$(head -n 1 now.csv)"
	same "$(jq -r '"\(.window_end | fromdate) \(.id) \(.count) \(.window_end | fromdate)"' expected)" \
		"$(sed 1d now.csv | awk -F, '{print $2, $3, $4, $7}')"
	agg --time t:s -w 10s -g id 'count, first(v) as f, max(t)' in --latest iso.tsv
	same "$(jq -r '"\(.id) \(.last_updated)"' expected)" "$(sed 1d iso.tsv | awk -F'\t' '{print $3, $7}')"
	# of the rows that are written
	agg --time t:s -w 10s -g id --having '.count > 5' 'count' in --latest some.ndjson
	jq -c '. + {last_updated: .window_end}' out | jq -sc 'group_by(.id) | map(.[-1]) | .[]' >expected
	[ -s expected ]
	cmp expected some.ndjson
	# of sessions
	for form in ndjson csv; do
		agg --time t:s --session 2s -g id 'count' in --late /dev/null --latest "now.$form"
	done
	jq -c '. + {last_updated: .session_end}' out | jq -sc 'group_by(.id) | map(.[-1]) | .[]' >expected
	[ -s expected ]
	cmp expected now.ndjson
	same "$(jq -r '"\(.session_end),\(.id),\(.count) \(.session_end)"' expected)" \
		"$(sed 1d now.csv | awk -F, '{print $2 "," $3 "," $4 " " $5}')"
	# without a time there is no last_updated
	agg -g id count trips --latest now.csv
	same $'id,count\na,2\nb,2' "$(cat now.csv)"
}

@test "--latest is replaced as a whole when windows close; open windows leave it alone" {
	echo old >now.csv
	ln now.csv kept
	mkfifo pipe
	tlm-agg --time ts -w 1m -g id count --latest now.csv <pipe >live 2>err &
	pid=$!
	exec 9>pipe
	head -n 3 trips >&9
	sleep 0.2
	same old "$(cat now.csv)"
	tail -n 1 trips >&9
	for _ in $(seq 100); do
		[ "$(cat now.csv)" = old ] || break
		sleep 0.02
	done
	expected=$'window_start,window_end,id,count,last_updated\n2026-11-22T10:00:00Z,2026-11-22T10:01:00Z,a,2,2026-11-22T10:01:00Z
2026-11-22T10:00:00Z,2026-11-22T10:01:00Z,b,1,2026-11-22T10:01:00Z'
	same "$expected" "$(cat now.csv)"
	same old "$(cat kept)"
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	exec 9>&-
	[ "$status" = 143 ]
	same "$expected" "$(cat now.csv)"
	[ "$(ls now.csv* | wc -l)" = 1 ]
}

@test "--latest: mistakes" {
	agg count trips --latest now.txt
	[ "$status" = 2 ]
	has err '--latest now.txt: the name must end in .csv, .tsv, .ndjson or .jsonl'
	agg count trips --latest x.csv -o x.csv
	[ "$status" = 2 ]
	has err '--latest x.csv: the output goes there already'
	agg count trips --latest x.csv -o ./x.csv
	[ "$status" = 2 ]
	agg count trips --latest x.csv --late x.csv
	[ "$status" = 2 ]
	has err '--latest x.csv: the late records go there already'
	agg count trips --latest no/such/x.csv
	[ "$status" = 2 ]
	has err 'No such file'
	agg -g last_updated count trips --latest x.csv
	[ "$status" = 3 ]
	has err 'two columns have the name last_updated'
	agg 'count as last_updated' trips --latest x.csv
	[ "$status" = 3 ]
	agg --dry-run count trips --latest x.csv
	has out 'newest rows: x.csv'
	[ ! -e x.csv ]
}

@test "count windows: in the order of lines, or of times" {
	agg --every-n 2 -g id 'count, first(v), last(v)' trips
	[ "$status" = 0 ]
	same '{"id":"a","count":2,"first_v":80.5,"last_v":90}
{"id":"b","count":2,"first_v":3,"last_v":3}' "$(cat out)"
	agg --every-n 3 'count' --no-flush trips
	same '{"count":3}' "$(cat out)"
	# two sources: the first one goes first without times; with them its records wait for the other
	printf '{"s":%d}\n' 1 4 5 >one
	printf '{"s":%d}\n' 2 3 6 >two
	agg --every-n 2 'values(s, 2) as s' one two
	same '{"s":[1,4]}
{"s":[5,2]}
{"s":[3,6]}' "$(cat out)"
	agg --every-n 2 --time s:s --delay 4s --time-out s 'values(s, 2) as s' two one
	same '{"window_start":1,"window_end":2,"s":[1,2]}
{"window_start":3,"window_end":4,"s":[3,4]}
{"window_start":5,"window_end":6,"s":[5,6]}' "$(cat out)"
	printf '{"s":%d}\n' 6 1 4 6 5 >three
	agg --every-n 1 --time s:s --time-out s count three --late late
	same '1 1 5000000
4 4 2000000
5 5 1000000' "$(sed 's/.*"window_start":\([0-9]*\),"window_end":\([0-9]*\),.*"late_us":\([0-9]*\).*/\1 \2 \3/' late)"
}

@test "count windows: what they are not for" {
	agg --every-n 0 count trips
	[ "$status" = 2 ]
	for option in '-w 1m' '--session 1m' '--start .a' '--tz UTC' '--top 1:count' '--every 1m' '--offset 1m'; do
		agg --time ts --every-n 2 $option count trips
		[ "$status" = 2 ] || { echo "$option"; false; }
	done
}

@test "trips: from a record of --start up to one of --end" {
	printf '{"s":%d,"id":"%s","on":%s}\n' 1 a true 2 a true 2 b true 4 a false 3 a true 5 a false 9 b false 10 a true >on
	agg --time s:s --time-out s --delay 1s --start .on --end '.on == false' -g id count --stats on
	[ "$status" = 0 ]
	same '{"session_start":1,"session_end":4,"id":"a","count":4}
{"session_start":2,"session_end":9,"id":"b","count":2}
{"session_start":10,"session_end":10,"id":"a","count":1}' "$(cat out)"
	has err '"read":8,"kept":7,"filtered":1'
	agg --time s:s --time-out s --delay 1s --end '.on == false' -g id count on
	same '{"session_start":1,"session_end":4,"id":"a","count":4}
{"session_start":5,"session_end":5,"id":"a","count":1}
{"session_start":2,"session_end":9,"id":"b","count":2}
{"session_start":10,"session_end":10,"id":"a","count":1}' "$(cat out)"
	agg --time s:s --time-out s --delay 1s --start '.s % 4 == 1' -g id count on
	same '{"session_start":1,"session_end":4,"id":"a","count":4}
{"session_start":9,"session_end":9,"id":"b","count":1}
{"session_start":5,"session_end":10,"id":"a","count":2}' "$(cat out)"
	agg --time s:s --time-out s --delay 1s --start .on --end '.on == false' -g id --session 5s count on
	has out '{"session_start":2,"session_end":2,"id":"b","count":1}'
	agg --time s:s --time-out s --delay 1s --start .on --end '.on == false' -g id --session-max 3s --format csv count on
	same 'session_start,session_end,id,count,cut
1,2,a,2,true
2,2,b,1,true
3,4,a,2,true
9,9,b,1,true
10,10,a,1,' "$(cat out)"
}

@test "trips: bad programs, bad records, and what they are not for" {
	agg --time ts --start '.a |' count trips
	[ "$status" = 3 ]
	has err '--start: '
	agg --time ts --end '.ts | todate' count trips
	[ "$status" = 3 ]
	has err '--end: only libjq runs'
	agg --start .a count trips
	[ "$status" = 2 ]
	has err 'no --time'
	agg --time ts --start '.id + 1 == 2' count trips
	[ "$status" = 5 ]
	has err '--start: string ("a") and number (1) cannot be added'
	[ "$(wc -l <err)" -ge 1 ]
	[ ! -s out ]
	for option in '-w 1m' '--tz UTC' '--top 1:count' '--every 1m' '--offset 1m'; do
		agg --time ts --start .v $option count trips
		[ "$status" = 2 ] || { echo "$option"; false; }
	done
	# a signal: what is open is not final
	mkfifo pipe
	tlm-agg --time ts --start .id count <pipe >live &
	pid=$!
	exec 9>pipe
	cat trips >&9
	for _ in $(seq 100); do
		[ -s live ] && break
		sleep 0.02
	done
	kill -TERM $pid
	exec 9>&-
	wait $pid || true
	has live '"count":1,"final":false}'
}

# what python makes of rows as csv: one file per name
by_name() { python3 - "$1" <<'END'
import sys, csv, datetime
rows = list(csv.reader(open(sys.argv[1], newline="")))
for r in rows[1:]:
    t = datetime.datetime.strptime(r[0], "%Y-%m-%dT%H:%M:%SZ")
    print(t.strftime("day-%Y%m%dT%H.csv"), ",".join(r))
END
}

@test "files by the time in their names: -o 'metrics-%Y%m%dT%H%M.csv'" {
	seq 0 400 20000 | sed 's/.*/{"s":&,"id":"a&"}/; s/00"}/"}/; s/"a[0-9]*\([0-9]\)"/"a\1"/' >many
	agg --time s:s -w 10m -g id --format csv -o 'day-%Y%m%dT%H.csv' count many --stats
	[ "$status" = 0 ]
	[ ! -s out ]
	has err "\"bytes_out\":$(cat day-*.csv | grep -v '^window' | wc -c)"
	tlm-agg --time s:s -w 10m -g id --format csv count many >whole
	for f in day-*; do
		[ "$(head -1 $f)" = 'window_start,window_end,id,count' ]
		sed "1d; s/^/$f /" $f
	done >mine
	by_name whole | cmp mine -
	[ "$(ls day-* | wc -l)" = 6 ]
	# the form is that of the suffix, and a suffix compresses
	rm day-*
	agg --time s:s -w 10m -g id -o 'day-%Y%m%dT%H.csv.zst' count many
	zstd -dcq day-19700101T01.csv.zst | cmp - <(grep -e T01:..:00Z, -e window whole | grep -v Z,1970-01-01T01:00:00Z)
	agg --time s:s -w 10m -g id -o '100%%.ndjson' count many
	tlm-agg --time s:s -w 10m -g id count many | cmp - '100%.ndjson'
	agg --time s:s -w 10m -g id -o plain.csv count many
	cmp plain.csv whole
	agg --time s:s -w 1h --tz Asia/Kolkata -o 'tz-%H%M.csv' count many
	[ "$(ls tz-* | paste -sd' ')" = 'tz-0530.csv tz-0630.csv tz-0730.csv tz-0830.csv tz-0930.csv tz-1030.csv' ]
}

@test "files by time: each gets its name when its last window has closed, and a name that comes again gets a number" {
	mkfifo pipe
	tlm-agg --time s:s -w 10s -o 'at-%M.ndjson' count <pipe &
	pid=$!
	exec 9>pipe
	printf '{"s":%d}\n' 1 11 55 61 >&9
	for _ in $(seq 100); do
		[ -e at-00.ndjson ] && break
		sleep 0.02
	done
	[ "$(wc -l <at-00.ndjson)" = 3 ]
	[ ! -e at-01.ndjson ]
	# two hours later: the same minutes; what was open then is another file, though nothing was between
	printf '{"s":%d}\n' 7201 7265 7400 10865 >&9
	exec 9>&-
	wait $pid
	same 'at-00.ndjson at-00.ndjson.1 at-01.ndjson at-01.ndjson.1 at-01.ndjson.2 at-03.ndjson' "$(ls at-* | paste -sd' ')"
	# a signal: what has its name stays, what is open goes
	rm at-*
	tlm-agg --time s:s -w 10s -o 'at-%M.ndjson' count <pipe &
	pid=$!
	exec 9>pipe
	printf '{"s":%d}\n' 1 65 75 >&9
	for _ in $(seq 100); do
		[ -e at-00.ndjson ] && break
		sleep 0.02
	done
	kill -TERM $pid
	exec 9>&-
	wait $pid || true
	same 'at-00.ndjson' "$(ls at-*)"
}

@test "files by time: sessions and trips by their starts" {
	python3 - >walks <<'END'
import random
r = random.Random(5)
for s in sorted(r.sample(range(0, 200000), 3000)):
    print('{"s":%d,"id":%d,"x":%d}' % (s - r.choice([0, 0, 90]), r.randint(1, 40), r.randint(0, 9)))
END
	for kind in '--session 20m' '--start .x>7 --end .x<1' '--every-n 7'; do
		rm -f w-*
		agg --time s:s --delay 100s $kind -g id -o 'w-%dT%H.ndjson' 'count, sum(x)' walks
		[ "$status" = 0 ]
		tlm-agg --time s:s --delay 100s $kind -g id 'count, sum(x)' walks >whole
		for f in w-*; do sed "s/^/$f /" $f; done >mine
		sed 's/.*_start":"[0-9]*-..-\(..\)T\(..\).*/w-\1T\2.ndjson &/' whole | sort -s -k1,1 | cmp - mine
		[ "$(ls w-* | wc -l)" -gt 50 ]
	done
}

@test "files by time: what cannot be" {
	agg --time ts -w 1m -o 'x-%Q.csv' count trips
	[ "$status" = 3 ]
	has err '%Q'
	agg -o 'x-%Y.csv' count trips
	[ "$status" = 2 ]
	has err 'no --time'
	agg --time ts -w 1m --format table -o 'x-%Y.csv' count trips
	[ "$status" = 2 ]
	agg --time ts -w 1m --emit every=10s -o 'x-%Y.csv' count trips
	[ "$status" = 2 ]
	agg --time ts -w 1m -o 'none/x-%Y.csv' count trips
	[ "$status" = 2 ]
	has err 'none/x-2026.csv: '
	agg --time ts -w 1m -o 'x-%Y.csv' --dry-run --late late count trips
	[ "$status" = 0 ]
	[ -z "$(ls x-* late 2>/dev/null)" ]
	has out 'x-%Y.csv'
}

@test "silent groups have rows: --fill" {
	printf '{"s":%d,"id":"%s","v":%d}\n' 5 a 1 15 b 2 47 a 3 46 c 9 55 b 4 >gaps
	agg --time s:s --time-out s -w 10s -g id --fill --format csv 'count, sum(v), last(v), distinct(v)' --stats gaps
	[ "$status" = 0 ]
	same 'window_start,window_end,id,count,sum_v,last_v,distinct_v,approx
0,10,a,1,1,1,1,
10,20,a,0,,,0,
10,20,b,1,2,2,1,
20,30,a,0,,,0,
20,30,b,0,,,0,
30,40,a,0,,,0,
30,40,b,0,,,0,
40,50,a,1,3,3,1,
40,50,b,0,,,0,
40,50,c,1,9,9,1,
50,60,a,0,,,0,
50,60,b,1,4,4,1,
50,60,c,0,,,0,' "$(cat out)"
	agg --time s:s --time-out s -w 10s -g id --fill --delay 1h --format csv 'count' gaps
	[ "$(wc -l <out)" = 14 ]
	same '50,60,c,0' "$(tail -1 out)"
	# days of 23 hours have rows too
	printf '{"ts":"2026-03-%sT12:00:00Z"}\n' 28 30 | tlm-agg --time ts -w day --tz Europe/Warsaw --fill count >out
	has out '{"window_start":"2026-03-28T23:00:00Z","window_end":"2026-03-29T22:00:00Z","count":0}'
	# and the one that Samoa left out has none
	printf '{"ts":"%s"}\n' 2011-12-29T20:00:00Z 2012-01-01T20:00:00Z | tlm-agg --time ts -w day --tz Pacific/Apia --fill count >out
	same '{"window_start":"2011-12-29T10:00:00Z","window_end":"2011-12-30T10:00:00Z","count":1}
{"window_start":"2011-12-30T10:00:00Z","window_end":"2011-12-31T10:00:00Z","count":0}
{"window_start":"2011-12-31T10:00:00Z","window_end":"2012-01-01T10:00:00Z","count":0}
{"window_start":"2012-01-01T10:00:00Z","window_end":"2012-01-02T10:00:00Z","count":1}' "$(cat out)"
	for kind in '-w all' '--session 1m' '--every-n 2' '--start .v'; do
		agg --time s:s $kind --fill count gaps
		[ "$status" = 2 ] || { echo "$kind"; false; }
		has err '--fill: needs a window of time'
	done
}

@test "values that hold: a field whose value has ended does not end that of another; exactly --max-gap is too long" {
	printf '%s\n' '{"t":1,"g":"x","b":5}' '{"t":25,"g":"x","a":7}' '{"t":45,"g":"y"}' '{"t":54,"g":"x","a":1}' '{"t":70,"g":"y"}' >two
	agg --time t:s -w 10s -g g --time-out s --max-gap 30s --format csv 'integral(a), integral(b)' two
	same 'window_start,window_end,g,integral_a,integral_b
0,10,x,,45
20,30,x,35,50
40,50,y,,
50,60,x,34,
70,80,y,,' "$(cat out)"
	for last in 10:0 9.999999:4; do
		printf '{"t":%s,"v":%s}\n' 0 1 ${last%:*} 5 >two
		agg --time t:s -w 1m --max-gap 10s 'increase(v)' two
		[ "$(jq .increase_v out)" = ${last#*:} ]
	done
	# in the whole stream a group ends with its own last value, not with that of others
	printf '{"t":%s,"g":"%s","v":2}\n' 0 a 3 a 9 b >two
	agg --time t:s -g g 'integral(v)' two
	[ "$(jq -c '[.g, .integral_v]' out | xargs)" = '[a,6] [b,0]' ]
}

@test "silent windows have their rows as soon as they close, though no record comes" {
	mkfifo pipe
	tlm-agg --time t:s -w 10s --fill --marks --time-out s count <pipe >live &
	pid=$!
	exec 9>pipe
	printf '%s\n' '{"t":5}' '{"_tlm":{"time_us":15000000}}' >&9
	within 30 test -s live
	printf '%s\n' '{"_tlm":{"time_us":25000000}}' >&9
	within 30 grep -q '"window_start":10,"window_end":20,"count":0' live
	exec 9>&-
	wait $pid
	[ "$(wc -l <live)" = 2 ]
}

@test "silent groups have rows, but a clock that is wrong cannot make them without an end" {
	printf '{"s":%d,"id":"a"}\n' 5 15 250000000000 250000000009 250000000025 >wild
	for every in '--every 10s' '--every 5s'; do
		agg --time s:s --time-out s -w 10s $every -g id --fill --format csv count wild
		[ "$status" = 0 ]
		[ "$every" = '--every 5s' ] && n=49999899995 last=500015 || n=24999899998 last=1000015
		has err "windows that --fill gave no rows, behind 100,000 without a record: $n"
		[ "$(wc -l <out)" -lt 100020 ]
		same '250000000010,250000000020,a,0' "$(grep '^250000000010,' out)"
		# a silence of 100,000 windows
		printf '{"s":%d,"id":"a"}\n' 5 $last >long
		agg --time s:s --time-out s -w 10s $every -g id --fill --format csv count long
		[ "$(grep -c ',a,0$' out)" = 100000 ]
		[ ! -s err ]
	done
	agg --time s:s --time-out s -w 10s -g id --fill --max-ahead 1d --rejects rejected count wild
	[ "$(wc -l <rejected)" = 3 ]
	[ "$(wc -l <out)" = 2 ]
}

@test "limits: --max-keys fails, drops, or emits early" {
	printf '{"s":%d,"id":"%s"}\n' 0 a 1 b 2 a 3 c 4 a 12 d 13 e >keys
	agg --time s:s --time-out s -w 10s -g id --max-keys 2 count keys
	[ "$status" = 2 ]
	[ ! -s out ]
	has err 'keys:4: no room for one more group: 2 are open'
	agg --time s:s --time-out s -w 10s -g id --max-keys 2 --on-full drop --rejects rejected --stats count keys
	[ "$status" = 0 ]
	same '{"window_start":0,"window_end":10,"id":"a","count":3}
{"window_start":0,"window_end":10,"id":"b","count":1}
{"window_start":10,"window_end":20,"id":"d","count":1}
{"window_start":10,"window_end":20,"id":"e","count":1}' "$(cat out)"
	has rejected '"reason":"full"'
	has err '"rejects":{"full":1}'
	agg --time s:s --time-out s -w 10s -g id --max-keys 2 --on-full drop count keys
	[ "$status" = 5 ]
	agg --time s:s --time-out s -w 10s -g id --max-keys 2 --on-full emit-early count keys
	[ "$status" = 0 ]
	same '{"window_start":0,"window_end":10,"id":"a","count":2,"part":1}
{"window_start":0,"window_end":10,"id":"b","count":1,"part":1}
{"window_start":0,"window_end":10,"id":"a","count":1,"part":2}
{"window_start":0,"window_end":10,"id":"c","count":1,"part":2}
{"window_start":10,"window_end":20,"id":"d","count":1}
{"window_start":10,"window_end":20,"id":"e","count":1}' "$(cat out)"
	agg --time s:s --time-out s -g id --max-keys 2 --on-full emit-early --format csv count keys
	same 'window_start,window_end,id,count,part
0,2,a,2,1
0,2,b,1,1
3,4,a,1,2
3,4,c,1,2
12,13,d,1,3
12,13,e,1,3' "$(cat out)"
	# the states of parts make the whole
	tlm-agg --time s:s -w 10s -g id --max-keys 2 --on-full emit-early --partial 'count, p50(s)' keys >parts
	same 6 "$(wc -l <parts)"
	tlm-agg --time s:s -w 10s -g id 'count, p50(s)' keys >whole
	tlm-agg --merge -w 10s -g id 'count, p50(s)' parts | cmp - whole
	tlm-agg --merge -w 10s -g id --max-keys 2 --on-full drop 'count, p50(s)' --rejects bad parts >out
	same 1 "$(wc -l <bad)"
	# sessions, trips and count windows
	agg --time s:s --session 2s -g id --max-keys 2 --on-full drop count keys
	[ "$status" = 5 ]
	same 4 "$(wc -l <out)"
	agg --time s:s --every-n 2 -g id --max-keys 2 --on-full drop --stats count keys
	has err '"kept":4'
	has err '"rejects":{"full":3}'
	agg --every-n 1 -g id --max-keys 1 count keys
	[ "$status" = 0 ]
	agg --time s:s --start '.id != "a"' -g id --max-keys 1 count keys
	[ "$status" = 2 ]
}

@test "limits: --max-mem counts what states keep, the same however input is cut" {
	seq 1 20000 | sed 's/.*/{"s":&,"id":"g&"}/; s/"g[0-9]*\(..\)"/"g\1"/' >many
	agg --time s:s -w 1h -g id --max-mem 4K 'count, values(s, 1000)' many
	[ "$status" = 2 ]
	has err 'fill --max-mem'
	for how in drop emit-early; do
		tlm-agg --time s:s -w 1h -g id --max-mem 64K --on-full $how --rejects bad 'count, values(s, 1000) as v, distinct(s)' many >whole
		perl -e '$| = 1; while (read(STDIN, $c, 10007)) { print $c; }' <many |
			tlm-agg --time s:s -w 1h -g id --max-mem 64K --on-full $how --rejects bad2 'count, values(s, 1000) as v, distinct(s)' |
			cmp whole -
		same "$(wc -l <bad)" "$(wc -l <bad2)"
		same 20000 "$(($(jq .count whole | paste -sd+) + $(wc -l <bad)))"
	done
	has whole '"part":2'
	# a limit that is not reached changes nothing, and groups of fixed size go on under one that is
	tlm-agg --time s:s -w 1h -g id --max-mem 1G 'p95(s), topk(s, 3), last(s), hist(s, 7), twa(s)' many >whole
	tlm-agg --time s:s -w 1h -g id 'p95(s), topk(s, 3), last(s), hist(s, 7), twa(s)' many | cmp - whole
	agg -g id --max-mem 15K count many
	[ "$status" = 0 ]
	agg -g id --max-mem 3K --on-full drop count many
	[ "$status" = 5 ]
}

@test "limits: --max-mem counts what windows leave to later ones, and the sums of those that slide" {
	seq 1 5000 | sed 's/.*/{"s":&,"id":"g&"}/' >passing
	# values that hold for ever, and for a second
	agg --time s:s -w 10s -g id --max-mem 256K --format csv 'twa(s)' passing
	[ "$status" = 2 ]
	has err 'what is kept besides them, fill --max-mem'
	agg --time s:s -w 10s -g id --max-mem 256K --max-gap 1s --format csv 'twa(s)' passing
	[ "$status" = 0 ]
	[ "$(wc -l <out)" = 5001 ]
	# groups that are known for ever
	agg --time s:s -w 10s -g id --max-mem 64K --fill --format csv count passing
	[ "$status" = 2 ]
	# a row of 2,000 panes is made of a hundred sums of up to 2,000 values
	seq 1 2100 | sed 's/.*/{"s":&}/' >slides
	agg --time s:s -w 2000s --every 1s --exact 10000 --max-mem 1M 'p50(s)' slides
	[ "$status" = 2 ]
	agg --time s:s -w 2000s --every 1s --exact 10000 --max-mem 16M 'p50(s)' slides
	[ "$status" = 0 ]
	tlm-agg --time s:s -w 2000s --every 1s --exact 10000 'p50(s)' slides | cmp - out
}

@test "limits: what does not go together" {
	agg --on-full drop count trips
	[ "$status" = 2 ]
	agg --max-keys 0 count trips
	[ "$status" = 2 ]
	for options in '--session 1m' '--every-n 2' '--start .v' '-w 1m --every 30s' '-w 1m --fill' '-w 1m --top 1:count' \
		'-w 1m --having .count>1'; do
		agg --time ts --max-keys 5 --on-full emit-early $options count trips
		[ "$status" = 2 ] || { echo "$options"; false; }
		has err 'emit-early: '
	done
	agg --time ts -w 1m --max-keys 5 --on-full emit-early 'twa(v)' trips
	[ "$status" = 2 ]
	agg --time ts -w 1m --grace 1m --max-keys 5 --on-full emit-early --emit update count trips
	[ "$status" = 2 ]
}

@test "files by time: the first one does not wait for all the windows since 1970" {
	cd "$BATS_TEST_TMPDIR"
	echo '{"t":1795341600,"v":1}' | timeout 20 tlm-agg --time t:s -w 1ms -o 'x-%H%M.csv' count
	[ "$(wc -l <x-1000.csv)" = 2 ]
}

@test "files by time: windows that begin before the year 1 have names of their own" {
	cd "$BATS_TEST_TMPDIR"
	printf '{"t":"%s"}\n' 0001-01-01T00:00:00Z 0001-01-05T00:00:00Z 9999-12-31T23:59:59Z >far
	tlm-agg --time t -w 7d -o 'w-%Y-%m-%d.ndjson' count far
	tlm-agg --time t -w 100000d -o 'd-%Y-%m-%d.ndjson' count far
	for f in w-* d-*; do
		same "$(jq -r '.window_start / "T" | first' "$f")" "$(echo "$f" | sed 's/^..\(.*\).ndjson/\1/')"
	done
	same 'w-0000-12-28.ndjson w-0001-01-04.ndjson w-9999-12-30.ndjson' "$(echo w-*)"
	# 800,000 days before 1970
	same 'd--0221-09-04.ndjson d-9909-12-07.ndjson' "$(echo d-*)"
}
