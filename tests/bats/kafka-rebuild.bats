#!/usr/bin/env bats
# Windows of a group: rebuilt from the log by whoever has the partition next; refused where that cannot be done.

load common
load kafka

setup_file() { kafka_start; }
teardown_file() { kafka_stop; }

setup() {
	kafka_need
	cd "$BATS_TEST_TMPDIR"
	T=r$BATS_TEST_NUMBER
	kafka_admin create "$T" "$([[ $BATS_TEST_DESCRIPTION == *"each partition"* || $BATS_TEST_DESCRIPTION == *"several partitions"* ]] && echo 2 || echo 1)" retention.ms=-1
	kafka_admin create "$T-out" 1 retention.ms=-1
}

get() { consume "${1:-$T-out}" -f '%k %s\n'; }
agg() { timeout 180 tlm-agg -G "$T" --until-end --time s:s -w 10s "$@"; }
committed() { kafka_admin committed "$T" "$T"; }
# seconds of records of one key
records() { for s in "$@"; do echo "a|{\"s\":$s,\"k\":\"a\",\"v\":$s}"; done; }

@test "windows that are open at the end are finished by the next run; key, time and partition of rows" {
	records 1 2 13 14 | put -K'|'
	agg -g k 'count, sum(v)' "kafka:$T" -o "kafka:$T-out"
	same 'a {"window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T00:00:10Z","partition":0,"k":"a","count":2,"sum_v":3}' "$(get)"
	# the low water is at or before the first record of the open window, the position the end of the log
	[[ $(committed) == "0 "[0-2]" tlm1 "*" p=4 n=1 "*" t=14000000 l="* ]]
	records 15 21 | put -K'|'
	agg -g k 'count, sum(v)' "kafka:$T" -o "kafka:$T-out" --stats 2>stats
	same '3 42' "$(get | tail -1 | cut -d' ' -f2 | jq -r '"\(.count) \(.sum_v)"')"
	same 9999 "$(consume "$T-out" -f '%T\n' | head -1)"
	# the books: what was open counts as read, what is open stays
	same '[4,3,1]' "$(jq -c '[.read,.kept,.open]' stats)"
	# what is read again is not counted by limit=, nor by a range from where the group left off
	for place in "$T?limit=2" "$T?offset=stored..+2"; do
		for p in 2 4; do
			timeout 180 tlm-agg -G "$place" --time s:s -w 1h count "kafka:$place"
			[[ $(kafka_admin committed "$place" "$T") == "0 0 tlm1 "*" p=$p "* ]]
		done
	done
}

@test "each partition has its own time and windows; a key that is not the group is told" {
	echo 'a|{"s":1,"k":"a","v":1}' | put -K'|' -p 0
	echo 'a|{"s":25,"k":"a","v":1}' | put -K'|' -p 0
	echo 'x|{"s":2,"k":"a","v":1}' | put -K'|' -p 1
	agg -g k count "kafka:$T" -o rows 2>err
	same '{"window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T00:00:10Z","partition":0,"k":"a","count":1}' "$(cat rows)"
	grep -q 'the key of a record is not its group' err
	echo 'x|{"s":30,"k":"a","v":1}' | put -K'|' -p 1
	agg -g k count "kafka:$T" -o rows -q
	same '[0,1]' "$(jq -s -c 'map(.partition)' rows)"
	# partitions of several topics are told apart
	echo 'a|{"s":99,"k":"a","v":1}' | put -K'|' -p 0
	agg -q -G "$T-both" -g k --having '.window_start == "1970-01-01T00:00:20Z"' count "kafka:$T,$T-out" >both
	same "[\"topic\",\"$T\",\"partition\",0,\"k\",\"a\"]" "$(jq -c '[to_entries[2:5][] | .key, .value]' both)"
	status_of agg -q -G "$T-both" -g topic count "kafka:^$T"
	same '3 tlm-agg: the name topic belongs to the row itself: say topic as NAME' "$status $(cat err)"
	status_of agg -G "$T-csv" -g k count "kafka:$T" -o rows.csv
	same '2 tlm-agg: -o with .csv or .tsv with a group: rows are ndjson' "$status $(cat err)"
}

