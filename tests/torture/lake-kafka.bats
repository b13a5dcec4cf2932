#!/usr/bin/env bats
# From a group of Kafka into a lake, with two members that are killed, told to stop, joined by others and put to sleep for
# longer than their session: each message of the topic is in one object, and no offset is missing in the names.
# FAULTS: the kills of each run (100), among as many of each other kind.

load ../bats/common
load ../bats/kafka

setup_file() { kafka_start; }
teardown_file() { kafka_stop; }
setup() { kafka_need; }

torture() { # OPTION...
	OWNER=$PPID timeout 6000 "$TLM_TOP/tests/torture/kafka.py" "$KAFKA_DIR" "${FAULTS:-100}" --counted kill --tool lake --members 2 \
		--every 0.3-1.2 --rate 400 "$@"
}

@test "into a directory" {
	torture --place "file://$BATS_TEST_TMPDIR/lake" --lake "$BATS_TEST_TMPDIR/lake"
}

into() { # SERVER OPTION...
	local home=$BATS_TEST_TMPDIR/s3
	export AWS_ACCESS_KEY_ID=testaccess AWS_SECRET_ACCESS_KEY=testsecret123 XDG_STATE_HOME=$BATS_TEST_TMPDIR/state
	AWS_ENDPOINT_URL=http://127.0.0.1:$(OWNER=$$ "$TLM_TOP/tests/services/s3-start.sh" "$1" "$home")
	export AWS_ENDPOINT_URL
	mkdir -p "$home/data/torture"
	torture --store "$(cat "$home/pid")" --place s3://torture/lake --lake "$home/data/torture/lake" "${@:2}"
	"$TLM_TOP/tests/services/s3-stop.sh" "$home"
}

@test "into S3Proxy, with brokers that die and a server that stands still" {
	into s3proxy --kinds kill,term,more,stop,broker,store
}

@test "into versitygw, that stands still, too" {
	[ -x "$("$TLM_TOP/tests/services/s3-install.sh")/versitygw" ] || skip "no Go 1.24 here for versitygw"
	into versitygw --kinds kill,term,more,stop,store
}

# killed_at CALL: a member is killed at the first, the second, ... of these calls, each time with more records, until it
# lives; what is left to the last one is nothing.
killed_at() {
	local n=0 status=137
	while [ $status != 0 ]; do
		n=$((n + 1))
		seq $((n * 40)) $((n * 40 + 39)) | jq -c '{d: "v\(. % 2)", n: .}' | kcat -P -b "$BROKERS" -t "$1"
		status=0
		timeout 60 strace -f -qq -o /dev/null -e "trace=$1" -e "inject=$1:signal=KILL:when=$n" \
			tlm-s3put -G "$1" --until-end -X session.timeout.ms=1000 -X heartbeat.interval.ms=200 --max-records 25 \
			-o "file://$PWD/lake/{d}/" --manifest "file://$PWD/lake/_manifests" "kafka:$1" >/dev/null 2>err || status=$?
		[ $status = 0 ] || [ $status = 137 ] || { cat err; return 1; }
		[ $n -lt 100 ]
	done
	[ $n -gt 3 ]
	zstd -dcq lake/*/*.zst | jq .n | sort -n | diff - <(seq 40 $((n * 40 + 39)))
	tlm-s3put -q --audit "file://$PWD/lake"
	[ ! -e lake/.tlm-spool ]
	rm -r lake
}

@test "killed at every step of a plan in a directory" {
	need strace
	cd "$BATS_TEST_TMPDIR"
	for call in link unlink fsync; do
		kafka_admin create $call 1
		killed_at $call
	done
}
