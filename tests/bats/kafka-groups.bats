#!/usr/bin/env bats
# Consumer groups: what is committed, and when; nothing is lost where a member is killed, stopped or joined.

load common
load kafka

setup_file() {
	begin absent tlm-replay /dev/null --max-lag 5 --lag-group g -o kafka://127.0.0.1:1/x
	kafka_start
}
teardown_file() { kafka_stop; }

setup() {
	kafka_need
	cd "$BATS_TEST_TMPDIR"
	T=g$BATS_TEST_NUMBER
}

filter() { timeout 180 tlm-filter -G "$T" "$@"; }
# in the background without timeout, which would pass each signal on twice
member() { exec tlm-filter -G "$T" -X heartbeat.interval.ms=200 "$@"; }

@test "a group goes on where it left off, by -G and by group=" {
	topic 2
	seq 1 10 | put -p 0
	seq 11 20 | put -p 1
	filter --until-end . "kafka:$T" >out
	same "$(seq 1 20)" "$(sort -n out)"
	same '10 10' "$(committed)"
	echo 21 | put -p 1
	same 21 "$(timeout 180 tlm-filter --until-end . "kafka:$T?group=$T")"
	same '10 11' "$(committed)"
	# a new group may begin elsewhere
	same 21 "$(timeout 180 tlm-filter -G "$T-end" --until-end . "kafka:$T?offset=-1" | sort -n | tail -1)"
}

@test "a record that is rejected without a place ends the run before it; with a place it is passed" {
	topic
	printf '%s\n' 1 2 'bad{' 4 | put
	status_of filter --until-end . "kafka:$T"
	[ "$status" = 5 ]
	same $'1\n2' "$(cat out)"
	same 2 "$(committed)"
	status_of filter --until-end . "kafka:$T" --rejects rej
	[ "$status" = 0 ]
	same 4 "$(cat out)"
	same 4 "$(committed)"
	same '2' "$(jq .offset rej)"
	# the file of rejects is appended to
	echo '}' | put
	filter --until-end . "kafka:$T" --rejects rej
	same $'2\n4' "$(jq .offset rej)"
	# what a program that ends the run has not taken is there for the next one
	halts() { timeout 180 tlm-filter -G "$1" --until-end --rejects /dev/null "${@:2}" "kafka:$T"; }
	same '1' "$(halts "$T-halt" --jobs 2 'if . == 2 then halt else . end')"
	same '4' "$(halts "$T-halt" .)"
	same '1' "$(halts "$T-input" -n input)"
	same '2' "$(halts "$T-input" -n 'first(inputs)')"
	same '4' "$(halts "$T-input" .)"
}

@test "an output that fails commits nothing" {
	topic
	seq 1 5 | put
	status_of bash -c "timeout 180 tlm-filter -G $T --until-end . kafka:$T >/dev/full"
	[ "$status" = 2 ]
	same -1 "$(committed)"
	status_of filter --until-end . "kafka:$T" -o kafka:nosuch
	[ "$status" = 6 ]
	same -1 "$(committed)"
}

@test "a file is appended to, half a line of a killed run cut first" {
	topic
	seq 1 3 | put
	printf '0\nhal' >all
	filter --until-end . "kafka:$T" -o all
	echo 4 | put
	filter --until-end . "kafka:$T" -o all
	same "$(seq 0 4)" "$(cat all)"
	status_of filter --until-end . "kafka:$T" -o all.zst
	[ "$status" = 2 ]
	[ ! -e all.zst ] || [ ! -s all.zst ]
}

@test "SIGTERM finishes, commits and leaves: the next member begins at once" {
	topic
	seq 1 1000 | put
	member --commit-interval 1h . "kafka:$T" >out &
	pid=$!
	within 60 grep -q '^1000$' out
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	[ "$status" = 143 ]
	same 1000 "$(committed)"
	same "$(seq 1 1000)" "$(cat out)"
	echo 1001 | put
	start=$SECONDS
	same 1001 "$(filter --until-end . "kafka:$T")"
	[ $((SECONDS - start)) -lt 6 ]
}

@test "offsets are committed on the way, every --commit-interval" {
	topic
	seq 1 10 | put
	member --commit-interval 100ms . "kafka:$T" >out &
	pid=$!
	within 60 is_committed 10
	kill -TERM $pid
	wait $pid || true
}

