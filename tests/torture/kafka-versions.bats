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

# joined PROPERTY...: who joins takes partitions from those that have much uncommitted, and keep some: nothing is lost.
joined() {
	local name=joined-$BATS_TEST_NUMBER pids=() i
	kafka_admin create "$name" 6
	kafka_admin create "$name-out" 6
	member() { # it takes the place of its shell, so that a signal reaches it
		export LD_LIBRARY_PATH=$NEW
		exec "$TLM_BIN/tlm-filter" -G "$name" --commit-interval 60s "$@" . "kafka:$name" -o "kafka:$name-out"
	}
	has_committed() { [ "$(kafka_admin committed "$name" "$name" | awk '$2 > 0 { n += $2 } END { print n + 0 }')" -ge "$1" ]; }
	for i in 1 2 3; do
		seq $(((i - 1) * 30000 + 1)) $((i * 30000)) | "$TLM_BIN/tlm-filter" -q . -o "kafka:$name"
		member "$@" 3>&- &
		pids+=($!)
		# all that came before the next one came is committed as it takes its part
		[ "$i" = 1 ] || within 60 has_committed $(((i - 1) * 5000))
		sleep 3
	done
	kill -TERM "${pids[@]}"
	wait "${pids[@]}" || true
	(member "$@" --until-end)
	consume "$name-out" -X isolation.level=read_committed | sort -n >"$BATS_TEST_TMPDIR/out"
	seq 1 90000 | cmp - "$BATS_TEST_TMPDIR/out"
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

@test "cooperative members that hand over what is not committed" {
	joined -X heartbeat.interval.ms=200 -X session.timeout.ms=6000 -X partition.assignment.strategy=cooperative-sticky
}
@test "the same by the new protocol" { joined -X group.protocol=consumer; }

@test "cooperative members" { torture "$NEW" partition.assignment.strategy=cooperative-sticky; }
@test "cooperative members with a state topic" {
	torture "$NEW" partition.assignment.strategy=cooperative-sticky --state --windows hopping
}
@test "members by the new protocol" { torture "$NEW" group.protocol=consumer; }
@test "records by the new protocol" { torture "$NEW" group.protocol=consumer --tool filter; }
