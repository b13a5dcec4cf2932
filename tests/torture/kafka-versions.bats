#!/usr/bin/env bats
# The same binary between an older broker and the newest library: every bats file of Kafka on Kafka 3.9.2, and over a
# librdkafka of today; the ways of sharing that only a newer library has.

load ../bats/common
load ../bats/kafka

setup_file() {
	cd "$TLM_TOP" || return
	NEW=$(tests/torture/librdkafka.sh)
	tests/services/kafka-install.sh 3.9.2 >/dev/null
	export NEW
	# brokers look at members of the new protocol as seldom as these allow
	printf 'group.consumer.%s\n' min.heartbeat.interval.ms=200 heartbeat.interval.ms=200 min.session.timeout.ms=2000 \
		session.timeout.ms=2000 >"$BATS_FILE_TMPDIR/properties"
	PROPERTIES=$BATS_FILE_TMPDIR/properties kafka_start 3
}
teardown_file() { kafka_stop; }

setup() {
	kafka_need
	cd "$TLM_TOP" || return
}

# all_of NAME: a bats file in which nothing fails or is skipped.
all_of() {
	timeout 1200 bats --tap "tests/bats/kafka-$1.bats" >"$BATS_TEST_TMPDIR/tap" || { cat "$BATS_TEST_TMPDIR/tap"; return 1; }
	none_of '# skip' "$BATS_TEST_TMPDIR/tap"
}
older() { KAFKA=3.9.2 all_of "$1"; }
newer() { LD_LIBRARY_PATH=$NEW all_of "$1"; }
torture() { # LIBRARIES PROPERTY OPTION...
	LD_LIBRARY_PATH=$1 OWNER=$PPID timeout 1000 tests/torture/kafka.py "$KAFKA_DIR" "${FAULTS:-30}" --members 3 --every 0.3-2 \
		--kinds kill,term,more,stop,broker --property "$2" "${@:3}"
}

@test "it is the newest library that answers" {
	same 'librdkafka 2.16.0' "$(LD_LIBRARY_PATH=$NEW kcat -V | grep -o 'librdkafka [0-9.]*')"
}

@test "Kafka 3.9.2: topics" { older topics; }
@test "Kafka 3.9.2: groups" { older groups; }
@test "Kafka 3.9.2: exactly once" { older exactly; }
@test "Kafka 3.9.2: windows" { older agg; }
@test "Kafka 3.9.2: windows that are rebuilt" { older rebuild; }
@test "Kafka 3.9.2: passwords, SCRAM among them" { older secure; }

@test "the newest library: topics" { newer topics; }
@test "the newest library: groups" { newer groups; }
@test "the newest library: exactly once" { newer exactly; }
@test "the newest library: windows" { newer agg; }
@test "the newest library: windows that are rebuilt" { newer rebuild; }
@test "the newest library: passwords, SCRAM among them" { newer secure; }

@test "cooperative members" { torture "$NEW" partition.assignment.strategy=cooperative-sticky; }
@test "members by the new protocol" { torture "$NEW" group.protocol=consumer; }
@test "records by the new protocol" { torture "$NEW" group.protocol=consumer --tool filter; }