@test "a member that joins takes partitions over: every record arrives, none twice" {
	topic 4
	for p in 0 1 2 3; do seq $((p * 1000)) $((p * 1000 + 499)) | put -p $p; done
	member . "kafka:$T" >a &
	a=$!
	within 60 has_lines 2000 a
	member . "kafka:$T" >b &
	b=$!
	# records come while the group moves, until the second member has some
	n=500
	for i in $(seq 1 100); do
		for p in 0 1 2 3; do
			echo "{\"partition\":$p,\"value\":$((p * 1000 + n))}"
		done | timeout 120 tlm-replay -J - -o "kafka:$T"
		n=$((n + 1))
		[ ! -s b ] || break
	done
	[ -s b ]
	within 60 bash -c "[ \$(cat a b | sort -u | wc -l) = $((4 * n)) ]"
	kill -TERM $a $b
	wait $a || true
	wait $b || true
	for p in 0 1 2 3; do seq $((p * 1000)) $((p * 1000 + n - 1)); done | sort >want
	same "$(cat want)" "$(sort a b)"
}

@test "a member that is killed loses nothing" {
	topic 2
	seq 1 20000 | put -p 0
	member -X session.timeout.ms=1000 --commit-interval 10ms . "kafka:$T" -o "$PWD/a" &
	pid=$!
	within 60 test -s a
	kill -KILL $pid
	wait $pid || true
	filter --until-end -X session.timeout.ms=1000 . "kafka:$T" -o "$PWD/a"
	same "$(seq 1 20000)" "$(sort -n -u a)"
}

@test "a committed offset that is gone is an error, never a jump" {
	topic
	seq 1 10 | put
	kafka_admin commit "$T" "$T" 0 2
	kafka_admin trim "$T" 0 5
	status_of filter --until-end . "kafka:$T"
	[ "$status" = 6 ]
	grep -q "kafka:$T\[0\]@2: this offset is no longer there" err
	same 2 "$(committed)"
}

# blocked_member: a member whose output is blocked, with the first record in out; the rest is in fd 4
blocked_member() {
	seq 1 200000 | sed 's/.*/{"v":&,"pad":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}/' >in
	put <in
	mkfifo pipe
	member --until-end -v -X session.timeout.ms=1000 "$@" . "kafka:$T" >pipe 2>err &
	pid=$!
	exec 4<pipe
	IFS= read -r line <&4
	echo "$line" >out
}

@test "an output that is blocked keeps the membership" {
	topic
	blocked_member -X max.poll.interval.ms=2500
	sleep 4
	cat <&4 >>out
	exec 4<&-
	wait $pid
	cat err
	none_of 'max.poll|exceeded|not committed' err
	cmp in out
	same 200000 "$(committed)"
}

@test "a member that was stopped for longer than its session joins again, and --until-end reads to the end" {
	topic
	blocked_member
	kill -STOP $pid
	# others may set the offsets of a group when it has no member any more
	within 60 kafka_admin commit "$T" "$T" 0 0 2>/dev/null
	kill -CONT $pid
	cat <&4 >>out
	exec 4<&-
	wait $pid
	cat err
	# it was lost indeed
	grep -Eqi 'session|member|rejoin|lost' err
	sort -u out >got
	sort in | cmp - got
	same 200000 "$(committed)"
}

group_is() { [ "$(kafka_admin members "$T")" = "$1" ]; }

@test "--until-end waits while a member that has died holds the partition, not for one that lives" {
	topic
	# the group goes by the names of instances: the first has the partition
	blocked_member --instance a
	member --until-end --instance b -X session.timeout.ms=1000 . "kafka:$T" >got &
	second=$!
	within 60 group_is "Stable 2"
	sleep 0.3
	kill -0 $second
	kill -KILL $pid
	cat <&4 >>out
	exec 4<&-
	wait $second
	# its last line was cut in the middle
	{ cat out && echo && cat got; } | grep '}$' | sort -u >both
	sort in | cmp - both
	same 200000 "$(committed)"
	# both live, and one of them does not read on
	T=${T}b
	topic
	rm pipe
	blocked_member --instance a
	filter --until-end --instance b -X heartbeat.interval.ms=200 -X session.timeout.ms=1000 . "kafka:$T" >got
	same '' "$(cat got)"
	kill -0 $pid
	kill -KILL $pid
	exec 4<&-
}

@test "a static member comes back without a rebalance" {
	topic
	seq 1 3 | put
	status_of filter --until-end --instance one . "kafka:$T"
	[ "$status" = 0 ]
	echo 4 | put
	same 4 "$(filter --until-end --instance one . "kafka:$T")"
}

# ends_at N: where partition 0 of $T ends
ends_at() { [ "$(kcat -Q -b "$BROKERS" -t "$T:0:-1" | sed 's/.* //')" = "$1" ]; }