@test "keys that are the groups are not told, whatever way the batches are read" {
	is_at() { [[ $(committed) == *" p=$1 "* || $(committed) == *" p=$1" ]]; }
	tlm-agg -G "$T" --commit-interval 100ms --time s:s -w 1h -g k count "kafka:$T" >rows 2>err 3>&- &
	member=$!
	# each comes as a batch of its own: the first has an item, those behind it go where it went
	for s in 1 2 3; do
		records "$s" "$s" | put -K'|'
		within 60 is_at $((2 * s)) || { committed; cat err; kill "$member"; false; }
	done
	kill "$member"
	wait "$member" || [ $? = 143 ]
	none_of 'the key of a record' err
}

@test "members of several partitions end when all are read, though windows stay open" {
	for p in 0 1; do seq 5000 | sed 's/.*/{"s":&,"k":"a","v":1}/' | put -p $p; done
	# each would wait for the other for as long as a dead member is kept
	for i in 1 2; do
		timeout 60 tlm-agg -G "$T" --until-end -X session.timeout.ms=120000 --time s:s -w 10s count "kafka:$T" -o "kafka:$T-out" &
		pids[i]=$!
	done
	wait "${pids[1]}"
	wait "${pids[2]}"
	same 1000 "$(get | wc -l)"
	same 2 "$(committed | grep -c 'p=5000 n=1 ')"
}

@test "late records and rejects go to topics in the same transaction" {
	kafka_admin create "$T-late" 1
	kafka_admin create "$T-rej" 1
	records 1 25 3 | put -K'|'
	echo 'bad{' | put
	records 45 | put -K'|'
	agg count "kafka:$T" -o "kafka:$T-out" --late "kafka:$T-late" --rejects "kafka:$T-rej" 2>err
	same '' "$(cat err)"
	same '2' "$(get | wc -l | tr -d ' ')"
	same '2' "$(get "$T-late" | jq .offset)"
	same '3' "$(get "$T-rej" | jq .offset)"
	# a second run tells nothing of them again
	agg count "kafka:$T" -o "kafka:$T-out" --late "kafka:$T-late" --rejects "kafka:$T-rej"
	same '1 1' "$(get "$T-late" | wc -l | tr -d ' ') $(get "$T-rej" | wc -l | tr -d ' ')"
}

@test "status 6, in words, when the log does not reach back to the low water" {
	records 1 2 3 | put -K'|'
	agg count "kafka:$T" -o "kafka:$T-out"
	kafka_admin trim "$T" 0 1
	status_of agg count "kafka:$T" -o "kafka:$T-out"
	[ "$status" = 6 ]
	[[ $(cat err) == *"kafka:$T[0]@0: open windows must be rebuilt from here, which is no longer there"*"--accept-new-config"* ]]
	kafka_admin commit "$T" "$T" 0 1
	agg --accept-new-config count "kafka:$T" -o "kafka:$T-out"
	records 11 | put -K'|'
	agg count "kafka:$T" -o "kafka:$T-out"
	same 2 "$(get | cut -d' ' -f2 | jq .count)"
}

@test "status 6 when the offsets were set by another program" {
	records 1 2 3 | put -K'|'
	agg count "kafka:$T" -o "kafka:$T-out"
	kafka_admin commit "$T" "$T" 0 2
	status_of agg count "kafka:$T" -o "kafka:$T-out"
	[ "$status" = 6 ]
	[[ $(cat err) == *"kafka:$T[0]: offset 2 was committed without what was open there"*"--accept-new-config"* ]]
	same "0 2" "$(committed | cut -d' ' -f1,2)"
}

@test "status 6 when count, digest or T do not agree" {
	local text
	records 1 2 3 | put -K'|'
	agg count "kafka:$T" -o "kafka:$T-out"
	text=$(committed | cut -d' ' -f3-)
	for change in 's/ n=1 / n=2 /' 's/ d=[0-9a-f]*/ d=1234/' 's/ t=3/ t=4/'; do
		kafka_admin commit "$T" "$T" 0 0 "$(sed "$change" <<<"$text")"
		status_of agg count "kafka:$T" -o "kafka:$T-out"
		[ "$status" = 6 ]
		[[ $(cat err) == *"kafka:$T[0]: the windows open at offset 3 cannot be rebuilt"* ]]
	done
	kafka_admin commit "$T" "$T" 0 0 "$text"
	agg count "kafka:$T" -o "kafka:$T-out"
}

