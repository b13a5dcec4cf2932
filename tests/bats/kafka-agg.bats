#!/usr/bin/env bats
# Windows over topics, without a group: partitions are inputs, rows become messages.

load common
load kafka

setup_file() { kafka_start; }
teardown_file() { kafka_stop; }

setup() {
	kafka_need
	cd "$BATS_TEST_TMPDIR"
	T=a$BATS_TEST_NUMBER
}

agg() { timeout 120 tlm-agg --until-end "$@"; }

@test "rows are those of a file, whatever the partition of a record" {
	topic 3
	"$TLM_BUILD_KIT/fleetgen" ndjson 20000 >in
	timeout 120 tlm-replay in -o "kafka:$T?key=deviceId&ts=timeMili:ms"
	tlm-agg --time timeMili:ms --delay 1d -w 1m -g deviceId 'count, mean(value), p95(value)' in >want || [ $? = 5 ]
	grep -q window_start want
	status_of agg --time timeMili:ms --delay 1d -w 1m -g deviceId 'count, mean(value), p95(value)' "kafka:$T" --rejects /dev/null
	cmp want out
	# messages have times to the millisecond, as the field has
	status_of agg --time @kafka --delay 1d -w 1m -g deviceId 'count, mean(value), p95(value)' "kafka:$T" --rejects /dev/null
	cmp want out
}

@test "rows have the group as key and the end of their window as time" {
	topic
	kafka_admin create "$T-one" 1
	kafka_admin create "$T-two" 1
	printf '%s\n' '{"d":"a\"b","n":{"x":1},"ms":1700000000000}' '{"d":null,"n":{"x":2},"ms":1700000001000}' '{"n":{"x":2},"ms":1700000001000}' | put
	agg --time ms:ms -w 1s -g d count "kafka:$T" -o "kafka:$T-one"
	same $'a"b|1700000000999\n|1700000001999\n|1700000001999' "$(consume "$T-one" -f '%k|%T\n')"
	agg --time ms:ms --session 5s --time-out ms -g d -g 'n.x as y' count "kafka:$T" -o "kafka:$T-two"
	same $'["a\\"b",1]|1700000000000\n[null,2]|1700000001000\n[null,2]|1700000001000' \
		"$(consume "$T-two" -f '%k|%T\n')"
	# rows can be aggregated again, by their own time
	same '{"window_start":"2023-11-14T22:13:00Z","window_end":"2023-11-14T22:14:00Z","sum_count":3}' \
		"$(agg -w 1m 'sum(count)' "kafka:$T-one")"
}

@test "late and rejected records name their partition and offset" {
	topic 2
	printf '%s\n' '{"ms":10000}' '{"ms":1}' '{"ms":"x"}' | put -p 1
	status_of agg --time ms:ms -w 1s count "kafka:$T?partition=1" --late late --rejects rej
	[ "$status" = 0 ]
	same "{\"reason\":\"late\",\"source\":\"kafka:$T\",\"partition\":1,\"offset\":1,\"time\":\"1970-01-01T00:00:00.001Z\"}" \
		"$(jq -c '{reason,source,partition,offset,time}' late)"
	same "[\"no_time\",\"kafka:$T\",1,2]" "$(jq -c '[.reason,.source,.partition,.offset]' rej)"
	# -J is the form of the records that are read: rows, late records and rejects in topics are what they are in files
	for o in '' "-G$T"; do
		from=kafka:$T$([ -n "$o" ] || echo '?partition=1')
		for t in out late rej; do kafka_admin create "$T$o-$t" 1; done
		# shellcheck disable=SC2086
		agg $o -J --time value.ms:ms -w 1s count "$from" -o "kafka:$T$o-out?key=count" --late "kafka:$T$o-late" \
			--rejects "kafka:$T$o-rej?key=reason"
		[ -n "$o" ] || same 1 "$(consume "$T$o-out" | jq .count)"
		same '"late" {"ms":1}' "$(consume "$T$o-late" | jq -c '.reason, (.raw | fromjson.value)' | xargs -d '\n')"
		same '"no_time"' "$(consume "$T$o-rej" | jq .reason)"
	done
	status_of agg --time ms:ms -w 1s count "kafka:$T" --rejects "kafka:$T-rej?envelope=1"
	same "2 tlm-agg: kafka:$T-rej?envelope=1: envelope=1: rows, late records and rejects have none" "$status $(cat err)"
}

