#!/usr/bin/env bats
# Consumer groups: what is committed, and when; nothing is lost where a member is killed, stopped or joined.

load common
load kafka

setup_file() { kafka_start; }
teardown_file() { kafka_stop; }

setup() {
	kafka_need
	cd "$BATS_TEST_TMPDIR"
	T=g$BATS_TEST_NUMBER
}

topic() { kafka_admin create "$T" "${1:-1}"; }
put() { kcat -P -q -b "$BROKERS" -t "$T" "$@"; }
filter() { timeout 60 tlm-filter -G "$T" "$@"; }
# in the background without timeout, which would pass each signal on twice
member() { exec tlm-filter -G "$T" -X heartbeat.interval.ms=200 "$@"; }
committed() { echo $(kafka_admin committed "$T" "$T" | cut -d' ' -f2); }

# until_true COMMAND...: at most 15 s
until_true() {
	local i
	for i in $(seq 1 300); do
		! "$@" || return 0
		sleep 0.05
	done
	"$@"
}

@test "a group goes on where it left off, by -G and by group=" {
	topic 2
	seq 1 10 | put -p 0
	seq 11 20 | put -p 1
	filter --until-end . "kafka:$T" >out
	same "$(seq 1 20)" "$(sort -n out)"
	same '10 10' "$(committed)"
	echo 21 | put -p 1
	same 21 "$(timeout 60 tlm-filter --until-end . "kafka:$T?group=$T")"
	same '10 11' "$(committed)"
	# a new group may begin elsewhere
	same 21 "$(timeout 60 tlm-filter -G "$T-end" --until-end . "kafka:$T?offset=-1" | sort -n | tail -1)"
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
}

@test "an output that fails commits nothing" {
	topic
	seq 1 5 | put
	status_of bash -c "timeout 60 tlm-filter -G $T --until-end . kafka:$T >/dev/full"
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
	until_true grep -q '^1000$' out
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
	for i in $(seq 1 100); do
		[ "$(committed)" != 10 ] || break
		sleep 0.1
	done
	same 10 "$(committed)"
	kill -TERM $pid
	wait $pid || true
}

@test "a member that joins takes partitions over: every record arrives, none twice" {
	topic 4
	for p in 0 1 2 3; do seq $((p * 1000)) $((p * 1000 + 499)) | put -p $p; done
	member . "kafka:$T" >a &
	a=$!
	until_true bash -c '[ $(wc -l <a) = 2000 ]'
	member . "kafka:$T" >b &
	b=$!
	# records come while the group moves, until the second member has some
	n=500
	for i in $(seq 1 100); do
		for p in 0 1 2 3; do
			echo "{\"partition\":$p,\"value\":$((p * 1000 + n))}"
		done | timeout 30 tlm-replay -J - -o "kafka:$T"
		n=$((n + 1))
		[ ! -s b ] || break
	done
	[ -s b ]
	until_true bash -c "[ \$(cat a b | sort -u | wc -l) = $((4 * n)) ]"
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
	until_true test -s a
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

@test "an output that is blocked keeps the membership" {
	topic
	seq 1 200000 | sed 's/.*/{"v":&,"pad":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}/' >in
	put <in
	mkfifo pipe
	member --until-end -v -X max.poll.interval.ms=1500 -X session.timeout.ms=1000 . "kafka:$T" >pipe 2>err &
	pid=$!
	exec 4<pipe
	sleep 3
	cat <&4 >out &
	reader=$!
	exec 4<&-
	wait $pid
	wait $reader
	cat err
	! grep -qi 'max.poll\|exceeded\|not committed' err
	cmp in out
	same 200000 "$(committed)"
}

@test "a static member comes back without a rebalance" {
	topic
	seq 1 3 | put
	status_of filter --until-end --instance one . "kafka:$T"
	[ "$status" = 0 ]
	echo 4 | put
	same 4 "$(filter --until-end --instance one . "kafka:$T")"
}
