#!/usr/bin/env bats
# --state-topic: what is open is kept in a compacted topic, and comes back from there.

load common
load kafka

setup_file() { kafka_start; }
teardown_file() { kafka_stop; }

setup() {
	kafka_need
	cd "$BATS_TEST_TMPDIR"
	T=s$BATS_TEST_NUMBER
	kafka_admin create "$T" 1 retention.ms=-1
	kafka_admin create "$T-out" 1 retention.ms=-1
	kafka_admin create "$T-state" 2 cleanup.policy=compact
}

get() { consume "${1:-$T-out}" -f "${2:-%s}\n"; }
agg() { timeout 60 tlm-agg -q -G "$T" --until-end --time s:s --state-topic "$T-state" "$@" "kafka:$T" -o "kafka:$T-out"; }
# the same of a file, in one run; rows of a group have a partition
alone() { tlm-agg --time s:s --no-flush "$@" all; }
rows() { get | sed 's/"partition":0,//'; }
committed() { kafka_admin committed "$T" "$T"; }
# everything before the end of the log goes: nothing can be read again
forget_log() { kafka_admin trim "$T" 0 "$(wc -l <all)"; }
records() { tee -a all | put; }

# in_pieces OPTION...: records come in five pieces, with a run behind each and no log behind that
in_pieces() {
	local i
	for i in 0 1 2 3 4; do
		seq $((i * 40)) $((i * 40 + 39)) | awk '{ t = 1000 + $1 - ($1 * 7 % 11); printf "{\"s\":%d,\"k\":%s,\"v\":%d,\"g\":\"x%d\"}\n", t, ($1 % 3 == 2 ? "null" : "\"a\\\"" $1 % 3 "\""), $1 * 13 % 17, $1 % 5 }' | records
		agg "$@"
		forget_log
	done
	[[ $(committed) == "0 200 tlm1 "*" p=200 "*" s=0" ]]
	same "$(alone "$@")" "$(rows)"
}

@test "windows come back though the log is gone" {
	in_pieces -w 30s --delay 12s -g k,g 'count, sum(v), p50(v), first(v), last(g), distinct(g)'
}

@test "windows that hop, with grace" {
	in_pieces -w 40s --every 10s --delay 3s --grace 9s -g k 'count, mean(v), mode(g), delta(v), values(v, 3)'
}

@test "sessions" {
	in_pieces --session 3s --session-max 1h --delay 12s -g k,g 'count, sum(v), max_gap(v)'
}

@test "rows before the final one go on with their numbers" {
	in_pieces -w 30s --delay 2s --grace 12s --emit update -g k 'count, sum(v)'
}

@test "the whole stream, filled windows and values that hold for ever, which need it" {
	in_pieces -w 20s --delay 12s --fill -g g 'count, twa(v)'
	for o in '-w all' '-w 20s --fill' '--every-n 3' '--start .v==1' '--end .v==1 --session 5s'; do
		# shellcheck disable=SC2086
		status_of timeout 60 tlm-agg -G "$T" --time s:s $o count "kafka:$T"
		[ "$status" = 2 ]
		[[ $(cat err) == *'say --state-topic'* ]]
	done
}

@test "count windows, and records that wait for their turn" {
	in_pieces --every-n 7 --delay 12s -g k,g 'count, sum(v), first(v), last(v), values(v, 3)'
}

@test "trips, cut at borders" {
	in_pieces --start '.v == 0' --end '.v == 16' --session 30s --session-max 50s --delay 12s -g k 'count, sum(v), delta(v)'
}

@test "without a time: count windows and the whole stream" {
	local o
	for o in '--every-n 3' '-w all'; do
		for _ in 1 2 3; do
			printf '{"k":"%s","v":%s}\n' a 1 b 2 a 3 a 4 | records
			# shellcheck disable=SC2086
			timeout 60 tlm-agg -q --stats -G "$T$o" --until-end --state-topic "$T-state" $o -g k 'count, values(v, 9) as all' "kafka:$T" -o "kafka:$T-out" 2>stats
			jq -e '.rejected == 0 and .read == .kept + .open' stats
		done
	done
	same '[3,[1,3,4]] [3,[1,3,4]] [3,[1,3,4]] [3,[2,2,2]]' "$(rows | jq -c '[.count, .all]' | sort | tr '\n' ' ' | sed 's/ $//')"
	# what the whole stream holds is all that was read
	get "$T-state" '%k %s\n' | grep '"w".*"a"\]' | tail -1 | grep '"n":18,'
}

@test "a whole stream that tells rows on the way" {
	in_pieces -w all --delay 12s --emit every=25s -g k 'count, sum(v)'
}