@test "other options are refused unless they are accepted" {
	records 1 2 3 | put -K'|'
	agg count "kafka:$T" -o "kafka:$T-out"
	for other in 'count, sum(v)' 'count --delay 1s' 'count -g k' 'count --where .v'; do
		IFS=' ' read -r list more <<<"$other"
		[ "$other" != 'count, sum(v)' ] || { list=$other more=; }
		# shellcheck disable=SC2086
		status_of agg "$list" $more "kafka:$T" -o "kafka:$T-out"
		[ "$status" = 6 ]
		[[ $(cat err) == *'the group has run with other windows, aggregates or groups'* ]]
	done
	agg --accept-new-config 'count, sum(v)' "kafka:$T" -o "kafka:$T-out"
	records 11 | put -K'|'
	agg 'count, sum(v)' "kafka:$T" -o "kafka:$T-out"
	same '[3,6]' "$(get | cut -d' ' -f2 | jq -c '[.count,.sum_v]')"
}

@test "what a part of the log cannot bring back is refused" {
	for o in '-w all' '--every-n 3' '--start .a' '--end .a' '-w 1s --fill' '-w 1s --explain-lateness' '-w 1s --latest x.csv' \
		'-w 1s --format csv' '-w 1s --on-full drop --max-keys 3' '-w 1s -o x-%H'; do
		# shellcheck disable=SC2086
		status_of timeout 180 tlm-agg -G "$T" --time s:s count "kafka:$T" $o
		[ "$status" = 2 ]
		[[ $(cat err) == *'with a group'* ]]
	done
	status_of agg 'twa(v)' "kafka:$T"
	[ "$status" = 2 ]
	[[ $(cat err) == *'say --max-gap'* ]]
	agg 'twa(v)' --max-gap 5s "kafka:$T"
	# a record that has no room ends the run, and is named
	printf '{"s":1,"k":"%s"}\n' a b | put
	status_of agg -g k --max-keys 1 count "kafka:$T"
	same "2 tlm-agg: kafka:$T[0]@1: no room for one more group: 1 are open, all that --max-keys allows" "$status $(tail -1 err)"
}

@test "values that hold over the border of a window come back after a restart" {
	printf '{"s":%s,"v":%s}\n' 1 10 8 20 | put
	agg --max-gap 20s 'twa(v), count' "kafka:$T" -o "kafka:$T-out"
	printf '{"s":%s,"v":%s}\n' 12 30 21 1 | put
	agg --max-gap 20s 'twa(v), count' "kafka:$T" -o "kafka:$T-out"
	timeout 180 tlm-agg --until-end --time s:s -w 10s --no-flush --max-gap 20s 'twa(v), count' "kafka:$T" >alone
	same "$(cat alone)" "$(get | cut -d' ' -f2- | sed 's/"partition":0,//')"
}

