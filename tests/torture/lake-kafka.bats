#!/usr/bin/env bats
# From a group of Kafka into a lake, with two members that are killed, told to stop, joined by others and put to sleep for
# longer than their session: each message of the topic is in one object, and no offset is missing in the names.
# FAULTS: of each run (100).

load ../bats/common
load ../bats/kafka

setup_file() { kafka_start; }
teardown_file() { kafka_stop; }
setup() { kafka_need; }

torture() { # OPTION...
	OWNER=$PPID timeout 3000 "$TLM_TOP/tests/torture/kafka.py" "$KAFKA_DIR" "${FAULTS:-100}" --tool lake --members 2 --every 0.3-1.5 "$@"
}

@test "into a directory" {
	torture --place "file://$BATS_TEST_TMPDIR/lake" --lake "$BATS_TEST_TMPDIR/lake"
}

@test "into S3, with brokers that die" {
	export AWS_ACCESS_KEY_ID=testaccess AWS_SECRET_ACCESS_KEY=testsecret123 XDG_STATE_HOME=$BATS_TEST_TMPDIR/state
	AWS_ENDPOINT_URL=http://127.0.0.1:$(OWNER=$$ "$TLM_TOP/tests/services/s3-start.sh" s3proxy "$BATS_TEST_TMPDIR/s3")
	export AWS_ENDPOINT_URL
	mkdir -p "$BATS_TEST_TMPDIR/s3/data/torture"
	torture --kinds kill,term,more,stop,broker --place s3://torture/lake --lake "$BATS_TEST_TMPDIR/s3/data/torture/lake"
	"$TLM_TOP/tests/services/s3-stop.sh" "$BATS_TEST_TMPDIR/s3"
}