@test "what has closed goes from the topic; a run that has read nothing writes nothing" {
	printf '{"s":%s,"k":"%s"}\n' 1 a 2 b 11 c | records
	agg -w 10s -g k count
	same "[\"$T\",\"$T[0]\",\"w\",10000000,\"c\"]" "$(get "$T-state" '%k %S' | grep '"w"' | grep -v -- '-1' | cut -d' ' -f1)"
	local before
	before=$(get "$T-state" %o | tail -1)
	agg -w 10s -g k count
	same "$before" "$(get "$T-state" %o | tail -1)"
	echo '{"s":25,"k":"d"}' | records
	agg -w 10s -g k count
	same '-1' "$(get "$T-state" '%k %S' | grep '"c"' | tail -1 | cut -d' ' -f2)"
}

@test "a group that had none goes on with one, and not without it again" {
	printf '{"s":%s}\n' 1 2 3 | records
	timeout 60 tlm-agg -q -G "$T" --until-end --time s:s -w 10s count "kafka:$T" -o "kafka:$T-out"
	[[ $(committed) != *' s='* ]]
	printf '{"s":%s}\n' 4 5 | records
	agg -w 10s count
	[[ $(committed) == "0 5 "*' s=0' ]]
	status_of timeout 60 tlm-agg -q -G "$T" --until-end --time s:s -w 10s count "kafka:$T" -o "kafka:$T-out"
	[ "$status" = 6 ]
	[[ $(cat err) == *"kafka:$T[0]: the open windows are in a state topic, and there is no --state-topic: "*'--accept-new-config'* ]]
	timeout 60 tlm-agg -q -G "$T" --until-end --time s:s -w 10s --accept-new-config count "kafka:$T" -o "kafka:$T-out"
	printf '{"s":%s}\n' 6 11 | records
	agg -w 10s count
	same 1 "$(rows | jq .count)"
}

@test "status 6 when the topic does not hold what was open" {
	local text i=0
	printf '{"s":%s,"k":"%s"}\n' 1 a 2 b 2 c | records
	agg -w 10s -g k count
	text=$(committed | cut -d' ' -f3-)
	status_of agg -w 10s -g k count --state-topic "$T-none"
	[ "$status" = 6 ]
	kafka_admin commit "$T" "$T" 0 2 "$text"
	status_of agg -w 10s -g k count
	[ "$status" = 6 ]
	[[ $(cat err) == *"kafka:$T[0]: offset 2 was committed without what was open there"* ]]
	kafka_admin commit "$T" "$T" 0 3 "${text/ p=3/ p=2}"
	status_of agg -w 10s -g k count
	[ "$status" = 6 ]
	kafka_admin commit "$T" "$T" 0 3 "$text"
	# nothing, no head, a piece that is missing, twice, not as it was written, or of other records
	get "$T-state" '%k|%s' >held
	for change in 'd' '/commit/d' '/"a"]/d' 's/"w",0,"b"/"w",00,"b"/' 's/{"n":1,.*/{"n":1}/' 's/"n":1,"state"/"n":2,"state"/' 's/{"n":1.*/{/' 's/{"n":1}/{"n":-1}/' 's/"a"]/[[]]]/' 's/"h",0/"x",0/'; do
		i=$((i + 1))
		kafka_admin create "$T-$i" 1 cleanup.policy=compact
		sed "$change" held | kcat -P -q -b "$BROKERS" -t "$T-$i" -p 0 -K'|'
		status_of agg -w 10s -g k count --state-topic "$T-$i"
		echo "$change: $(cat err)"
		[ "$status" = 6 ]
	done
	kafka_admin create "$T-copy" 1 cleanup.policy=compact
	{ sed 's/"n":1,"state"/"n":7,"state"/' held | grep -v commit; cat held; } | kcat -P -q -b "$BROKERS" -t "$T-copy" -p 0 -K'|'
	echo '{"s":11,"k":"a"}' | records
	agg -w 10s -g k count --state-topic "$T-copy"
	same 3 "$(rows | wc -l | tr -d ' ')"
}

@test "a member that slept while another went on asks again what is committed" {
	local first last member
	printf '{"s":%s,"k":"%s"}\n' 1 a 2 b | records
	agg -w 10s -g k count
	first=$(committed | cut -d' ' -f3-)
	echo '{"s":3,"k":"c"}' | records
	agg -w 10s -g k count
	last=$(committed | cut -d' ' -f3-)
	# what compaction leaves of the topic, which the first commit cannot be found in
	kafka_admin create "$T-late" 1 cleanup.policy=compact
	get "$T-state" '%k|%s' | tac | awk -F'|' '!n[$1]++' | tac | kcat -P -q -b "$BROKERS" -t "$T-late" -p 0 -K'|'
	kafka_admin commit "$T" "$T" 0 2 "$first"
	# while it waits for a transaction there, the group goes on
	mkfifo hold
	kafka_admin transact "$T-late" 0 '["other"]' "$T" "$T" 0 3 "$last" <hold >state 3>&- &
	exec 4>hold
	within 60 grep -q open state
	agg -w 10s -g k count --state-topic "$T-late" 3>&- 4>&- &
	member=$!
	within 60 eval '[ "$(kafka_admin members $T)" = "Stable 1" ]'
	sleep 1
	exec 4>&-
	wait "$member"
	echo '{"s":11,"k":"a"}' | records
	agg -w 10s -g k count --state-topic "$T-late"
	same 'a 1 b 1 c 1' "$(rows | jq -r '"\(.k) \(.count)"' | sort | xargs)"
}