@test "partial rows of several partitions are merged in a group, over restarts: the rows of one process" {
	local list='count, sum(v), first(n), last(n), p50(v)' n=0 s k p
	kafka_admin create "$T-parts" 2 retention.ms=-1
	merge() { timeout 180 tlm-agg -G "$T-m" --until-end -w 10s -g k --merge --delay 100s "$list" "kafka:$T-parts" -o "kafka:$T-out" "$@"; }
	# ties in time between partitions, at offsets that say nothing of their order
	for s in 1:0 1:1 4:0 9:0 14:0 14:1 15:0 21:1 22:0 33:0 33:1 47:1 51:0 64:0 64:1 78:0 80:1 99:0; do
		for k in '"a"' null '"c"'; do # null too is in one partition of the parts
			n=$((n + 1))
			echo "{\"s\":${s%:*},\"k\":$k,\"v\":$((${s%:*} * 7 % 10)),\"n\":$n}"
		done >new
		put -p "${s#*:}" <new
		[ $((n % 27)) != 0 ] || { agg -q -g k --partial "$list" "kafka:$T" -o "kafka:$T-parts"; merge --stats 2>>stats; }
	done
	# closes all windows before, here and in the merge
	for s in 120 170 220 260; do
		for p in 0 1; do printf '{"s":%s,"k":%s}\n' $s '"a"' $s null $s '"c"' | put -p $p; done
		agg -q -g k --partial "$list" "kafka:$T" -o "kafka:$T-parts"
		merge --stats 2>>stats
	done
	tlm-agg --time s:s -w 10s -g k --delay 1h "$list" "kafka:$T" --until-end -q | grep '_start":"1970-01-01T00:0[01]:' | sort >alone
	same 30 "$(wc -l <alone)"
	same "$(cat alone)" "$(get | cut -d' ' -f2- | sed 's/"partition":[01],//' | sort)"
	# what is open is read again by each run
	[ "$(jq -s 'map(.open) | max' stats)" -gt 0 ]
	same '0 0' "$(jq -s -r '"\(map(.late) | add) \(map(.rejected) | add)"' stats)"
	same ' a c' "$(get | cut -d' ' -f1 | sort -u | tr '\n' ' ' | sed 's/ $//')"
	# what was merged elsewhere is no state of this group
	status_of timeout 180 tlm-agg -G "$T-m" --until-end -w 10s -g k --time s:s --delay 100s "$list" "kafka:$T-parts" -o "kafka:$T-out"
	[ "$status" = 6 ]
}

@test "a replay of many records is told; sessions are cut at days" {
	records $(seq 1 9) | put -K'|'
	agg count "kafka:$T" -o "kafka:$T-out"
	agg --max-replay 5 count "kafka:$T" -o "kafka:$T-out" 2>err
	grep -q "kafka:$T\[0\]: up to 9 records are read again" err
	agg --max-replay 9 count "kafka:$T" -o "kafka:$T-out" 2>err
	same '' "$(cat err)"
	timeout 180 tlm-agg -G "$T-s" --until-end --time s:s --session 2d count "kafka:$T" -o "kafka:$T-out"
	echo '{"s":86399}' | put
	echo '{"s":1000000}' | put
	timeout 180 tlm-agg -G "$T-s" --until-end --time s:s --session 2d count "kafka:$T" -o "kafka:$T-out"
	same '[10,true]' "$(get | cut -d' ' -f2- | jq -c '[.count, .cut]')"
}

@test "an idle partition is closed by the clock, once: the decision is kept in the commit" {
	local pid
	records 1 2 | put -K'|'
	tlm-agg -G "$T" --time s:s -w 10s --idle 200ms --idle-close jump --commit-interval 100ms count "kafka:$T" -o "kafka:$T-out" &
	pid=$!
	has_rows() { [ -n "$(get)" ]; }
	within 60 has_rows
	# a record that the decision has made late, and one of the next window
	records 3 14 | put -K'|'
	is_at() { [[ $(committed) == *' p=4 '* ]]; }
	within 60 is_at
	kill -9 "$pid"
	wait "$pid" || true
	[[ $(committed) == *' p=4 '* ]]
	status_of agg --idle-close jump count "kafka:$T" -o "kafka:$T-out"
	[ "$status" = 0 ]
	same 2 "$(get | cut -d' ' -f2 | jq .count)"
	[[ $(committed) == *' n=1 '* ]]
}

@test "members that are killed, stopped and joined: readers see the rows of one that is not disturbed" {
	OWNER=$PPID timeout 600 "$TLM_TOP/tests/torture/kafka.py" "$KAFKA_DIR" 15 --every 0.2-0.6 --kinds kill,term,more,kill
}

@test "the same of records from topic to topic" {
	OWNER=$PPID timeout 600 "$TLM_TOP/tests/torture/kafka.py" "$KAFKA_DIR" 8 --tool filter --every 0.2-0.6 --kinds kill,term,more,stop
}

@test "the same of two groups, one of which merges what the other writes" {
	OWNER=$PPID timeout 150 "$TLM_TOP/tests/torture/kafka.py" "$KAFKA_DIR" 8 --tool merge --every 0.2-0.6 --kinds kill,term,more,kill
}