@test "replay --max-lag waits for a group, to the record, and a group that is unknown has read nothing" {
	topic
	seq 1 50 | put
	seq 51 1000 >in
	timeout 180 tlm-replay in -o "kafka:$T" --max-lag 100 --lag-group "$T" &
	pid=$!
	within 60 ends_at 100
	kafka_admin commit "$T" "$T" 0 70
	within 60 ends_at 170
	# ten more questions change nothing
	sleep 1
	ends_at 170
	kafka_admin commit "$T" "$T" 0 100
	within 60 ends_at 200
	# the end of the input needs no group any more
	for at in $(seq 200 100 900); do
		kafka_admin commit "$T" "$T" 0 "$at"
		within 60 ends_at $((at + 100))
	done
	wait $pid
	same "$(seq 1 1000)" "$(timeout 180 tlm-filter --until-end . "kafka:$T")"
}

@test "replay --max-lag beside a real group: every record arrives" {
	topic 3
	seq 1 20000 >in
	member --commit-interval 50ms . "kafka:$T" >out &
	pid=$!
	timeout 180 tlm-replay in -o "kafka:$T" --max-lag 5000 --lag-group "$T"
	within 60 has_lines 20000 out
	kill -TERM $pid
	wait $pid || true
	same "$(cat in)" "$(sort -n out)"
}

@test "after a wait for the group --rate makes up for nothing, and --catchup stretch neither" {
	seq 0 10 1490 | sed 's/.*/{"ms":&}/' >in
	for how in rate stretch; do kafka_admin create "$T-$how" 1; done
	timeout 180 tlm-replay --rate 100 in -o "kafka:$T-rate" --max-lag 50 --lag-group "$T" &
	a=$!
	timeout 180 tlm-replay --time ms:ms --speed 1 --catchup stretch in -o "kafka:$T-stretch" --max-lag 50 --lag-group "$T" &
	b=$!
	T=$T-rate within 60 ends_at 50
	T=$T-stretch within 60 ends_at 50
	sleep 1
	# all that will come
	for how in rate stretch; do kafka_admin commit "$T" "$T-$how" 0 150; done
	wait $a
	wait $b
	for how in rate stretch; do
		consume "$T-$how" -f '%T\n' >times
		same 150 "$(wc -l <times)"
		# 100 records at 10 ms: 990 ms, less the time that the first one spent in the queue
		[ $(($(sed -n 150p times) - $(sed -n 51p times))) -ge 900 ]
	done
}

@test "SIGTERM while replay waits for a group ends it at once" {
	topic
	seq 1 1000 | tlm-replay -o "kafka:$T" --max-lag 10 --lag-group "$T" &
	pid=$!
	within 60 ends_at 10
	start=$SECONDS
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	[ "$status" = 143 ]
	[ $((SECONDS - start)) -lt 5 ]
}

@test "--max-lag and --lag-group need each other and a topic" {
	echo 1 >in
	for args in '--max-lag 5' '--lag-group g' '--max-lag 5 --lag-group g' '--max-lag 0 --lag-group g -o kafka:x'; do
		status_of tlm-replay $args in
		[ "$status" = 2 ]
		[ "$(wc -l <err)" = 1 ]
	done
	status_of timeout 120 tlm-replay in --max-lag 5 --lag-group g -o kafka:nosuch
	[ "$status" = 6 ]
	end_of absent
	[ "$status" = 7 ]
}

@test "a range ends for a group too, also for whoever comes after it" {
	topic 2
	seq 1 50 | put -p 0
	for want in 'stored..+5 5' 'stored..+5 5' '..20 10' '..20 0' '..30 10' 'stored.. 20' '..60 0'; do
		status_of timeout 120 tlm-filter -G "$T" . "kafka:$T?offset=${want% *}" >out
		same "0 ${want#* }" "$status $(wc -l <out)"
	done
	same 50 "$(committed "$T" | cut -d' ' -f1)"
}

@test "ways of sharing that this library has not, or that end it, are refused in words" {
	topic
	seq 1 3 | put
	local version
	version=$(kcat -V | sed -n 's/.*librdkafka \([0-9]*\.[0-9]*\).*/\1/p')
	# since FIRST NAME=VALUE: it is done from that version on, and refused before
	since() {
		status_of filter --until-end -X "$2" . "kafka:$T"
		cat err
		if [ "$(printf '%s\n' "$1" "$version" | sort -V | head -1)" = "$1" ]; then
			[ "$status" = 0 ]
			same "$(seq 1 3)" "$(cat out)"
			kafka_admin commit "$T" "$T" 0 0
		else
			[ "$status" = 3 ]
			grep -q "needs librdkafka $1 or newer: $version" err
		fi
	}
	since 2.3 partition.assignment.strategy=cooperative-sticky
	since 2.12 group.protocol=consumer
}