@test "a partition without records holds time back, unless --idle lets it go" {
	topic 2
	printf '{"ms":%s}\n' 1000 5000 9000 | put -p 0
	timeout 120 tlm-agg --time ms:ms -w 1s count "kafka:$T" >held &
	held=$!
	timeout 120 tlm-agg --time ms:ms -w 1s --idle 200ms count "kafka:$T" >idle &
	idle=$!
	timeout 120 tlm-agg --time ms:ms -w 1s --idle 200ms --idle-close jump count "kafka:$T" >jump &
	jump=$!
	timeout 120 tlm-agg --time ms:ms -w 1s --idle 200ms --idle-close walk count "kafka:$T" >walk &
	walk=$!
	within 60 has_lines 2 idle
	within 60 has_lines 3 jump
	within 60 has_lines 3 walk
	same '0 2 3 3' "$(wc -l <held) $(wc -l <idle) $(wc -l <jump) $(wc -l <walk)"
	# a record that comes later is judged by the time that has come
	echo '{"ms":20000}' | put -p 1
	within 60 has_lines 4 jump
	for pid in $held $idle $jump $walk; do
		kill -TERM "$(pgrep -P "$pid" tlm-agg)"
		wait "$pid" || true
	done
}

@test "a partition that is added is one input more" {
	topic 1
	timeout 120 tlm-agg -X topic.metadata.refresh.interval.ms=200 --time ms:ms -w 1s count "kafka:$T?limit=3" >out &
	pid=$!
	printf '{"ms":%s}\n' 1000 1500 | put -p 0
	kafka_admin grow "$T" 2
	until echo '{"ms":1700}' | put -p 1 2>/dev/null; do sleep 0.1; done
	wait $pid
	same '[3]' "$(jq -c '[.count]' out)"
}

@test "what is not done over topics is refused in words" {
	status_of tlm-agg --time @kafka -w 1s count /dev/null
	[ "$status" = 2 ]
	grep -q 'there is no topic to read' err
	status_of tlm-agg --format csv --time ms:ms -w 1s count /dev/null -o kafka:x
	[ "$status" = 2 ]
}

@test "s3put stores a topic, each record once" {
	topic 2
	seq 1 500 | sed 's/.*/{"v":&}/' | put
	timeout 120 tlm-s3put --until-end "kafka:$T" -o "file://$PWD/lake/" >rows
	same "$(seq 1 500)" "$(find lake -name '*.zst' -exec zstd -qdc {} + | jq .v | sort -n)"
}

# page_command N: the Nth command of the page that reads or writes a topic of another name than that of its partitions
page_command() {
	sed -n '/^\.Ss Groups of Kafka/,/^\.S[sh] /p' "$TLM_TOP/man/tlm-agg.1" | grep -E '^tlm-(agg|filter)' | sed -n "$1p" | sed 's/ kafka:/ --until-end kafka:/'
}

@test "the commands of the page that bring together a group of several partitions" {
	kafka_admin create trips 3
	kafka_admin create parts 2
	kafka_admin create whole 2
	kafka_admin create trips-by-fleet 3
	for p in 0 1 2; do
		for i in $(seq 0 299); do echo "{\"fleet\":\"f$((i % 4))\",\"v\":$((i * 7 % 50 + p)),\"ms\":$((1700000000000 + i * 1000))}"; done | tee -a all |
			kcat -P -q -b "$BROKERS" -t trips -p $p
	done
	tlm-agg --time ms:ms --delay 1h -w 1m -g fleet 'count, mean(v)' all | sort >want
	same 24 "$(wc -l <want)"
	for n in 1 2 3; do [ -n "$(page_command $n)" ]; done
	# what comes later closes the minutes, first in each partition, then in the merge
	for s in 500 1000 1500; do
		for p in 0 1 2; do
			for i in 0 1 2 3; do echo "{\"fleet\":\"f$i\",\"v\":0,\"ms\":$((1700000000 + s))000}"; done | kcat -P -q -b "$BROKERS" -t trips -p $p
		done
		bash -c "timeout 120 $(page_command 1)" 2>err
		cat err
		[ "$(grep -c 'the key of a record is not its group' err)" = 1 ]
		bash -c "timeout 120 $(page_command 2)" 2>err
		cat err
		none_of 'the key of a record' err
	done
	consume whole | sed 's/"partition":[01],//' | sort >rows
	same "$(cat want)" "$(cat rows)"
	bash -c "timeout 120 $(page_command 3)"
	timeout 120 tlm-agg -G by-fleet --until-end --time ms:ms -w 1m -g fleet 'count, mean(v)' kafka:trips-by-fleet --delay 1h -o kafka:parts 2>err
	none_of 'the key of a record' err
}