@test "other options are refused, or begin anew where that is accepted: what is left of the old goes" {
	printf '{"s":%s,"k":"%s"}\n' 1 a 2 b 2 c | records
	agg -w 10s -g k count
	status_of agg -w 5s -g k count
	[ "$status" = 6 ]
	agg -w 5s -g k count --accept-new-config
	echo '{"s":3,"k":"d"}' | records
	agg -w 5s -g k count
	same "[\"$T\",\"$T[0]\",\"w\",0,\"d\"]" "$(get "$T-state" '%k|%S' | awk -F'|' '/"w"/ {n[$1] = $2} END {for (k in n) if (n[k] >= 0) print k}')"
	echo '{"s":5,"k":"d"}' | records
	agg -w 5s -g k count
	same '{"window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T00:00:05Z","k":"d","count":1}' "$(rows)"
}

@test "a merge in a group keeps its parts there" {
	printf '{"s":%s,"k":"a","v":%s}\n' 1 1 2 2 11 3 12 4 21 5 31 6 41 7 >all
	kafka_admin create "$T-parts" 1
	tlm-agg --time s:s -w 10s -g k --partial 'count, first(v)' all --no-flush >parts
	for i in 1 2 3 4; do
		sed -n "${i}p" parts | put
		timeout 60 tlm-agg -q -G "$T" --until-end -w 10s -g k --merge --delay 10s --state-topic "$T-state" 'count, first(v)' "kafka:$T" -o "kafka:$T-out"
		kafka_admin trim "$T" 0 "$i"
	done
	same '[2,1] [2,3]' "$(rows | jq -c '[.count, .first_v]' | tr '\n' ' ' | sed 's/ $//')"
}

@test "what --state-topic cannot do is refused in words" {
	status_of timeout 60 tlm-agg --time s:s -w 1s --state-topic x count "kafka:$T"
	[ "$status" = 2 ]
	[[ $(cat err) == *'--state-topic: is for a group'* ]]
	for x in '' 'kafka:x' 'a b'; do
		status_of timeout 60 tlm-agg -G "$T" --time s:s -w 1s --state-topic "$x" count "kafka:$T"
		[ "$status" = 2 ]
		[[ $(cat err) == *'must be the name of a topic'* ]]
	done
	for o in "-o kafka:$T-state?key=k" "--late kafka:$T-state" "--rejects kafka:$T-state" "kafka:$T-state" "kafka:^$T-st"; do
		# shellcheck disable=SC2086
		status_of timeout 60 tlm-agg -G "$T" --time s:s -w 1s --state-topic "$T-state" count "kafka:$T" $o
		[ "$status" = 2 ]
		[[ $(cat err) == *'is read or written already'* ]]
	done
	status_of timeout 60 tlm-agg -G "$T" --time s:s -w 1s --state-topic "$T-out" count "kafka:$T"
	[ "$status" = 6 ]
	[[ $(cat err) == *"kafka:$T-out: is not compacted, its cleanup.policy is delete"* ]]
	status_of timeout 60 tlm-agg -G "$T" --time s:s -w 1s --state-topic "$T-none" count "kafka:$T"
	[ "$status" = 6 ]
	[[ $(cat err) == *"kafka:$T-none: "* ]]
	tlm-agg -G "$T" --time s:s -w 1s --state-topic "$T-state" count "kafka:$T" --dry-run | grep -q "^state topic: $T-state"
}

@test "a topic that soon forgets what has gone is told of: a broker that was away would bring it back" {
	echo '{"s":1}' | records
	kafka_admin create "$T-short" 1 cleanup.policy=compact delete.retention.ms=3599999
	kafka_admin create "$T-long" 1 cleanup.policy=compact delete.retention.ms=3600000
	status_of agg -w 10s count --state-topic "$T-short"
	[ "$status" = 0 ]
	[[ $(cat err) == *"kafka:$T-short: its delete.retention.ms is 3599999: a broker that is away for longer "* ]]
	status_of agg -w 10s count --state-topic "$T-long" --accept-new-config
	[ "$status" = 0 ]
	none_of delete.retention err
}

@test "members that are killed, stopped and joined: the rows of one that is not disturbed and keeps nothing" {
	OWNER=$PPID timeout 100 "$TLM_TOP/tests/torture/kafka.py" "$KAFKA_DIR" 12 --state --windows hopping --every 0.5-1.5 --kinds kill,term,more,term,stop
}
