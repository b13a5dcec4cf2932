#!/usr/bin/env bats
# Exactly once from topic to topic: output, rejects and offsets in one transaction.

load common
load kafka

setup_file() { kafka_start; }
teardown_file() { kafka_stop; }

setup() {
	kafka_need
	cd "$BATS_TEST_TMPDIR"
	T=e$BATS_TEST_NUMBER
}

topic() { kafka_admin create "$1" "${2:-1}"; }
put() { kcat -P -q -b "$BROKERS" -t "$@"; }
get() { consume "$@"; }
# has_out N: so many records are in the topic of the output.
has_out() { [ "$(get "$T-out" -X isolation.level=read_committed | wc -l)" -ge "$1" ]; }

@test "output, rejects and offsets are committed together" {
	topic "$T" 2
	topic "$T-out" 2
	topic "$T-rej"
	{ seq 1 500; echo 'bad{'; seq 501 1000; } | put "$T"
	timeout 180 tlm-filter -G "$T" --until-end '. + 0' "kafka:$T" -o "kafka:$T-out" --rejects "kafka:$T-rej" 2>err
	same '' "$(cat err)"
	same "$(seq 1 1000)" "$(get "$T-out" | sort -n)"
	same 'bad{' "$(get "$T-rej" | jq -r .raw)"
	same 1001 "$(committed | tr ' ' '\n' | awk '$1 > 0 {n += $1} END {print n}')"
	# a transaction has a mark behind its messages, which takes an offset
	topic "$T-one"
	seq 1 10 | put "$T-one"
	topic "$T-to"
	timeout 180 tlm-filter -G "$T-one" --until-end . "kafka:$T-one" -o "kafka:$T-to"
	echo 11 | put "$T-to"
	same 11 "$(get "$T-to" -f '%o\n' | tail -1)"
	# none with at-least-once
	topic "$T-plain"
	timeout 180 tlm-filter -G "$T-two" --until-end --delivery at-least-once . "kafka:$T-one" -o "kafka:$T-plain"
	echo 11 | put "$T-plain"
	same 10 "$(get "$T-plain" -f '%o\n' | tail -1)"
}

@test "key, time and headers stay with their message" {
	topic "$T"
	topic "$T-out"
	printf 'a:{"v":1}\nb:{"v":2}\n' | put "$T" -K: -H h=x
	timeout 180 tlm-filter -G "$T" --until-end 'select(.v == 2), {w: .v}' "kafka:$T" -o "kafka:$T-out"
	same $'a {"w":1} h=x\nb {"v":2} h=x\nb {"w":2} h=x' "$(get "$T-out" -f '%k %s %h\n')"
	same "$(get "$T" -f '%k %T\n' | sort -u)" "$(get "$T-out" -f '%k %T\n' | sort -u)"
	# what is empty is not absent, also where nothing else is
	topic "$T-empty"
	echo '{"key":"","value_b64":""}' | timeout 120 tlm-replay -J -o "kafka:$T-empty"
	topic "$T-empty-out"
	timeout 180 tlm-filter -J -G "$T-e" --until-end . "kafka:$T-empty" -o "kafka:$T-empty-out"
	same '0 0' "$(get "$T-empty-out" -f '%K %S\n')"
}

@test "a file beside the transaction is told, what cannot be exact is refused" {
	topic "$T"
	topic "$T-out"
	printf '1\nbad{\n' | put "$T"
	timeout 180 tlm-filter -G "$T" --until-end . "kafka:$T" -o "kafka:$T-out" --rejects rej 2>err
	same "tlm-filter: rej: at least once: a file is in no transaction" "$(cat err)"
	same 'bad{' "$(jq -r .raw rej)"
	status_of timeout 180 tlm-filter -G "$T" --delivery exactly-once --until-end . "kafka:$T" -o out
	[ "$status" = 2 ]
	[[ $(cat err) == *'--delivery exactly-once: needs a group and a topic of the same cluster as sink'* ]]
	status_of timeout 180 tlm-filter --delivery exactly-once --until-end . "kafka:$T" -o "kafka:$T-out"
	[ "$status" = 2 ]
}

@test "a record that the topic does not take ends the run, and nothing of its batch is committed" {
	topic "$T"
	kafka_admin create "$T-out" 1 max.message.bytes=2000
	{ seq 1 10; printf '"%3000s"\n' | tr ' ' "$(printf 'x')"; } | put "$T"
	status_of timeout 180 tlm-filter -G "$T" --until-end . "kafka:$T" -o "kafka:$T-out?compression.codec=none"
	[ "$status" = 6 ]
	[[ $(cat err) == *'larger than the topic takes'* ]]
	same '' "$(get "$T-out")"
	same -1 "$(committed)"
}

@test "of two members of one instance the older is fenced: status 6" {
	topic "$T"
	topic "$T-out"
	seq 1 5 | put "$T"
	tlm-filter -G "$T" --instance one . "kafka:$T" -o "kafka:$T-out" 2>err1 &
	local old=$!
	within 60 has_out 5
	tlm-filter -G "$T" --instance one . "kafka:$T" -o "kafka:$T-out" 2>err2 &
	local new=$!
	local result=0
	wait "$old" || result=$?
	same 6 "$result"
	seq 6 9 | put "$T"
	within 60 has_out 9
	kill "$new"
	wait "$new" || true
	same "$(seq 1 9)" "$(get "$T-out")"
}

@test "a producer that the cluster took for dead is replaced: nothing is lost, nothing is there twice" {
	topic "$T"
	topic "$T-out"
	tlm-filter -G "$T" --instance one -X heartbeat.interval.ms=100 --commit-interval 50ms . "kafka:$T" -o "kafka:$T-out" 2>err &
	local pid=$! i
	for i in 1 2 3; do
		seq $((i * 10)) $((i * 10 + 9)) | put "$T"
		within 60 has_out $((i * 10))
		kafka_admin fence "tlm.$T.one"
	done
	seq 40 42 | put "$T"
	within 60 has_out 33
	kill "$pid"
	wait "$pid" || true
	same "$(seq 10 42)" "$(get "$T-out" -X isolation.level=read_committed)"
	same 33 "$(committed)"
	cat err
	same 3 "$(grep -c 'going on with a new producer' err)"
}

@test "a sink in another cluster is at least once, which is told; late records and rejects there are refused" {
	local other
	other=$(CLUSTER=b3RoZXItY2x1c3Rlci0wMQ OWNER=$PPID "$TLM_TOP/tests/services/kafka-start.sh" "$BATS_FILE_TMPDIR/other")
	topic "$T"
	topic "$T-out"
	"$TLM_BUILD_KIT/kafkaadmin" "$other" create "$T-out" 1
	seq 1 5 | put "$T"
	timeout 180 tlm-filter -G "$T" --until-end . "kafka:$T" -o "kafka://$other/$T-out" 2>err
	same "tlm-filter: kafka://$other/$T-out: at least once: it is in another cluster than what is read" "$(cat err)"
	same "$(seq 1 5)" "$(BROKERS=$other consume "$T-out")"
	same 5 "$(committed)"
	status_of timeout 180 tlm-filter -G "$T" --until-end --delivery exactly-once . "kafka:$T" -o "kafka://$other/$T-out"
	[ "$status" = 2 ]
	status_of timeout 180 tlm-filter -G "$T" --until-end . "kafka:$T" -o "kafka:$T-out" --rejects "kafka://$other/$T-out"
	[ "$status" = 2 ]
	[[ $(cat err) == *'is in another cluster than the output'* ]]
	"$TLM_TOP/tests/services/kafka-stop.sh" "$BATS_FILE_TMPDIR/other" KILL
}
